//! Tests of the permissions in the documentation: a login with these permissions can use the store,
//! and a login without them is refused.

use postgres::{Client, NoTls};
use session_store_core::{Store, StoreError, StoreExt};
use session_store_postgres::PostgresStore;
use test_servers::PostgresServer;

use crate::asynchronous::call_every_method;
use crate::shared::{entries, entry, new_key};

/// Returns the two blocks of SQL in the documentation.
fn documented() -> [String; 2] {
    let lines =
        include_str!("../../src/lib.rs").lines().filter_map(|line| line.strip_prefix("//!"));
    let text = lines.map(str::trim).collect::<Vec<_>>().join("\n");
    let mut blocks = text.split("```sql\n").skip(1);
    let mut next = || {
        let block = blocks.next().and_then(|rest| rest.split_once("```"));
        block.expect("the documentation has the statements").0.to_owned()
    };
    [next(), next()]
}

fn execute(url: &str, statements: &str) {
    Client::connect(url, NoTls).unwrap().batch_execute(statements).unwrap();
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    let error = result.unwrap_err();
    assert!(!error.is_transient() && !error.is_indeterminate(), "{error:?}");
    assert!(error.to_string().contains("42501"), "{error}");
}

#[test]
fn the_documented_permissions_are_enough_and_no_more() {
    let server = PostgresServer::start_fast(&[]);
    let url = |user: &str| format!("postgres://{user}@127.0.0.1:{}/logs", server.port());
    execute(&server.url(), "CREATE DATABASE logs");
    let [roles, grants] = documented();
    execute(&url("postgres"), &roles);

    assert_refused(PostgresStore::open_or_create(&url("logs_writer")));
    let owner = PostgresStore::open_or_create(&url("logs_owner")).unwrap();
    call_every_method(&owner);
    assert_refused(PostgresStore::open(&url("logs_writer")));
    execute(&url("logs_owner"), &grants);

    let writer = PostgresStore::open_or_create(&url("logs_writer")).unwrap();
    call_every_method(&writer);
    let log = writer.at(new_key());
    log.append_all(&entries(3)).unwrap();

    let reader = PostgresStore::open(&url("logs_reader")).unwrap();
    assert_eq!(reader.at(log.key()).read_all().unwrap(), entries(3));
    assert_eq!(reader.list_sessions().unwrap(), [log.key().session_id]);
    assert!(reader.pods().unwrap().list_pods().unwrap().is_empty());
    reader.maintenance().unwrap().check(&mut |finding| panic!("{finding}")).unwrap();
    reader.sync().unwrap();
    assert_refused(reader.at(log.key()).append(&entry(3)));
    assert_refused(reader.at(log.key()).truncate(0));
    assert_refused(reader.delete_session(log.key().session_id));
    assert_eq!(reader.at(log.key()).read_all().unwrap(), entries(3));
}
