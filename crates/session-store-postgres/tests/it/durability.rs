//! Tests of the durability: the setting of each commit, and the detection of a lost commit.

use rstest::rstest;
use session_store_core::{Durability, Pod, PodStore, Store, StoreExt, TraceEntry};
use session_store_postgres::{PostgresOptions, PostgresStore};
use test_servers::PostgresServer;

use crate::shared::{SERVER, entries, entry, execute, new_key, unique_schema};

/// Records the setting `synchronous_commit` of each transaction that changes a log, a trace or a
/// pod.
const RECORD: &str = "
    CREATE TABLE {s}.setting (value text);
    CREATE FUNCTION {s}.record() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO {s}.setting VALUES (current_setting('synchronous_commit')); RETURN NULL;
    END $$;
    CREATE TRIGGER record AFTER INSERT OR UPDATE OR DELETE ON {s}.log
        FOR EACH STATEMENT EXECUTE FUNCTION {s}.record();
    CREATE TRIGGER record AFTER INSERT OR UPDATE OR DELETE ON {s}.pod
        FOR EACH STATEMENT EXECUTE FUNCTION {s}.record();";

#[rstest]
#[case("durability=process", "local", "local")]
#[case("durability=power", "local", "on")]
#[case("durability=power", "off", "on")]
#[case("durability=power", "remote_apply", "remote_apply")]
#[case("synchronous_commit=off", "on", "off")]
fn each_change_sets_how_its_commit_waits(
    #[case] option: &str,
    #[case] server: &str,
    #[case] expected: &str,
) {
    let schema = unique_schema();
    let settings = format!("options=-c%20synchronous_commit={server}");
    let url = format!("{}?schema={schema}&{option}&{settings}", SERVER.url());
    let store = PostgresStore::open_or_create(&url).unwrap();
    execute(&schema, RECORD);
    let key = new_key();
    store.at(key).append(&entry(0)).unwrap();
    let head = store.at(key).append_if(store.at(key).head().unwrap(), &entries(2)).unwrap();
    store.at(key).truncate_if(head, 1).unwrap();
    store.at(key).create(&entries(2)).unwrap();
    store.at(key).append_trace(&TraceEntry::from_json("{}").unwrap()).unwrap();
    let pod = Pod::new(key.session_id, None);
    store.put_pod(&"pod".parse().unwrap(), &pod).unwrap();
    store.delete_pod(&"pod".parse().unwrap()).unwrap();
    store.at(key).delete().unwrap();
    let select =
        format!("SELECT count(*) FILTER (WHERE value <> $1), count(*) FROM {schema}.setting");
    let row = SERVER.connection().query_one(&select, &[&expected]).unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1) >= 8), (0, true));
}

#[test]
fn the_server_can_lose_changes_and_a_head_shows_it() {
    // The server writes its write-ahead log to disk only every 10 seconds, so a kill loses the last
    // changes.
    let mut server =
        PostgresServer::start_durable(&["synchronous_commit=off", "wal_writer_delay=10s"]);
    let store = PostgresStore::open_or_create(&server.url()).unwrap();
    assert!(store.warnings().iter().any(|warning| warning.contains("synchronous_commit")));
    let durable = PostgresOptions::new().durability(Durability::Power);
    let durable = durable.open(&server.url()).unwrap();
    let log = store.at(new_key());
    log.append_all(&entries(2)).unwrap();
    store.sync().unwrap();
    log.append(&entry(2)).unwrap();
    let head = log.head().unwrap();
    server.kill();
    server.restart();
    // The old connections are lost, so these reads open new connections.
    assert_eq!(log.read_all().unwrap(), entries(2));
    durable.at(log.key()).append(&entry(2)).unwrap();
    assert_eq!(log.head().unwrap().map(|head| head.entries()), head.map(|head| head.entries()));
    let error = log.append_if(head, &entries(1)).unwrap_err();
    assert!(error.is_conflict(), "{error:?}");
    let error = store.sync().unwrap_err();
    assert!(error.is_indeterminate(), "{error:?}");
    server.kill();
    server.restart();
    assert_eq!(log.read_all().unwrap(), entries(3));
}

#[test]
fn a_sync_covers_the_changes_of_others_that_the_handle_has_read() {
    let mut server =
        PostgresServer::start_durable(&["synchronous_commit=off", "wal_writer_delay=10s"]);
    let writer = PostgresStore::open_or_create(&server.url()).unwrap();
    let reader = PostgresStore::open(&server.url()).unwrap();
    let log = writer.at(new_key());
    log.append_all(&entries(2)).unwrap();
    assert_eq!(reader.at(log.key()).read_all().unwrap(), entries(2));
    reader.sync().unwrap();
    server.kill();
    server.restart();
    assert_eq!(reader.at(log.key()).read_all().unwrap(), entries(2));
}
