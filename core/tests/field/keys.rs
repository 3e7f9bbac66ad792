// SPDX-License-Identifier: MIT OR Apache-2.0
//! Re-keying in mid-call, by whatever the new line says: done, or refused at the call; never taken and then
//! deaf.

use ale_media::codec::CodecSpec;
use ale_media::leg::{LegConfig, Received, SrtpConfig};
use ale_media::srtp::sdes::CryptoAttribute;
use ale_media::srtp::{Policy, Sender, SessionConfig};

use crate::call::{Call, call};

const KEY_A: &str = "inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR";
const KEY_B: &str = "inline:QUJjZGVmMTIzNDU2Nzg5QUJDREUwMTIzNDU2Nzg5";

fn line(suite: &str, key: &str, rest: &str) -> SessionConfig {
    let attribute = CryptoAttribute::parse(&format!("1 {suite} {key}{rest}")).unwrap();
    let mut config = attribute.to_config().unwrap();
    config.policy = Policy::Legacy;
    config
}

fn keyed(line: &SessionConfig) -> Call {
    let mut config = LegConfig::new(1, 0, CodecSpec::Pcmu);
    config.srtp = Some(SrtpConfig { send: line.clone(), receive: line.clone() });
    let mut call = call(&config);
    call.peer_sends_under(line);
    call
}

#[test]
fn what_a_new_line_may_change_is_done_and_heard() {
    let (cm80, cm32) = ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32");
    let table = [
        ("other keys", line(cm80, KEY_A, ""), line(cm80, KEY_B, "")),
        ("a 32-bit suite", line(cm32, KEY_A, ""), line(cm32, KEY_B, "")),
        ("another suite", line(cm80, KEY_A, ""), line(cm32, KEY_B, "")),
        ("an MKI comes", line(cm80, KEY_A, ""), line(cm80, KEY_B, "|2^31|1:1")),
        ("an MKI goes", line(cm80, KEY_A, "|2^31|1:1"), line(cm80, KEY_B, "")),
        ("an MKI grows", line(cm80, KEY_A, "|2^31|1:1"), line(cm80, KEY_B, "|2^31|1:4")),
        ("the same MKI", line(cm80, KEY_A, "|2^31|1:1"), line(cm80, KEY_B, "|2^31|1:1")),
        ("a lifetime", line(cm80, KEY_A, ""), line(cm80, KEY_B, "|2^20")),
        ("plain RTCP", line(cm80, KEY_A, ""), line(cm80, KEY_B, " UNENCRYPTED_SRTCP")),
        ("secret RTCP", line(cm80, KEY_A, " UNENCRYPTED_SRTCP"), line(cm80, KEY_B, "")),
        ("plain RTP", line(cm80, KEY_A, ""), line(cm80, KEY_B, " UNENCRYPTED_SRTP")),
        ("secret RTP", line(cm80, KEY_A, " UNENCRYPTED_SRTP"), line(cm80, KEY_B, "")),
    ];
    for (what, before, after) in table {
        let mut call = keyed(&before);
        call.stream(7, 0, 0, 50);
        call.control.rekey(Some(&after), Some(&after)).unwrap();
        // Under way when the answer came: still of the old keys.
        assert_eq!(call.voice(7, 50, 8_000), Ok(Received::Media), "{what}");
        call.peer_sends_under(&after);
        assert_eq!(call.stream(7, 51, 8_160, 50), 50, "{what}");
        let mut report = vec![0; 100];
        report[..8].copy_from_slice(&[0x80, 201, 0, 1, 0, 0, 0, 7]);
        let bytes = call.peer.as_mut().unwrap().protect_rtcp(&mut report, 8).unwrap();
        let read = call.receiver.receive(&mut report[..bytes], call.now_ns);
        assert_eq!(read, Ok(Received::Report), "{what}");
        // What is sent follows at once, and is what the line says.
        call.media.push(&[9_000; 160]).unwrap();
        let sent = call.media.poll_transmit(call.now_ns).unwrap().to_vec();
        let mut peers = ale_media::srtp::Receiver::new(&after).unwrap();
        let mut opened = sent.clone();
        assert_eq!(peers.unprotect(&mut opened), Ok(172), "{what}");
        let readable = sent[12..172] == opened[12..172];
        assert_eq!(readable, after.unencrypted_srtp, "{what}");
    }
}

#[test]
fn the_same_line_again_changes_nothing() {
    let kept = line("AEAD_AES_128_GCM", "inline:QUJjZGVmMTIzNDU2Nzg5QUJDREUwMTIzNDU2Nw==", "");
    let mut call = keyed(&kept);
    let mut sequences = std::collections::HashSet::new();
    for n in 0..5_u16 {
        call.control.rekey(Some(&kept), Some(&kept)).unwrap();
        let taken = call.stream(7, 20 * n, 3_200 * u32::from(n), 20);
        assert_eq!(taken, if n == 0 { 19 } else { 20 });
        for _ in 0..3 {
            call.media.push(&[500; 160]).unwrap();
            let sent = call.media.poll_transmit(call.now_ns).unwrap();
            assert!(sequences.insert([sent[2], sent[3]]));
        }
    }
    assert_eq!(call.control.stats().media.protect_errors, 0);
}

/// What can't be: refused when it is asked for, and all stays as it was.
#[test]
fn what_can_t_be_done_is_refused_at_the_call() {
    let before = line("AES_CM_128_HMAC_SHA1_80", KEY_A, "");
    let mut call = keyed(&before);
    call.stream(7, 0, 0, 50);
    let mut weak = line("AES_CM_128_HMAC_SHA1_80", KEY_B, "");
    weak.replay_window = 3;
    let mut none = weak.clone();
    none.keys.clear();
    let mut refused = 0;
    for line in [weak, none] {
        refused += u32::from(call.control.rekey(Some(&line), Some(&line)).is_err());
    }
    assert!(refused >= 1);
    call.peer = Some(Sender::new(&before).unwrap());
    assert!(call.stream(7, 50, 8_000, 50) >= 49);
}
