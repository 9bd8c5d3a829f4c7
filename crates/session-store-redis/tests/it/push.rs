//! Tests of pushes: large appends, each in a transaction of a script, `RPUSHX` and the script
//! again.
//!
//! Redis does not roll back a transaction. So the tests cause faults between the first command of a
//! transaction and its `EXEC`, where they can make a part of the commands fail. Each append must be
//! done once or not at all ([A5](session_store_core::contract#a5),
//! [A6](session_store_core::contract#a6)), and no list may keep its temporary name.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;

use redis::Connection;
use rstest::rstest;
use session_store_core::{Head, LogEntry, SegmentId, SessionId, Store, StoreError};
use session_store_redis::RedisStore;
use test_deadlines::wait_until;
use test_servers::{RedisServer, replies_to};

use crate::log::calls;
use crate::open::kind;

const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

/// The treatment of a transaction that the proxy has held back before `EXEC`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// Forwards `EXEC` and its reply.
    Execute,
    /// Forwards `EXEC`, and closes the connection of the client after the server has executed it.
    LoseReply,
    /// Closes the connections without `EXEC`.
    Drop,
}

type Fault = Box<dyn FnOnce(&RedisServer) -> Then + Send>;

/// A server, a proxy in front of it, and a store behind the proxy that logs in as `user`.
struct Setup {
    server: Arc<Mutex<RedisServer>>,
    /// The fault that the proxy causes before the next `EXEC`.
    fault: Arc<Mutex<Option<Fault>>>,
    /// All bytes of the last transaction that the proxy has held back.
    request: Arc<Mutex<Vec<u8>>>,
    behind_proxy: RedisStore,
    direct: RedisStore,
    session: SessionId,
    segment: SegmentId,
}

impl Setup {
    /// Creates a log of three entries. The store behind the proxy has pushed entries before.
    fn new() -> Self {
        let server = RedisServer::start_durable(&[]);
        permit(&server, "+@all");
        let direct = RedisStore::open_or_create(&server.url()).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (server, fault) = (Arc::new(Mutex::new(server)), Arc::default());
        let request = Arc::default();
        let shared = (Arc::clone(&server), Arc::clone(&fault), Arc::clone(&request));
        thread::spawn(move || {
            for client in listener.incoming() {
                let (server, fault, request) = shared.clone();
                thread::spawn(move || forward(client.unwrap(), &server, &fault, &request));
            }
        });
        let url = format!("redis://user:secret@127.0.0.1:{port}");
        let behind_proxy = RedisStore::open(&url).unwrap();
        let (session, segment) = (SessionId::new(), SegmentId::new());
        behind_proxy.create_segment(session, segment, &entries(3, 0)).unwrap();
        behind_proxy.append_all(session, segment, &large()).unwrap();
        behind_proxy.truncate(session, segment, 3).unwrap();
        Self { server, fault, request, behind_proxy, direct, session, segment }
    }

    /// Sets the fault before the next `EXEC`.
    fn set_fault(&self, fault: impl FnOnce(&RedisServer) -> Then + Send + 'static) {
        *self.fault.lock().unwrap() = Some(Box::new(fault));
    }

    fn push(&self) -> Result<(), StoreError> {
        self.behind_proxy.append_all(self.session, self.segment, &large())
    }

    fn push_if(&self, expected: Head) -> Result<Head, StoreError> {
        self.behind_proxy.append_if(self.session, self.segment, Some(expected), &large())
    }

    fn head(&self) -> Head {
        self.direct.head(self.session, self.segment).unwrap().unwrap()
    }

    /// Checks the entries and the size of the log, and that the fault has happened.
    fn check(&self, expected: &[LogEntry]) {
        assert!(self.fault.lock().unwrap().is_none(), "no transaction was sent");
        let Self { direct, session, segment, .. } = self;
        assert!(direct.read_all(*session, *segment).unwrap() == expected);
        let info = direct.segment_info(*session, *segment).unwrap().unwrap();
        let bytes: usize = expected.iter().map(|entry| entry.as_json().len() + 1).sum();
        assert_eq!(info.bytes, Some(bytes as u64));
        assert_eq!(pending(&mut self.raw()), [""; 0]);
    }

