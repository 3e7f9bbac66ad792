// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keys written out for whoever looks at a capture (feature `key-log`, which builds for production
//! don't have: without it there is no way to get a key out of a session).
//!
//! A line is an a=crypto attribute (RFC 4568) of one direction, which is what programs that decrypt
//! captures take.

use super::receiver::Receiver;
use super::sdes::{CryptoAttribute, CryptoLine};
use super::sender::Sender;
use super::session_keys::KeyRing;

impl Sender {
    /// The a=crypto line of the keys that are sent under. A new one is due after each
    /// [`Sender::rekey`].
    ///
    /// Real-time: no.
    pub fn key_log_line(&self) -> CryptoLine {
        line(&self.half.ring)
    }
}

impl Receiver {
    /// The a=crypto line of the keys that are received under. A new one is due after each
    /// [`Receiver::rekey`].
    ///
    /// Real-time: no.
    pub fn key_log_line(&self) -> CryptoLine {
        line(&self.half.ring)
    }
}

fn line(ring: &KeyRing) -> CryptoLine {
    let keys = ring.keys.iter().map(|key| key.master.clone()).collect();
    let mut attribute = CryptoAttribute::with_keys(1, ring.suite, keys);
    attribute.key_derivation_rate_log2 = ring.rate_log2;
    attribute.line()
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{config, master, rtp};
    use super::super::{PreparedKeys, Suite};
    use super::*;

    #[test]
    fn who_has_the_line_reads_what_was_sent_under_it() {
        for suite in Suite::ALL {
            let mut keys = config(suite, 1);
            keys.keys = [7_u8, 9].map(|mki| master(suite, mki).with_mki(&[mki]).unwrap()).to_vec();
            let mut sender = Sender::new(&keys).unwrap();
            let first = sender.key_log_line();
            keys.keys =
                [1_u8, 2].map(|mki| master(suite, mki + 90).with_mki(&[mki]).unwrap()).to_vec();
            drop(sender.rekey(PreparedKeys::new(&keys).unwrap()).unwrap());
            let second = sender.key_log_line();
            let mut packet = rtp(1, 2, 30);
            let plain = packet.clone();
            packet.resize(300, 0);
            let length = sender.protect(&mut packet, plain.len()).unwrap();
            let open = |line: &str| {
                let mut listener = CryptoAttribute::parse(line).unwrap().to_config().unwrap();
                listener.policy = keys.policy;
                listener.allow_null_cipher = true;
                let mut copy = packet[..length].to_vec();
                let length = Receiver::new(&listener).unwrap().unprotect(&mut copy)?;
                copy.truncate(length);
                Ok::<_, super::super::SrtpError>(copy)
            };
            assert!(open(&first).is_err(), "{suite:?}");
            assert_eq!(open(&second).unwrap(), plain, "{suite:?}");
            assert_eq!(Receiver::new(&keys).unwrap().key_log_line(), second);
        }
    }
}
