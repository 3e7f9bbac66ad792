// SPDX-License-Identifier: MIT OR Apache-2.0
//! The `playout` program from outside: what it plays, and what it says of files that it can't.

mod writer;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ale_media::codec::g711::Law;
use ale_media::rtp::RtpHeader;
use ale_media::srtp::{MasterKey, Sender, SessionConfig, Suite};
use examples::hearing::{Sound, compare};
use examples::speech;

/// base64 of the bytes 0 to 29: key and salt.
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd";

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn playout(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_playout")).args(arguments).output().unwrap()
}

/// A pcap of UDP datagrams, 20 ms apart, the first after 40 ms.
fn pcap(datagrams: &[Vec<u8>]) -> Vec<u8> {
    let frame =
        |d: &Vec<u8>| writer::ethernet(0x0800, &writer::ipv4(17, &writer::udp(40_000, 5_004, d)));
    let frames = writer::every_20_ms(datagrams.iter().map(frame).collect());
    writer::pcap(writer::Order::Little, 1, 65_535, &frames)
}

/// Speech as mu-law RTP; protected if there is a session.
fn datagrams(said: &[i16], mut session: Option<Sender>) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    for (n, frame) in said.chunks_exact(160).enumerate() {
        let header = RtpHeader {
            sequence: n as u16,
            timestamp: n as u32 * 160,
            ssrc: 7,
            ..Default::default()
        };
        let mut packet = vec![0; 12 + 160 + 16];
        header.write(&mut packet).unwrap();
        Law::Mu.encode(frame, &mut packet[12..172]);
        let length = match &mut session {
            Some(session) => session.protect(&mut packet, 172).unwrap(),
            None => 172,
        };
        packet.truncate(length);
        packets.push(packet);
    }
    packets
}