    fn raw(&self) -> Connection {
        self.server.lock().unwrap().connection()
    }
}

/// Forwards the bytes of one connection. Before an `EXEC`, causes the fault if there is one.
fn forward(
    mut client: TcpStream,
    server: &Mutex<RedisServer>,
    fault: &Mutex<Option<Fault>>,
    request: &Mutex<Vec<u8>>,
) {
    let port = server.lock().unwrap().port();
    let Ok(mut to_server) = TcpStream::connect(("127.0.0.1", port)) else { return };
    let (mut from_server, mut to_client) =
        (to_server.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let (mut buffer, mut received) = ([0; 65_536], Vec::new());
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        received.extend_from_slice(&buffer[..length]);
        if fault.lock().unwrap().is_none() {
            let _ = to_server.write_all(&received);
            received.clear();
        } else if received.ends_with(EXEC) {
            let (commands, exec) = received.split_at(received.len() - EXEC.len());
            to_server.write_all(commands).unwrap();
            let server = server.lock().unwrap();
            wait_until("the commands to be queued", || is_queued(&server));
            let then = fault.lock().unwrap().take().unwrap()(&server);
            request.lock().unwrap().clone_from(&received);
            if then == Then::LoseReply {
                let _ = client.shutdown(Shutdown::Both);
            }
            if then != Then::Drop {
                let _ = to_server.write_all(exec);
                wait_until("the transaction to be executed", || !is_queued(&server));
            }
            received.clear();
            if then != Then::Execute {
                break;
            }
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = to_server.shutdown(Shutdown::Both);
}

/// Returns whether a connection has queued the three commands of a push.
fn is_queued(server: &RedisServer) -> bool {
    let list: String = redis::cmd("CLIENT").arg("LIST").query(&mut server.connection()).unwrap();
    list.contains(" multi=3 ")
}

/// Gives the login `user` all permissions, and then applies a rule.
fn permit(server: &RedisServer, rule: &str) {
    let mut set = redis::cmd("ACL");
    set.arg(&["SETUSER", "user", "reset", "on", ">secret", "~*", "+@all", rule]);
    set.exec(&mut server.connection()).unwrap();
}

fn pending(connection: &mut Connection) -> Vec<String> {
    redis::cmd("KEYS").arg("*:pending:*").query(connection).unwrap()
}

fn entries(count: usize, bytes: usize) -> Vec<LogEntry> {
    let filling = "x".repeat(bytes);
    let text = |n| format!(r#"{{"n":{n},"filling":"{filling}"}}"#);
    (0..count).map(|n| LogEntry::from_json(text(n)).unwrap()).collect()
}

/// Returns entries that are large enough to be pushed.
fn large() -> Vec<LogEntry> {
    entries(20, 1000)
}

#[test]
fn a_push_is_one_transaction() {
    let server = RedisServer::start_in_memory(&[]);
    let store = RedisStore::open_or_create(&server.url()).unwrap();
    let (session, segment) = (SessionId::new(), SegmentId::new());
    store.append(session, segment, &entries(1, 0)[0]).unwrap();
    const COUNTED: [&str; 5] = ["exec", "rpushx", "rename", "lrem", "rpush"];
    let counts = || COUNTED.map(|name| calls(&server, &[name]));
    let before = counts();
    let head = store.head(session, segment).unwrap();
    let head = store.append_if(session, segment, head, &large()).unwrap();
    assert_eq!(head.entries(), 21);
    store.append_all(session, segment, &large()).unwrap();
    let made: Vec<_> = counts().iter().zip(before).map(|(now, before)| now - before).collect();
    // The first push sends an empty transaction too, and reading the head is a transaction. The
    // script is executed by its hash, then by its text, because the server had not cached it.
    assert_eq!(made, [5, 3, 4, 4, 0]);
    assert!(store.read_all(session, segment).unwrap()[1..] == [large(), large()].concat());
}

/// A fault after which the append still succeeds.
#[rstest]
#[case::rpushx_fails(|server: &RedisServer| permit(server, "-rpushx"))]
#[case::the_script_is_unknown(|server: &RedisServer| {
    redis::cmd("SCRIPT").arg("FLUSH").exec(&mut server.connection()).unwrap();
})]
#[case::the_second_run_cannot_remove_the_stamp(|server: &RedisServer| permit(server, "-lrem"))]
#[case::acl_forbids_multi(|server: &RedisServer| permit(server, "-multi"))]
fn a_push_of_which_a_part_fails_is_done_by_the_script(#[case] fault: fn(&RedisServer)) {
    let at = Setup::new();
    at.set_fault(move |server| {
        fault(server);
        Then::Execute
    });
    let head = at.push_if(at.head()).unwrap();
    assert_eq!(head, at.head());
    at.check(&[entries(3, 0), large()].concat());
}

