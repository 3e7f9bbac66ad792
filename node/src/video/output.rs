// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a member is shown: one stream whose sequence numbers and timestamps go on, whosever pictures it has.

use core::ops::RangeInclusive;

use ale_media::rtp::RtpHeader;
use ale_media::rtp::elements::absolute_send_time;
use ale_media::rtp::extension::Writer;
use ale_media::rtp::rtcp::{CompoundWriter, SenderInfo};

use super::cache::Head;
use super::choice::{Choice, Offered, Told};
use super::input::{Formats, extended};
use super::key_frame::{Counts, Shift};
use super::layers::Layers;
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
    /// What is added to timestamps, and to what payloads count.
    shift: u32,
    counts: Shift,
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
    /// Times that another camera was turned to, or another source of the same.
    pub switches: u64,
    /// Times that another size of the same camera was turned to.
    pub resizes: u64,
}

/// The stream that one member is shown.
#[derive(Debug)]
pub struct Output {
    formats: Formats,
    start: Start,
    cname: Box<[u8]>,
    /// The path whose camera is to be shown, and which layer of it.
    wanted: Option<u64>,
    choice: Choice,
    /// The newest first.
    epochs: [Option<Epoch>; EPOCHS],
    /// The next sequence number, counted on beyond 16 bits.
    next: u64,
    repair_next: u16,
    /// The timestamp of the newest packet, and when it was sent.
    timestamp: u32,
    sent_ns: Option<u64>,
    /// What its payload counts.
    counts: Counts,
    repairs_left: u32,
    /// What the member takes at most, what its network carries, and what it has lost, in parts of 256.
    most_bps: Option<u64>,
    bandwidth_bps: Option<u64>,
    lost: u8,
    reported_ns: u64,
    stats: OutputStats,
}

impl Output {
    /// A stream in these formats, for who has been told of them and takes so much at most, in bits a second.
    pub fn new(formats: Formats, start: Start, cname: &str, most_bps: Option<u64>) -> Self {
        Self {
            formats,
            start,
            cname: cname.as_bytes().into(),
            wanted: None,
            choice: Choice::default(),
            epochs: [None; EPOCHS],
            next: 1 << 16 | u64::from(start.sequences[0]),
            repair_next: start.sequences[1],
            timestamp: start.timestamp,
            sent_ns: None,
            counts: Counts::default(),
            repairs_left: MOST_REPAIRS,
            most_bps,
            bandwidth_bps: None,
            lost: 0,
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
        if self.wanted != path {
            (self.wanted, self.choice) = (path, Choice::default());
        }
    }

    /// Chooses the layer that is to be shown of the camera that is.
    ///
    /// Real-time: yes.
    pub fn choose(&mut self, camera: &Layers, now_ns: u64) {
        let (offered, count) = camera.offered(now_ns);
        self.choose_of(offered.get(..count).unwrap_or_default(), now_ns);
    }

    pub(super) fn choose_of(&mut self, offered: &[Offered], now_ns: u64) {
        let told = Told { carries_bps: self.bandwidth_bps(), lost: self.lost };
        self.choice.choose(offered, told, now_ns);
    }

    /// The path whose camera is to be shown.
    pub fn wanted(&self) -> Option<u64> {
        self.wanted
    }

    /// The layer that is to be shown.
    pub fn layer(&self) -> u8 {
        self.choice.layer()
    }

    /// The run that is shown.
    pub fn shown(&self) -> Option<Run> {
        self.epochs[0].map(|epoch| epoch.run)
    }

    /// The run that is to be asked for a key frame, if that is what is waited for, by what a layer of a path has now.
    pub fn waits_for(&self, run_of: impl Fn(u64, u8) -> Option<Run>) -> Option<Run> {
        let run = run_of(self.wanted?, self.choice.layer())?;
        (self.shown() != Some(run)).then_some(run)
    }

    /// What the member takes, and has told that the network carries to it, in bits a second.
    pub fn bandwidth_bps(&self) -> Option<u64> {
        self.bandwidth_bps.into_iter().chain(self.most_bps).min()
    }

    /// The member tells which part of the stream was lost, in parts of 256.
    pub fn set_lost(&mut self, lost: u8) {
        self.lost = lost;
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
        let is_wanted = self.wanted == Some(run.path) && self.choice.layer() == run.layer;
        if !is_wanted || !head.key || self.shown() == Some(run) {
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
        match self.shown() {
            Some(shown) if shown.path == run.path && shown.layer != run.layer => {
                self.stats.resizes += 1;
            }
            _ => self.stats.switches += 1,
        }
        if let Some(shown) = &mut self.epochs[0] {
            shown.last = shown.from + (self.next - shown.to).saturating_sub(1);
        }
        let passed_ns = self.sent_ns.map_or(0, |at_ns| now_ns.saturating_sub(at_ns));
        let ticks = u128::from(passed_ns) * u128::from(CLOCK_HZ) / 1_000_000_000;
        let timestamp = self.timestamp.wrapping_add((ticks as u32).max(1));
        let shift = timestamp.wrapping_sub(head.timestamp);
        let begun = Epoch {
            run,
            from: head.sequence,
            to: self.next,
            last: u64::MAX,
            shift,
            counts: head.counts.after(self.counts),
        };
        self.epochs.rotate_right(1);
        self.epochs[0] = Some(begun);
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
        let counts = self.count(epoch, bytes, payload.len(), out);
        if number >= self.next {
            (self.next, self.counts) = (number + 1, counts);
            (self.timestamp, self.sent_ns) = (timestamp, Some(now_ns));
        }
        self.repairs_left = (self.repairs_left + 1).min(MOST_REPAIRS);
        self.stats.packets += 1;
        self.stats.octets += payload.len() as u64;
        Some((bytes, payload.len()))
    }

    /// Has the payload at the end of a packet count as the stream does; what it counts then.
    fn count(&self, epoch: Epoch, bytes: usize, of_payload: usize, out: &mut [u8]) -> Counts {
        let payload = bytes.checked_sub(of_payload).and_then(|from| out.get_mut(from..bytes));
        payload.map_or(Counts::default(), |payload| self.formats.codec.shift(payload, epoch.counts))
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
        self.count(epoch, bytes, payload.len(), out);
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
