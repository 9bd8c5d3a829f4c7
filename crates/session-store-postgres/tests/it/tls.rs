//! Tests of TLS: known and unknown certificates, a certificate for another host name, and a program
//! without TLS.

use rstest::rstest;
use session_store_core::StoreExt;
use session_store_postgres::PostgresStore;
use test_servers::PostgresServer;

use crate::shared::{SERVER, entry, new_key};

#[test]
fn a_server_is_trusted_by_its_certificate() {
    let server = PostgresServer::start_with_tls();
    let certificate = server.certificate();
    let trusted = format!("{}?sslmode=require&sslrootcert={}", server.url(), certificate.display());
    if cfg!(not(feature = "tls")) {
        let error = PostgresStore::open_or_create(&trusted).unwrap_err();
        assert!(error.to_string().contains("feature `tls`"), "{error}");
        return;
    }
    let store = PostgresStore::open_or_create(&trusted).unwrap();
    store.at(new_key()).append(&entry(0)).unwrap();
    let encrypted = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE ssl AND application_name = 'session-store'";
    let row = server.connection().query_one(encrypted, &[]).unwrap();
    assert_eq!(row.get::<_, i64>(0), 1);

    // The certificate is valid for 127.0.0.1 and localhost only.
    let other_name = trusted.replace("127.0.0.1", "127.0.0.2");
    for url in [other_name, trusted.split_once("&sslrootcert").unwrap().0.to_owned()] {
        let error = PostgresStore::open(&url).unwrap_err();
        assert!(!error.is_transient(), "{error:?}");
    }
}

#[rstest]
#[case("require")]
#[case("verify-full")]
fn a_server_without_tls_is_refused(#[case] mode: &str) {
    let error = PostgresStore::open(&format!("{}?sslmode={mode}", SERVER.url())).unwrap_err();
    assert!(!error.is_transient(), "{error:?}");
    assert!(error.to_string().to_lowercase().contains("tls"), "{error}");
}
