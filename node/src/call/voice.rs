// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which codecs a media line adds to an offer, and what is spoken at each end when the answer has come.

use ale_media::codec::CodecSpec;
use ale_media::codec::fmtp::OpusFmtp;
use ale_media::codec::opus::OpusConfig;
use ale_media::leg::{Direction, LegConfig, ReceiveCodec, TelephoneEvents};

use super::error::CallError;
use super::numbers::is_events;
use crate::failover::SpeechRecord;
use crate::ng::flags::Codecs;
use crate::random;
use crate::sdp::{Extensions, Format, Line, NamedFormat};

/// Codecs that can be added, by their names, and their static payload types (RFC 3551).
const ADDED: [(&str, &str, Option<u8>); 4] = [
    ("PCMU", "PCMU/8000", Some(0)),
    ("PCMA", "PCMA/8000", Some(8)),
    ("G722", "G722/8000", Some(9)),
    ("opus", "opus/48000/2", None),
];

/// How long packets are that nobody has asked to be of another length, in ms (RFC 3551 section 4.2), and those that can be
/// asked for: what all codecs have.
const USUAL_PACKET_MS: u16 = 20;
const PACKETS_MS: [u16; 4] = [10, USUAL_PACKET_MS, 40, 60];
/// What Opus takes in shorter packets than usual, in bits a second: a third more, so that the voice is no worse.
const SHORT_PACKETS_BPS: u32 = 32_000;

/// What the node says of Opus wherever it names it: that it repairs what was lost by the packet behind (RFC 7587 section
/// 6.1). Who isn't told leaves out what that takes.
const OF_OPUS: &str = "useinbandfec=1";

/// What is spoken at one end.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Speech {
    payload_type: u8,
    codec: CodecSpec,
    /// All that the peer may send.
    understood: Vec<ReceiveCodec>,
    events: Option<(u8, u32)>,
    /// By which the peer may send them, too.
    more_events: Option<(u8, u32)>,
    comfort_noise: Option<u8>,
    /// Whether the peer would rather be sent nothing while nobody speaks (`usedtx`, RFC 7587 section 6.1).
    pauses: bool,
    /// How the peer wants to be sent Opus.
    wishes: OpusFmtp,
    /// How long the packets are that are sent, in ms.
    packet_ms: u16,
    /// Of the PCM between the ends.
    pub(super) sample_rate_hz: u32,
    /// Header extensions, spoken both ways.
    pub(super) extensions: Extensions,
}

fn codec(format: &Format) -> Option<CodecSpec> {
    codec_of(&format!("{}/{}", format.name, format.clock_hz))
}

/// What the node says of a codec in `a=fmtp`.
fn told_of(codec: &CodecSpec) -> Option<String> {
    matches!(codec, CodecSpec::Opus(_)).then(|| OF_OPUS.to_owned())
}

fn codec_of(encoding: &str) -> Option<CodecSpec> {
    CodecSpec::from_rtpmap(encoding)
}

/// The formats that an offer gets beside those that stay.
pub(super) fn added(line: &Line, codecs: &Codecs) -> Vec<NamedFormat> {
    let mut added: Vec<NamedFormat> = Vec::new();
    if line.media != "audio" {
        return added;
    }
    for name in &codecs.transcode {
        let name = name.split('/').next().unwrap_or_default();
        let known = ADDED.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name));
        let Some((name, encoding, fixed)) = known else { continue };
        let offered = line.formats.iter().find(|format| format.name.eq_ignore_ascii_case(name));
        if offered.is_some_and(|format| !codecs.removes(&format.name)) {
            continue;
        }
        let free = |number: &u8| {
            line.formats.iter().all(|format| format.payload_type != *number)
                && added.iter().all(|format| format.payload_type != *number)
        };
        // The number that the offerer knows it by: it can be passed on then.
        let own = offered.map(|format| format.payload_type);
        let number = own.or(fixed.filter(free)).or_else(|| (96..=127).find(free));
        if let Some(payload_type) = number
            && added.iter().all(|format| format.encoding != *encoding)
        {
            let fmtp = codec_of(encoding).as_ref().and_then(told_of);
            added.push(NamedFormat { payload_type, encoding: (*encoding).to_owned(), fmtp });
        }
    }
    added
}

