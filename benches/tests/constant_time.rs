// SPDX-License-Identifier: MIT OR Apache-2.0
//! No branch and no table index on secrets, as valgrind's memcheck sees it: keys and plaintext are
//! declared undefined, and memcheck reports every jump and address that depends on undefined bits.
//! (Memcheck knows no SHA or VAES instructions, so this runs on the portable code and what all
//! kernels share. The kernels themselves are straight lines of SIMD instructions; how they compare tags is seen
//! in core/tests/forged_path.rs.)
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

use std::process::Command;

use ale_media::srtp::sdes::CryptoAttribute;
use ale_media::srtp::{MasterKey, Policy, Receiver, Sender, SessionConfig, Suite};
use benches::valgrind::{self, request};

/// Client requests (memcheck.h).
const COUNT_ERRORS: usize = 0x1201;
const MAKE_UNDEFINED: usize = (b'M' as usize) << 24 | (b'C' as usize) << 16 | 1;
const MAKE_DEFINED: usize = MAKE_UNDEFINED + 1;

fn errors() -> usize {
    request(COUNT_ERRORS, 0, 0)
}

fn hide(bytes: &mut [u8]) {
    request(MAKE_UNDEFINED, bytes.as_ptr() as usize, bytes.len());
}

fn reveal(bytes: &mut [u8]) {
    request(MAKE_DEFINED, bytes.as_ptr() as usize, bytes.len());
}

#[test]
fn nothing_branches_on_secrets() {
    if valgrind::is_running() {
        return under_valgrind();
    }
    let this = std::env::current_exe().unwrap();
    let run = Command::new("valgrind")
        .args(["--quiet", "--track-origins=no"])
        .arg(this)
        .args(["--exact", "nothing_branches_on_secrets", "--nocapture", "--test-threads=1"])
        .output();
    match run {
        Ok(run) => {
            let said = String::from_utf8_lossy(&run.stderr);
            assert!(run.status.success(), "{said}\n{}", String::from_utf8_lossy(&run.stdout));
        }
        Err(error) if std::env::var_os("CI").is_none() => eprintln!("skipped: valgrind: {error}"),
        Err(error) => panic!("valgrind: {error}"),
    }
}

fn under_valgrind() {
    assert_eq!(errors(), 0, "before anything is secret");
    for suite in Suite::ALL {
        for payload in [0, 1, 15, 20, 160, 1200] {
            session(suite, payload);
        }
    }
    a_line_of_sdes();
    planted_leaks_are_seen();
}

fn session(suite: Suite, payload: usize) {
    let mut bytes: Vec<u8> =
        (0..suite.key_bytes() + suite.salt_bytes()).map(|i| (i * 91 + 5) as u8).collect();
    hide(&mut bytes);
    let mut config =
        SessionConfig::new(suite, MasterKey::from_concatenated(suite, &bytes).unwrap());
    config.policy = Policy::Legacy;
    config.allow_null_cipher = true;
    let before = errors();
    let mut sender = Sender::new(&config).unwrap();
    let mut receiver = Receiver::new(&config).unwrap();
    let mut packet = vec![0x80, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1];
    packet.resize(12 + payload, 0x33);
    let len = packet.len();
    packet.resize(len + 16, 0);
    hide(&mut packet[12..len]);
    let sealed = sender.protect(&mut packet, len).unwrap();
    assert_eq!(errors(), before, "{suite:?}, {payload} bytes: keys or protect");

    // What is on the wire is public; so is the verdict, which is one jump.
    reveal(&mut packet);
    let opened = receiver.unprotect(&mut packet[..sealed]);
    let verdict = errors() - before;
    reveal(&mut packet);
    assert_eq!(opened, Ok(len));
    assert!(verdict <= 2, "{suite:?}, {payload} bytes: {verdict} jumps or addresses in unprotect");
    packet[..sealed].fill(0x80);
}

/// A line whose key's characters are secret: one jump tells for each key whether they are Base64.
fn a_line_of_sdes() {
    let key = "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR";
    let line = format!(
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}|2^20|1:4;inline:{key}|2^20|2:4 KDR=1"
    );
    let places: Vec<usize> = line.match_indices(key).map(|(at, _)| at).collect();
    for at in places {
        request(MAKE_UNDEFINED, line.as_ptr() as usize + at, key.len());
    }
    let before = errors();
    let attribute = CryptoAttribute::parse(&line).unwrap();
    let verdicts = errors() - before;
    assert_eq!(attribute.keys.len(), 2);
    assert!(verdicts <= 2, "{verdicts} jumps or addresses in the parser");
    request(MAKE_DEFINED, line.as_ptr() as usize, line.len());
}

/// The measuring instrument, measured.
fn planted_leaks_are_seen() {
    let mut secret = [1_u8, 2];
    hide(&mut secret);
    let before = errors();
    for turn in 0..std::hint::black_box(secret[0]) {
        std::hint::black_box(turn);
    }
    let after_branch = errors();
    let table = std::hint::black_box([7_u8; 256]);
    std::hint::black_box(table[usize::from(std::hint::black_box(secret[1]))]);
    let after_index = errors();
    assert!(after_branch > before && after_index > after_branch);
}
