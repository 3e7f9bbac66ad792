// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a member is shown: one stream whose sequence numbers and timestamps go on, whosever pictures it has.

use core::ops::RangeInclusive;

use ale_media::rtp::RtpHeader;
use ale_media::rtp::elements::absolute_send_time;
use ale_media::rtp::extension::Writer;
use ale_media::rtp::rtcp::{CompoundWriter, SenderInfo};

use super::cache::Head;
use super::input::{Formats, extended};
use super::{CLOCK_HZ, Run};

/// Changes of the source that are remembered: packets of those before are not sent again.
const EPOCHS: usize = 4;
/// Packets that may be sent again beyond one for each that was sent.
const MOST_REPAIRS: u32 = 256;
/// Time between two reports.
const REPORT_NS: u64 = 1_000_000_000;

/// Numbers that a stream begins with; random (RFC 3550 section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// Its source.
    pub ssrc: u32,
    /// The source of what is sent again.
    pub repair_ssrc: u32,
    /// First sequence number of each.
    pub sequences: [u16; 2],
    /// First timestamp.
    pub timestamp: u32,
}

/// A stretch of the stream that is of one run.
#[derive(Debug, Clone, Copy)]
struct Epoch {
    run: Run,
    /// The first packet of the run, and the number that it has here.
    from: u64,
    to: u64,
    /// The last one, once another source has followed.
    last: u64,
    /// What is added to timestamps.
    shift: u32,
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutputStats {
    /// Packets that were sent.
    pub packets: u64,
    /// Their bytes of payload.
    pub octets: u64,
    /// Packets that were sent again.
    pub repaired: u64,
    /// Packets that were asked for and are not kept, or were asked for too often.
    pub not_repaired: u64,
    /// Times that another source was turned to.
    pub switches: u64,
}

/// The stream that one member is shown.
#[derive(Debug)]
pub struct Output {
    formats: Formats,
    start: Start,
    cname: Box<[u8]>,
    /// The path whose camera is to be shown.
    wanted: Option<u64>,
    /// The newest first.
    epochs: [Option<Epoch>; EPOCHS],
    /// The next sequence number, counted on beyond 16 bits.
    next: u64,
    repair_next: u16,
    /// The timestamp of the newest packet, and when it was sent.
    timestamp: u32,
    sent_ns: Option<u64>,
    repairs_left: u32,
    bandwidth_bps: Option<u64>,
    reported_ns: u64,
    stats: OutputStats,
}

impl Output {
    /// A stream in these formats, for who has been told of them.
    pub fn new(formats: Formats, start: Start, cname: &str) -> Self {
        Self {
            formats,
            start,
            cname: cname.as_bytes().into(),
            wanted: None,
            epochs: [None; EPOCHS],
            next: 1 << 16 | u64::from(start.sequences[0]),
            repair_next: start.sequences[1],
            timestamp: start.timestamp,
            sent_ns: None,
            repairs_left: MOST_REPAIRS,
            bandwidth_bps: None,
            reported_ns: 0,
            stats: OutputStats::default(),
        }
    }

    /// Counters.
    pub fn stats(&self) -> OutputStats {
        self.stats
    }

    /// The source that it is sent as.
    pub fn ssrc(&self) -> u32 {
        self.start.ssrc
    }

    /// Shows the camera of this path as soon as a key frame of it comes; what is shown goes on until then.
    pub fn want(&mut self, path: Option<u64>) {
        self.wanted = path;
    }

    /// The path whose camera is to be shown.
    pub fn wanted(&self) -> Option<u64> {
        self.wanted
    }

    /// The path whose camera is shown.
    pub fn shown(&self) -> Option<u64> {
        self.epochs[0].map(|epoch| epoch.run.path)
    }

    /// The path of the camera that is to be asked for a key frame, if that is what is waited for.
    pub fn waits_for(&self, run_of: impl Fn(u64) -> Option<Run>) -> Option<u64> {
        let run = run_of(self.wanted?)?;
        let shown = self.epochs[0].map(|epoch| epoch.run);
        (shown != Some(run)).then_some(run.path)
    }

