// SPDX-License-Identifier: MIT OR Apache-2.0
//! SRTP: unprotecting any bytes under a known key, the SDES attribute, and the kernels against
//! RustCrypto. Each function takes the fuzzer's bytes and panics where something is wrong.

use ale_media::srtp::checkpoint::Restored;
use ale_media::srtp::sdes::CryptoAttribute;
use ale_media::srtp::{
    Engine, Kernel, MAX_TRAILER_BYTES, MasterKey, Policy, Receiver, Sender, SessionConfig, Suite,
};

fn config(suite: Suite, flags: u8) -> SessionConfig {
    let bytes: Vec<u8> = (0..suite.key_bytes() + suite.salt_bytes()).map(|i| i as u8).collect();
    let mut key = MasterKey::from_concatenated(suite, &bytes).expect("lengths are the suite's");
    if flags & 1 != 0 {
        key = key.with_mki(&[1, 2]).expect("two bytes");
    }
    let mut config = SessionConfig::new(suite, key);
    config.policy = Policy::Legacy;
    config.allow_null_cipher = true;
    config.unencrypted_srtcp = flags & 2 != 0;
    config.cryptex = flags & 4 != 0;
    if !config.cryptex && flags & 8 != 0 {
        config.encrypted_extensions = vec![1, 2, 3];
    }
    config.roc_retry = flags >> 4 & 3;
    config.max_streams = 3;
    config
}

fn suite_and_flags(data: &[u8]) -> Option<(Suite, u8, &[u8])> {
    let (&[suite, flags], rest) = data.split_first_chunk::<2>()?;
    Some((Suite::ALL[usize::from(suite) % Suite::ALL.len()], flags, rest))
}

/// A datagram of any bytes: refused and left untouched, or, if the fuzzer finds a tag, accepted.
pub fn unprotect(data: &[u8]) {
    let Some((suite, flags, datagram)) = suite_and_flags(data) else { return };
    let mut receiver = Receiver::new(&config(suite, flags)).expect("a good configuration");
    for rtcp in [false, true] {
        let mut copy = datagram.to_vec();
        let result =
            if rtcp { receiver.unprotect_rtcp(&mut copy) } else { receiver.unprotect(&mut copy) };
        match result {
            Ok(len) => assert!(len < datagram.len()),
            Err(_) => assert_eq!(copy, datagram),
        }
    }
    let _ = Receiver::diagnose(&config(suite, flags), datagram);
}

/// A plaintext packet of any bytes: what is protected must come back.
pub fn round_trip(data: &[u8]) {
    let Some((suite, flags, plain)) = suite_and_flags(data) else { return };
    let config = config(suite, flags);
    let mut sender = Sender::new(&config).expect("a good configuration");
    let mut receiver = Receiver::new(&config).expect("a good configuration");
    for rtcp in [false, true] {
        let mut buffer = plain.to_vec();
        buffer.resize(plain.len() + MAX_TRAILER_BYTES, 0);
        let before = buffer.clone();
        let protected = if rtcp {
            sender.protect_rtcp(&mut buffer, plain.len())
        } else {
            sender.protect(&mut buffer, plain.len())
        };
        let Ok(len) = protected else {
            assert_eq!(buffer, before);
            continue;
        };
        let opened = if rtcp {
            receiver.unprotect_rtcp(&mut buffer[..len])
        } else {
            receiver.unprotect(&mut buffer[..len])
        };
        let opened = opened.expect("what was protected authenticates");
        // With cryptex an empty extension may have been added.
        assert!(opened == plain.len() && buffer[..opened] == *plain || config.cryptex);
    }
}

/// An `a=crypto` attribute of any text: what is accepted is printed and parsed to the same.
pub fn sdes(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(attribute) = CryptoAttribute::parse(text) {
        let line = attribute.line();
        let again = CryptoAttribute::parse(&line).expect("what is printed is parsed");
        assert_eq!(again.line(), line);
        let _ = attribute.to_config();
    }
}

/// Every kernel gives RustCrypto's bytes.
pub fn kernels(data: &[u8]) {
    let Some((suite, flags, plain)) = suite_and_flags(data) else { return };
    let mut expected: Option<(Vec<u8>, Vec<u8>)> = None;
    for &kernel in Kernel::ALL.iter().filter(|kernel| kernel.is_available()) {
        let mut config = config(suite, flags);
        config.engine = Engine::Builtin(kernel);
        let mut sender = Sender::new(&config).expect("a good configuration");
        let mut protect = |rtcp: bool| {
            let mut buffer = plain.to_vec();
            buffer.resize(plain.len() + MAX_TRAILER_BYTES, 0);
            let len = if rtcp {
                sender.protect_rtcp(&mut buffer, plain.len())
            } else {
                sender.protect(&mut buffer, plain.len())
            };
            buffer.truncate(len.unwrap_or(0));
            buffer
        };
        let actual = (protect(false), protect(true));
        match &expected {
            None => expected = Some(actual),
            Some(expected) => assert_eq!(&actual, expected, "{kernel:?}"),
        }
    }
}

/// A checkpoint of any bytes.
pub fn checkpoint(data: &[u8]) {
    if let Ok(restored) = Restored::open(&[7; 32], data) {
        let _ = restored.into_sender();
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn bodies_hold_for_random_bytes_and_for_packets() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 24) as u8
        };
        for round in 0..3000 {
            let len = usize::from(random()) + if round % 16 == 0 { 1200 } else { 0 };
            let mut data: Vec<u8> = (0..len).map(|_| random()).collect();
            if round % 2 == 0 && len > 4 {
                data[2] = 0x80 | data[2] & 0x13; // looks like RTP or RTCP
            }
            super::unprotect(&data);
            super::round_trip(&data);
            super::sdes(&data);
            super::kernels(&data);
            super::checkpoint(&data);
        }
    }
}
