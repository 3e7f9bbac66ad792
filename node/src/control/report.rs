// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is known of a call, as `query` and `delete` tell it.

use core::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Control;
use crate::call::{Call, LineEnd, Room};
use crate::ng::bencode::{DictionaryWriter, ListWriter};
use crate::sdp::LineKind;
use crate::worker::Clock;

/// Packets, bytes and errors of one kind.
#[derive(Clone, Copy, Default)]
pub(super) struct Traffic {
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) errors: u64,
}

impl Traffic {
    fn add(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.errors += other.errors;
    }

    fn write(self, key: &str, out: &mut DictionaryWriter<'_>) {
        out.dictionary(key, |stats| {
            stats.number("packets", self.packets);
            stats.number("bytes", self.bytes);
            stats.number("errors", self.errors);
        });
    }
}

/// What has come in a call: RTP, and RTCP.
pub(super) fn totals_of(call: &Call) -> [Traffic; 2] {
    let mut sum = [Traffic::default(); 2];
    for end in call.lines.iter().flat_map(|line| line.ends.iter().flatten()) {
        for (sum, part) in sum.iter_mut().zip(totals(end)) {
            sum.add(part);
        }
    }
    sum
}

/// RTP packets of a call that went on by payload types that their receivers have not negotiated.
pub(super) fn unnegotiated(call: &Call) -> u64 {
    let ends = call.lines.iter().flat_map(|line| line.ends.iter().flatten());
    ends.map(|end| end.counters.unnegotiated.load(Ordering::Relaxed)).sum()
}

/// How much has been done, in those of rtpengine's groups and names that mean the same here.
pub(super) fn statistics(control: &Control, now_ns: u64, answer: &mut DictionaryWriter<'_>) {
    let totals = control.totals();
    answer.string("result", "ok").dictionary("statistics", |groups| {
        groups.dictionary("currentstatistics", |current| {
            current.number("sessionstotal", control.calls() as u64);
        });
        groups.dictionary("totalstatistics", |total| {
            total.number("uptime", now_ns / 1_000_000_000);
            total.number("managedsessions", totals.deleted + totals.timed_out);
            total.number("rejectedsessions", totals.refused.iter().sum());
            total.number("regularterminatedsessions", totals.deleted);
            total.number("timeoutsessions", totals.timed_out);
            total.number("relayedpackets", totals.packets);
            total.number("relayedbytes", totals.bytes);
            total.number("relayedpacketerrors", totals.errors);
        });
    });
}

/// A party's tag, or the empty one of who has not answered.
fn tag(call: &Call, party: usize) -> &str {
    call.tags.get(party).and_then(Option::as_deref).unwrap_or_default()
}

/// Writes all that is known of a call.
pub(super) fn call(call: &Call, room: &Room, clock: &Clock, answer: &mut DictionaryWriter<'_>) {
    let created_us = call.created_us();
    answer.number("created", created_us / 1_000_000).number("created_us", created_us % 1_000_000);
    answer.number("last signal", clock.unix_s(call.signalled_ns));
    answer.dictionary("SSRC", |_| {});
    let (mut rtp, mut rtcp) = (Traffic::default(), Traffic::default());
    answer.dictionary("tags", |tags| {
        for party in 0..2 {
            let name = tag(call, party);
            if name.is_empty() {
                continue;
            }
            tags.dictionary(name, |about| {
                about.string("tag", name);
                about.list("medias", |medias| {
                    for (n, line) in call.lines.iter().enumerate() {
                        let Some(Some(end)) = line.ends.get(party) else { continue };
                        media(n, end, room, clock, medias);
                        let [of_rtp, of_rtcp] = totals(end);
                        rtp.add(of_rtp);
                        rtcp.add(of_rtcp);
                    }
                });
                for key in ["subscriptions", "subscribers"] {
                    about.list(key, |list| {
                        let other = tag(call, 1 - party);
                        if !other.is_empty() {
                            list.dictionary(|peer| {
                                peer.string("tag", other).string("type", "offer/answer");
                            });
                        }
                    });
                }
            });
        }
    });
    answer.dictionary("totals", |totals| {
        rtp.write("RTP", totals);
        rtcp.write("RTCP", totals);
    });
}

/// What has come at an end: RTP, and RTCP.
fn totals(end: &LineEnd) -> [Traffic; 2] {
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let counters = &*end.counters;
    [
        Traffic {
            packets: read(&counters.rtp_packets),
            bytes: read(&counters.rtp_bytes),
            errors: read(&counters.refused),
        },
        Traffic {
            packets: read(&counters.rtcp_packets),
            bytes: read(&counters.rtcp_bytes),
            errors: 0,
        },
    ]
}

fn media(n: usize, end: &LineEnd, room: &Room, clock: &Clock, out: &mut ListWriter<'_>) {
    let said = end.said.as_ref();
    let local = room.interfaces.get(end.interface).map(|(interface, _)| interface.told());
    let [rtp, rtcp] = totals(end);
    out.dictionary(|media| {
        media.number("index", n as u64 + 1);
        media.string("type", said.map_or("", |line| &line.media));
        if let Some(LineKind::Rtp(transport)) = said.map(|line| line.kind) {
            media.string("protocol", transport.name());
        }
        media.list("flags", |flags| {
            flags.string("initialized");
        });
        if let Some(reason) = &end.failure {
            media.string("no keys", reason);
        }
        let unnegotiated = end.counters.unnegotiated.load(Ordering::Relaxed);
        if unnegotiated > 0 {
            media.number("not negotiated", unnegotiated);
        }
        media.list("streams", |streams| {
            for (kind, totals, after, peer) in [
                ("RTP", rtp, 0, said.and_then(|line| line.rtp)),
                ("RTCP", rtcp, 1, said.and_then(|line| line.rtcp)),
            ] {
                streams.dictionary(|stream| {
                    stream.number("local port", u64::from(end.port) + after);
                    if let Some(local) = local {
                        stream.string("local address", local.to_string());
                        stream.string("family", family(local.is_ipv4()));
                    }
                    if let Some(peer) = peer {
                        endpoint("advertised endpoint", peer, stream);
                    }
                    if let Some(from) = end.heard_from(kind == "RTCP").or(peer) {
                        endpoint("endpoint", from, stream);
                    }
                    stream.number("last packet", end.last_arrival_s(clock));
                    stream.list("flags", |flags| {
                        flags.string(kind);
                        if peer.is_some() {
                            flags.string("filled");
                        }
                    });
                    totals.write("stats", stream);
                });
            }
        });
    });
}

fn family(ipv4: bool) -> &'static str {
    if ipv4 { "IPv4" } else { "IPv6" }
}

fn endpoint(key: &str, address: SocketAddr, out: &mut DictionaryWriter<'_>) {
    out.dictionary(key, |endpoint| {
        endpoint.string("family", family(address.is_ipv4()));
        endpoint.string("address", address.ip().to_string());
        endpoint.number("port", u64::from(address.port()));
    });
}
