//! TLS: the connector of the client library, and the root certificates.

use tokio_postgres::Config;
use tokio_postgres::tls::TlsConnect;

use crate::error::RequestError;
use crate::socket::Socket;

#[cfg(not(feature = "tls"))]
pub(crate) use tokio_postgres::NoTls as Tls;
#[cfg(feature = "tls")]
pub(crate) use tokio_postgres_rustls::MakeRustlsConnect as Tls;

/// Returns the connector. Without the feature `tls`, a URL that needs TLS is an error.
#[cfg(not(feature = "tls"))]
pub(crate) fn connector(config: &mut Config, _: Option<&str>) -> Result<Tls, RequestError> {
    use tokio_postgres::config::SslMode;

    if config.get_ssl_mode() == SslMode::Require {
        let reason = "this program was built without the feature `tls`, which sslmode needs";
        return Err(RequestError::unusable(reason));
    }
    config.ssl_mode(SslMode::Disable);
    Ok(tokio_postgres::NoTls)
}

/// Returns the connector. It verifies the certificate of the server and the name in the
/// certificate.
#[cfg(feature = "tls")]
pub(crate) fn connector(
    _: &mut Config,
    root_certificates: Option<&str>,
) -> Result<Tls, RequestError> {
    use std::sync::Arc;

    use rustls::ClientConfig;
    use rustls::crypto::ring::default_provider;

    let roots = roots(root_certificates)?;
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| RequestError::unusable(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Tls::new(config))
}

/// Returns the connector for one server. Without the feature `tls`, it makes no TLS connection.
#[cfg(not(feature = "tls"))]
pub(crate) fn for_host(
    tls: &Tls,
    _: &str,
) -> Result<impl TlsConnect<Socket, Stream: Send + 'static> + use<>, RequestError> {
    Ok(*tls)
}

/// Returns the connector for the server with this name. It verifies that the certificate has this
/// name.
#[cfg(feature = "tls")]
pub(crate) fn for_host(
    tls: &Tls,
    name: &str,
) -> Result<impl TlsConnect<Socket, Stream: Send + 'static> + use<>, RequestError> {
    use tokio_postgres::tls::MakeTlsConnect;

    let connector = MakeTlsConnect::<Socket>::make_tls_connect(&mut tls.clone(), name);
    connector.map_err(|error| RequestError::unusable(error.to_string()))
}

/// Reads the root certificates from a PEM file, or from the system.
#[cfg(feature = "tls")]
fn roots(file: Option<&str>) -> Result<rustls::RootCertStore, RequestError> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    let mut roots = rustls::RootCertStore::empty();
    let Some(file) = file else {
        // A system without root certificates is not an error here, because a connection without TLS
        // is still possible.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    let unusable = |reason: String| {
        RequestError::unusable(format!("the root certificates in {file} cannot be used: {reason}"))
    };
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(error.to_string()))?;
    for certificate in certificates {
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unusable(String::from("the file has no certificate")));
    }
    Ok(roots)
}
