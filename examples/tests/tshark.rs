// SPDX-License-Identifier: MIT OR Apache-2.0
//! What tshark reads. RTCP: the reports of two legs, over a network that loses every eighth packet
//! and takes 15 ms each way. RTP: the same packets in a capture as `capture` finds, whatever is around
//! them. Without tshark the tests say so and are left out; CI insists on it.

mod writer;

use std::path::Path;
use std::process::Command;

use ale_media::codec::CodecSpec;
use ale_media::leg::{Leg, LegConfig, LegControl, LegMedia, LegReceiver};
use ale_media::rtp::is_rtcp;
use examples::capture::{self, streams};
use writer::Order;

const TICK_NS: u64 = 10_000_000;
const WAY_NS: u64 = 15_000_000;
const TICKS: u64 = 3_000;
/// Where tshark is told to expect RTCP.
const PORT: u16 = 5_005;

struct End {
    receiver: LegReceiver,
    media: LegMedia,
    control: LegControl,
}

fn end(ssrc: u32) -> End {
    let mut config = LegConfig::plain(ssrc, 8, CodecSpec::Pcma);
    config.cname = format!("{ssrc}@example.org");
    config.rtcp_interval_ms = 1_000;
    config.initial_sequence = 65_400;
    config.ntp_at_zero = 3_900_000_000 << 32;
    let (receiver, media, control) = Leg::new(&config).unwrap();
    End { receiver, media, control }
}

/// What b knew when it sent its last report, and the capture of its reports.
struct Call {
    capture: Vec<u8>,
    reports: usize,
    lost: u64,
    sent: u64,
    b: End,
}

fn call() -> Call {
    let mut frames = Vec::new();
    let (mut a, mut b) = (end(10), end(11));
    let mut under_way: Vec<(u64, bool, Vec<u8>)> = Vec::new();
    let (mut reports, mut lost, mut sent) = (0, 0, 0);
    let (mut lost_then, mut sent_then) = (0, 0);
    let mut pcm = [0_i16; 80];
    for tick in 0..TICKS {
        let now_ns = tick * TICK_NS;
        for (due, to_b, mut datagram) in std::mem::take(&mut under_way) {
            if due > now_ns {
                under_way.push((due, to_b, datagram));
                continue;
            }
            if to_b && !is_rtcp(&datagram) {
                sent += 1;
                // Not the very first ones, so that both count from the same.
                if sent > 10 && sent % 8 == 0 {
                    lost += 1;
                    continue;
                }
            }
            let target = if to_b { &mut b } else { &mut a };
            let _ = target.receiver.receive(&mut datagram, due);
        }
        for (end, to_b) in [(&mut a, true), (&mut b, false)] {
            end.media.pull(now_ns, &mut pcm).unwrap();
            pcm.fill((tick % 100) as i16 * 50);
            end.media.push(&pcm).unwrap();
            while let Some(datagram) = end.media.poll_transmit(now_ns) {
                under_way.push((now_ns + WAY_NS, to_b, datagram.to_vec()));
                if !to_b && is_rtcp(datagram) {
                    frames.push((now_ns, writer::ipv4(17, &writer::udp(PORT, PORT, datagram))));
                    reports += 1;
                    (lost_then, sent_then) = (lost, sent);
                }
            }
        }
    }
    let capture = writer::pcap(Order::Little, 101, 65_535, &frames);
    Call { capture, reports, lost: lost_then, sent: sent_then, b }
}

/// Fields of each packet of a capture, or `None` where there is no tshark.
fn tshark(capture: &Path, fields: &[&str]) -> Option<Vec<Vec<String>>> {
    let mut command = Command::new("tshark");
    command.args(["-r", capture.to_str()?, "-d", &format!("udp.port=={PORT},rtcp")]);
    // Else tshark believes in no RTP that nobody has announced, and guesses wrong in a pseudowire.
    command.args(["--enable-heuristic", "rtp_udp", "--enable-heuristic", "rtp_stun"]);
    command.args(["-d", &format!("tcp.port=={},rtp", writer::TO), "-d", "mpls.label==16,pwethcw"]);
    command.args(["-T", "fields"]);
    command.args(["-E", "occurrence=a", "-E", "aggregator=,"]);
    fields.iter().for_each(|field| {
        command.args(["-e", field]);
    });
    match command.output() {
        Ok(run) => {
            assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
            let text = String::from_utf8(run.stdout).unwrap();
            Some(text.lines().map(|l| l.split('\t').map(String::from).collect()).collect())
        }
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "CI needs tshark: {error}");
            eprintln!("left out: no tshark ({error})");
            None
        }
    }
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no number"))
}

