// SPDX-License-Identifier: MIT OR Apache-2.0
//! RTP among datagrams, found by what repeats: packets of one source between the same addresses, with
//! sequence numbers that go on and timestamps that stay near each other. DNS, STUN, DTLS, QUIC or T.38
//! may begin like a packet of RTP, but don't go on like one.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use ale_media::rtp::telephone_event::{MAX_SEGMENT_TICKS, PAYLOAD_BYTES, TelephoneEvent};
use ale_media::rtp::{RtpPacket, is_rtcp};

use super::{Addresses, Carrier, Datagram, be16, be32};

/// Steps that have to be those of a stream: three packets, one more than RFC 3550 A.1 asks of a
/// source, since there the port already says that it is RTP.
const MIN_STEPS: usize = 2;
/// Sequence numbers of packets that come after each other lie within this many.
const NEAR_SEQUENCE: u16 = 64;
/// And timestamps within this many ticks: 10 s of video, 20 s at 48 kHz.
const NEAR_TICKS: u32 = 1 << 20;
/// A longer step of the sequence number is a restart (RFC 3550 A.1, MAX_DROPOUT).
const MAX_DROPOUT: u16 = 3_000;
/// A source that begins at most this long before another's last packet takes its place.
const TAKEOVER_NS: u64 = 1_000_000_000;
/// A stream whose packets all came in a share this small of the time that they last was written
/// without their times.
const UNTIMED_SHARE: f64 = 0.1;

/// RTP packets of one source between two addresses.
#[derive(Debug, Clone)]
pub struct Stream {
    /// The source.
    pub ssrc: u32,
    /// Where it came from and went to; not known in an rtpdump.
    pub addresses: Option<Addresses>,
    /// What brought it.
    pub carrier: Carrier,
    /// Where its packets are among the datagrams, in the order of arrival.
    pub packets: Vec<usize>,
    /// How many of them the capture has cut short.
    pub cut: usize,
    /// Sequence numbers that are not there.
    pub lost: u64,
    /// When the first packet came, and the last.
    pub first_ns: u64,
    /// When the last one came.
    pub last_ns: u64,
    /// What was sent under each payload type.
    pub payload_types: BTreeMap<u8, Usage>,
    /// Ticks that the timestamps advanced.
    ticks: u64,
}

/// What was sent under a payload type.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    /// Packets.
    pub packets: usize,
    /// The events that the payloads are if they are of RFC 4733, as all of them look.
    pub events: Option<BTreeSet<u8>>,
}

/// The fields of a header that may have been cut behind them.
#[derive(Debug, Clone, Copy)]
struct Header {
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
}

impl Header {
    fn read(payload: &[u8]) -> Option<Self> {
        let &[first, second, ..] = payload else { return None };
        if first >> 6 != 2 || is_rtcp(payload) {
            return None;
        }
        Some(Self {
            payload_type: second & 0x7f,
            sequence: be16(payload, 2)?,
            timestamp: be32(payload, 4)?,
            ssrc: be32(payload, 8)?,
        })
    }
}

/// What may become a stream.
#[derive(Debug, Default)]
struct Candidate {
    packets: Vec<usize>,
    steps: usize,
    steps_of_a_stream: usize,
    last: Option<Header>,
    ticks: u64,
}

impl Candidate {
    fn add(&mut self, index: usize, header: Header) {
        if let Some(last) = self.last {
            let step = header.sequence.wrapping_sub(last.sequence);
            let distance = step.min(step.wrapping_neg());
            let ticks = header.timestamp.wrapping_sub(last.timestamp);
            let near = ticks.min(ticks.wrapping_neg()) < NEAR_TICKS;
            self.steps += 1;
            if near && (1..=NEAR_SEQUENCE).contains(&distance) {
                self.steps_of_a_stream += 1;
            } else if near && step == 0 && ticks == 0 {
                // The same packet again, which says nothing.
                self.steps -= 1;
            }
            if near && ticks < NEAR_TICKS && step < NEAR_SEQUENCE {
                self.ticks += u64::from(ticks);
            }
        }
        self.packets.push(index);
        self.last = Some(header);
    }

