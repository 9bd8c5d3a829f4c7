//! The `PodStore` trait over the table `pod`, which maps names to texts.

use session_store_core::{Pod, PodName, PodStore, StoreError};

use crate::statement::text;
use crate::store::PostgresStore;
use crate::write::check_size;

/// Builds the statement of a change. The argument is the part of the statement that changes the row
/// of the pod. The result of the statement is the number of changed rows. The result is null if the
/// statement had to change a row, but no row had the expected value.
macro_rules! change {
    ($change:literal, $result:literal) => {
        concat!(
            include_str!("sql/writer.sql"),
            "changed AS (",
            $change,
            " RETURNING 1
            ), outcome AS (
                SELECT ",
            $result,
            " AS result FROM writer, (SELECT count(*) AS rows FROM changed) AS counted
            ), recorded AS (
                UPDATE {s}.writer SET sequence = $2, result = outcome.result, changed = now()
                FROM outcome WHERE token = $1 AND outcome.result IS NOT NULL
            )
            SELECT result FROM outcome"
        )
    };
}

const PUT: &str = change!(
    "INSERT INTO {s}.pod (name, text) SELECT $3, $4 FROM writer
    ON CONFLICT (name) DO UPDATE SET text = excluded.text",
    "rows"
);
const PUT_NEW: &str = change!(
    "INSERT INTO {s}.pod (name, text) SELECT $3, $4 FROM writer ON CONFLICT (name) DO NOTHING",
    "nullif(rows, 0)"
);
const PUT_IF: &str = change!(
    "UPDATE {s}.pod SET text = $4 FROM writer WHERE name = $3 AND text = $5",
    "nullif(rows, 0)"
);
const DELETE: &str = change!("DELETE FROM {s}.pod USING writer WHERE name = $3", "rows");

const READ: &str = "SELECT text FROM {s}.pod WHERE name = $1";
const LIST: &str = "SELECT name FROM {s}.pod ORDER BY name";

impl PodStore for PostgresStore {
    fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<(), StoreError> {
        self.change_pod("put", PUT, name, &[pod.as_json()]).map(drop)
    }

    fn read_pod(&self, name: &PodName) -> Result<Option<Pod>, StoreError> {
        self.client.read(format_args!("read pod {name}"), |connection| {
            let rows = connection.query(READ, &[text(&name.as_str())])?;
            Ok(rows.first().map(|row| parse(name, row.get(0))).transpose()?)
        })
    }

    fn list_pods(&self) -> Result<Vec<PodName>, StoreError> {
        self.client.read("list pods", |connection| {
            let rows = connection.query(LIST, &[])?;
            // Leave out invalid names. Rows with such names come from another program (L4).
            Ok(rows.iter().filter_map(|row| row.get::<_, &str>(0).parse().ok()).collect())
        })
    }

    fn delete_pod(&self, name: &PodName) -> Result<bool, StoreError> {
        Ok(self.change_pod("delete", DELETE, name, &[])? > 0)
    }

    fn put_pod_if(
        &self,
        name: &PodName,
        expected: Option<&Pod>,
        pod: &Pod,
    ) -> Result<(), StoreError> {
        let done = match expected {
            None => self.change_pod("put", PUT_NEW, name, &[pod.as_json()]),
            Some(expected) => {
                self.change_pod("put", PUT_IF, name, &[pod.as_json(), expected.as_json()])
            }
        };
        done.map(drop)
    }
}

impl PostgresStore {
    /// Executes a change of a pod. Returns `PodConflict` if the stored pod is not the expected pod.
    fn change_pod(
        &self,
        verb: &str,
        statement: &'static str,
        name: &PodName,
        texts: &[&str],
    ) -> Result<i64, StoreError> {
        texts.iter().try_for_each(|text| check_size(text.len()))?;
        let change = self.client.change(format_args!("{verb} pod {name}"), |connection, id| {
            let name = name.as_str();
            let mut parameters = id.parameters().to_vec();
            parameters.push(text(&name));
            parameters.extend(texts.iter().map(text));
            let result = id.execute(connection, statement, &parameters)?;
            let conflict = || StoreError::PodConflict { name: name.to_owned() };
            result.ok_or_else(|| conflict().into())
        });
        Ok(change?.result)
    }
}

fn parse(name: &PodName, text: String) -> Result<Pod, StoreError> {
    Pod::from_json(text).map_err(|error| StoreError::Corrupt {
        line: 1,
        message: format!("the stored text of pod {name} is not a pod: {error}"),
    })
}
