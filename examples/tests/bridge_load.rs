// SPDX-License-Identifier: MIT OR Apache-2.0
//! The `bridge-load` program from outside: everybody is heard and nothing is allocated, in memory and
//! by UDP, over threads, while members come, go and change codecs.

use std::process::Command;

fn bridge_load(arguments: &[&str]) -> String {
    let common = ["--any-time", "--duration", "2", "--conferences", "3", "--legs", "6"];
    let output = Command::new(env!("CARGO_BIN_EXE_bridge-load"))
        .args(common)
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
fn everybody_is_heard_in_memory_and_by_udp_through_a_soak() {
    for arguments in [
        &["--soak", "--threads", "2", "--suite", "AES_CM_128_HMAC_SHA1_80"][..],
        &["--soak", "--udp", "--suite", "AEAD_AES_128_GCM", "--limiter", "--joined-ticks"][..],
    ] {
        let said = bridge_load(arguments);
        assert!(said.contains("allocations in the engine's time: 0\n"), "{said}");
        assert!(said.contains("hear the talkers: 3 of 3"), "{said}");
    }
}

#[test]
fn what_is_unknown_is_said() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_bridge-load")).args(["--codec", "X/1"]).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("codec X/1 is unknown"));
}
