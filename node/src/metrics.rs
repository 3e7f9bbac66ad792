// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the node has done and has left, as OpenMetrics text.

use core::fmt::Write as _;

use crate::control::{Control, Want};
use crate::failover::Failure;
use crate::ng::server::ServerStats;
use crate::worker::Counted;

/// What the text is, as in `Content-Type`.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

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
        &[
            ("{reason=\"deleted\"}", totals.deleted),
            ("{reason=\"timeout\"}", totals.timed_out),
            ("{reason=\"handed_over\"}", totals.handed_over),
        ],
    );
    let refused: Vec<_> = Want::ALL.map(|want| format!("{{reason=\"{}\"}}", want.name())).into();
    let refused: Vec<_> =
        refused.iter().zip(totals.refused).map(|(label, count)| (&label[..], count)).collect();
    family(
        "ale_calls_refused",
        "counter",
        "Calls for which there was no room, by what was wanting.",
        &refused,
    );
    family(
        "ale_conference_missed_ticks",
        "counter",
        "Ticks of conferences, 10 ms each, that did not come.",
        &[("", control.missed_ticks())],
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
        "ale_unnegotiated_packets",
        "counter",
        "RTP packets of those that went on by a payload type that the other party had not negotiated.",
        &[("", totals.unnegotiated)],
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
    let [checks, others] = control.unrouted();
    family(
        "ale_unrouted_datagrams",
        "counter",
        "Datagrams on ports that browsers have in common that were nobody's, by whether they were checks of ICE.",
        &[("{what=\"check\"}", checks), ("{what=\"other\"}", others)],
    );
    let [taking, waiting, paused] = control.taps();
    family(
        "ale_taps",
        "gauge",
        "Taps, by what they do.",
        &[
            ("{state=\"taking\"}", taking),
            ("{state=\"waiting\"}", waiting),
            ("{state=\"paused\"}", paused),
        ],
    );
    family(
        "ale_subscriptions",
        "gauge",
        "Who is sent what parties of a call say, or has been offered it.",
        &[("", control.subscriptions() as u64)],
    );
    let taps = control.tap_totals();
    family(
        "ale_taps_asked",
        "counter",
        "Taps that were asked for, by what became of them.",
        &[("{outcome=\"begun\"}", taps.begun), ("{outcome=\"refused\"}", taps.refused)],
    );
    family(
        "ale_consents",
        "counter",
        "What members have said about taps.",
        &[("{said=\"granted\"}", taps.granted), ("{said=\"withdrawn\"}", taps.withdrawn)],
    );
    family(
        "ale_tapped_seconds",
        "counter",
        "Sound that taps have taken that are over.",
        &[("", taps.taken_ms / 1_000)],
    );
    family(
        "ale_recording_errors",
        "counter",
        "Files of recordings that could not be written to their end.",
        &[("", taps.file_errors)],
    );
    let video: Vec<_> = Counted::ALL.map(|what| format!("{{what=\"{}\"}}", what.name())).into();
    let video: Vec<_> =
        video.iter().zip(control.video()).map(|(label, count)| (&label[..], count)).collect();
    family(
        "ale_suppressed_packets",
        "counter",
        "Packets that links and others who want it so (usedtx) were not sent, since nobody spoke.",
        &[("", control.suppressed())],
    );
    let linked = control.linked();
    family("ale_links", "gauge", "Links to other nodes that are up.", &[("", linked.up)]);
    family(
        "ale_link_attempts",
        "counter",
        "Links to other nodes, by what became of them.",
        &[
            ("{outcome=\"begun\"}", linked.begun),
            ("{outcome=\"failed\"}", linked.failed),
            ("{outcome=\"lost\"}", linked.lost),
        ],
    );
    let store = control.kept();
    let kept = store.unwrap_or_default();
    let failed: Vec<_> = Failure::ALL.map(|why| format!("{{outcome=\"{}\"}}", why.name())).into();
    let failed: Vec<_> =
        failed.iter().zip(kept.failures).map(|(label, count)| (&label[..], count)).collect();
    family(
        "ale_kept_records",
        "counter",
        "Records of calls for another process, by what became of them.",
        &[&[("{outcome=\"written\"}", kept.written)], &failed[..]].concat(),
    );
    family(
        "ale_kept_calls",
        "counter",
        "Calls that another process had kept, by what became of them.",
        &[
            ("{outcome=\"taken_over\"}", kept.resumed),
            ("{outcome=\"refused\"}", kept.refused),
            ("{outcome=\"other_version\"}", kept.other_version),
        ],
    );
    family(
        "ale_kept_subscriptions",
        "counter",
        "Subscriptions to calls that another process had kept, by what became of them.",
        &[
            ("{outcome=\"taken_over\"}", kept.subscriptions),
            ("{outcome=\"refused\"}", kept.subscriptions_refused),
        ],
    );
    let state = |of: Option<Failure>| u64::from(store.is_some_and(|kept| kept.failing == of));
    let states: Vec<_> =
        failed.iter().zip(Failure::ALL).map(|((label, _), of)| (*label, state(Some(of)))).collect();
    family(
        "ale_kept_store",
        "gauge",
        "What the store of calls for another process did last, if there is one.",
        &[&[("{outcome=\"written\"}", state(None))], &states[..]].concat(),
    );
    family(
        "ale_video",
        "counter",
        "Video in conferences: packets, key frames and changes of who is shown, by what became of them.",
        &video,
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
    out.push_str("# TYPE ale_worker_busy_ratio gauge\n");
    out.push_str("# HELP ale_worker_busy_ratio How much of the last second a worker was busy.\n");
    for (worker, permille) in control.busy_permille().iter().enumerate() {
        let ratio = *permille as f64 / 1_000.0;
        let _ = writeln!(out, "ale_worker_busy_ratio{{worker=\"{worker}\"}} {ratio}");
    }
    out.push_str("# EOF\n");
    out
}
