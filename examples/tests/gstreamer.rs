// SPDX-License-Identifier: MIT OR Apache-2.0
//! RTP streams between this library and GStreamer, both ways and in every codec: what one has packed
//! and encoded the other decodes to the same sound. Streams go through files, framed as on TCP
//! (RFC 4571). Without GStreamer a test says so and is left out; CI insists on it.

use std::path::{Path, PathBuf};
use std::process::Command;

use ale_media::codec::{CodecSpec, MAX_PACKET_SAMPLES};
use ale_media::leg::{Leg, LegConfig};
use ale_media::rtp::{RtpPacket, is_rtcp};

/// What GStreamer calls a codec.
struct Peer {
    encoding: &'static str,
    rtpmap: &'static str,
    payload_type: u8,
    clock_hz: u32,
    rate_hz: u32,
    encode: &'static str,
    pack: &'static str,
    decode: &'static str,
    /// More of the caps of the stream.
    caps: &'static str,
}

const PEERS: [Peer; 5] = [
    Peer {
        encoding: "PCMU",
        rtpmap: "PCMU/8000",
        payload_type: 0,
        clock_hz: 8_000,
        rate_hz: 8_000,
        encode: "mulawenc",
        pack: "rtppcmupay min-ptime=20000000 max-ptime=20000000",
        decode: "rtppcmudepay ! mulawdec",
        caps: "",
    },
    Peer {
        encoding: "PCMA",
        rtpmap: "PCMA/8000",
        payload_type: 8,
        clock_hz: 8_000,
        rate_hz: 8_000,
        encode: "alawenc",
        pack: "rtppcmapay min-ptime=20000000 max-ptime=20000000",
        decode: "rtppcmadepay ! alawdec",
        caps: "",
    },
    Peer {
        encoding: "G722",
        rtpmap: "G722/8000",
        payload_type: 9,
        clock_hz: 8_000,
        rate_hz: 16_000,
        encode: "avenc_g722",
        pack: "rtpg722pay",
        decode: "rtpg722depay ! avdec_g722",
        caps: "",
    },
    Peer {
        encoding: "L16",
        rtpmap: "L16/16000",
        payload_type: 96,
        clock_hz: 16_000,
        rate_hz: 16_000,
        encode: "audioconvert ! audio/x-raw,format=S16BE",
        pack: "rtpL16pay min-ptime=20000000 max-ptime=20000000",
        decode: "rtpL16depay",
        caps: ",channels=(int)1",
    },
    Peer {
        encoding: "OPUS",
        rtpmap: "opus/48000/2",
        payload_type: 97,
        clock_hz: 48_000,
        rate_hz: 48_000,
        encode: "opusenc bitrate=24000 inband-fec=true",
        pack: "rtpopuspay",
        decode: "rtpopusdepay ! opusdec plc=false",
        caps: "",
    },
];

/// Runs a pipeline; `false` where there is no GStreamer.
fn gstreamer(pipeline: &str) -> bool {
    match Command::new("gst-launch-1.0").arg("-q").args(pipeline.split_whitespace()).output() {
        Ok(run) => {
            let said = String::from_utf8_lossy(&run.stderr);
            assert!(run.status.success(), "gst-launch-1.0 {pipeline}\n{said}");
            true
        }
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "CI needs GStreamer: {error}");
            eprintln!("left out: no GStreamer ({error})");
            false
        }
    }
}

fn file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gstreamer");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

/// Speech as GStreamer reads it, at a rate.
fn speech(peer: &Peer, raw: &Path) -> Option<Vec<i16>> {
    let wav = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/speech");
    let mut files: Vec<_> = std::fs::read_dir(wav)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "wav"))
        .collect();
    files.sort_by_key(|path| std::fs::metadata(path).map_or(0, |m| m.len()));
    let ran = gstreamer(&format!(
        "filesrc location={} ! wavparse ! audioconvert ! audioresample ! \
         audio/x-raw,format=S16LE,channels=1,rate={} ! filesink location={}",
        files.last()?.display(),
        peer.rate_hz,
        raw.display()
    ));
    ran.then(|| samples(raw))
}

fn samples(path: &Path) -> Vec<i16> {
    let bytes = std::fs::read(path).unwrap();
    bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
}

/// Makes a stream of packets that are a file each.
fn frame(packets: &Path, stream: &Path) {
    let mut files: Vec<_> =
        std::fs::read_dir(packets).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut framed = Vec::new();
    for packet in files {
        let packet = std::fs::read(packet).unwrap();
        framed.extend_from_slice(&(packet.len() as u16).to_be_bytes());
        framed.extend_from_slice(&packet);
    }
    std::fs::write(stream, framed).unwrap();
}

