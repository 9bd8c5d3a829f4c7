//! A master, its replica, and three Sentinels that watch them.

use super::{Server, wait_for};

pub(crate) struct Group {
    pub(crate) master: Server,
    pub(crate) replica: Server,
    sentinels: Vec<Server>,
}

impl Group {
    /// All know of each other when this returns.
    pub(crate) fn start() -> Self {
        let master = Server::start(&[]);
        let replica = Server::start(&["--replicaof", "127.0.0.1", &master.port.to_string()]);
        wait_for("the replica to be in step", || is_in_step(&replica));
        let configuration = format!(
            "sentinel monitor main 127.0.0.1 {} 2\n\
             sentinel down-after-milliseconds main 500\n\
             sentinel failover-timeout main 3000\n",
            master.port
        );
        let sentinels: Vec<_> = (0..3).map(|_| Server::start_sentinel(&configuration)).collect();
        wait_for("the Sentinels to know all", || sentinels.iter().all(knows_all));
        Self { master, replica, sentinels }
    }

    pub(crate) fn url(&self) -> String {
        let hosts: Vec<_> =
            self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port)).collect();
        format!("redis-sentinel://{}/main", hosts.join(","))
    }
}

fn is_in_step(replica: &Server) -> bool {
    let info: String =
        redis::cmd("INFO").arg("replication").query(&mut replica.connection()).unwrap();
    info.contains("master_link_status:up")
}

fn knows_all(sentinel: &Server) -> bool {
    let info: String =
        redis::cmd("INFO").arg("sentinel").query(&mut sentinel.connection()).unwrap();
    info.contains("status=ok,") && info.contains("slaves=1,sentinels=3")
}
