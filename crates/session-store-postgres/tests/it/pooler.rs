//! Tests behind a pooler that gives each transaction another connection.

use std::thread;

use session_store_core::{Store, StoreExt};
use session_store_postgres::PostgresStore;
use test_servers::PgBouncer;

use crate::asynchronous::call_every_method;
use crate::shared::{SERVER, entry, new_key, unique_schema};

#[test]
fn every_method_works_behind_a_pooler() {
    let pooler = PgBouncer::start(&SERVER);
    let url = format!("{}&schema={}", pooler.url(), unique_schema());
    let store = PostgresStore::open_or_create(&url).unwrap();
    call_every_method(&store);

    // There are more handles and connections than the pooler has connections to the server.
    let key = new_key();
    thread::scope(|scope| {
        for writer in 0..16 {
            let store = PostgresStore::open(&url).unwrap();
            scope.spawn(move || {
                for n in 0..20 {
                    store.at(key).append(&entry(writer * 100 + n)).unwrap();
                    assert!(store.at(key).truncate(usize::MAX).is_err());
                }
            });
        }
    });
    let mut log = store.at(key).read_all().unwrap();
    log.sort_by(|a, b| a.as_json().cmp(b.as_json()));
    log.dedup();
    assert_eq!(log.len(), 16 * 20);
    store.maintenance().unwrap().check(&mut |finding| panic!("{finding}")).unwrap();
}