/// What is spoken at the offerer's end and at the answerer's, to whom `added` was offered, too; `None` if what the
/// answerer sends can be passed on as it is.
pub(super) fn translation(
    offered: &Line,
    added: &[NamedFormat],
    answered: &Line,
) -> Result<Option<[Speech; 2]>, CallError> {
    let sound = |format: &&Format| !is_events(format) && !format.name.eq_ignore_ascii_case("CN");
    let Some(chosen) = answered.formats.iter().find(sound) else { return Ok(None) };
    let same = |format: &Format| {
        format.name.eq_ignore_ascii_case(&chosen.name) && format.clock_hz == chosen.clock_hz
    };
    // A dynamic type without a name is one that nobody here has added.
    if answered.media != "audio" || chosen.name.is_empty() || offered.formats.iter().any(same) {
        return Ok(None);
    }
    let far = codec(chosen).ok_or(CallError::NoCodec)?;
    let known = |format: &Format| codec(format).map(|codec| (format.payload_type, codec));
    let own = offered.formats.iter().find(|format| codec(format).is_some());
    let own = own.ok_or(CallError::NoCodec)?;
    let near = codec(own).ok_or(CallError::NoCodec)?;
    let rate = |codec: &CodecSpec| codec.format().sample_rate_hz;
    // What one of them does not carry need not be made.
    let sample_rate_hz = rate(&near).min(rate(&far));
    let both_have_events =
        offered.formats.iter().any(is_events) && answered.formats.iter().any(is_events);
    let events =
        |line: &Line| line.formats.iter().find(|f| both_have_events && is_events(f)).cloned();
    let understood = answered.formats.iter().filter_map(known);
    let mut understood: Vec<_> =
        understood.map(|(payload_type, codec)| ReceiveCodec { payload_type, codec }).collect();
    // Who answers with other numbers sends by those that it was offered (RFC 3264 section 6.1), or by its own.
    let is_free = |number: u8| answered.formats.iter().all(|f| f.payload_type != number);
    let told = added.iter().filter_map(|f| Some((f.payload_type, codec_of(&f.encoding)?)));
    for (payload_type, codec) in offered.formats.iter().filter_map(known).chain(told) {
        let is_agreed = understood.iter().any(|agreed| agreed.codec == codec);
        let is_new = understood.iter().all(|known| known.payload_type != payload_type);
        if is_agreed && is_new && is_free(payload_type) {
            understood.push(ReceiveCodec { payload_type, codec });
        }
    }
    let (own_events, agreed_events) = (events(offered), events(answered));
    let more_events = own_events.clone().zip(agreed_events.clone()).and_then(|(own, agreed)| {
        let number = own.payload_type;
        let is_more = own.clock_hz == agreed.clock_hz
            && is_free(number)
            && understood.iter().all(|known| known.payload_type != number);
        is_more.then_some((number, own.clock_hz))
    });
    let noise = answered.formats.iter().find(|f| f.name == "CN" && f.clock_hz == 8_000);
    Ok(Some([
        Speech::of_one(own, near, own_events, sample_rate_hz),
        Speech {
            understood,
            more_events,
            comfort_noise: noise.map(|format| format.payload_type),
            ..Speech::of_one(chosen, far, agreed_events, sample_rate_hz)
        },
    ]))
}

/// The first codec of a line that can be spoken with its author, and its payload type there.
pub(super) fn first_known(line: &Line) -> Option<(u8, CodecSpec)> {
    let (format, codec) = first_of(line, &Codecs::default())?;
    Some((format.payload_type, codec))
}

fn first_of<'l>(line: &'l Line, codecs: &Codecs) -> Option<(&'l Format, CodecSpec)> {
    line.formats.iter().find_map(|format| {
        let named = |(name, ..): &(&str, &str, _)| name.eq_ignore_ascii_case(&format.name);
        let is_known = ADDED.iter().any(named) && !codecs.removes(&format.name);
        codec(format).filter(|_| is_known).map(|codec| (format, codec))
    })
}

/// What somebody is offered who is to hear the author of a line: its own codecs, as far as they are known here and not
/// taken out, and those that are added.
pub(super) fn mirrored(line: &Line, codecs: &Codecs) -> Vec<NamedFormat> {
    let known = line.formats.iter().filter_map(|format| {
        let named = |(name, ..): &(&str, &str, _)| name.eq_ignore_ascii_case(&format.name);
        let is_known = ADDED.iter().any(named) && !codecs.removes(&format.name);
        let codec = codec(format).filter(|_| is_known)?;
        let (payload_type, fmtp) = (format.payload_type, told_of(&codec));
        Some(NamedFormat { payload_type, encoding: codec.rtpmap(), fmtp })
    });
    known.chain(added(line, codecs)).collect()
}

/// What is spoken with who has answered this to such an offer: the first that was offered, by the number that the answer
/// has for it.
pub(super) fn one_of(answered: &Line, offered: &[NamedFormat]) -> Option<Speech> {
    answered.formats.iter().find_map(|format| {
        let codec = codec(format)?;
        let is_it = |offered: &NamedFormat| codec_of(&offered.encoding).as_ref() == Some(&codec);
        let sample_rate_hz = codec.format().sample_rate_hz;
        let speech = offered.iter().any(is_it);
        speech.then(|| Speech::of_one(format, codec, None, sample_rate_hz))
    })
}