#[test]
fn a_push_that_the_script_refuses_changes_nothing() {
    let at = Setup::new();
    at.set_fault(|server| {
        permit(server, "-evalsha");
        Then::Execute
    });
    let (before, error) = (at.head(), at.push().unwrap_err());
    assert!(matches!(error, StoreError::Backend(_)) && !error.is_transient(), "{error:?}");
    assert_eq!(at.head(), before);
    at.check(&entries(3, 0));
}

#[test]
fn a_push_to_a_full_server_is_refused_as_a_whole() {
    let at = Setup::new();
    let limit = |limit: &'static str| {
        move |mut connection: Connection| {
            let mut set = redis::cmd("CONFIG");
            set.arg(("SET", "maxmemory", limit)).exec(&mut connection).unwrap();
        }
    };
    let before = at.head();
    at.set_fault(move |server| {
        limit("1")(server.connection());
        Then::Execute
    });
    let error = at.push().unwrap_err();
    assert_eq!(kind(&error), Some(ErrorKind::StorageFull), "{error:?}");
    // Now the server does not queue the commands either.
    assert_eq!(kind(&at.push().unwrap_err()), Some(ErrorKind::StorageFull));
    limit("0")(at.raw());
    assert_eq!(at.head(), before);
    at.check(&entries(3, 0));
    at.push().unwrap();
    at.check(&[entries(3, 0), large()].concat());
}

#[test]
fn a_push_finds_the_change_of_another_handle() {
    let change = |at: &Setup, change: fn(&RedisStore, SessionId, SegmentId)| {
        let (direct, session, segment) = (at.direct.clone(), at.session, at.segment);
        at.set_fault(move |_| {
            change(&direct, session, segment);
            Then::Execute
        });
    };
    let at = Setup::new();
    let head = at.head();
    change(&at, |store, session, segment| {
        store.append(session, segment, &entries(4, 0)[3]).unwrap();
    });
    let error = at.push_if(head).unwrap_err();
    let (expected, actual) = (Some(head), Some(at.head()));
    assert!(matches!(error, StoreError::Conflict { expected: e, actual: a }
        if (e, a) == (expected, actual)));
    at.check(&entries(4, 0));

    // An empty log has no list of entries.
    change(&at, |store, session, segment| store.truncate(session, segment, 0).unwrap());
    at.push().unwrap();
    at.check(&large());

    change(&at, |store, session, segment| {
        assert!(store.delete_segment(session, segment).unwrap());
    });
    at.push().unwrap();
    at.check(&large());
    assert_eq!(at.direct.list_segments(at.session).unwrap(), [at.segment]);
}

