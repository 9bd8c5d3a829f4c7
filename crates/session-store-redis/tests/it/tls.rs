//! TLS: a server whose certificate is known, one whose certificate is not, and a program without TLS.

use std::fs;
use std::path::Path;
use std::process::Command;

use session_store_core::{SegmentId, SessionId, Store};
use session_store_redis::{RedisOptions, RedisStore};

use crate::servers::{Server, free_port};

/// Makes a certificate for 127.0.0.1 that is its own authority.
fn certify(folder: &Path) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(folder)
        .output()
        .expect("these tests need openssl: apt-get install -y openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

#[test]
fn a_server_is_trusted_by_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let port = free_port();
    let _server = Server::start_fleeting(&[
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        &file("certificate.pem"),
        "--tls-key-file",
        &file("key.pem"),
        "--tls-auth-clients",
        "no",
    ]);
    let url = format!("rediss://127.0.0.1:{port}");
    let error = RedisStore::open_or_create(&url).unwrap_err();
    assert!(!error.is_transient(), "{error:?}");
    if cfg!(feature = "tls") {
        let mut options = RedisOptions::new();
        options.root_certificates(fs::read(folder.path().join("certificate.pem")).unwrap());
        let store = options.create(true).open(&url).unwrap();
        store.create_segment(SessionId::new(), SegmentId::new(), &[]).unwrap();
        assert_eq!(store.list_sessions().unwrap().len(), 1);
    } else {
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("feature \"tls\""), "{cause}");
    }
}