/// What a conference speaks with who has offered this: of the codecs that are known here and not taken out, the
/// one that the offer prefers.
pub(super) fn alone(offered: &Line, codecs: &Codecs) -> Result<Speech, CallError> {
    let chosen = first_of(offered, codecs);
    let (format, codec) = chosen.ok_or(CallError::UnknownCodecs)?;
    let sample_rate_hz = codec.format().sample_rate_hz;
    // Browsers name several; those of another clock than the codec's would stand out of its time.
    let clock_hz = codec.format().rtp_clock_hz;
    let events = offered.formats.iter().find(|f| is_events(f) && f.clock_hz == clock_hz);
    let speech = Speech::of_one(format, codec, events.cloned(), sample_rate_hz);
    let pauses = speech.wishes.usedtx == Some(true);
    let asked = offered.packet_ms.filter(|ms| PACKETS_MS.contains(ms));
    let packet_ms = asked.unwrap_or(USUAL_PACKET_MS);
    Ok(Speech { extensions: offered.extensions, pauses, packet_ms, ..speech })
}

/// A leg that says nothing and hears what comes in these descriptions' formats, of which the first that knows a number
/// counts.
pub(super) fn overhearing(lines: [&Line; 2]) -> Result<LegConfig, CallError> {
    let mut understood: Vec<ReceiveCodec> = Vec::new();
    for format in lines.into_iter().flat_map(|line| &line.formats) {
        let Some(codec) = codec(format) else { continue };
        let payload_type = format.payload_type;
        if understood.iter().all(|known| known.payload_type != payload_type) {
            understood.push(ReceiveCodec { payload_type, codec });
        }
    }
    let first = understood.first().ok_or(CallError::UnknownCodecs)?;
    let ssrc = random::ssrc(false).ok_or(CallError::Random)?;
    let mut config = LegConfig::plain(ssrc, first.payload_type, first.codec.clone());
    config.sample_rate_hz = Some(first.codec.format().sample_rate_hz);
    config.receive = understood;
    config.direction = Direction::ReceiveOnly;
    config.rtcp_interval_ms = 0;
    config.extended_reports = false;
    config.media_timeout_ms = 0;
    Ok(config)
}

/// What `a=fmtp` wishes; a parameter that can't be read wishes nothing.
fn wishes_of(parameters: Option<&str>) -> OpusFmtp {
    let all = parameters.unwrap_or_default().split(';');
    let readable: Vec<_> = all.filter(|one| OpusFmtp::parse(one).is_ok()).collect();
    OpusFmtp::parse(&readable.join(";")).unwrap_or_default()
}

impl Speech {
    /// One codec, both ways, as the peer's format has it.
    fn of_one(
        format: &Format,
        codec: CodecSpec,
        events: Option<Format>,
        sample_rate_hz: u32,
    ) -> Self {
        let payload_type = format.payload_type;
        let wishes = match codec {
            CodecSpec::Opus(_) => wishes_of(format.parameters.as_deref()),
            _ => OpusFmtp::default(),
        };
        Self {
            payload_type,
            understood: vec![ReceiveCodec { payload_type, codec: codec.clone() }],
            codec,
            events: events.map(|format| (format.payload_type, format.clock_hz)),
            more_events: None,
            comfort_noise: None,
            pauses: false,
            wishes,
            packet_ms: USUAL_PACKET_MS,
            sample_rate_hz,
            extensions: Extensions::default(),
        }
    }

    /// What is kept of it for another process.
    pub(super) fn record(&self) -> SpeechRecord {
        SpeechRecord {
            sent: (self.payload_type, self.codec.rtpmap()),
            understood: (self.understood.iter())
                .map(|known| (known.payload_type, known.codec.rtpmap()))
                .collect(),
            events: self.events,
            more_events: self.more_events,
            comfort_noise: self.comfort_noise,
            pauses: self.pauses,
            wishes: Some(self.wishes.to_string()).filter(|wishes| !wishes.is_empty()),
            packet_ms: self.asked_packet_ms(),
            sample_rate_hz: self.sample_rate_hz,
            extensions: self.extensions,
        }
    }

    /// What another process has kept.
    pub(super) fn of(record: &SpeechRecord) -> Result<Self, CallError> {
        let codec = |encoding: &str| CodecSpec::from_rtpmap(encoding).ok_or(CallError::NoCodec);
        let (payload_type, sent) = &record.sent;
        let understood = record.understood.iter().map(|(payload_type, encoding)| {
            Ok(ReceiveCodec { payload_type: *payload_type, codec: codec(encoding)? })
        });
        Ok(Self {
            payload_type: *payload_type,
            codec: codec(sent)?,
            understood: understood.collect::<Result<_, CallError>>()?,
            events: record.events,
            more_events: record.more_events,
            comfort_noise: record.comfort_noise,
            pauses: record.pauses,
            wishes: wishes_of(record.wishes.as_deref()),
            packet_ms: record.packet_ms.unwrap_or(USUAL_PACKET_MS),
            sample_rate_hz: record.sample_rate_hz,
            extensions: record.extensions,
        })
    }