    /// What the member has told that the network carries to it, in bits a second.
    pub fn bandwidth_bps(&self) -> Option<u64> {
        self.bandwidth_bps
    }

    /// The member tells what the network carries.
    pub fn set_bandwidth(&mut self, bps: u64) {
        self.bandwidth_bps = Some(bps);
    }

    /// The packets that are to be sent now that one of a run has come, of which `highest` is the highest: it, or
    /// with the beginning of a key frame also those after it that came before.
    ///
    /// Real-time: yes.
    pub fn due(
        &mut self,
        run: Run,
        head: &Head,
        highest: u64,
        now_ns: u64,
    ) -> Option<RangeInclusive<u64>> {
        if self.epoch(run, head.sequence).is_some() {
            return Some(head.sequence..=head.sequence);
        }
        let shown = self.epochs[0].map(|epoch| epoch.run);
        if self.wanted != Some(run.path) || !head.key || shown == Some(run) {
            return None;
        }
        // A key frame that comes after what followed it had been shown: the member does not see it all again.
        if self.epochs.iter().flatten().any(|epoch| epoch.run == run && head.sequence < epoch.from)
        {
            return None;
        }
        self.turn_to(run, head, now_ns);
        Some(head.sequence..=highest)
    }

    fn epoch(&self, run: Run, sequence: u64) -> Option<Epoch> {
        let epochs = self.epochs.iter().flatten();
        epochs.filter(|epoch| epoch.run == run && epoch.has(sequence)).copied().next()
    }

    fn turn_to(&mut self, run: Run, head: &Head, now_ns: u64) {
        if let Some(shown) = &mut self.epochs[0] {
            shown.last = shown.from + (self.next - shown.to).saturating_sub(1);
        }
        let passed_ns = self.sent_ns.map_or(0, |at_ns| now_ns.saturating_sub(at_ns));
        let ticks = u128::from(passed_ns) * u128::from(CLOCK_HZ) / 1_000_000_000;
        let timestamp = self.timestamp.wrapping_add((ticks as u32).max(1));
        let shift = timestamp.wrapping_sub(head.timestamp);
        let begun = Epoch { run, from: head.sequence, to: self.next, last: u64::MAX, shift };
        self.epochs.rotate_right(1);
        self.epochs[0] = Some(begun);
        self.stats.switches += 1;
    }

    /// Writes a packet that is due; its bytes, and those of its payload.
    ///
    /// Real-time: yes.
    pub fn write(
        &mut self,
        run: Run,
        head: &Head,
        payload: &[u8],
        now_ns: u64,
        out: &mut [u8],
    ) -> Option<(usize, usize)> {
        let epoch = self.epoch(run, head.sequence)?;
        let number = epoch.to + (head.sequence - epoch.from);
        let timestamp = head.timestamp.wrapping_add(epoch.shift);
        let header = RtpHeader {
            marker: head.marker,
            payload_type: self.formats.payload_type,
            sequence: number as u16,
            timestamp,
            ssrc: self.start.ssrc,
            ..RtpHeader::default()
        };
        let bytes = written(&header, self.formats.send_time, now_ns, &[payload], out)?;
        if number >= self.next {
            self.next = number + 1;
            (self.timestamp, self.sent_ns) = (timestamp, Some(now_ns));
        }
        self.repairs_left = (self.repairs_left + 1).min(MOST_REPAIRS);
        self.stats.packets += 1;
        self.stats.octets += payload.len() as u64;
        Some((bytes, payload.len()))
    }

    /// Which packet a sequence number of the stream is, if it is one that was sent.
    ///
    /// Real-time: yes.
    pub fn original(&self, number: u16) -> Option<(Run, u64)> {
        let number = extended(self.next, number);
        let epoch = self.epochs.iter().flatten().find(|epoch| epoch.to <= number)?;
        let sequence = epoch.from + (number - epoch.to);
        (number < self.next && epoch.has(sequence)).then_some((epoch.run, sequence))
    }

