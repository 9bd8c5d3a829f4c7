//! A master, its replica, and three Sentinels that watch them.

use super::{Server, wait_for};

pub(crate) struct Group {
    pub(crate) master: Server,
    pub(crate) replica: Server,
    pub(crate) sentinels: Vec<Server>,
}

impl Group {
    /// All know of each other when this returns.
    pub(crate) fn start() -> Self {
        Self::start_with("", &[], "")
    }

    /// The same, where master and replica want the password `data`, and the Sentinels want `watch`.
    pub(crate) fn start_guarded() -> Self {
        let options = ["--requirepass", "data", "--masterauth", "data"];
        Self::start_with(":data@", &options, "requirepass watch\nsentinel auth-pass main data\n")
    }

    fn start_with(login: &'static str, options: &[&str], configuration: &str) -> Self {
        let mut master = Server::start(options);
        let port = master.port.to_string();
        let mut replica = Server::start(&[options, &["--replicaof", "127.0.0.1", &port]].concat());
        (master.login, replica.login) = (login, login);
        wait_for("the replica to be in step", || replica.is_in_step_with(&master));
        let configuration = format!(
            "sentinel monitor main 127.0.0.1 {port} 2\n\
             sentinel down-after-milliseconds main 500\n\
             sentinel failover-timeout main 3000\n\
             {configuration}"
        );
        let start = |_| {
            let mut sentinel = Server::start_sentinel(&configuration);
            if configuration.contains("requirepass") {
                sentinel.login = ":watch@";
            }
            sentinel
        };
        let sentinels: Vec<_> = (0..3).map(start).collect();
        wait_for("the Sentinels to know all", || sentinels.iter().all(knows_all));
        Self { master, replica, sentinels }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis-sentinel://{}/main", self.hosts())
    }

    /// The Sentinels, as they stand in a URL.
    pub(crate) fn hosts(&self) -> String {
        let host = |sentinel: &Server| format!("127.0.0.1:{}", sentinel.port);
        self.sentinels.iter().map(host).collect::<Vec<_>>().join(",")
    }
}

fn knows_all(sentinel: &Server) -> bool {
    let info = sentinel.info("sentinel");
    info.contains("status=ok,") && info.contains("slaves=1,sentinels=3")
}
