//! Tests of the permissions of a login. The permissions in the documentation are enough, and each
//! permission is needed.

use std::io::ErrorKind;

use redis::Connection;
use session_store_core::{
    LogEntry, Pod, PodName, PodStore, SegmentId, SessionId, Store, StoreError, TraceEntry,
};
use session_store_redis::{RedisOptions, RedisStore};
use test_servers::{RedisCluster, RedisServer};

use crate::open::kind;

/// Returns the rules of the `ACL SETUSER` command in the documentation: the key pattern and the
/// permitted commands.
fn documented() -> Vec<&'static str> {
    documented_of("NAME")
}

/// Returns the rules that the documentation has for a login of this name.
fn documented_of(name: &str) -> Vec<&'static str> {
    let docs = include_str!("../../src/lib.rs");
    let mut commands = docs.lines().filter_map(|line| line.strip_prefix("//! ACL SETUSER "));
    let line = commands.find(|line| line.starts_with(name));
    line.expect("the documentation has the command").split(' ').skip(3).collect()
}

/// Makes the login `user` have these permissions only.
fn permit(connection: &mut Connection, rules: &[&str]) {
    let mut set = redis::cmd("ACL");
    set.arg(("SETUSER", "user", "reset", "on", ">secret")).arg(rules);
    set.exec(connection).unwrap();
}