    /// Writes a packet again as RFC 4588 section 4 says, if the member takes that and not too many were asked for;
    /// its bytes, and those of its payload. `None` for a packet also counts what is not kept any more.
    ///
    /// Real-time: yes.
    pub fn write_again(
        &mut self,
        run: Run,
        kept: Option<(Head, &[u8])>,
        now_ns: u64,
        out: &mut [u8],
    ) -> Option<(usize, usize)> {
        let written = self.repair(run, kept, now_ns, out);
        match written {
            Some(_) => self.stats.repaired += 1,
            None => self.stats.not_repaired += 1,
        }
        written
    }

    fn repair(
        &mut self,
        run: Run,
        kept: Option<(Head, &[u8])>,
        now_ns: u64,
        out: &mut [u8],
    ) -> Option<(usize, usize)> {
        let (head, payload) = kept?;
        let left = self.repairs_left.checked_sub(1)?;
        let epoch = self.epoch(run, head.sequence)?;
        let number = epoch.to + (head.sequence - epoch.from);
        let header = RtpHeader {
            marker: head.marker,
            payload_type: self.formats.repair?,
            sequence: self.repair_next,
            timestamp: head.timestamp.wrapping_add(epoch.shift),
            ssrc: self.start.repair_ssrc,
            ..RtpHeader::default()
        };
        let original = (number as u16).to_be_bytes();
        let bytes = written(&header, self.formats.send_time, now_ns, &[&original, payload], out)?;
        self.repairs_left = left;
        self.repair_next = self.repair_next.wrapping_add(1);
        Some((bytes, 2 + payload.len()))
    }

    /// Writes a report on the stream, if it is time; its bytes.
    ///
    /// Real-time: yes.
    pub fn poll_report(&mut self, now_ns: u64, out: &mut [u8]) -> Option<usize> {
        let sent_ns = self.sent_ns?;
        if now_ns.saturating_sub(self.reported_ns) < REPORT_NS {
            return None;
        }
        self.reported_ns = now_ns;
        let since = u128::from(now_ns.saturating_sub(sent_ns)) * u128::from(CLOCK_HZ);
        let info = SenderInfo {
            ntp: ntp(now_ns),
            rtp_timestamp: self.timestamp.wrapping_add((since / 1_000_000_000) as u32),
            packets: self.stats.packets as u32,
            octets: self.stats.octets as u32,
        };
        let mut writer = CompoundWriter::new(out);
        writer.sender_report(self.start.ssrc, &info, &[]).ok()?;
        writer.source_description(self.start.ssrc, &self.cname).ok()?;
        Some(writer.len())
    }
}

impl Epoch {
    fn has(&self, sequence: u64) -> bool {
        (self.from..=self.last).contains(&sequence)
    }
}

/// A time of the host's as NTP time that began with it, which RFC 3550 section 6.4.1 leaves who has no other.
fn ntp(at_ns: u64) -> u64 {
    ((u128::from(at_ns) << 32) / 1_000_000_000) as u64
}

/// Writes a packet with the time of sending, if that has an identifier; its bytes.
fn written(
    header: &RtpHeader<'_>,
    send_time: Option<u8>,
    now_ns: u64,
    payload: &[&[u8]],
    out: &mut [u8],
) -> Option<usize> {
    let mut room = [0; 4];
    let mut elements = Writer::new(&mut room);
    if let Some(id) = send_time {
        elements.push(id, &absolute_send_time(ntp(now_ns)));
    }
    let mut used = RtpHeader { extension: elements.finish(), ..*header }.write(out).ok()?;
    for part in payload {
        out.get_mut(used..used + part.len())?.copy_from_slice(part);
        used += part.len();
    }
    Some(used)
}