#[rstest]
fn a_push_whose_reply_is_lost_is_done_once(#[values(true, false)] is_executed: bool) {
    let at = Setup::new();
    at.set_fault(move |_| if is_executed { Then::LoseReply } else { Then::Drop });
    at.push().unwrap();
    let once = [entries(3, 0), large()].concat();
    at.check(&once);
    let head = at.head();
    // A copy of the transaction arrives late, before and after the next change.
    let resend = || {
        let replies = replies_to(port(&at), &at.request.lock().unwrap());
        String::from_utf8(replies).unwrap()
    };
    let replies = resend();
    assert_eq!(replies.matches(&format!("head {head}")).count(), 2, "{replies}");
    at.check(&once);
    at.behind_proxy.append(at.session, at.segment, &entries(1, 0)[0]).unwrap();
    let replies = resend();
    assert_eq!(replies.matches("superseded").count(), 2, "{replies}");
    at.check(&[&once[..], &entries(1, 0)].concat());
}

fn port(at: &Setup) -> u16 {
    at.server.lock().unwrap().port()
}

#[test]
fn a_crash_keeps_all_of_a_push_or_nothing() {
    let mut server = RedisServer::start_durable(&[]);
    let store = RedisStore::open_or_create(&server.url()).unwrap();
    let (session, segment) = (SessionId::new(), SegmentId::new());
    store.append_all(session, segment, &entries(3, 0)).unwrap();
    let file = |server: &RedisServer| -> PathBuf {
        let folder = server.socket().with_file_name("appendonlydir");
        let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        files.into_iter().find(|file| file.to_string_lossy().ends_with(".incr.aof")).unwrap()
    };
    let before = fs::metadata(file(&server)).unwrap().len();
    store.append_all(session, segment, &large()).unwrap();
    server.kill();
    let whole = fs::read(file(&server)).unwrap();
    let text = String::from_utf8_lossy(&whole[before as usize..]).into_owned();
    let end_of = |command: &str| before as usize + text.find(command).unwrap();
    // The crash cuts the file after the first rename, in the entries, before the second rename, and
    // before the end of the transaction.
    let cuts = [
        end_of("RPUSHX"),
        end_of("RPUSHX") + 5_000,
        before as usize + text.rfind("RENAME").unwrap(),
        whole.len() - 1,
        whole.len(),
    ];
    for cut in cuts {
        fs::write(file(&server), &whole[..cut]).unwrap();
        server.restart();
        let found = store.read_all(session, segment).unwrap();
        let expected = if cut == whole.len() { large() } else { Vec::new() };
        assert!(found == [entries(3, 0), expected].concat(), "cut at {cut}: {}", found.len());
        assert_eq!(pending(&mut server.connection()), [""; 0]);
        server.kill();
    }
}

#[rstest]
#[case(&[], "-rpushx")]
#[case(&[], "-multi")]
#[case(&[], "-exec")]
#[case(&["--rename-command", "MULTI", ""], "+@all")]
fn without_a_command_of_a_push_the_script_appends(#[case] options: &[&str], #[case] rule: &str) {
    let server = RedisServer::start_in_memory(options);
    permit(&server, rule);
    let url = format!("redis://user:secret@127.0.0.1:{}", server.port());
    let store = RedisStore::open_or_create(&url).unwrap();
    let (session, segment) = (SessionId::new(), SegmentId::new());
    store.append(session, segment, &entries(1, 0)[0]).unwrap();
    store.append_all(session, segment, &large()).unwrap();
    store.append_all(session, segment, &large()).unwrap();
    let mut raw = server.connection();
    let key: Vec<String> = redis::cmd("KEYS").arg("*:entries:*").query(&mut raw).unwrap();
    let count: usize = redis::cmd("LLEN").arg(&key).query(&mut raw).unwrap();
    assert_eq!(count, 41);
    assert_eq!(calls(&server, &["rename", "rpushx"]), 0, "the commands were sent one by one");
}

#[test]
fn a_login_that_loses_a_permission_does_not_send_the_commands_one_by_one() {
    let at = Setup::new();
    permit(&at.server.lock().unwrap(), "-multi");
    let renames = calls(&at.server.lock().unwrap(), &["rename"]);
    at.push().unwrap();
    assert_eq!(calls(&at.server.lock().unwrap(), &["rename"]), renames);
    at.check(&[entries(3, 0), large()].concat());
}
