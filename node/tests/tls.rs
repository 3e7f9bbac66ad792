// SPDX-License-Identifier: MIT OR Apache-2.0
//! NG and HTTP within TLS, asked by another end of it: who is answered, and who is not.
#![allow(missing_docs, unreachable_pub)]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use ale_media_node::config::{Http, Tls};
use ale_media_node::ng::listen::{self, Ask, Asked, Speech};
use ale_media_node::stream::Port;
use ale_media_node::{tls, web};
use rustix::event::{EventfdFlags, eventfd};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use support::certificate::{Made, made};

/// A client that believes one certificate, and brings another or none.
fn client(
    to: SocketAddr,
    believes: &Made,
    brings: Option<&Made>,
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(believes.certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_protocol_versions(&[&rustls::version::TLS13]).unwrap();
    let config = config.with_root_certificates(roots);
    let config = match brings {
        None => config.with_no_client_auth(),
        Some(made) => {
            let key = PrivateKeyDer::Pkcs8(made.key.clone().into());
            config.with_client_auth_cert(vec![made.certificate.clone()], key).unwrap()
        }
    };
    let name = ServerName::try_from("node.example").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    StreamOwned::new(connection, plain(to))
}

fn plain(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    // Long enough for any machine: what is waited for comes, or the test fails.
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// NG over TCP within TLS, whose control thread answers each request with its own bytes.
fn ng(server: &Made, clients: Option<&Path>) -> SocketAddr {
    let (asked, requests) = channel::<Asked>();
    let bell = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).unwrap());
    thread::spawn(move || {
        for Asked { message, answer, .. } in requests {
            let _ = answer.send(message);
        }
    });
    let tls = tls::server(&server.tls(), clients).unwrap();
    let port = Port { address: SocketAddr::from(([127, 0, 0, 1], 0)), tls };
    let allowed = vec!["127.0.0.0/8".parse().unwrap()];
    listen::serve(port, Speech::Tcp, allowed, Ask { asked, bell }).unwrap()
}

/// What is answered to a request, if anything is.
fn answered(mut stream: impl Read + Write, request: &[u8]) -> Option<Vec<u8>> {
    stream.write_all(request).ok()?;
    let mut answer = vec![0; request.len()];
    stream.read_exact(&mut answer).ok()?;
    Some(answer)
}

#[test]
fn who_may_ask_is_who_has_the_authoritys_certificate_where_one_is_named() {
    let folder = std::env::temp_dir().join(format!("ale-node-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let [server, friend, stranger] =
        ["server", "friend", "stranger"].map(|name| made(&folder, name, "node.example"));
    let ping = b"c1 d7:command4:pinge";
    // More than a record of TLS holds.
    let long = format!("c2 d3:sdp40000:{}e", "x".repeat(40_000)).into_bytes();
    let open = ng(&server, None);
    let mut stream = client(open, &server, None);
    for request in [&ping[..], &long, ping] {
        assert_eq!(answered(&mut stream, request).as_deref(), Some(request), "on one connection");
    }
    assert_eq!(answered(plain(open), ping), None, "without TLS");
    assert_eq!(answered(client(open, &stranger, None), ping), None, "another's certificate");
    let closed = ng(&server, Some(&friend.files[0]));
    assert_eq!(answered(client(closed, &server, Some(&friend)), ping).as_deref(), Some(&ping[..]));
    assert_eq!(answered(client(closed, &server, Some(&stranger)), ping), None);
    assert_eq!(answered(client(closed, &server, None), ping), None);
    // Those that were refused hold nobody up.
    assert_eq!(answered(&mut stream, ping).as_deref(), Some(&ping[..]));
    // Files that are others.
    let mixed = Tls { key: friend.tls().key, ..server.tls() };
    let turned = Tls { certificate: server.tls().key, ..server.tls() };
    let none = Tls { certificate: Some(folder.join("none")), ..server.tls() };
    for wrong in [mixed, turned, none] {
        let refused = tls::server(&wrong, None).err().unwrap().to_string();
        assert!(refused.contains(folder.to_str().unwrap()), "it names the file: {refused}");
    }
    assert!(tls::server(&Tls::default(), None).unwrap().is_none());
    assert!(tls::client(&server.files[0]).is_ok() && tls::client(&server.files[1]).is_err());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_page_is_had_by_https() {
    let folder = std::env::temp_dir().join(format!("ale-node-https-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let server = made(&folder, "server", "node.example");
    let tls = tls::server(&server.tls(), None).unwrap();
    let port = Port { address: SocketAddr::from(([127, 0, 0, 1], 0)), tls };
    let (asked, _questions) = channel();
    let bell = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).unwrap());
    let address = web::serve(port, &Http::default(), web::Ask { asked, bell }).unwrap();
    let mut stream = client(address, &server, None);
    stream.write_all(b"GET /page.js HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = String::new();
    // To its end, which TLS says: nothing was cut off.
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n")
            && answer.ends_with(include_str!("../page/page.js"))
    );
    std::fs::remove_dir_all(folder).unwrap();
}
