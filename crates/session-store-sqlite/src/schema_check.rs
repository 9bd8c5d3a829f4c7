//! The comparison of a database's tables with the tables of a store.
//!
//! A database can come from another program, and its schema can change the results of statements. A
//! view in the place of a table can return entries that no store has written, and a unique index
//! can reject entries. The comparison uses the columns and indexes that SQLite reports. The texts
//! of the `CREATE` statements cannot be compared, because an upgrade of the format changes them.

use rusqlite::Connection;

use crate::error::Result;

/// The columns of `log` that format version 2 added.
const ADDED_COLUMNS: [&str; 4] =
    ["column bytes", "column modified", "column info_entries", "column info_epoch"];

/// The tables of a store, as [`describe`] describes them.
const TABLES: [(&str, &[&str]); 3] = [
    (
        "log",
        &[
            "table",
            "column number key",
            "column session_id",
            "column segment_id",
            "column trace",
            "column entries",
            "column epoch",
            "unique index (session_id, segment_id, trace)",
            "index (segment_id) partial",
        ],
    ),
    ("entry", &["table", "column id key", "column text"]),
    ("pod", &["table without rowid", "column name key", "column text", "unique index (name)"]),
];

/// Returns the first difference between the tables of the database and the tables of a store, as a
/// noun phrase that describes the database.
///
/// Further tables, and further indexes that are not unique, do not count. They do not change the
/// results of a store's statements.
pub(crate) fn difference(connection: &Connection, has_info: bool) -> Result<Option<String>> {
    for (table, expected) in TABLES {
        let added: &[&str] = if table == "log" && has_info { &ADDED_COLUMNS } else { &[] };
        let found = describe(connection, table)?;
        let expected: Vec<&str> = expected.iter().chain(added).copied().collect();
        if let Some(missing) = expected.iter().find(|part| !found.iter().any(|it| it == **part)) {
            return Ok(Some(format!("a database whose {table} lacks this: {missing}")));
        }
        let is_allowed = |part: &str| part.starts_with("index ") || expected.contains(&part);
        if let Some(extra) = found.iter().find(|part| !is_allowed(part)) {
            return Ok(Some(format!("a database whose {table} has this besides: {extra}")));
        }
    }
    Ok(None)
}

/// Describes the parts of a table in words.
fn describe(connection: &Connection, table: &str) -> Result<Vec<String>> {
    let select = "
        SELECT type || iif(wr, ' without rowid', '') FROM pragma_table_list
            WHERE schema = 'main' AND name = ?1
        UNION ALL
        SELECT 'column ' || name || iif(pk, ' key', '') || iif(hidden, ' generated', '')
            FROM pragma_table_xinfo(?1)
        UNION ALL
        SELECT iif(\"unique\", 'unique ', '') || 'index (' || (
                SELECT group_concat(
                        ifnull(name, 'an expression') || iif(coll = 'BINARY', '', ' ' || coll)
                        || iif(\"desc\", ' descending', ''), ', ' ORDER BY seqno)
                    FROM pragma_index_xinfo(list.name) WHERE key
            ) || ')' || iif(partial, ' partial', '')
            FROM pragma_index_list(?1) AS list
        UNION ALL
        SELECT 'foreign key' FROM pragma_foreign_key_list(?1)";
    let mut select = connection.prepare(select)?;
    Ok(select.query_map([table], |row| row.get(0))?.collect::<Result<_, _>>()?)
}