    /// Ticks of its RTP clock in so many ms.
    pub(super) fn ticks(&self, ms: u64) -> u32 {
        (ms * u64::from(self.codec.format().rtp_clock_hz) / 1_000) as u32
    }

    /// What is asked for of who sends: packets as long as those that it gets, in ms, where those are of another length than
    /// is usual.
    pub(super) fn asked_packet_ms(&self) -> Option<u16> {
        Some(self.packet_ms).filter(|ms| *ms != USUAL_PACKET_MS)
    }

    /// Whether a description still has it, events included.
    pub(super) fn is_in(&self, line: &Line) -> bool {
        let has = |number: u8, is: &dyn Fn(&Format) -> bool| {
            line.formats.iter().any(|format| format.payload_type == number && is(format))
        };
        let same = |format: &Format| codec(format).as_ref() == Some(&self.codec);
        has(self.payload_type, &same)
            && self.events.is_none_or(|(number, _)| has(number, &is_events))
    }

    /// The codec, as in `a=rtpmap`.
    pub(super) fn encoding(&self) -> String {
        self.codec.rtpmap()
    }

    /// What the answer to the offerer names: the codec, and events if both ends have them.
    pub(super) fn formats(&self) -> Vec<NamedFormat> {
        let payload_type = self.payload_type;
        // Who wants pauses is told that so does the node.
        let pauses = if self.pauses { ";usedtx=1" } else { "" };
        let fmtp = told_of(&self.codec).map(|told| told + pauses);
        let mut formats = vec![NamedFormat { payload_type, encoding: self.codec.rtpmap(), fmtp }];
        if let Some((payload_type, clock_hz)) = self.events {
            let encoding = format!("telephone-event/{clock_hz}");
            formats.push(NamedFormat { payload_type, encoding, fmtp: Some(String::from("0-16")) });
        }
        formats
    }

    /// The codec as it is encoded: Opus as the peer wants it, and of no higher rate than the PCM of the ends has, above
    /// which there is nothing that bits and time could be spent on.
    fn encoded(&self, complexity: u8) -> CodecSpec {
        let CodecSpec::Opus(config) = self.codec else { return self.codec.clone() };
        let usual = OpusConfig {
            sample_rate_hz: match self.sample_rate_hz {
                narrower @ (8_000 | 16_000 | 24_000) => narrower,
                _ => config.sample_rate_hz,
            },
            bit_rate_bps: match self.packet_ms {
                ..USUAL_PACKET_MS => SHORT_PACKETS_BPS,
                _ => config.bit_rate_bps,
            },
            complexity,
            ..config
        };
        let wanted = self.wishes.apply(usual);
        CodecSpec::Opus(OpusConfig {
            // PCM has no 12 kHz here.
            sample_rate_hz: if wanted.sample_rate_hz == 12_000 {
                8_000
            } else {
                wanted.sample_rate_hz
            },
            // Pauses are the leg's.
            dtx: config.dtx,
            ..wanted
        })
    }

    /// A leg that speaks it, but for its keys and where its peer is; Opus at this complexity, 0 to 10.
    pub(super) fn leg(&self, opus_complexity: u8) -> Option<LegConfig> {
        let codec = self.encoded(opus_complexity);
        let mut config = LegConfig::new(random::ssrc(false)?, self.payload_type, codec);
        config.initial_sequence = (random::number()? >> 17) as u16;
        config.initial_timestamp = random::number()?;
        config.cname =
            format!("{:08x}{:08x}{:08x}", random::number()?, random::number()?, random::number()?);
        config.receive.clone_from(&self.understood);
        config.comfort_noise_payload_type = self.comfort_noise;
        config.silence_suppression = self.pauses;
        config.send.packet_ms = self.packet_ms;
        config.jitter.packet_ms = self.packet_ms.min(USUAL_PACKET_MS);
        // By the first it sends.
        let events = [self.events, self.more_events].into_iter().flatten();
        let events =
            events.map(|(payload_type, clock_hz)| TelephoneEvents::new(payload_type, clock_hz));
        config.telephone_events = events.collect();
        config.sample_rate_hz = Some(self.sample_rate_hz);
        config.header_extensions.audio_level = self.extensions.audio_level;
        config.header_extensions.mixer_levels = self.extensions.mixer_levels;
        Some(config)
    }
}

#[cfg(test)]
#[path = "voice_tests.rs"]
mod tests;
