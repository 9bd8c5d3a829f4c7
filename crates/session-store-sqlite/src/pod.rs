//! `SqliteStore` as a `PodStore`, over the table `pod`, which maps names to texts. A pod is a named
//! agent with a pointer to its active session.

use std::fmt::Display;

use rusqlite::{Connection, OptionalExtension};
use session_store_core::{Pod, PodName, PodStore, StoreError};

use crate::error::Result;
use crate::schema::check_size;
use crate::store::SqliteStore;

impl PodStore for SqliteStore {
    fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<(), StoreError> {
        self.database.write(format_args!("put pod {name}"), |connection| put(connection, name, pod))
    }

    fn read_pod(&self, name: &PodName) -> Result<Option<Pod>, StoreError> {
        self.database.read(format_args!("read pod {name}"), |connection| {
            Ok(stored_text(connection, name)?.map(|bytes| parse(name, bytes)).transpose()?)
        })
    }

    fn list_pods(&self) -> Result<Vec<PodName>, StoreError> {
        self.database.read("list pods", |connection| {
            let mut select = connection.prepare_cached("SELECT name FROM pod")?;
            let mut rows = select.query(())?;
            let mut names = Vec::new();
            while let Some(row) = rows.next()? {
                // Ignore a row with an invalid name, because no store has written it (L4).
                names.extend(row.get_ref(0)?.as_str().ok().and_then(|name| name.parse().ok()));
            }
            // SQLite compares names in the encoding of the database. In a UTF-16 database, the
            // result is not in the order of UTF-8 bytes.
            names.sort();
            Ok(names)
        })
    }

    fn delete_pod(&self, name: &PodName) -> Result<bool, StoreError> {
        self.database.write(format_args!("delete pod {name}"), |connection| {
            let mut delete = connection.prepare_cached("DELETE FROM pod WHERE name = ?1")?;
            Ok(delete.execute([name.as_str()])? > 0)
        })
    }

    fn put_pod_if(
        &self,
        name: &PodName,
        expected: Option<&Pod>,
        pod: &Pod,
    ) -> Result<(), StoreError> {
        self.database.write(format_args!("put pod {name}"), |connection| {
            let stored = stored_text(connection, name)?;
            if stored.as_deref() != expected.map(|pod| pod.as_json().as_bytes()) {
                return Err(StoreError::PodConflict { name: name.to_string() }.into());
            }
            put(connection, name, pod)
        })
    }
}

fn put(connection: &Connection, name: &PodName, pod: &Pod) -> Result<()> {
    check_size(connection, pod.as_json())?;
    connection
        .prepare_cached(
            "INSERT INTO pod (name, text) VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET text = excluded.text",
        )?
        .execute((name.as_str(), pod.as_json()))?;
    Ok(())
}

fn stored_text(connection: &Connection, name: &PodName) -> Result<Option<Vec<u8>>> {
    let mut select = connection.prepare_cached("SELECT text FROM pod WHERE name = ?1")?;
    let bytes = select.query_row([name.as_str()], |row| Ok(row.get_ref(0)?.as_bytes()?.to_vec()));
    Ok(bytes.optional()?)
}

fn parse(name: &PodName, bytes: Vec<u8>) -> Result<Pod, StoreError> {
    let corrupt = |found: &dyn Display| StoreError::Corrupt {
        line: 1,
        message: format!("the stored text of pod {name} is not a pod: {found}"),
    };
    let text = String::from_utf8(bytes).map_err(|error| corrupt(&error))?;
    Pod::from_json(text).map_err(|error| corrupt(&error))
}
