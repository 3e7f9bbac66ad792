// SPDX-License-Identifier: MIT OR Apache-2.0
//! Our codecs beside ffmpeg's on human speech. Without ffmpeg a test says so and is left out; CI
//! insists on it.

use std::path::{Path, PathBuf};
use std::process::Command;

use ale_media::codec::CodecSpec;

/// Runs ffmpeg from one file to another; `false` where there is none.
fn ffmpeg(before: &[&str], input: &Path, after: &[&str], output: &Path) -> bool {
    let command = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-y", "-bitexact"])
        .args(before)
        .arg("-i")
        .arg(input)
        .args(after)
        .arg(output)
        .status();
    match command {
        Ok(status) => {
            assert!(status.success(), "ffmpeg {before:?} {after:?}: {status}");
            true
        }
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "CI needs ffmpeg: {error}");
            eprintln!("left out: no ffmpeg ({error})");
            false
        }
    }
}

fn speech() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/speech");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("speech")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "wav"))
        .collect();
    files.sort();
    assert!(files.len() >= 5);
    files
}

fn samples(path: &Path) -> Vec<i16> {
    let bytes = std::fs::read(path).expect("PCM");
    bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
}

/// Where two sequences differ first.
fn difference<T: PartialEq>(ours: &[T], theirs: &[T]) -> Option<usize> {
    assert!(theirs.len() >= ours.len());
    ours.iter().zip(theirs).position(|(a, b)| a != b)
}

/// ffmpeg must decode our bytes to our samples, and where `encodes_alike` give the same bytes.
fn same_as_ffmpeg(spec: CodecSpec, name: &str, encodes_alike: bool) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let rate = spec.format().sample_rate_hz;
    let rate_text = rate.to_string();
    for (n, wav) in speech().iter().enumerate() {
        let file = |kind: &str| folder.join(format!("{name}-{n}.{kind}"));
        let (pcm_file, coded_file, back_file) = (file("pcm"), file("coded"), file("back"));
        let raw = ["-f", "s16le", "-ar", &rate_text, "-ac", "1"];
        if !ffmpeg(&[], wav, &raw, &pcm_file) {
            return;
        }
        let coded = ["-c:a", name, "-f", "data", "-map", "0:a"];
        ffmpeg(&raw, &pcm_file, &coded, &coded_file);
        let theirs = std::fs::read(&coded_file).expect("coded");
        let format = match name {
            "g722" => "g722",
            "pcm_alaw" => "alaw",
            "pcm_mulaw" => "mulaw",
            _ => "s16be",
        };
        let input = ["-f", format, "-ar", &rate_text, "-ac", "1"];
        let input = if name == "g722" { &input[..2] } else { &input[..] };
        let pcm = samples(&pcm_file);
        let (mut encoder, mut decoder) =
            (spec.encoder().expect("encoder"), spec.decoder(rate).expect("decoder"));
        let (mut ours, mut back) = (Vec::new(), Vec::new());
        for packet in pcm.chunks((rate / 50) as usize) {
            let packet = &packet[..packet.len() & !1];
            let mut payload = [0; 4_000];
            let length = encoder.encode(packet, &mut payload).expect("payload");
            let mut out = [0; 4_000];
            let count = decoder.decode(&payload[..length], &mut out).expect("PCM");
            ours.extend_from_slice(&payload[..length]);
            back.extend_from_slice(&out[..count]);
        }
        assert!(ours.len() > 8_000, "there is something to compare");
        if encodes_alike {
            let at = difference(&ours, &theirs);
            assert_eq!(at, None, "{name}: encoded bytes of {}", wav.display());
        }
        std::fs::write(&coded_file, &ours).expect("coded");
        ffmpeg(input, &coded_file, &["-f", "s16le"], &back_file);
        let at = difference(&back, &samples(&back_file));
        assert_eq!(at, None, "{name}: decoded samples of {}", wav.display());
    }
}

#[test]
fn g722_is_ffmpegs_to_the_bit_on_speech() {
    same_as_ffmpeg(CodecSpec::G722, "g722", true);
}

#[test]
fn g711_is_decoded_alike_by_ffmpeg() {
    // ffmpeg encodes to the nearest level, the ITU's reference by intervals.
    same_as_ffmpeg(CodecSpec::Pcma, "pcm_alaw", false);
    same_as_ffmpeg(CodecSpec::Pcmu, "pcm_mulaw", false);
}

