//! Tests of opening: which schemas and databases are refused, and what is created.

use std::thread;

use rstest::rstest;
use session_store_core::{Store, StoreError, StoreExt};
use session_store_postgres::{PostgresOptions, PostgresStore};
use test_deadlines::wait_until;

use crate::shared::{SERVER, entry, execute, new_key, open, unique_schema};

fn relations(schema: &str) -> i64 {
    let select =
        "SELECT count(*) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE nspname = $1";
    SERVER.connection().query_one(select, &[&schema]).unwrap().get(0)
}

#[test]
fn a_missing_schema_is_not_a_store_and_is_not_created() {
    let schema = unique_schema();
    let options = PostgresOptions::new().schema(&schema);
    let error = options.open(&SERVER.url()).unwrap_err();
    assert!(matches!(&error, StoreError::NoStore { .. }), "{error:?}");
    execute(&schema, "CREATE SCHEMA {s}");
    let error = options.open(&SERVER.url()).unwrap_err();
    assert!(matches!(&error, StoreError::NoStore { .. }), "{error:?}");
    assert_eq!(relations(&schema), 0);
    options.create(true).open(&SERVER.url()).unwrap();
}

#[rstest]
#[case("CREATE TABLE {s}.log (line text)")]
#[case("CREATE VIEW {s}.session_store AS SELECT 1 AS version")]
#[case("CREATE TABLE {s}.session_store (version text)")]
#[case("CREATE SEQUENCE {s}.numbers")]
fn a_schema_of_another_program_is_refused_and_not_changed(#[case] statement: &str) {
    let schema = unique_schema();
    execute(&schema, &format!("CREATE SCHEMA {{s}}; {statement}"));
    let before = relations(&schema);
    for create in [false, true] {
        let options = PostgresOptions::new().schema(&schema).create(create);
        let error = options.open(&SERVER.url()).unwrap_err();
        assert!(matches!(&error, StoreError::NotAStore { .. }), "{error:?}");
    }
    assert_eq!(relations(&schema), before);
}

#[rstest]
#[case(999, "format version 999")]
#[case(0, "not a positive number")]
fn an_unknown_version_is_refused(#[case] version: i32, #[case] reason: &str) {
    let schema = unique_schema();
    drop(open(&schema));
    execute(&schema, &format!("UPDATE {{s}}.session_store SET version = {version}"));
    let error = PostgresOptions::new().schema(&schema).open(&SERVER.url()).unwrap_err();
    assert!(error.to_string().contains(reason), "{error}");
}

#[rstest]
#[case("LATIN1")]
#[case("SQL_ASCII")]
fn a_database_that_is_not_utf8_is_refused(#[case] encoding: &str) {
    let database = format!("other_{}", encoding.to_lowercase());
    let create = format!("CREATE DATABASE {database} ENCODING '{encoding}' TEMPLATE template0");
    SERVER.connection().batch_execute(&create).unwrap();
    let url = format!("postgres://postgres@127.0.0.1:{}/{database}", SERVER.port());
    let error = PostgresStore::open_or_create(&url).unwrap_err();
    assert!(error.to_string().contains(encoding), "{error}");
}

#[test]
fn handles_that_create_the_store_at_the_same_moment_all_succeed() {
    let schema = unique_schema();
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| open(&schema).at(new_key()).append(&entry(0)).unwrap());
        }
    });
    assert_eq!(open(&schema).list_sessions().unwrap().len(), 16);
}

#[test]
fn a_schema_can_have_any_name() {
    let schema = format!("Größe \"{{commit}}\"; {}", unique_schema());
    let key = new_key();
    open(&schema).at(key).append(&entry(0)).unwrap();
    assert_eq!(open(&schema).at(key).read_all().unwrap(), [entry(0)]);
}

#[test]
fn the_default_isolation_of_the_server_does_not_matter() {
    let isolation = "options=-c%20default_transaction_isolation=serializable";
    let url = format!("{}?schema={}&{isolation}", SERVER.url(), unique_schema());
    let (store, key) = (PostgresStore::open_or_create(&url).unwrap(), new_key());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for n in 0..25 {
                    store.at(key).append(&entry(n)).unwrap();
                    store.at(key).create(&[entry(n)]).unwrap();
                }
            });
        }
    });
    store.maintenance().unwrap().check(&mut |finding| panic!("{finding}")).unwrap();
}

#[test]
fn a_store_is_opened_by_the_folder_of_the_socket() {
    let folder = SERVER.folder().display();
    let (port, schema) = (SERVER.port(), unique_schema());
    let url =
        format!("postgres:///postgres?host={folder}&port={port}&user=postgres&schema={schema}");
    PostgresStore::open_or_create(&url).unwrap().at(new_key()).append(&entry(0)).unwrap();
}

#[test]
fn an_error_names_the_place_and_not_the_password() {
    let url = "postgres://agent:hunter2@127.0.0.1:1/logs";
    let options = PostgresOptions::new().retry_for(std::time::Duration::from_millis(1));
    let error = options.open(url).unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    let text = format!("{error} {error:?}");
    assert!(text.contains("postgres://agent@127.0.0.1:1/logs"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn a_database_that_does_not_exist_is_an_error_at_once() {
    let url = format!("postgres://postgres@127.0.0.1:{}/nowhere", SERVER.port());
    let error = PostgresStore::open_or_create(&url).unwrap_err();
    assert!(!error.is_transient(), "{error:?}");
    assert!(error.to_string().contains("3D000"), "{error}");
}

#[test]
fn dropping_a_handle_closes_its_connections() {
    let schema = unique_schema();
    let url = format!("{}?schema={schema}&application_name={schema}", SERVER.url());
    let store = PostgresStore::open_or_create(&url).unwrap();
    let connections = || -> i64 {
        let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
        SERVER.connection().query_one(count, &[&schema]).unwrap().get(0)
    };
    assert_eq!(connections(), 1);
    drop(store);
    wait_until("the connections to close", || connections() == 0);
}
