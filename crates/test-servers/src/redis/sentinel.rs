//! A master, its replica, and three Sentinels that monitor them.

use test_deadlines::wait_until;

use super::server::RedisServer;

/// A master, its replica, and three Sentinels that know the master as the service `main`.
#[derive(Debug)]
pub struct SentinelGroup {
    /// The server that is the master when the group starts.
    pub master: RedisServer,
    /// The server that is the replica when the group starts.
    pub replica: RedisServer,
    sentinels: Vec<RedisServer>,
}

/// The passwords that the servers require.
struct Passwords {
    data: Option<&'static str>,
    sentinels: Option<&'static str>,
}

impl SentinelGroup {
    /// Starts the five servers. Returns when every Sentinel knows the other Sentinels and the
    /// replica.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&Passwords { data: None, sentinels: None })
    }

    /// Starts the servers with passwords. Master and replica require the password `data`, and the
    /// Sentinels require the password `watch`.
    #[must_use]
    pub fn start_with_passwords() -> Self {
        Self::start_with(&Passwords { data: Some("data"), sentinels: Some("watch") })
    }

    fn start_with(passwords: &Passwords) -> Self {
        let login = passwords.data.map(|data| ["--requirepass", data, "--masterauth", data]);
        let login = login.as_ref().map_or(&[][..], |login| login.as_slice());
        let mut master = RedisServer::start_durable(login);
        master.set_password(passwords.data);
        let port = master.port().to_string();
        let replica_of = ["--replicaof", "127.0.0.1", &port];
        let mut replica = RedisServer::start_durable(&[login, &replica_of].concat());
        replica.set_password(passwords.data);
        wait_until("the replica to be in step", || replica.is_in_step_with(&master));

        let configuration = configuration(master.port(), passwords);
        let start_sentinel = |_| {
            let mut sentinel = RedisServer::start_sentinel(&configuration);
            sentinel.set_password(passwords.sentinels);
            sentinel
        };
        let sentinels: Vec<_> = (0..3).map(start_sentinel).collect();
        wait_until("the Sentinels to know each other", || sentinels.iter().all(knows_all));
        Self { master, replica, sentinels }
    }

    /// The URL of the service.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis-sentinel://{}/main", self.hosts())
    }

    /// The addresses of the Sentinels, in the form of a URL's list:
    /// `127.0.0.1:PORT,127.0.0.1:PORT,127.0.0.1:PORT`.
    #[must_use]
    pub fn hosts(&self) -> String {
        let host = |sentinel: &RedisServer| format!("127.0.0.1:{}", sentinel.port());
        self.sentinels.iter().map(host).collect::<Vec<_>>().join(",")
    }
}

/// The configuration of a Sentinel, with timeouts that are short enough for a test.
fn configuration(master_port: u16, passwords: &Passwords) -> String {
    let mut text = format!(
        "sentinel monitor main 127.0.0.1 {master_port} 2\n\
         sentinel down-after-milliseconds main 500\n\
         sentinel failover-timeout main 3000\n"
    );
    if let Some(password) = passwords.sentinels {
        text += &format!("requirepass {password}\n");
    }
    if let Some(password) = passwords.data {
        text += &format!("sentinel auth-pass main {password}\n");
    }
    text
}

/// Whether a Sentinel knows the replica and all three Sentinels.
fn knows_all(sentinel: &RedisServer) -> bool {
    let info = sentinel.info("sentinel");
    info.contains("status=ok,") && info.contains("slaves=1,sentinels=3")
}