#[test]
fn tshark_reads_in_our_reports_what_was_sent_and_lost() {
    let call = call();
    assert!(call.reports > 20);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rtcp.pcap");
    std::fs::write(&path, &call.capture).unwrap();
    let fields = [
        "_ws.malformed",
        "_ws.expert.message",
        "rtcp.pt",
        "rtcp.sender.packetcount",
        "rtcp.sender.octetcount",
        "rtcp.ssrc.identifier",
        "rtcp.ssrc.fraction",
        "rtcp.ssrc.cum_nr",
        "rtcp.ssrc.ext_high",
        "rtcp.ssrc.jitter",
        "rtcp.sdes.text",
        "rtcp.length_check",
        "rtcp.xr.bt",
        "rtcp.xr.voipmetrics.rtdelay",
    ];
    let Some(packets) = tshark(&path, &fields) else { return };
    assert_eq!(packets.len(), call.reports);
    for (n, packet) in packets.iter().enumerate() {
        let [malformed, expert, types, packets, octets, .., cname, whole, blocks, _] = &packet[..]
        else {
            panic!("{packet:?}")
        };
        assert_eq!((malformed.as_str(), expert.as_str()), ("", ""), "{packet:?}");
        assert!(whole == "1" || whole == "True", "{packet:?}");
        assert!(types.starts_with("200,202,207"), "{types}: SR, SDES, XR");
        // Half an interval and more have passed before the first.
        assert!(number(packets) >= 10.0 && number(octets) == 160.0 * number(packets), "{n}");
        assert_eq!(cname, "11@example.org");
        assert!(blocks.starts_with('4'), "{blocks}: the reference time first");
    }
    let last = &packets[call.reports - 1];
    let [_, _, _, sent, _, of, fraction, lost, highest, jitter, .., round_trip] = &last[..] else {
        panic!("fields")
    };
    // The second is that of the VoIP metrics, since the call began.
    let fraction = fraction.split(',').next().unwrap();
    assert!(of.split(',').any(|ssrc| ssrc == "10" || ssrc == "0x0000000a"), "{of}");
    assert_eq!(number(lost), call.lost as f64);
    // Of the first number the top bit is not used.
    assert_eq!(number(highest), (65_400 - 0x8000 + call.sent - 1) as f64);
    assert!((25.0..=40.0).contains(&number(fraction)), "{fraction} of 256 is an eighth");
    // The network's delay is the same for all, and nobody's timestamps stray: no jitter.
    assert!(number(jitter) < 40.0, "{jitter}");
    assert!(number(sent) >= (TICKS / 2 - 130) as f64);

    assert!((number(round_trip) - 2.0 * WAY_NS as f64 * 1e-6).abs() <= 1.0, "{round_trip} ms");
    let ours = f64::from(call.b.control.stats().round_trip_ms);
    assert!((ours - 2.0 * WAY_NS as f64 * 1e-6).abs() <= 1.0, "{ours} ms");
}

#[test]
fn tshark_finds_the_same_packets_whatever_is_around_them() {
    let order = Order::Little;
    let mut file = writer::section(order);
    let wrappings: Vec<_> = writer::LINKS
        .iter()
        .chain(writer::TUNNELS)
        .chain(writer::RELAYS)
        // By its number, tshark takes a stream on any port for RTSP or none.
        .filter(|(name, ..)| *name != "RTSP")
        .collect();
    for (_, link, _) in &wrappings {
        file.extend(writer::interface(order, *link as u16, 262_144, &[]));
    }
    for number in 0..6 {
        for (index, (_, _, wrap)) in wrappings.iter().enumerate() {
            let index = index as u32;
            let frame = wrap(&writer::rtp(index, number));
            file.extend(writer::enhanced(order, index, u64::from(number) * 20_000, &frame));
        }
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("around.pcapng");
    std::fs::write(&path, &file).unwrap();
    let Some(packets) = tshark(&path, &["frame.number", "rtp.ssrc", "rtp.seq"]) else { return };
    let capture = capture::read(&path).unwrap();
    let found = streams::find(&capture.datagrams, None);
    for (index, (name, ..)) in wrappings.iter().enumerate() {
        let of_theirs: Vec<_> = packets
            .iter()
            .filter(|p| u32::from_str_radix(p[1].trim_start_matches("0x"), 16) == Ok(index as u32))
            .map(|p| p[2].clone())
            .collect();
        let stream = found.iter().find(|stream| stream.ssrc == index as u32);
        assert_eq!(stream.map(|stream| stream.packets.len()), Some(6), "{name}");
        assert_eq!(of_theirs, ["0", "1", "2", "3", "4", "5"], "{name}");
    }
}
