//! Tests of the servers themselves. A server must answer, keep or lose data as documented, and end
//! when its value is dropped.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use test_deadlines::{Process, RaiseAtEnd, child_job, child_test, wait_until};
use test_servers::{RedisCluster, RedisServer, SentinelGroup, TlsRedisServer};

fn set(server: &RedisServer, key: &str) {
    redis::cmd("SET").arg((key, "value")).exec(&mut server.connection()).unwrap();
}

fn exists(server: &RedisServer, key: &str) -> bool {
    redis::cmd("EXISTS").arg(key).query(&mut server.connection()).unwrap()
}

fn accepts_connections(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

#[test]
fn a_durable_server_keeps_its_data_through_a_crash() {
    let mut server = RedisServer::start_durable(&[]);
    set(&server, "key");
    server.kill();
    server.restart();
    assert!(exists(&server, "key"));
}

#[test]
fn a_server_in_memory_is_empty_after_a_crash() {
    let mut server = RedisServer::start_in_memory(&[]);
    set(&server, "key");
    server.kill();
    server.restart();
    assert!(!exists(&server, "key"));
}

#[test]
fn info_is_read_although_the_server_closes_connections() {
    let server = RedisServer::start_in_memory(&[]);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let raised = RaiseAtEnd(&over);
        scope.spawn(|| {
            let mut connection = server.connection();
            while !over.load(Ordering::SeqCst) {
                let mut kill = redis::cmd("CLIENT");
                kill.arg(&["KILL", "TYPE", "normal", "SKIPME", "yes"]);
                kill.exec(&mut connection).unwrap();
            }
        });
        for _ in 0..50 {
            assert!(server.is_master());
        }
        drop(raised);
    });
}

#[test]
fn a_dropped_server_ends_and_its_folder_is_deleted() {
    let server = RedisServer::start_in_memory(&[]);
    let (port, socket) = (server.port(), server.socket());
    assert!(accepts_connections(port) && socket.exists());
    drop(server);
    assert!(!accepts_connections(port));
    assert!(!socket.parent().unwrap().exists());
}

#[test]
fn a_server_ends_when_its_test_panics() {
    let test = || -> u16 {
        let server = RedisServer::start_in_memory(&[]);
        std::panic::resume_unwind(Box::new(server.port()))
    };
    let port = std::panic::catch_unwind(test).unwrap_err().downcast::<u16>().unwrap();
    assert!(!accepts_connections(*port));
}

#[test]
#[ignore = "a child process of the test below, which kills it"]
fn child_with_a_server_in_a_static() {
    static SERVER: LazyLock<RedisServer> = LazyLock::new(|| RedisServer::start_in_memory(&[]));
    let _ = child_job();
    println!("\nport {}", SERVER.port());
    thread::sleep(test_deadlines::DEADLINE);
}

#[test]
fn a_server_in_a_static_ends_when_its_process_is_killed() {
    let mut command = child_test("child_with_a_server_in_a_static", "");
    let mut child = Process::start(command.stdout(Stdio::piped()));
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut ports = lines.filter_map(|line| line.strip_prefix("port ")?.parse().ok());
    let port = ports.next().expect("the child prints the port");
    assert!(accepts_connections(port));
    child.kill();
    wait_until("the server to end", || !accepts_connections(port));
}

#[test]
#[should_panic(expected = "no such option")]
fn a_server_that_does_not_start_panics_with_its_log() {
    // The server's message differs between versions, so the test only expects the name of the
    // option in the message.
    let _ = RedisServer::start_in_memory(&["--no such option", "1"]);
}

#[test]
fn a_tls_server_has_a_certificate_and_a_port_for_it() {
    let server = TlsRedisServer::start();
    let port = server.url().rsplit_once(':').unwrap().1.parse().unwrap();
    assert!(accepts_connections(port));
    assert!(server.certificate().starts_with(b"-----BEGIN CERTIFICATE-----"));
}

#[test]
fn a_replica_in_a_sentinel_group_has_the_data_of_the_master() {
    let group = SentinelGroup::start_with_passwords();
    set(&group.master, "key");
    wait_until("the replica to have the key", || exists(&group.replica, "key"));
    assert_eq!(group.hosts().split(',').count(), 3);
}

#[test]
fn a_cluster_moves_a_slot_with_its_keys() {
    let cluster = RedisCluster::start_in_memory();
    cluster.command(redis::cmd("SET").arg("key").arg("value")).unwrap();
    let (slot, from) = cluster.used_slots().pop_first().unwrap();
    let to = (from + 1) % 3;
    cluster.move_slot(slot, from, to);
    assert_eq!(cluster.master_with_key("key"), to);
    assert_eq!(cluster.used_slots().into_iter().collect::<Vec<_>>(), [(slot, to)]);
}
