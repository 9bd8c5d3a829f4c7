//! Pods: a table of names and texts.

use rusqlite::{Connection, OptionalExtension};
use session_store_core::{Pod, PodName, PodStore, StoreError};

use crate::SqliteStore;
use crate::error::Failure;
use crate::log::check_size;

impl PodStore for SqliteStore {
    fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<(), StoreError> {
        self.database.write(format_args!("put pod {name}"), |connection| {
            check_size(connection, pod.as_json())?;
            connection
                .prepare_cached(
                    "INSERT INTO pod (name, text) VALUES (?1, ?2)
                     ON CONFLICT DO UPDATE SET text = excluded.text",
                )?
                .execute((name.as_str(), pod.as_json()))?;
            Ok(())
        })
    }

    fn read_pod(&self, name: &PodName) -> Result<Option<Pod>, StoreError> {
        self.database.read(format_args!("read pod {name}"), |connection| {
            stored(connection, name)?.map(|bytes| pod_of(name, bytes)).transpose()
        })
    }

    fn list_pods(&self) -> Result<Vec<PodName>, StoreError> {
        self.database.read("list pods", |connection| {
            let mut select = connection.prepare_cached("SELECT name FROM pod")?;
            let mut rows = select.query(())?;
            let mut names = Vec::new();
            while let Some(row) = rows.next()? {
                // A name that no pod can have is not ours (L4).
                names.extend(row.get_ref(0)?.as_str().ok().and_then(|name| name.parse().ok()));
            }
            // Not left to SQLite, which orders by the bytes of the database's encoding.
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
}

fn stored(connection: &Connection, name: &PodName) -> Result<Option<Vec<u8>>, Failure> {
    let mut select = connection.prepare_cached("SELECT text FROM pod WHERE name = ?1")?;
    let bytes = select.query_row([name.as_str()], |row| Ok(row.get_ref(0)?.as_bytes()?.to_vec()));
    Ok(bytes.optional()?)
}

fn pod_of(name: &PodName, bytes: Vec<u8>) -> Result<Pod, Failure> {
    let corrupt = |found: &dyn std::fmt::Display| StoreError::Corrupt {
        line: 1,
        message: format!("what is stored as pod {name} is none: {found}"),
    };
    let text = String::from_utf8(bytes).map_err(|error| corrupt(&error))?;
    Ok(Pod::from_json(text).map_err(|error| corrupt(&error))?)
}
