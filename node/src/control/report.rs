// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is known of a call, as `query` and `delete` tell it.

use core::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Control;
use super::subscriptions::Subscription;
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

/// Writes all that is known of a call, and of who subscribes to it.
pub(super) fn call(
    call: &Call,
    subscriptions: &[Subscription],
    room: &Room,
    clock: &Clock,
    answer: &mut DictionaryWriter<'_>,
) {
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
                let other = tag(call, 1 - party);
                about.list("subscriptions", |list| related(other, OFFER_ANSWER, list));
                about.list("subscribers", |list| {
                    related(other, OFFER_ANSWER, list);
                    let hears = |one: &&Subscription| one.subscriber.hears(party);
                    subscriptions
                        .iter()
                        .filter(hears)
                        .for_each(|one| related(&one.tag, PUB_SUB, list));
                });
            });
        }
        // A party may have taken the tag since.
        for one in subscriptions.iter().filter(|one| call.party(&one.tag).is_none()) {
            tags.dictionary(&one.tag, |about| subscription(call, one, room, about));
        }
    });
    answer.dictionary("totals", |totals| {
        rtp.write("RTP", totals);
        rtcp.write("RTCP", totals);
    });
}

/// How rtpengine calls what there is between those of one call who talk, and who only listens.
const OFFER_ANSWER: &str = "offer/answer";
const PUB_SUB: &str = "pub/sub";

/// Who hears, or is heard, if there is somebody.
fn related(tag: &str, kind: &str, out: &mut ListWriter<'_>) {
    if !tag.is_empty() {
        out.dictionary(|peer| {
            peer.string("tag", tag).string("type", kind);
        });
    }
}

/// Who subscribes: whose voices, from which port and where to.
fn subscription(call: &Call, one: &Subscription, room: &Room, about: &mut DictionaryWriter<'_>) {
    about.string("tag", &one.tag).string("sink", &one.sink);
    about.list("medias", |medias| {
        for (label, line) in one.subscriber.told().enumerate() {
            medias.dictionary(|media| {
                media.number("index", label as u64 + 1).string("type", "audio");
                media.string("protocol", one.subscriber.transport().name());
                media.string("label", label.to_string()).string("from-tag", tag(call, line.party));
                media.list("flags", |_| {});
                let (interface, port) = line.from;
                media.list("streams", |streams| {
                    streams.dictionary(|stream| {
                        local(interface, port.into(), room, stream);
                        if let Some(to) = line.to {
                            endpoint("endpoint", to, stream);
                        }
                    });
                });
            });
        }
    });
    about.list("subscriptions", |list| {
        one.subscriber.told().for_each(|line| related(tag(call, line.party), PUB_SUB, list));
    });
    about.list("subscribers", |_| {});
}

/// Where the node is, to a peer.
fn local(interface: usize, port: u64, room: &Room, stream: &mut DictionaryWriter<'_>) {
    stream.number("local port", port);
    if let Some((interface, _)) = room.interfaces.get(interface) {
        let local = interface.told();
        stream.string("local address", local.to_string());
        stream.string("family", family(local.is_ipv4()));
    }
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
                    local(end.interface, u64::from(end.port) + after, room, stream);
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