fn entries(count: usize) -> Vec<LogEntry> {
    (0..count).map(|n| LogEntry::from_json(format!(r#"{{"n":{n}}}"#)).unwrap()).collect()
}

/// Damages an entry of the only log on the server.
fn damage(mut connection: Connection) {
    let logs: Vec<String> = redis::cmd("KEYS").arg("*:entries:*").query(&mut connection).unwrap();
    redis::cmd("LSET").arg(&logs[0]).arg(1).arg("bad").exec(&mut connection).unwrap();
}

/// Performs every operation. Some batches are so large that their entries are staged. `damage`
/// damages an entry of the only log.
fn use_everything(url: &str, damage: impl Fn()) -> Result<(), StoreError> {
    drop(RedisStore::open_or_create(url)?);
    let store = RedisOptions::new().open(url)?;
    let (session, segment) = (SessionId::new(), SegmentId::new());
    let (few, many) = (entries(3), entries(6000));
    store.append_all(session, segment, &many)?;
    store.append_all(session, segment, &many)?;
    store.append_if(session, segment, store.head(session, segment)?, &few)?;
    assert_eq!(store.read_all(session, segment)?.len(), 12_003);
    store.truncate(session, segment, 2)?;
    store.create_segment(session, segment, &few)?;
    store.append_trace(session, segment, &TraceEntry::from_json("{}")?)?;
    assert_eq!(store.read_trace_page(session, segment, 0, 10)?.entries.len(), 1);
    assert_eq!(store.list_sessions()?, [session]);
    assert_eq!(store.list_segments(session)?, [segment]);
    assert_eq!(store.list_infos(&Default::default())?.len(), 1);
    assert_eq!(store.lookup_session_of(segment)?, Some(session));
    let (name, pod) = ("coder".parse::<PodName>()?, Pod::new(session, None));
    store.put_pod(&name, &pod)?;
    store.put_pod_if(&name, Some(&pod), &pod)?;
    assert_eq!((store.read_pod(&name)?, store.list_pods()?.len()), (Some(pod), 1));
    assert!(store.delete_pod(&name)?);
    let maintenance = store.maintenance().expect("the store has maintenance");
    maintenance.check(&mut |finding| panic!("{finding}"))?;
    maintenance.repair(&mut |finding| panic!("{finding}"))?;
    damage();
    maintenance.repair(&mut |_| ())?;
    assert_eq!(store.read_entry_count(session, segment)?, 2);
    assert!(store.delete_segment(session, segment)?);
    store.append(session, segment, &few[0])?;
    assert!(store.delete_session(session)?);
    Ok(())
}

#[test]
fn each_documented_permission_is_needed_and_no_other() {
    let server = RedisServer::start_in_memory(&[]);
    let url = format!("redis://user:secret@127.0.0.1:{}", server.port());
    let mut connection = server.connection();
    let documented = documented();
    assert!(documented.len() > 20, "{documented:?}");
    permit(&mut connection, &documented);
    use_everything(&url, || damage(server.connection())).unwrap();
    for missing in &documented {
        redis::cmd("FLUSHALL").exec(&mut connection).unwrap();
        redis::cmd("SCRIPT").arg("FLUSH").exec(&mut connection).unwrap();
        let rules: Vec<_> = documented.iter().copied().filter(|rule| rule != missing).collect();
        permit(&mut connection, &rules);
        let error = use_everything(&url, || damage(server.connection())).expect_err(missing);
        assert!(matches!(error, StoreError::Backend(_)), "{missing}: {error:?}");
        assert!(!error.is_transient(), "{missing}: {error:?}");
    }
}

/// Performs every operation that only reads.
fn read_everything(url: &str, session: SessionId, segment: SegmentId) -> Result<(), StoreError> {
    let store = RedisStore::open(url)?;
    let all = entries(300);
    // A page of 300 bytes has 30 to 40 entries.
    let mut read = Vec::new();
    while read.len() < all.len() {
        let page = store.read_page(session, segment, read.len(), 300)?;
        assert_eq!(page.head.entries(), all.len());
        read.extend(page.entries);
    }
    assert!(read == all);
    assert!(store.read_all(session, segment)? == all);
    assert_eq!(store.read_entry_count(session, segment)?, all.len());
    assert_eq!(store.list_sessions()?, [session]);
    assert_eq!(store.list_segments(session)?, [segment]);
    assert_eq!(store.list_infos(&Default::default())?.len(), 1);
    assert_eq!(store.lookup_session_of(segment)?, Some(session));
    assert_eq!(store.read_trace_page(session, segment, 0, usize::MAX)?.entries.len(), 2);
    assert_eq!(store.list_pods()?.len(), 1);
    assert!(store.read_pod(&store.list_pods()?[0])?.is_some());
    let missing = SegmentId::new();
    assert!(store.read_all(session, missing).unwrap_err().is_not_found());
    assert_eq!(store.head(session, missing)?, None);
    Ok(())
}

#[test]
fn a_login_that_can_only_read_needs_fewer_permissions() {
    let server = RedisServer::start_in_memory(&[]);
    let owner = RedisStore::open_or_create(&server.url()).unwrap();
    let (session, segment) = (SessionId::new(), SegmentId::new());
    owner.append_all(session, segment, &entries(300)).unwrap();
    for _ in 0..2 {
        owner.append_trace(session, segment, &TraceEntry::from_json("{}").unwrap()).unwrap();
    }
    owner.put_pod(&"coder".parse().unwrap(), &Pod::new(session, None)).unwrap();
    let url = format!("redis://user:secret@127.0.0.1:{}", server.port());
    let documented = documented_of("READER");
    permit(&mut server.connection(), &documented);
    read_everything(&url, session, segment).unwrap();
    let store = RedisStore::open(&url).unwrap();
    let error = store.append(session, segment, &entries(1)[0]).unwrap_err();
    assert!(!error.is_transient() && error.to_string().contains("evalsha"), "{error}");
    for missing in &documented {
        let rules: Vec<_> = documented.iter().copied().filter(|rule| rule != missing).collect();
        permit(&mut server.connection(), &rules);
        read_everything(&url, session, segment).expect_err(missing);
    }

    let mut limit = redis::cmd("CONFIG");
    limit.arg(("SET", "maxmemory", "1")).exec(&mut server.connection()).unwrap();
    permit(&mut server.connection(), &documented);
    let error = read_everything(&url, session, segment).unwrap_err();
    assert_eq!(kind(&error), Some(ErrorKind::StorageFull), "{error:?}");
    permit(&mut server.connection(), &[&documented[..], &["+eval", "+evalsha"]].concat());
    read_everything(&url, session, segment).unwrap();
}

#[test]
fn another_database_needs_one_more_permission() {
    let server = RedisServer::start_in_memory(&[]);
    let url = format!("redis://user:secret@127.0.0.1:{}/1", server.port());
    permit(&mut server.connection(), &documented());
    RedisStore::open_or_create(&url).unwrap_err();
    permit(&mut server.connection(), &[&documented()[..], &["+select"]].concat());
    let second_database = || {
        let mut connection = server.connection();
        redis::cmd("SELECT").arg(1).exec(&mut connection).unwrap();
        connection
    };
    use_everything(&url, || damage(second_database())).unwrap();
}

/// Returns the first slot that has a log, and its master.
pub(crate) fn slot_of_log(cluster: &RedisCluster) -> (u16, usize) {
    let master = cluster.master_with_key("*:log:*");
    let mut connection = cluster.masters[master].connection();
    let logs: Vec<String> = redis::cmd("KEYS").arg("*:log:*").query(&mut connection).unwrap();
    let slot = redis::cmd("CLUSTER").arg("KEYSLOT").arg(&logs[0]).query(&mut connection).unwrap();
    (slot, master)
}

#[test]
fn a_cluster_needs_two_more_permissions() {
    let cluster = RedisCluster::start_in_memory();
    let url = cluster.url().replace("//", "//user:secret@");
    let permit_on_all = |more: &[&str]| {
        let rules = [&documented()[..], more].concat();
        cluster.masters.iter().for_each(|node| permit(&mut node.connection(), &rules));
    };
    permit_on_all(&["+asking"]);
    RedisStore::open_or_create(&url).unwrap_err();
    permit_on_all(&["+cluster|slots", "+asking"]);
    let master = || &cluster.masters[cluster.master_with_key("*:entries:*")];
    use_everything(&url, || damage(master().connection())).unwrap();

    // The rest appends to a new segment in a slot that is moving to another node.
    let store = RedisStore::open(&url).unwrap();
    let (session, segment) = (SessionId::new(), SegmentId::new());
    store.create_segment(session, segment, &[]).unwrap();
    let (slot, master) = slot_of_log(&cluster);
    store.delete_session(session).unwrap();
    cluster.start_slot_migration(slot, master, (master + 1) % 3);
    // A new handle is used, because the record of the old handle's writer is in that slot.
    let store = RedisStore::open(&url).unwrap();
    permit_on_all(&["+cluster|slots"]);
    let error = store.append(session, segment, &entries(1)[0]).unwrap_err();
    assert!(error.to_string().to_lowercase().contains("noperm"), "{error}");
    permit_on_all(&["+cluster|slots", "+asking"]);
    cluster.finish_slot_migration(slot, master, (master + 1) % 3);
    store.append(session, segment, &entries(1)[0]).unwrap();
}
