//! The parameters of statements, and the placeholders in their texts.

use session_store_core::Durability;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

/// The value of a parameter and its type.
pub(crate) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

pub(crate) fn uuid(value: &Uuid) -> Parameter<'_> {
    (value, Type::UUID)
}

pub(crate) fn optional_uuid(value: &Option<Uuid>) -> Parameter<'_> {
    (value, Type::UUID)
}

pub(crate) fn uuids(value: &Vec<Uuid>) -> Parameter<'_> {
    (value, Type::UUID_ARRAY)
}

pub(crate) fn int(value: &i64) -> Parameter<'_> {
    (value, Type::INT8)
}

pub(crate) fn ints(value: &Vec<i64>) -> Parameter<'_> {
    (value, Type::INT8_ARRAY)
}

pub(crate) fn boolean(value: &bool) -> Parameter<'_> {
    (value, Type::BOOL)
}

pub(crate) fn text<'a>(value: &'a &str) -> Parameter<'a> {
    (value, Type::TEXT)
}

pub(crate) fn texts<'a>(value: &'a &[&str]) -> Parameter<'a> {
    (value, Type::TEXT_ARRAY)
}

/// The texts that replace the placeholders of statements.
#[derive(Clone, Debug)]
pub(crate) struct Placeholders {
    /// The schema as an SQL identifier, for `{s}`.
    pub(crate) schema: String,
    /// An expression for `{commit}`. It sets for what the commit of a change waits.
    commit: &'static str,
}

impl Placeholders {
    pub(crate) fn new(schema: &str, durability: Durability, is_asynchronous: bool) -> Self {
        let commit = match durability {
            Durability::Power => POWER,
            Durability::Process if is_asynchronous => {
                "set_config('synchronous_commit', 'off', true)"
            }
            Durability::Process => "NULL",
        };
        Self { schema: format!("\"{}\"", schema.replace('"', "\"\"")), commit }
    }

    /// Returns the text of a statement.
    pub(crate) fn fill(&self, statement: &str) -> String {
        // The schema is replaced last, because the name of the schema can contain the text of a
        // placeholder.
        let statement = statement.replace("{commit}", self.commit).replace("{power}", POWER);
        statement.replace("{s}", &self.schema)
    }
}

/// An expression that makes the commit wait until the change is on disk, and on the disks of the
/// synchronous standbys.
///
/// The third argument of `set_config` limits the setting to the current transaction. The setting
/// `remote_apply` makes the commit wait even longer, so it is kept.
const POWER: &str = "CASE WHEN current_setting('synchronous_commit') <> 'remote_apply' \
    THEN set_config('synchronous_commit', 'on', true) END";