#[test]
fn a_capture_is_heard_as_it_was_said_and_encrypted_just_the_same() {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/speech");
    let path = assets.join("sense_and_sensibility_01_austen_64kb-0880.wav");
    let said = speech::read_wav(&path, 8_000).unwrap();
    let folder = folder("speech");
    let suite = Suite::AesCm128HmacSha1_80;
    let key: Vec<u8> = (0..30).collect();
    let key = MasterKey::from_concatenated(suite, &key).unwrap();
    let config = SessionConfig::new(suite, key);
    let mut heard = Vec::new();
    for (name, encrypted) in [("plain", false), ("encrypted", true)] {
        let session = encrypted.then(|| Sender::new(&config).unwrap());
        let capture = folder.join(format!("{name}.pcap"));
        let wav = folder.join(format!("{name}.wav"));
        let log = folder.join(format!("{name}.csv"));
        let plot = folder.join(format!("{name}.svg"));
        std::fs::write(&capture, pcap(&datagrams(&said, session))).unwrap();
        let srtp = format!("{}:{KEY}", suite.sdes_name());
        let mut arguments = vec![capture.to_str().unwrap(), "--start", "1000"];
        if encrypted {
            arguments.extend(["--srtp", &srtp]);
        }
        arguments.extend(["--out", wav.to_str().unwrap()]);
        arguments.extend(["--log", log.to_str().unwrap(), "--plot", plot.to_str().unwrap()]);
        let output = playout(&arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = std::fs::read_to_string(&log).unwrap();
        assert!(lines.starts_with("pull,t_ms,op,delay_ms\n0,0,s,"), "{lines:.60}");
        assert!(std::fs::read_to_string(&plot).unwrap().contains("<svg"));
        heard.push(std::fs::read(&wav).unwrap());
    }
    assert!(heard[0] == heard[1], "decrypted and plain sound alike to the sample");
    let out = speech::read_wav(&folder.join("plain.wav"), 8_000).unwrap();
    let whole = 0..said.len() * 2;
    let spans = std::slice::from_ref(&whole);
    let result =
        compare(&Sound::new(&said, 8_000).unwrap(), spans, &Sound::new(&out, 8_000).unwrap());
    assert!(result.share() > 0.95 && result.delay_ms < 120.0, "{result:?}");
}

#[test]
fn what_can_not_be_played_is_named() {
    let folder = folder("wrong");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = file("good.pcap", &pcap(&datagrams(&[0; 1_600], None)));
    let text = file("text.pcap", b"this is no capture");
    let cut = file("cut.pcap", &pcap(&datagrams(&[0; 1_600], None))[..100]);
    let mut opus = datagrams(&[0; 1_600], None);
    opus.iter_mut().for_each(|packet| packet[1] = 111);
    let opus = file("opus.pcap", &pcap(&opus));
    let mut g729 = datagrams(&[0; 1_600], None);
    g729.iter_mut().for_each(|packet| packet[1] = 18);
    let g729 = file("g729.pcap", &pcap(&g729));
    for (arguments, said) in [
        (vec!["no-such-file.pcap"], "no-such-file.pcap"),
        (vec![text.as_str()], "text.pcap"),
        (vec![cut.as_str()], "cut.pcap"),
        (vec![cut.as_str()], "at byte 24: the file ends in the middle of a record"),
        (vec![opus.as_str()], "--payload-type 111=NAME/8000"),
        (vec![g729.as_str()], "G729/8000, for which there is no decoder"),
        (vec![good.as_str(), "--payload-type", "0=NOSUCH/8000"], "NOSUCH"),
        (vec![good.as_str(), "--payload-type", "PCMU"], "PCMU"),
        (vec![good.as_str(), "--srtp", "AES:!!!"], "AES"),
        (vec![good.as_str(), "--rate", "44100"], "rate"),
        (vec![good.as_str(), "--duration", "1e30"], "86400"),
        (vec![good.as_str(), "--start", "NaN"], "seconds"),
        (vec![good.as_str(), "--streams", "0"], "streams"),
        (vec![good.as_str(), "--ssrc", "9"], "no RTP"),
    ] {
        let output = playout(&arguments);
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(message.contains(said), "{arguments:?}: {message}");
        assert!(!message.contains("panicked"), "{message}");
    }
}

#[test]
fn a_black_box_replays_to_the_same_wav() {
    let folder = folder("black_box");
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (capture, log, first, again) =
        (path("in.pcap"), path("log"), path("first.wav"), path("again.wav"));
    let said: Vec<i16> = (0..16_000).map(|i| ((i * 37) % 4001) as i16).collect();
    let mut packets = datagrams(&said, None);
    packets.remove(30);
    std::fs::write(&capture, pcap(&packets)).unwrap();
    let plot = path("delay.svg");
    let out = playout(&[&capture, "--out", &first, "--black-box", &log, "--plot", &plot]);
    assert!(out.status.success(), "{out:?}");
    assert!(std::fs::read_to_string(&plot).unwrap().contains("packets, %"));
    let out = playout(&["--replay", &log, "--out", &again]);
    assert!(out.status.success(), "{out:?}");
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(said.contains(" 0 decided otherwise"), "{said}");
    assert_eq!(std::fs::read(&first).unwrap(), std::fs::read(&again).unwrap());
    std::fs::write(&log, b"no log").unwrap();
    assert!(!playout(&["--replay", &log]).status.success());
}

#[test]
fn each_direction_is_listed_and_played_apart() {
    let folder = folder("directions");
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let tone = |hz: f32| -> Vec<i16> {
        (0..16_000)
            .map(|n| ((n as f32 * hz * std::f32::consts::TAU / 8_000.0).sin() * 9e3) as i16)
            .collect()
    };
    // One says 300 Hz, the other 1 kHz; the second by an SSRC of its own; the last packet is cut.
    let mut frames = Vec::new();
    for (n, (one, other)) in
        datagrams(&tone(300.0), None).into_iter().zip(datagrams(&tone(1_000.0), None)).enumerate()
    {
        let mut other = other;
        other[11] = 8;
        let ns = n as u64 * 20_000_000;
        frames.push((ns, writer::ipv4(17, &writer::udp(40_000, 5_004, &one))));
        frames.push((ns, writer::ipv4(17, &writer::udp(5_004, 40_000, &other))));
    }
    let digit = |n: u16| writer::rtp_of(8, n, 101, 5, &[9, 0x8a, 1, 0]);
    frames.extend(
        (100..103)
            .map(|n| (2_000_000_000, writer::ipv4(17, &writer::udp(5_004, 40_000, &digit(n))))),
    );
    let mut file = writer::pcap(writer::Order::Big, 101, 65_535, &frames);
    file.pop();
    let capture = path("call.pcap");
    std::fs::write(&capture, file).unwrap();

    let out = playout(&[&capture, "--list"]);
    let text = String::from_utf8(out.stdout).unwrap();
    for said in [
        "0x00000007 192.0.2.1:40000 -> 192.0.2.2:5004, 1.98 s from 0.00 s",
        "0x00000008 192.0.2.1:5004 -> 192.0.2.2:40000, 2.00 s from 0.00 s",
        "payload type 0, 100 packets: PCMU/8000",
        "103 packets, 0 lost, 1 cut short",
        "payload type 101, 3 packets: telephone-event (9)",
        "the file ends in the middle of a record",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }

    let wav = path("call.wav");
    let out = playout(&[&capture, "--out", &wav]);
    assert!(out.status.success(), "{out:?}");
    // How often the sound crosses zero in a second tells who it is.
    let crossings = |name: &str| {
        let pcm = speech::read_wav(&folder.join(name), 8_000).unwrap();
        let second = &pcm[8_000..16_000];
        second.windows(2).filter(|w| (w[0] < 0) != (w[1] < 0)).count()
    };
    assert!(crossings("call-1.wav").abs_diff(600) < 40);
    assert!(crossings("call-2.wav").abs_diff(2_000) < 40);
    let out = playout(&[&capture, "--out", &path("one.wav"), "--ssrc", "0x8"]);
    assert!(out.status.success(), "{out:?}");
    assert!(crossings("one.wav").abs_diff(2_000) < 40);
}