/// What GStreamer hears of a stream.
fn heard_by_gstreamer(peer: &Peer, stream: &Path) -> Vec<i16> {
    let raw = file(&format!("{}.heard", peer.encoding));
    gstreamer(&format!(
        "filesrc location={} ! application/x-rtp-stream,media=(string)audio,clock-rate=(int){},\
         encoding-name=(string){},payload=(int){}{} ! rtpstreamdepay ! {} ! audioconvert ! \
         audio/x-raw,format=S16LE,channels=1 ! filesink location={}",
        stream.display(),
        peer.clock_hz,
        peer.encoding,
        peer.payload_type,
        peer.caps,
        peer.decode,
        raw.display()
    ));
    samples(&raw)
}

/// What our decoder makes of a stream.
fn heard_by_us(spec: &CodecSpec, stream: &Path) -> Vec<i16> {
    let mut decoder = spec.decoder(spec.format().sample_rate_hz).unwrap();
    let bytes = std::fs::read(stream).unwrap();
    let (mut rest, mut heard, mut pcm) = (&bytes[..], Vec::new(), vec![0; MAX_PACKET_SAMPLES]);
    while let Some((&[a, b], behind)) = rest.split_first_chunk::<2>() {
        let (packet, behind) = behind.split_at(usize::from(u16::from_be_bytes([a, b])));
        let packet = RtpPacket::parse(packet).unwrap();
        let payload = packet.payload().unwrap();
        let count = decoder.decode(payload, &mut pcm).unwrap();
        assert_eq!(decoder.packet_samples(payload), Ok(count));
        heard.extend_from_slice(&pcm[..count]);
        rest = behind;
    }
    heard
}

/// Speech as a leg sends it.
fn sent_by_us(spec: &CodecSpec, payload_type: u8, said: &[i16], stream: &Path) {
    let mut config = LegConfig::plain(7, payload_type, spec.clone());
    config.rtcp_interval_ms = 0;
    let (_, mut media, _) = Leg::new(&config).unwrap();
    let mut framed = Vec::new();
    for (n, pcm) in said.chunks_exact(spec.format().sample_rate_hz as usize / 50).enumerate() {
        media.push(pcm).unwrap();
        while let Some(datagram) = media.poll_transmit(n as u64 * 20_000_000) {
            assert!(!is_rtcp(datagram));
            framed.extend_from_slice(&(datagram.len() as u16).to_be_bytes());
            framed.extend_from_slice(datagram);
        }
    }
    std::fs::write(stream, framed).unwrap();
}

/// The best correlation of a second in the middle, with one delayed by up to 50 ms against the
/// other.
fn alike(a: &[i16], b: &[i16], rate_hz: u32) -> f64 {
    let (second, most) = (rate_hz as usize, rate_hz as usize / 20);
    assert!(a.len().min(b.len()) > 2 * second, "there is something to compare");
    let middle = a.len().min(b.len()) / 2 - second / 2;
    let dot = |a: &[i16], b: &[i16]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    let fixed = &a[middle..middle + second];
    (middle - most..middle + most)
        .map(|at| {
            let moved = &b[at..at + second];
            dot(fixed, moved) / (dot(fixed, fixed) * dot(moved, moved)).sqrt().max(1.0)
        })
        .fold(0.0, f64::max)
}

#[test]
fn gstreamer_hears_what_we_send() {
    for peer in &PEERS {
        let (raw, stream) =
            (file(&format!("{}.said", peer.encoding)), file(&format!("{}.ours", peer.encoding)));
        let Some(said) = speech(peer, &raw) else { return };
        let spec = CodecSpec::from_rtpmap(peer.rtpmap).unwrap();
        sent_by_us(&spec, peer.payload_type, &said, &stream);
        let (theirs, ours) = (heard_by_gstreamer(peer, &stream), heard_by_us(&spec, &stream));
        let like = alike(&ours, &theirs, peer.rate_hz);
        assert!(like > 0.99, "{}: {like}", peer.encoding);
        assert!(theirs.len() + 2_000 > ours.len(), "{}: all of it", peer.encoding);
    }
}

#[test]
fn we_hear_what_gstreamer_sends() {
    for peer in &PEERS {
        let (raw, stream) =
            (file(&format!("{}.raw", peer.encoding)), file(&format!("{}.theirs", peer.encoding)));
        let Some(said) = speech(peer, &raw) else { return };
        let packets = file(&format!("{}.packets", peer.encoding));
        let _ = std::fs::remove_dir_all(&packets);
        std::fs::create_dir_all(&packets).unwrap();
        gstreamer(&format!(
            "filesrc location={} ! rawaudioparse format=pcm pcm-format=s16le sample-rate={} \
             num-channels=1 ! {} ! {} pt={} ! multifilesink location={}/%06d",
            raw.display(),
            peer.rate_hz,
            peer.encode,
            peer.pack,
            peer.payload_type,
            packets.display()
        ));
        frame(&packets, &stream);
        let spec = CodecSpec::from_rtpmap(peer.rtpmap).unwrap();
        let (theirs, ours) = (heard_by_gstreamer(peer, &stream), heard_by_us(&spec, &stream));
        let like = alike(&ours, &theirs, peer.rate_hz);
        assert!(like > 0.99, "{}: {like}", peer.encoding);
        assert!(ours.len() + 2_000 > said.len(), "{}: all of it", peer.encoding);
    }
}
