//! The floor of the PostgreSQL benchmarks: the statements of the backend, and plain statements, on
//! a connection without the backend.

use postgres::{Client, Statement};
use serde_json::value::RawValue;
use session_store_core::{SegmentId, SessionId};
use test_servers::PostgresServer;
use uuid::Uuid;

use crate::server::Floor;
use crate::{Done, Fallible};

/// The statement with which the backend appends, composed of the same parts.
const APPEND: &str = concat!(
    include_str!("../../../crates/session-store-postgres/src/sql/writer.sql"),
    include_str!("../../../crates/session-store-postgres/src/sql/append.sql"),
    include_str!("../../../crates/session-store-postgres/src/sql/entries.sql"),
);

const INSERT: &str = "INSERT INTO session_store.entry (log, position, text)
    SELECT -1, $1 + new.ordinality, new.text
    FROM unnest($2::text[]) WITH ORDINALITY AS new (text, ordinality)";

const READ: &str = "SELECT position, text FROM session_store.entry JOIN session_store.log
    ON log.number = entry.log WHERE session_id = $1 ORDER BY position";

/// A connection, its prepared statements, and the ids of one log.
pub(crate) struct Raw {
    client: Client,
    append: Statement,
    insert: Statement,
    read: Statement,
    writer: Uuid,
    session: Uuid,
    segment: Uuid,
    /// The number of the last change of the writer.
    sequence: i64,
    /// The position after the last entry that [`append_plainly`](Floor::append_plainly) stored.
    position: i64,
}

impl Raw {
    pub(super) fn connect(server: &PostgresServer) -> Fallible<Self> {
        let mut client = server.connection();
        let append = APPEND.replace("{s}", "session_store").replace("{commit}", "NULL");
        let append = client.prepare(&append)?;
        let (insert, read) = (client.prepare(INSERT)?, client.prepare(READ)?);
        let writer = Uuid::new_v4();
        let register = "INSERT INTO session_store.writer VALUES ($1, 0, 0, now())";
        client.execute(register, &[&writer])?;
        let (session, segment) = (SessionId::new().into(), SegmentId::new().into());
        let (sequence, position) = (0, 0);
        Ok(Self { client, append, insert, read, writer, session, segment, sequence, position })
    }
}

impl Floor for Raw {
    const SAME: &'static str = "the same statement";
    const PLAIN: &'static str = "an INSERT";

    fn append(&mut self, texts: &[&str]) -> Done {
        self.sequence += 1;
        let bytes: i64 = texts.iter().map(|text| text.len() as i64 + 1).sum();
        let (stamp, lock) = (Uuid::new_v4(), 0_i64);
        self.client.query(
            &self.append,
            &[
                &self.writer,
                &self.sequence,
                &self.session,
                &self.segment,
                &false,
                &stamp,
                &bytes,
                &texts,
                &lock,
                &true,
            ],
        )?;
        Ok(())
    }

    fn append_plainly(&mut self, texts: &[&str]) -> Done {
        self.client.execute(&self.insert, &[&self.position, &texts])?;
        self.position += texts.len() as i64;
        Ok(())
    }

    fn read(&mut self) -> Fallible<Vec<String>> {
        let rows = self.client.query(&self.read, &[&self.session])?;
        let texts: Vec<String> = rows.iter().map(|row| row.get(1)).collect();
        for text in &texts {
            serde_json::from_str::<&RawValue>(text)?;
        }
        Ok(texts)
    }
}
