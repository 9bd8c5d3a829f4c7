//! The database file is moved, removed or replaced while a handle is open. The handle must not
//! acknowledge a change that cannot be found at its path.

use std::fs;
use std::io;

use session_store_core::{Store, StoreError};
use session_store_sqlite::SqliteStore;

use crate::{entries, entry, fresh, ids};

#[test]
fn a_handle_fails_while_its_file_is_moved_and_works_once_it_is_back() {
    let (folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append(session, segment, &entry(0)).unwrap();
    let elsewhere = folder.path().join("elsewhere.db");
    fs::rename(&path, &elsewhere).unwrap();
    for refused in [
        store.append(session, segment, &entry(1)),
        store.read_all(session, segment).map(drop),
        store.sync(),
    ] {
        let error = refused.unwrap_err();
        assert!(
            matches!(&error, StoreError::Io(io) if io.kind() == io::ErrorKind::NotFound),
            "{error:?}"
        );
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
    fs::rename(&elsewhere, &path).unwrap();
    store.append(session, segment, &entry(1)).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), entries(0..2));
}

#[test]
fn a_handle_whose_file_was_replaced_by_another_database_fails() {
    let (folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append(session, segment, &entry(0)).unwrap();
    for file in fs::read_dir(folder.path()).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    let new = SqliteStore::open_or_create(&path).unwrap();
    new.append(session, segment, &entry(7)).unwrap();
    for refused in
        [store.append(session, segment, &entry(1)), store.read_all(session, segment).map(drop)]
    {
        let error = refused.unwrap_err();
        assert!(matches!(error, StoreError::Io(_)), "{error:?}");
    }
    drop(store);
    assert_eq!(new.read_all(session, segment).unwrap(), [entry(7)]);
}
