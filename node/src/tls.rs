// SPDX-License-Identifier: MIT OR Apache-2.0
//! TLS 1.3 on the connections of NG and HTTP, and to sinks: certificates and keys from files of PEM, cryptography by ring.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::config::Tls;

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// An error with the file that it is about.
fn of(path: &Path) -> impl Fn(&dyn core::fmt::Display) -> io::Error {
    move |error| io::Error::other(format!("{}: {error}", path.display()))
}

fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.map_err(|error| of(path)(&error))?;
    if certificates.is_empty() {
        return Err(of(path)(&"no certificate"));
    }
    Ok(certificates)
}

fn roots(path: &Path) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    // Some that systems ship are of no use here.
    let (added, _) = roots.add_parsable_certificates(certificates(path)?);
    if added == 0 { Err(of(path)(&"no certificate of an authority")) } else { Ok(roots) }
}

/// How TLS is answered; clients bring certificates of `clients`, if that says of which authority. Nothing where no
/// certificate is configured.
///
/// # Errors
/// A file that can't be read, or has something else in it; a key that is not the certificate's.
pub fn server(tls: &Tls, clients: Option<&Path>) -> io::Result<Option<Arc<ServerConfig>>> {
    let (Some(certificate), Some(key)) = (&tls.certificate, &tls.key) else { return Ok(None) };
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(io::Error::other)?;
    let config = match clients {
        None => config.with_no_client_auth(),
        Some(authority) => {
            let roots = Arc::new(roots(authority)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
            config.with_client_cert_verifier(verifier.map_err(|error| of(authority)(&error))?)
        }
    };
    let chain = certificates(certificate)?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| of(key)(&error))?;
    let config = config.with_single_cert(chain, secret).map_err(|error| of(certificate)(&error))?;
    Ok(Some(Arc::new(config)))
}

/// How TLS is spoken to servers whose certificates are of these authorities.
///
/// # Errors
/// A file that can't be read, or has something else in it.
pub fn client(authorities: &Path) -> io::Result<Arc<ClientConfig>> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(io::Error::other)?;
    Ok(Arc::new(config.with_root_certificates(roots(authorities)?).with_no_client_auth()))
}
