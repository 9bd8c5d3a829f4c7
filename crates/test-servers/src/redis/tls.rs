//! A Redis server that accepts TLS connections.

use std::fs;

use super::server::RedisServer;
use crate::certificate::create_certificate;
use crate::free_port;

/// A Redis server with a TLS port and a self-signed certificate.
#[derive(Debug)]
pub struct TlsRedisServer {
    /// The server. It has a second port, which accepts connections without TLS.
    _server: RedisServer,
    tls_port: u16,
    certificate: Vec<u8>,
}

impl TlsRedisServer {
    /// Starts a server that keeps its data in memory only, with a new certificate for 127.0.0.1.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be created");
        create_certificate(folder.path());
        let file = |name: &str| folder.path().join(name).display().to_string();
        let certificate = fs::read(file("certificate.pem")).expect("openssl wrote the certificate");
        let tls_port = free_port();
        let options = [
            ["--appendonly", "no"],
            ["--tls-port", &tls_port.to_string()],
            ["--tls-cert-file", &file("certificate.pem")],
            ["--tls-key-file", &file("key.pem")],
            ["--tls-auth-clients", "no"],
        ];
        let server = RedisServer::start_in(folder, options.as_flattened());
        Self { _server: server, tls_port, certificate }
    }

    /// The URL of the server's TLS port.
    #[must_use]
    pub fn url(&self) -> String {
        format!("rediss://127.0.0.1:{}", self.tls_port)
    }

    /// The certificate, in PEM. It is signed by its own key and not by an authority, so a client
    /// must trust the certificate itself.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }
}
