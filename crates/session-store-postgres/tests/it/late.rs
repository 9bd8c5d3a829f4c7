//! Tests of lost replies and of statements that the server executes late. Each change is done once.

use std::thread;
use std::time::Duration;

use postgres::{Client, NoTls};
use rstest::rstest;
use session_store_core::{Head, Pod, PodName, PodStore, SegmentKey, Store, StoreExt, TraceEntry};
use session_store_postgres::{PostgresOptions, PostgresStore};
use test_deadlines::wait_until;
use test_servers::LossyProxy;

use crate::shared::{SERVER, entries, entry, new_key, open, unique_schema};

#[derive(Clone, Copy, Debug)]
enum Change {
    Append,
    FirstAppend,
    AppendAll,
    AppendInParts,
    AppendIf,
    AppendIfAbsent,
    Create,
    Truncate,
    TruncateIf,
    AppendTrace,
    DeleteSegment,
    DeleteSession,
    PutPod,
    PutPodIf,
    PutNewPod,
    DeletePod,
}

fn name(name: &str) -> PodName {
    name.parse().unwrap()
}

fn pod(n: usize) -> Pod {
    Pod::from_json(format!(r#"{{"n":{n}}}"#)).unwrap()
}

impl Change {
    /// Makes the change to a log of 3 entries, a trace and a pod. Returns the head, if the change
    /// returns one.
    fn make(self, store: &PostgresStore, key: SegmentKey) -> Option<Head> {
        let log = store.at(key);
        let other = store.at(SegmentKey::new(key.session_id, new_key().segment_id));
        let head = || log.head().unwrap().unwrap();
        match self {
            Self::Append => log.append(&entry(3)).unwrap(),
            Self::FirstAppend => other.append(&entry(0)).unwrap(),
            Self::AppendAll => log.append_all(&entries(5)).unwrap(),
            Self::AppendInParts => log.append_all(&large()).unwrap(),
            Self::AppendIf => return Some(log.append_if(Some(head()), &entries(2)).unwrap()),
            Self::AppendIfAbsent => drop(other.append_if(None, &entries(2)).unwrap()),
            Self::Create => log.create(&entries(2)).unwrap(),
            Self::Truncate => log.truncate(1).unwrap(),
            Self::TruncateIf => return Some(log.truncate_if(head(), 1).unwrap()),
            Self::AppendTrace => log.append_trace(&TraceEntry::from_json("{}").unwrap()).unwrap(),
            Self::DeleteSegment => assert!(log.delete().unwrap()),
            Self::DeleteSession => assert!(store.delete_session(key.session_id).unwrap()),
            Self::PutPod => store.put_pod(&name("old"), &pod(1)).unwrap(),
            Self::PutPodIf => store.put_pod_if(&name("old"), Some(&pod(0)), &pod(1)).unwrap(),
            Self::PutNewPod => store.put_pod_if(&name("new"), None, &pod(1)).unwrap(),
            Self::DeletePod => assert!(store.delete_pod(&name("old")).unwrap()),
        }
        None
    }
}

/// Entries that do not fit into one statement.
fn large() -> Vec<session_store_core::LogEntry> {
    let text = format!(r#"{{"x":"{}"}}"#, "y".repeat(6 << 20));
    vec![session_store_core::LogEntry::from_json(text).unwrap(); 3]
}

/// Creates a log of 3 entries, a trace and a pod.
fn fill(store: &PostgresStore, key: SegmentKey) {
    store.at(key).create(&entries(3)).unwrap();
    store.at(key).append_trace(&TraceEntry::from_json("{}").unwrap()).unwrap();
    store.put_pod(&name("old"), &pod(0)).unwrap();
}

/// Everything that a reader sees, except random ids.
fn state(store: &PostgresStore, key: SegmentKey) -> String {
    let log = store.at(key);
    let segments = store.list_segments(key.session_id).unwrap();
    let counts: Vec<_> =
        segments.iter().map(|&id| store.read_entry_count(key.session_id, id).unwrap()).collect();
    let names = store.list_pods().unwrap();
    let pods: Vec<_> = names.iter().map(|name| store.read_pod(name).unwrap()).collect();
    let trace = log.read_trace_page(0, usize::MAX).unwrap().entries.len();
    let entries = log.read_all().unwrap_or_default();
    format!("{entries:?} {counts:?} {trace} {names:?} {pods:?}")
}

#[rstest]
fn a_change_whose_reply_is_lost_is_done_once(
    #[values(
        Change::Append,
        Change::FirstAppend,
        Change::AppendAll,
        Change::AppendInParts,
        Change::AppendIf,
        Change::AppendIfAbsent,
        Change::Create,
        Change::Truncate,
        Change::TruncateIf,
        Change::AppendTrace,
        Change::DeleteSegment,
        Change::DeleteSession,
        Change::PutPod,
        Change::PutPodIf,
        Change::PutNewPod,
        Change::DeletePod
    )]
    change: Change,
    // The number of replies before the lost reply. Each reply belongs to a step of the
    // change of its own.
    #[values(0, 1, 2, 3, 4, 5, 6, 7)] replies: usize,
) {
    let (key, expected) = (new_key(), unique_schema());
    let undisturbed = open(&expected);
    fill(&undisturbed, key);
    change.make(&undisturbed, key);

    let schema = unique_schema();
    let direct = open(&schema);
    let proxy = LossyProxy::start(SERVER.port());
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres?schema={schema}", proxy.port());
    let store = PostgresStore::open(&url).unwrap();
    fill(&store, key);
    // Prepare the statements first, so that the change itself gets only the replies to its steps.
    let warm_up = new_key();
    store.at(warm_up).create(&entries(3)).unwrap();
    proxy.lose_reply(replies);
    let head = change.make(&store, key);
    assert_eq!(state(&direct, key), state(&undisturbed, key));
    if let Some(head) = head {
        assert_eq!(direct.at(key).head().unwrap(), Some(head));
    }
    direct.maintenance().unwrap().check(&mut |finding| panic!("{finding}")).unwrap();
}

/// A transaction that has locked the row of a log. Changes of the log wait for this lock.
struct LogLock(Client);

impl LogLock {
    fn take(schema: &str, key: SegmentKey) -> Self {
        let mut client = Client::connect(&SERVER.url(), NoTls).unwrap();
        client.batch_execute("BEGIN").unwrap();
        let lock = format!("SELECT 1 FROM {schema}.log WHERE segment_id = $1 FOR UPDATE");
        let segment: uuid::Uuid = key.segment_id.into();
        assert_eq!(client.query(&lock, &[&segment]).unwrap().len(), 1);
        Self(client)
    }

    fn release(mut self) {
        self.0.batch_execute("ROLLBACK").unwrap();
    }
}

/// The number of backends that wait for a lock in a schema.
fn waiting(schema: &str) -> i64 {
    let count = "SELECT count(*) FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND query LIKE '%' || $1 || '%'";
    SERVER.connection().query_one(count, &[&schema]).unwrap().get(0)
}

#[test]
fn a_change_that_is_being_executed_is_awaited_and_not_sent_again() {
    let (schema, key) = (unique_schema(), new_key());
    let options = PostgresOptions::new().schema(&schema).create(true);
    let store = options.response_timeout(Duration::from_millis(200)).open(&SERVER.url()).unwrap();
    store.at(key).append(&entry(0)).unwrap();
    let lock = LogLock::take(&schema, key);
    thread::scope(|scope| {
        let append = scope.spawn(|| store.at(key).append(&entry(1)));
        // The change waits for the row of the log. The fence (the statement that finds the outcome
        // of the change) waits for the row of the writer.
        wait_until("the fence to wait", || waiting(&schema) >= 2);
        lock.release();
        append.join().unwrap().unwrap();
    });
    assert_eq!(store.at(key).read_all().unwrap(), entries(2));
}

#[test]
fn an_outcome_is_unknown_while_the_change_can_still_be_executed() {
    let (schema, key) = (unique_schema(), new_key());
    let options = PostgresOptions::new().schema(&schema).create(true);
    let options = options.response_timeout(Duration::from_millis(100));
    let store = options.retry_for(Duration::from_millis(300)).open(&SERVER.url()).unwrap();
    store.at(key).append(&entry(0)).unwrap();
    let lock = LogLock::take(&schema, key);
    let error = store.at(key).append(&entry(1)).unwrap_err();
    assert!(error.is_indeterminate(), "{error:?}");
    lock.release();
    wait_until("the statements to end", || waiting(&schema) == 0);
    let direct = open(&schema);
    wait_until("the entry", || direct.at(key).read_all().unwrap() == entries(2));
}

#[test]
fn a_late_change_that_conflicts_is_not_done() {
    let (schema, key) = (unique_schema(), new_key());
    let options = PostgresOptions::new().schema(&schema).create(true);
    let store = options.response_timeout(Duration::from_millis(200)).open(&SERVER.url()).unwrap();
    store.at(key).append_all(&entries(3)).unwrap();
    let head = store.at(key).head().unwrap();
    let lock = LogLock::take(&schema, key);
    thread::scope(|scope| {
        let append = scope.spawn(|| store.at(key).append_if(head, &entries(1)));
        wait_until("the fence to wait", || waiting(&schema) >= 2);
        // Another change of the log is committed before the waiting change gets the lock.
        let mut lock = lock;
        let change = format!("UPDATE {schema}.log SET stamp = gen_random_uuid(); COMMIT");
        lock.0.batch_execute(&change).unwrap();
        let error = append.join().unwrap().unwrap_err();
        assert!(error.is_conflict(), "{error:?}");
    });
    assert_eq!(store.at(key).read_all().unwrap(), entries(3));
    store.at(key).append(&entry(3)).unwrap();
}

#[test]
fn a_prevented_change_is_not_executed() {
    let (schema, key) = (unique_schema(), new_key());
    let store = open(&schema);
    store.at(key).append(&entry(0)).unwrap();
    let prevent = "UPDATE {s}.writer SET sequence = sequence + 1, result = -1";
    crate::shared::execute(&schema, prevent);
    store.at(key).append(&entry(1)).unwrap();
    crate::shared::execute(&schema, prevent);
    store.at(key).truncate(1).unwrap();
    crate::shared::execute(&schema, prevent);
    store.put_pod(&name("a"), &pod(0)).unwrap();
    assert_eq!(store.at(key).read_all().unwrap(), entries(1));
    assert_eq!(store.list_pods().unwrap(), [name("a")]);
    // The store repeated each change with a new writer. The rows of the three old writers still
    // have the result -1.
    let count = format!("SELECT count(*) FROM {schema}.writer WHERE result = -1");
    assert_eq!(SERVER.connection().query_one(&count, &[]).unwrap().get::<_, i64>(0), 3);
}

#[test]
fn a_writer_whose_row_was_deleted_gets_a_new_one() {
    let (schema, key) = (unique_schema(), new_key());
    let store = open(&schema);
    store.at(key).append(&entry(0)).unwrap();
    crate::shared::execute(&schema, "DELETE FROM {s}.writer");
    store.at(key).append(&entry(1)).unwrap();
    store.at(key).truncate(1).unwrap();
    assert_eq!(store.at(key).read_all().unwrap(), entries(1));
}

#[test]
fn rows_of_old_writers_are_deleted() {
    let schema = unique_schema();
    open(&schema).at(new_key()).append(&entry(0)).unwrap();
    crate::shared::execute(&schema, "UPDATE {s}.writer SET changed = now() - interval '8 days'");
    open(&schema).at(new_key()).append(&entry(0)).unwrap();
    let count = format!("SELECT count(*) FROM {schema}.writer");
    assert_eq!(SERVER.connection().query_one(&count, &[]).unwrap().get::<_, i64>(0), 1);
}
