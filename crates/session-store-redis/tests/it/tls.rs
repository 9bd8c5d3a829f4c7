//! Tests of TLS: known and unknown certificates, and a program that is built without TLS.

use session_store_core::{SegmentId, SessionId, Store};
use session_store_redis::{RedisOptions, RedisStore};
use test_servers::TlsRedisServer;

#[test]
fn a_server_is_trusted_by_its_certificate() {
    let server = TlsRedisServer::start();
    let error = RedisStore::open_or_create(&server.url()).unwrap_err();
    assert!(!error.is_transient(), "{error:?}");
    if cfg!(feature = "tls") {
        let options = RedisOptions::new().root_certificates(server.certificate());
        let store = options.create(true).open(&server.url()).unwrap();
        store.create_segment(SessionId::new(), SegmentId::new(), &[]).unwrap();
        assert_eq!(store.list_sessions().unwrap().len(), 1);
    } else {
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("feature \"tls\""), "{cause}");
    }
}
