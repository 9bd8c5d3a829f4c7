//! The checks of the conformance kit over the PostgreSQL backend, with each durability.

use std::io;

use session_store_conformance::{Harness, Storage, conformance_growth, conformance_matrix};
use session_store_core::{Durability, SegmentId, SessionId, Store, StoreError};
use session_store_postgres::{PostgresOptions, PostgresStore};
use uuid::Uuid;

use crate::shared::{SERVER, unique_schema};

/// Every storage is a new schema.
struct Schemas(Durability);

impl Harness for Schemas {
    fn fresh(&self) -> Box<dyn Storage> {
        let schema = unique_schema();
        let url = format!("{}?schema={schema}&durability={}", SERVER.url(), self.0);
        Box::new(Schema { schema, url })
    }

    fn open_at(&self, address: &str) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(PostgresStore::open_or_create(address)?))
    }
}

struct Schema {
    schema: String,
    url: String,
}

impl Schema {
    /// Changes exactly one row with SQL, since the store itself cannot damage an entry.
    fn change(
        &self,
        statement: &str,
        parameters: &[&(dyn postgres::types::ToSql + Sync)],
    ) -> io::Result<()> {
        let statement = statement.replace("{s}", &self.schema);
        match SERVER.connection().execute(&statement, parameters) {
            Ok(1) => Ok(()),
            Ok(rows) => Err(io::Error::other(format!("{statement} changed {rows} rows"))),
            Err(error) => Err(io::Error::other(error)),
        }
    }
}

impl Storage for Schema {
    fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(PostgresStore::open_or_create(&self.url)?))
    }

    fn address(&self) -> Option<String> {
        Some(self.url.clone())
    }

    fn overwrite(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        index: usize,
        bytes: &[u8],
    ) -> Option<io::Result<()>> {
        // A text in PostgreSQL cannot contain invalid UTF-8. So invalid bytes are written in an
        // escaped form.
        let text = str::from_utf8(bytes).map_or_else(|_| format!("{bytes:x?}"), String::from);
        let statement = "UPDATE {s}.entry SET text = $1 WHERE position = $2 AND log = (
            SELECT number FROM {s}.log WHERE session_id = $3 AND segment_id = $4 AND NOT trace)";
        let (session, segment) = (Uuid::from(session_id), Uuid::from(segment_id));
        Some(self.change(statement, &[&text, &(index as i64), &session, &segment]))
    }

    fn raise_format(&self) -> Option<io::Result<()>> {
        Some(self.change("UPDATE {s}.session_store SET version = 999", &[]))
    }

    fn open_missing(&self) -> Option<Result<Box<dyn Store>, StoreError>> {
        let opened = PostgresOptions::new().schema("mistyped").open(&SERVER.url());
        Some(opened.map(|store| Box::new(store) as Box<dyn Store>))
    }
}

conformance_growth! {
    harness: Schemas(Durability::Process),
}

conformance_matrix! {
    process: {
        harness: Schemas(Durability::Process),
        skip: {
            files: "the files belong to the server",
            folder: "the storage is not a folder; another test puts a foreign schema there",
            log_file: "the store has no files",
            unlist: "there is no separate index that could lose a segment",
        },
    },
    power: {
        harness: Schemas(Durability::Power),
        skip: {
            files: "the files belong to the server",
            folder: "the storage is not a folder; another test puts a foreign schema there",
            log_file: "the store has no files",
            unlist: "there is no separate index that could lose a segment",
        },
    },
}