    fn is_stream(&self) -> bool {
        self.steps_of_a_stream >= MIN_STEPS && self.steps_of_a_stream * 2 >= self.steps
    }
}

/// The streams, in the order of their first packets. What is `wanted` needs no evidence but its SSRC.
pub fn find(datagrams: &[Datagram], wanted: Option<u32>) -> Vec<Stream> {
    let mut order: Vec<usize> = (0..datagrams.len()).collect();
    order.sort_by_key(|&index| datagrams[index].arrival_ns);
    let mut candidates: Vec<Candidate> = Vec::new();
    let mut known = HashMap::new();
    for index in order {
        let datagram = &datagrams[index];
        let Some(header) = Header::read(&datagram.payload) else { continue };
        if wanted.is_some_and(|ssrc| ssrc != header.ssrc) {
            continue;
        }
        let key = (datagram.addresses, datagram.carrier, header.ssrc);
        let place = *known.entry(key).or_insert_with(|| {
            candidates.push(Candidate::default());
            candidates.len() - 1
        });
        candidates[place].add(index, header);
    }
    candidates.retain(|candidate| wanted.is_some() || candidate.is_stream());
    candidates.into_iter().filter_map(|candidate| Stream::new(datagrams, candidate)).collect()
}

/// What is heard one after the other: streams between the same addresses of which each begins when
/// the one before has ended, as after a transfer. Streams that overlap are apart.
pub fn directions(streams: &[Stream]) -> Vec<Vec<&Stream>> {
    let mut directions: Vec<Vec<&Stream>> = Vec::new();
    for stream in streams {
        let place = directions.iter_mut().find(|direction| {
            direction.last().is_some_and(|last| {
                (last.addresses, last.carrier) == (stream.addresses, stream.carrier)
                    && stream.first_ns
                        >= last.last_ns.saturating_sub(TAKEOVER_NS).max(last.first_ns)
            })
        });
        match place {
            Some(direction) => direction.push(stream),
            None => directions.push(vec![stream]),
        }
    }
    directions
}

impl Stream {
    fn new(datagrams: &[Datagram], candidate: Candidate) -> Option<Self> {
        let (first, last) = candidate.packets.first().zip(candidate.packets.last())?;
        let header = Header::read(&datagrams.get(*first)?.payload)?;
        let mut stream = Self {
            ssrc: header.ssrc,
            addresses: datagrams[*first].addresses,
            carrier: datagrams[*first].carrier,
            cut: 0,
            lost: 0,
            first_ns: datagrams[*first].arrival_ns,
            last_ns: datagrams[*last].arrival_ns,
            payload_types: BTreeMap::new(),
            ticks: candidate.ticks,
            packets: Vec::new(),
        };
        let mut numbers = Numbers::default();
        for &index in &candidate.packets {
            let datagram = &datagrams[index];
            let Some(header) = Header::read(&datagram.payload) else { continue };
            stream.cut += usize::from(datagram.missing > 0);
            numbers.add(header.sequence);
            stream.payload_types.entry(header.payload_type).or_default().add(datagram, &header);
        }
        stream.lost = numbers.lost();
        stream.packets = candidate.packets;
        Some(stream)
    }

    /// Seconds from the first packet to the last.
    pub fn seconds(&self) -> f64 {
        (self.last_ns - self.first_ns) as f64 * 1e-9
    }

    /// The usual clock that the timestamps are nearest to, if they are near one.
    pub fn clock_hz(&self) -> Option<u32> {
        const USUAL: [u32; 6] = [8_000, 16_000, 32_000, 44_100, 48_000, 90_000];
        let measured = self.ticks as f64 / self.seconds();
        USUAL.into_iter().find(|&hz| (measured / f64::from(hz) - 1.0).abs() < 0.04)
    }

    /// Whether the capture lacks the times of arrival, as one of simple packet blocks does, and one
    /// that was made from a hexadecimal dump.
    pub fn is_untimed(&self, clock_hz: u32) -> bool {
        let sent = self.ticks as f64 / f64::from(clock_hz.max(1));
        self.seconds() < sent * UNTIMED_SHARE
    }
}

