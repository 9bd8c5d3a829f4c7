//! Every method works inside an asynchronous runtime.

use std::slice;

use rstest::rstest;
use session_store_core::{ListOptions, Pod, PodName, PodStore, Store, StoreExt, TraceEntry};
use session_store_postgres::PostgresStore;
use tokio::runtime::{Builder, Runtime};

use crate::shared::{SERVER, entries, entry, new_key, unique_schema};

fn one_thread() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

fn several_threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

#[rstest]
#[case(one_thread())]
#[case(several_threads())]
fn every_method_can_be_called_in_a_runtime(#[case] runtime: Runtime) {
    // `SERVER` starts when it is first used. This happens outside the runtime, because the client
    // library that starts the server refuses to run in a runtime.
    let url = format!("{}?schema={}", SERVER.url(), unique_schema());
    let call = async move {
        let store = PostgresStore::open_or_create(&url).unwrap();
        call_every_method(&store);
    };
    runtime.block_on(async { runtime.spawn(call).await.unwrap() });
}

pub(crate) fn call_every_method(store: &PostgresStore) {
    let key = new_key();
    let log = store.at(key);
    log.append(&entry(0)).unwrap();
    log.append_all(&entries(2)).unwrap();
    let head = log.append_if(log.head().unwrap(), &entries(1)).unwrap();
    assert_eq!(log.truncate_if(head, 3).unwrap().entries(), 3);
    log.truncate(2).unwrap();
    log.create(&entries(3)).unwrap();
    log.append_trace(&TraceEntry::from_json("{}").unwrap()).unwrap();
    assert!(log.exists().unwrap());
    assert_eq!(log.read_entry_count().unwrap(), 3);
    assert_eq!(log.read_all().unwrap(), entries(3));
    assert_eq!(log.read_page(1, 1).unwrap().entries, [entry(1)]);
    assert_eq!(log.read_trace_page(0, 9).unwrap().entries.len(), 1);
    assert_eq!(log.info().unwrap().unwrap().head, log.head().unwrap().unwrap());
    assert_eq!(store.list_sessions().unwrap(), [key.session_id]);
    assert_eq!(store.list_segments(key.session_id).unwrap(), [key.segment_id]);
    assert_eq!(store.lookup_session_of(key.segment_id).unwrap(), Some(key.session_id));
    assert_eq!(store.list_infos(&ListOptions::new()).unwrap().len(), 1);
    let name: PodName = "pod".parse().unwrap();
    let pod = Pod::new(key.session_id, None);
    store.put_pod(&name, &pod).unwrap();
    store.put_pod_if(&name, Some(&pod), &pod).unwrap();
    assert_eq!(store.read_pod(&name).unwrap(), Some(pod));
    assert_eq!(store.list_pods().unwrap(), slice::from_ref(&name));
    assert!(store.delete_pod(&name).unwrap());
    let maintenance = store.maintenance().unwrap();
    maintenance.check(&mut |finding| panic!("{finding}")).unwrap();
    maintenance.repair(&mut |finding| panic!("{finding}")).unwrap();
    store.sync().unwrap();
    assert!(log.delete().unwrap());
    assert!(!store.delete_session(key.session_id).unwrap());
}
