//! The floor of the Redis benchmarks: the backend's script, and plain list commands, on a
//! connection without the backend.

use redis::{Connection, Script};
use serde_json::value::RawValue;
use session_store_core::{SegmentId, SessionId};
use test_servers::RedisServer;
use uuid::Uuid;

use crate::server::Floor;
use crate::{Done, Fallible};

/// The script with which the backend appends, composed of the same parts.
const APPEND: &str = concat!(
    "#!lua\n",
    include_str!("../../../crates/session-store-redis/src/lua/once.lua"),
    include_str!("../../../crates/session-store-redis/src/lua/head.lua"),
    include_str!("../../../crates/session-store-redis/src/lua/append.lua"),
);

/// A connection, and the keys of one log.
pub(crate) struct Raw {
    connection: Connection,
    hash: String,
    keys: [String; 5],
    ids: [String; 2],
    /// The stamp that the script writes into the head with each change.
    stamp: String,
    /// The number of the last command. The script executes each number only once.
    sequence: u64,
}

impl Raw {
    pub(crate) fn connect(server: &RedisServer) -> Fallible<Self> {
        let mut connection = redis::Client::open(server.url())?.get_connection()?;
        redis::cmd("SCRIPT").arg("LOAD").arg(APPEND).exec(&mut connection)?;
        let hash = Script::new(APPEND).get_hash().to_owned();
        let stamp = Uuid::new_v4().simple().to_string();
        let (keys, ids) = names(SessionId::new(), SegmentId::new());
        Ok(Self { connection, hash, keys, ids, stamp, sequence: 0 })
    }

    /// Selects the log for the following calls.
    pub(crate) fn turn_to(&mut self, session: SessionId, segment: SegmentId) {
        (self.keys, self.ids) = names(session, segment);
    }
}

impl Floor for Raw {
    const SAME: &'static str = "the script alone";
    const PLAIN: &'static str = "RPUSH";
    const MAX_THREADS_GOAL: f64 = 3.0;

    fn append(&mut self, texts: &[&str]) -> Done {
        self.sequence += 1;
        let mut command = redis::cmd("EVALSHA");
        command.arg(&self.hash).arg(self.keys.len()).arg(&self.keys);
        command.arg(self.sequence).arg("0").arg("900000").arg(&self.ids).arg(&self.stamp);
        let bytes: usize = texts.iter().map(|text| text.len() + 1).sum();
        command.arg("append").arg("").arg("1").arg(bytes).arg("0").arg(texts);
        let _: String = command.query(&mut self.connection)?;
        Ok(())
    }

    fn append_plainly(&mut self, texts: &[&str]) -> Done {
        let mut command = redis::cmd("RPUSH");
        let _: u64 = command.arg(&self.keys[2]).arg(texts).query(&mut self.connection)?;
        Ok(())
    }

    fn read(&mut self) -> Fallible<Vec<String>> {
        let mut command = redis::cmd("LRANGE");
        command.arg(&self.keys[2]).arg(0).arg(-1);
        let texts: Vec<String> = command.query(&mut self.connection)?;
        for text in &texts {
            serde_json::from_str::<&RawValue>(text)?;
        }
        Ok(texts)
    }
}

/// Returns the keys of a log, and its ids as the script expects them.
fn names(session: SessionId, segment: SegmentId) -> ([String; 5], [String; 2]) {
    let key = |kind: &str| format!("floor:{{00}}:{kind}:{session}:{segment}");
    let keys = ["writer", "log", "entries", "segments", "sessions"].map(key);
    (keys, [session.to_string(), segment.to_string()])
}