#[test]
fn l16_is_ffmpegs_big_endian_pcm() {
    same_as_ffmpeg(CodecSpec::L16 { sample_rate_hz: 16_000, channels: 1 }, "pcm_s16be", true);
}

/// Packets of an Opus file (RFC 7845), after its two headers.
fn opus_packets(path: &Path) -> Vec<Vec<u8>> {
    let mut reader = ogg::PacketReader::new(std::fs::File::open(path).expect("Ogg"));
    let mut packets = Vec::new();
    while let Some(packet) = reader.read_packet().expect("packet") {
        packets.push(packet.data);
    }
    packets.split_off(2)
}

/// Writes an Opus file of packets of 20 ms of mono.
fn write_opus(path: &Path, packets: &[Vec<u8>]) {
    use ogg::PacketWriteEndInfo::{EndPage, EndStream, NormalPacket};
    let mut writer = ogg::PacketWriter::new(std::fs::File::create(path).expect("Ogg"));
    let mut head = b"OpusHead\x01\x01".to_vec();
    head.extend_from_slice(&[0, 0]); // nothing to skip
    head.extend_from_slice(&48_000_u32.to_le_bytes());
    head.extend_from_slice(&[0, 0, 0]);
    let mut tags = b"OpusTags".to_vec();
    tags.extend_from_slice(&[0; 8]);
    writer.write_packet(head, 1, EndPage, 0).expect("head");
    writer.write_packet(tags, 1, EndPage, 0).expect("tags");
    for (n, packet) in packets.iter().enumerate() {
        let end = if n + 1 == packets.len() { EndStream } else { NormalPacket };
        writer.write_packet(packet.clone(), 1, end, (n as u64 + 1) * 960).expect("packet");
    }
}

fn decoded(packets: &[Vec<u8>]) -> Vec<i16> {
    let spec = CodecSpec::from_rtpmap("opus/48000/2").expect("Opus");
    let mut decoder = spec.decoder(48_000).expect("decoder");
    let mut heard = Vec::new();
    for packet in packets {
        let mut pcm = [0; ale_media::codec::MAX_PACKET_SAMPLES];
        let count = decoder.decode(packet, &mut pcm).expect("PCM");
        heard.extend_from_slice(&pcm[..count]);
    }
    heard
}

/// The correlation of two signals, the second `skip` samples ahead.
fn alike(a: &[i16], b: &[i16], skip: usize) -> f64 {
    let a = &a[skip..];
    let length = a.len().min(b.len());
    assert!(length > 48_000, "there is something to compare");
    let dot = |a: &[i16], b: &[i16]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    dot(&a[..length], &b[..length])
        / (dot(&a[..length], &a[..length]) * dot(&b[..length], &b[..length])).sqrt()
}

#[test]
fn opus_is_decoded_alike_both_ways() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (pcm_file, file, back) =
        (folder.join("opus.pcm"), folder.join("opus.opus"), folder.join("opus.back"));
    let raw = ["-f", "s16le", "-ar", "48000", "-ac", "1"];
    for wav in speech().iter().rev().take(2) {
        if !ffmpeg(&[], wav, &raw, &pcm_file) {
            return;
        }
        // Theirs, decoded by both. ffmpeg leaves out what the file says is to be skipped.
        ffmpeg(&raw, &pcm_file, &["-c:a", "libopus", "-b:a", "24k"], &file);
        // Its own decoder has another resampler behind SILK than libopus, a part of a sample off.
        ffmpeg(&["-c:a", "libopus"], &file, &raw, &back);
        let bytes = std::fs::read(&file).expect("file");
        let head = bytes.windows(8).position(|w| w == b"OpusHead").expect("head") + 10;
        let skip = usize::from(u16::from_le_bytes([bytes[head], bytes[head + 1]]));
        let like = alike(&decoded(&opus_packets(&file)), &samples(&back), skip);
        assert!(like > 0.99, "theirs: {like}");

        // Ours, decoded by both.
        let spec = CodecSpec::from_rtpmap("opus/48000/2").expect("Opus");
        let mut encoder = spec.encoder().expect("encoder");
        let packets: Vec<_> = samples(&pcm_file)
            .chunks_exact(960)
            .map(|pcm| {
                let mut payload = [0; 1_500];
                let length = encoder.encode(pcm, &mut payload).expect("payload");
                payload[..length].to_vec()
            })
            .collect();
        write_opus(&file, &packets);
        ffmpeg(&["-c:a", "libopus"], &file, &raw, &back);
        let like = alike(&decoded(&packets), &samples(&back), 0);
        assert!(like > 0.99, "ours: {like}");
    }
}
