// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the node has done and has left, as OpenMetrics text; and whether it lives and takes calls, over HTTP.
//!
//! The control thread writes the page each second; a thread of its own gives it to whoever asks, one after the
//! other, so that a slow one costs neither calls nor media.

use core::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::control::Control;
use crate::ng::server::ServerStats;

/// How long a client may take to ask, and to take its answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest request that is read.
const MAX_REQUEST_BYTES: usize = 4_096;
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The metrics, as OpenMetrics 1.0 text.
pub fn text(control: &Control, server: ServerStats, now_ns: u64) -> String {
    let totals = control.totals();
    let mut out = String::new();
    let mut family = |name: &str, kind: &str, help: &str, samples: &[(&str, u64)]| {
        let suffix = if kind == "counter" { "_total" } else { "" };
        // Writing to a String does not fail.
        let _ = writeln!(out, "# TYPE {name} {kind}\n# HELP {name} {help}");
        for (label, value) in samples {
            let _ = writeln!(out, "{name}{suffix}{label} {value}");
        }
    };
    family("ale_uptime_seconds", "gauge", "Since the node began.", &[("", now_ns / 1_000_000_000)]);
    family("ale_calls", "gauge", "Calls there are.", &[("", control.calls() as u64)]);
    family(
        "ale_conferences",
        "gauge",
        "Conferences there are.",
        &[("", control.conferences() as u64)],
    );
    family(
        "ale_conference_members",
        "gauge",
        "Calls that are in one.",
        &[("", control.members() as u64)],
    );
    family(
        "ale_accepting",
        "gauge",
        "Whether calls may begin.",
        &[("", control.is_accepting().into())],
    );
    family("ale_calls_begun", "counter", "Calls that began.", &[("", totals.begun)]);
    family(
        "ale_calls_ended",
        "counter",
        "Calls that ended, by why.",
        &[("{reason=\"deleted\"}", totals.deleted), ("{reason=\"timeout\"}", totals.timed_out)],
    );
    family(
        "ale_calls_refused",
        "counter",
        "Calls for which there was no room.",
        &[("", totals.refused)],
    );
    family("ale_packets", "counter", "Packets of calls that ended.", &[("", totals.packets)]);
    family("ale_bytes", "counter", "Bytes of those.", &[("", totals.bytes)]);
    family(
        "ale_packet_errors",
        "counter",
        "Datagrams of those that were refused.",
        &[("", totals.errors)],
    );
    family(
        "ale_dtls_handshakes",
        "counter",
        "Handshakes, by whether they ended in keys.",
        &[
            ("{outcome=\"keys\"}", totals.handshakes),
            ("{outcome=\"failed\"}", totals.handshakes_failed),
        ],
    );
    family(
        "ale_port_pairs",
        "gauge",
        "Pairs of ports, by what they are.",
        &[
            ("{state=\"taken\"}", u64::from(control.ports_taken())),
            ("{state=\"all\"}", u64::from(control.ports())),
        ],
    );
    family(
        "ale_ng_datagrams",
        "counter",
        "Datagrams of NG, by what became of them.",
        &[
            ("{outcome=\"request\"}", server.requests),
            ("{outcome=\"retransmission\"}", server.retransmissions),
            ("{outcome=\"malformed\"}", server.malformed),
            ("{outcome=\"no_cookie\"}", server.no_cookie),
            ("{outcome=\"forbidden\"}", server.forbidden),
        ],
    );
    out.push_str("# EOF\n");
    out
}

/// What is given to who asks.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// [`text`].
    pub metrics: String,
    /// Whether calls may begin.
    pub ready: bool,
}

/// The page, between the control thread and the one that gives it away.
#[derive(Debug, Clone, Default)]
pub struct Shared(Arc<Mutex<Page>>);

impl Shared {
    /// Replaces the page.
    pub fn publish(&self, page: Page) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = page;
    }

    fn page(&self) -> Page {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The whole answer to a request's first line.
    fn answer(&self, request: &str) -> String {
        let path = request.strip_prefix("GET ").and_then(|rest| rest.split(' ').next());
        let page = self.page();
        let (status, kind, body) = match path {
            Some("/metrics") => ("200 OK", OPEN_METRICS, page.metrics),
            Some("/healthz") => ("200 OK", "text/plain", String::from("alive\n")),
            Some("/readyz") if page.ready => ("200 OK", "text/plain", String::from("ready\n")),
            Some("/readyz") => {
                ("503 Service Unavailable", "text/plain", String::from("no call may begin\n"))
            }
            Some(_) => ("404 Not Found", "text/plain", String::from("no such page\n")),
            None => ("405 Method Not Allowed", "text/plain", String::from("GET only\n")),
        };
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        )
    }

    /// Gives the page to who asks at an address, on a thread that ends with the process; the address.
    ///
    /// # Errors
    /// What the system says.
    pub fn serve(&self, listen: SocketAddr) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(listen)?;
        let address = listener.local_addr()?;
        let shared = self.clone();
        thread::Builder::new().name(String::from("metrics")).spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever does not take its answer goes without.
                let _ = shared.serve_one(stream);
            }
        })?;
        Ok(address)
    }

    fn serve_one(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut request = Vec::new();
        let mut part = [0; 512];
        // Each read has its patience; so many reads at most.
        for _ in 0..MAX_REQUEST_BYTES / part.len() {
            let bytes = stream.read(&mut part)?;
            request.extend_from_slice(part.get(..bytes).unwrap_or_default());
            if bytes == 0 || request.windows(4).any(|end| end == b"\r\n\r\n") {
                break;
            }
        }
        let line = request.split(|&byte| byte == b'\r').next().unwrap_or_default();
        stream.write_all(self.answer(&String::from_utf8_lossy(line)).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn pages_are_given_to_who_asks_and_readiness_is_what_was_said_last() {
        let shared = Shared::default();
        let address = shared.serve(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let get = |path: &str| asked(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert!(get("/healthz").starts_with("HTTP/1.1 200 "));
        assert!(get("/readyz").starts_with("HTTP/1.1 503 "));
        shared.publish(Page { metrics: String::from("# EOF\n"), ready: true });
        assert!(get("/readyz").starts_with("HTTP/1.1 200 "));
        assert!(get("/metrics").ends_with("Content-Length: 6\r\nConnection: close\r\n\r\n# EOF\n"));
        assert!(get("/other").starts_with("HTTP/1.1 404 "));
        assert!(asked(address, "POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
        // Neither one that hangs up nor one that never ends keeps others from being served.
        drop(TcpStream::connect(address).unwrap());
        let mut endless = TcpStream::connect(address).unwrap();
        endless.write_all(&[b'x'; MAX_REQUEST_BYTES]).unwrap();
        assert!(get("/healthz").starts_with("HTTP/1.1 200 "));
    }
}
