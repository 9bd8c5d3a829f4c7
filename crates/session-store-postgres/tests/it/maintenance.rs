//! Tests of the check and the repair: damaged, missing and stray rows.

use rstest::rstest;
use session_store_core::{Finding, Severity, Store, StoreExt, TraceEntry};
use session_store_postgres::PostgresStore;

use crate::shared::{entries, entry, execute, new_key, open, unique_schema};

fn check(store: &PostgresStore) -> Vec<Finding> {
    let mut findings = Vec::new();
    store.maintenance().unwrap().check(&mut |finding| findings.push(finding)).unwrap();
    findings
}

fn repair(store: &PostgresStore) -> Vec<Finding> {
    let mut findings = Vec::new();
    store.maintenance().unwrap().repair(&mut |finding| findings.push(finding)).unwrap();
    findings
}

#[rstest]
#[case("DELETE FROM {s}.entry WHERE position = 1", "1 of 4 entries are missing")]
#[case("INSERT INTO {s}.entry SELECT number, 4, '{}' FROM {s}.log", "1 rows follow")]
#[case("INSERT INTO {s}.entry SELECT number, -1, '{}' FROM {s}.log", "1 rows follow")]
#[case("UPDATE {s}.log SET bytes = 1", "its stored size is 1 bytes")]
#[case("UPDATE {s}.log SET entries = 3", "1 rows follow")]
#[case("INSERT INTO {s}.entry VALUES (999, 0, '{}')", "1 rows do not belong to a log")]
#[case("INSERT INTO {s}.pod VALUES ('a/b', '{}')", "not the name of a pod")]
fn a_difference_between_the_tables_is_a_fault(#[case] damage: &str, #[case] cause: &str) {
    let schema = unique_schema();
    let store = open(&schema);
    store.at(new_key()).append_all(&entries(4)).unwrap();
    assert_eq!(check(&store), []);
    execute(&schema, damage);
    let findings = check(&store);
    let [finding] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!(finding.severity, Severity::Fault);
    assert!(finding.cause.contains(cause), "{finding}");
    assert!(finding.remedy.is_some());
}

#[rstest]
#[case(
    "CREATE FUNCTION {s}.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
     CREATE TRIGGER drop_rows BEFORE INSERT ON {s}.entry FOR EACH ROW EXECUTE FUNCTION {s}.f()",
    "the trigger drop_rows of the table entry"
)]
#[case(
    "CREATE RULE keep AS ON DELETE TO {s}.entry DO INSTEAD NOTHING",
    "the rule keep of the table entry"
)]
fn code_on_a_table_is_reported(#[case] create: &str, #[case] cause: &str) {
    let schema = unique_schema();
    let store = open(&schema);
    assert_eq!(check(&store), []);
    execute(&schema, create);
    let findings = check(&store);
    assert!(matches!(&findings[..], [fault] if fault.cause.starts_with(cause)), "{findings:?}");
    let store = open(&schema);
    assert!(store.warnings().iter().any(|warning| warning.starts_with(cause)));
}

#[test]
fn a_trace_without_a_log_is_a_note() {
    let store = open(&unique_schema());
    store.at(new_key()).append_trace(&TraceEntry::from_json("{}").unwrap()).unwrap();
    let findings = check(&store);
    assert!(matches!(&findings[..], [note] if note.severity == Severity::Note && note.is_unlisted));
}

#[rstest]
#[case("UPDATE {s}.entry SET text = 'x' WHERE position = 1", &[0, 2, 3])]
#[case("UPDATE {s}.entry SET text = '[1]' WHERE position IN (0, 2)", &[1, 3])]
#[case("DELETE FROM {s}.entry WHERE position = 1", &[0, 2, 3])]
#[case("DELETE FROM {s}.entry WHERE position = 3", &[0, 1, 2])]
#[case("INSERT INTO {s}.entry SELECT number, 4, '{\"n\":9}' FROM {s}.log", &[0, 1, 2, 3])]
#[case("INSERT INTO {s}.entry SELECT number, -3, '{\"n\":9}' FROM {s}.log", &[0, 1, 2, 3])]
#[case("UPDATE {s}.entry SET text = '' WHERE position = 1;
        DELETE FROM {s}.entry WHERE position = 2", &[0, 3])]
#[case("UPDATE {s}.log SET entries = 2", &[0, 1])]
fn a_repair_moves_what_is_not_an_entry(#[case] damage: &str, #[case] kept: &[usize]) {
    let (schema, key) = (unique_schema(), new_key());
    let store = open(&schema);
    store.at(key).append_all(&entries(4)).unwrap();
    let head = store.at(key).head().unwrap();
    execute(&schema, damage);
    assert!(!repair(&store).is_empty());
    let expected: Vec<_> = kept.iter().map(|&n| entry(n)).collect();
    assert_eq!(store.at(key).read_all().unwrap(), expected);
    let error = store.at(key).append_if(head, &entries(1)).unwrap_err();
    assert!(error.is_conflict(), "{error:?}");
    store.at(key).append(&entry(7)).unwrap();
    assert_eq!(repair(&store), []);
    // Only notes about quarantined rows remain.
    assert!(check(&store).iter().all(|finding| finding.severity == Severity::Note));
    store.at(key).delete().unwrap();
    assert_eq!(check(&store), []);
}

#[test]
fn a_repair_measures_a_wrong_size_and_keeps_the_head() {
    let (schema, key) = (unique_schema(), new_key());
    let store = open(&schema);
    store.at(key).append_all(&entries(4)).unwrap();
    let info = store.at(key).info().unwrap().unwrap();
    execute(&schema, "UPDATE {s}.log SET bytes = 1");
    assert_eq!(repair(&store).len(), 1);
    let repaired = store.at(key).info().unwrap().unwrap();
    assert_eq!((repaired.bytes, repaired.head), (info.bytes, info.head));
    assert_eq!(check(&store), []);
}
