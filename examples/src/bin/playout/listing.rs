// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is said of a capture: its streams, and what of it was not read.

use ale_media::rtp::telephone_event::digit_of_event;
use examples::capture::streams::{Stream, Usage};
use examples::capture::{Capture, Carrier};

use crate::decoders::{Meaning, Types};

/// Prints the streams, and what else there is to say.
pub(crate) fn list(capture: &Capture, streams: &[Stream], types: &Types) {
    for stream in streams {
        println!("{}", of_stream(capture, stream));
        println!(
            "    {} packets, {} lost, {} cut short",
            stream.packets.len(),
            stream.lost,
            stream.cut
        );
        for (&payload_type, usage) in &stream.payload_types {
            println!("    {}", of_type(stream, payload_type, usage, types));
        }
    }
    if streams.is_empty() {
        println!("no RTP in this capture");
    }
    println!("{} datagrams", capture.datagrams.len());
    for (why, frames) in &capture.passed {
        println!("{frames} frames {why}");
    }
    if let Some(damage) = &capture.damage {
        println!("{damage}");
    }
}

/// What keeps a part of the capture from being heard.
pub(crate) fn notes(
    capture: &Capture,
    streams: &[Stream],
    types: &Types,
    nothing_played: bool,
) -> Vec<String> {
    let mut notes = Vec::new();
    for stream in streams {
        let name = format!("0x{:08x}", stream.ssrc);
        for (&payload_type, usage) in &stream.payload_types {
            let silent = match types.meaning(payload_type) {
                Meaning::Given(_) => false,
                Meaning::Undecoded(_) => true,
                Meaning::Unknown => usage.events.is_none() || nothing_played,
            };
            if silent {
                notes.push(format!("{name}: {}", of_type(stream, payload_type, usage, types)));
            }
        }
        if stream.cut > 0 {
            let all = stream.packets.len();
            notes.push(format!(
                "{name}: {} of {all} packets are cut short by the capture",
                stream.cut
            ));
        }
        if stream.is_untimed(types.clock_hz(stream).unwrap_or(8_000)) {
            notes.push(format!("{name}: without times of arrival; played as it was sent"));
        }
    }
    // What is no IP is in every capture; what is IP and is not read may have been a call.
    for (why, frames) in &capture.passed {
        if why.may_hide_rtp() {
            notes.push(format!("{frames} frames {why}"));
        }
    }
    if let Some(damage) = &capture.damage {
        notes.push(damage.to_string());
    }
    notes
}

/// One line of a direction, which is one stream or several in turn.
pub(crate) fn direction(capture: &Capture, direction: &[&Stream]) -> String {
    let lines: Vec<_> = direction.iter().map(|stream| of_stream(capture, stream)).collect();
    lines.join(", then ")
}

fn of_stream(capture: &Capture, stream: &Stream) -> String {
    let mut line = format!("0x{:08x}", stream.ssrc);
    if let Some((from, to)) = stream.addresses {
        line += &format!(" {from} -> {to}");
    }
    line += match stream.carrier {
        Carrier::Udp => "",
        Carrier::Turn => " through TURN",
        Carrier::Tcp => " over TCP",
    };
    let since = stream.first_ns.saturating_sub(capture.start_ns.unwrap_or_default());
    line + &format!(", {:.2} s from {:.2} s", stream.seconds(), since as f64 * 1e-9)
}

fn of_type(stream: &Stream, payload_type: u8, usage: &Usage, types: &Types) -> String {
    let line = format!("payload type {payload_type}, {} packets: ", usage.packets);
    line + &match (types.meaning(payload_type), &usage.events) {
        (Meaning::Given(name), None) => name,
        (Meaning::Given(name), Some(_)) if !name.starts_with("telephone-event") => name,
        (Meaning::Given(_) | Meaning::Unknown, Some(events)) => {
            let of_event = |event: &u8| match digit_of_event(*event) {
                Some(digit) => digit.to_string(),
                None => format!("event {event}"),
            };
            let events: Vec<_> = events.iter().map(of_event).collect();
            format!("telephone-event ({})", events.join(" "))
        }
        (Meaning::Undecoded(name), _) => format!("{name}, for which there is no decoder"),
        (Meaning::Unknown, None) => {
            let clock = stream.clock_hz().map_or("CLOCK".into(), |hz| hz.to_string());
            format!("not known; --payload-type {payload_type}=NAME/{clock} says what it is")
        }
    }
}
