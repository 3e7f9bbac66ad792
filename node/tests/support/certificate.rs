// SPDX-License-Identifier: MIT OR Apache-2.0
//! Certificates that are their own authorities.

use std::path::{Path, PathBuf};

use ale_media_node::config::Tls;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;

/// A certificate that is its own authority's, and its key, also in files.
pub struct Made {
    pub certificate: CertificateDer<'static>,
    pub key: Vec<u8>,
    pub files: [PathBuf; 2],
}

/// For a host; its files begin with a name.
pub fn made(folder: &Path, name: &str, host: &str) -> Made {
    let made = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
    let (certificate, key) = (made.cert.der().clone(), made.signing_key.serialize_der());
    let files =
        [("CERTIFICATE", &certificate[..]), ("PRIVATE KEY", &key[..])].map(|(kind, der)| {
            let path = folder.join(format!("{name}-{}.pem", kind.replace(' ', "-")));
            // RFC 7468.
            let text: Vec<_> = STANDARD.encode(der).into_bytes();
            let lines: Vec<_> = text.chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
            let text =
                format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"));
            std::fs::write(&path, text).unwrap();
            path
        });
    Made { certificate, key, files }
}

impl Made {
    pub fn tls(&self) -> Tls {
        let [certificate, key] = self.files.clone().map(Some);
        Tls { certificate, key }
    }
}
