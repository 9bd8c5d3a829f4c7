//! A PostgreSQL server and its standby.

use test_deadlines::wait_until;

use super::server::PostgresServer;

/// The name under which the standby connects to the primary.
const STANDBY: &str = "standby";

/// A primary, and a standby that receives the changes of the primary.
#[derive(Debug)]
pub struct ReplicatedPostgres {
    /// The server that accepts changes.
    pub primary: PostgresServer,
    /// The server that accepts changes after [`promote`](Self::promote).
    pub standby: PostgresServer,
}

impl ReplicatedPostgres {
    /// Starts both servers. If the standby is synchronous, a commit of the primary waits for the
    /// standby.
    #[must_use]
    pub fn start(is_synchronous: bool) -> Self {
        let names = format!("synchronous_standby_names={STANDBY}");
        let settings = [names.as_str()];
        let settings = if is_synchronous { &settings[..] } else { &[] };
        let primary = PostgresServer::start_fast(settings);
        let standby = PostgresServer::start_standby_of(&primary, STANDBY);
        let group = Self { primary, standby };
        group.wait_until_in_step();
        group
    }

    /// The URL of the server that accepts changes.
    #[must_use]
    pub fn url(&self) -> String {
        let [primary, standby] = [&self.primary, &self.standby].map(PostgresServer::port);
        format!(
            "postgres://postgres@127.0.0.1:{primary},127.0.0.1:{standby}/postgres\
             ?target_session_attrs=read-write"
        )
    }

    /// Waits until the standby has received and applied all changes.
    pub fn wait_until_in_step(&self) {
        let select = "SELECT count(*) FROM pg_stat_replication
            WHERE replay_lsn = pg_current_wal_lsn()";
        let mut primary = self.primary.connection();
        let mut in_step =
            || primary.query_one(select, &[]).is_ok_and(|row| row.get::<_, i64>(0) == 1);
        wait_until("the standby to be in step", &mut in_step);
    }

    /// Stops the standby, and ends the standby's connection to the primary. Only for a standby that
    /// is not synchronous, because the primary must not wait for it.
    pub fn cut(&self) {
        self.standby.pause();
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_replication";
        let mut primary = self.primary.connection();
        wait_until("the connection of the standby to end", || {
            primary.query(end, &[]).is_ok_and(|rows| rows.is_empty())
        });
    }

    /// Kills the primary, and lets the standby accept changes.
    pub fn promote(&mut self) {
        self.primary.kill();
        self.standby.resume();
        let promoted = self.standby.connection().query_one("SELECT pg_promote()", &[]);
        assert!(promoted.is_ok_and(|row| row.get(0)), "the standby does not take over");
    }
}