/// When packets come that come just as they were sent: at their timestamps, the first of them when
/// it came.
pub fn arrivals_as_sent(packets: &mut [Datagram], clock_hz: u32) {
    let Some(first) = packets.first() else { return };
    let first_ns = first.arrival_ns;
    let mut since = 0_i64;
    let mut before = None;
    for datagram in packets {
        let Some(header) = Header::read(&datagram.payload) else { continue };
        let step = header.timestamp.wrapping_sub(before.unwrap_or(header.timestamp));
        // A step out of reason is another stream's beginning.
        if step.min(step.wrapping_neg()) < NEAR_TICKS {
            since += i64::from(step.cast_signed());
        }
        before = Some(header.timestamp);
        let ns = i128::from(since.max(0)) * 1_000_000_000 / i128::from(clock_hz.max(1));
        datagram.arrival_ns = first_ns.saturating_add(ns as u64);
    }
}

impl Usage {
    fn add(&mut self, datagram: &Datagram, header: &Header) {
        let first = self.packets == 0;
        self.packets += 1;
        // What is cut short says nothing against the others.
        if datagram.missing > 0 && !first {
            return;
        }
        match (event(datagram, header), &mut self.events) {
            (Some(event), Some(events)) => {
                events.insert(event);
            }
            (Some(event), events) if first => *events = Some(BTreeSet::from([event])),
            (_, events) => *events = None,
        }
    }
}

/// The event that a packet tells, if it looks like telling one: of a dynamic type, just as long, the
/// reserved bit clear.
fn event(datagram: &Datagram, header: &Header) -> Option<u8> {
    let packet = RtpPacket::parse(&datagram.payload).ok()?;
    let payload = packet.payload().ok()?;
    let reserved = payload.get(1)? & 0x40 != 0;
    let looks = header.payload_type >= 96 && payload.len() == PAYLOAD_BYTES && !reserved;
    let event = TelephoneEvent::parse(payload).filter(|_| looks)?;
    (event.duration_ticks < MAX_SEGMENT_TICKS).then_some(event.event)
}

/// Sequence numbers without their wrapping.
#[derive(Debug, Default)]
struct Numbers {
    seen: HashSet<i64>,
    newest: Option<i64>,
    /// Where the present stretch began.
    first: i64,
    lost: u64,
}

impl Numbers {
    fn add(&mut self, sequence: u16) {
        let Some(newest) = self.newest else {
            self.begin(i64::from(sequence));
            return;
        };
        let step = sequence.wrapping_sub(newest as u16).cast_signed();
        if step.unsigned_abs() > MAX_DROPOUT {
            self.lost = self.lost();
            self.begin(i64::from(sequence));
            return;
        }
        let number = newest + i64::from(step);
        self.first = self.first.min(number);
        self.newest = Some(newest.max(number));
        self.seen.insert(number);
    }

    fn begin(&mut self, number: i64) {
        self.seen = HashSet::from([number]);
        (self.first, self.newest) = (number, Some(number));
    }

    fn lost(&self) -> u64 {
        let expected = self.newest.map_or(0, |newest| newest - self.first + 1);
        self.lost + (expected as u64).saturating_sub(self.seen.len() as u64)
    }
}

/// What a static payload type stands for (RFC 3551 6), whether or not there is a decoder.
pub fn static_encoding(payload_type: u8) -> Option<&'static str> {
    Some(match payload_type {
        0 => "PCMU/8000",
        3 => "GSM/8000",
        4 => "G723/8000",
        5 => "DVI4/8000",
        6 => "DVI4/16000",
        7 => "LPC/8000",
        8 => "PCMA/8000",
        9 => "G722/8000",
        10 => "L16/44100/2",
        11 => "L16/44100",
        12 => "QCELP/8000",
        13 => "CN/8000",
        14 => "MPA/90000",
        15 => "G728/8000",
        16 => "DVI4/11025",
        17 => "DVI4/22050",
        18 => "G729/8000",
        25 => "CelB/90000",
        26 => "JPEG/90000",
        28 => "nv/90000",
        31 => "H261/90000",
        32 => "MPV/90000",
        33 => "MP2T/90000",
        34 => "H263/90000",
        _ => return None,
    })
}
