// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random sequences against Debian's libsrtp: the same verdict and the same bytes for every packet,
//! through loss, reordering, replay, rollover, re-keying and forgery, in both directions. Where the
//! library is not installed the tests are left out, but fail if `CI` is set.

use std::sync::Arc;

use ale_media::srtp::{
    MasterKey, Policy, PreparedKeys, Receiver, Sender, SessionConfig, SrtpError, StreamState, Suite,
};
use benches::libsrtp::{Library, Session, status};

/// libsrtp's smallest window with room for our own default.
const WINDOW: usize = 128;

/// A small generator, so that a failure names the seed that repeats it.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

fn config(suite: Suite, key: &[u8]) -> SessionConfig {
    let master = MasterKey::from_concatenated(suite, key).unwrap();
    let mut config = SessionConfig::new(suite, master);
    config.policy = Policy::Legacy;
    config.replay_window = WINDOW;
    config.max_streams = 8;
    // libsrtp changes keys at once, and follows no lost rollover counter.
    config.rekey_overlap_packets = 0;
    config.roc_retry = 0;
    config
}

fn key(random: &mut Random, suite: Suite) -> Vec<u8> {
    (0..suite.key_bytes() + suite.salt_bytes()).map(|_| random.next() as u8).collect()
}

fn packet(random: &mut Random, ssrc: u32, sequence: u16) -> Vec<u8> {
    let sources = random.below(4) as usize * usize::from(random.below(3) == 0);
    let extension = random.below(3) == 0;
    let mut out = vec![0x80 | sources as u8 | u8::from(extension) << 4, random.next() as u8 & 0x7f];
    out.extend(sequence.to_be_bytes());
    out.extend((random.next() as u32).to_be_bytes());
    out.extend(ssrc.to_be_bytes());
    for _ in 0..sources {
        out.extend((random.next() as u32).to_be_bytes());
    }
    if extension {
        let words = random.below(5) as u16;
        out.extend([0xbe, 0xde]);
        out.extend(words.to_be_bytes());
        out.extend((0..4 * words).map(|_| random.next() as u8));
    }
    let payload = match random.below(4) {
        0 => 160,
        1 => random.below(1400),
        _ => random.below(64),
    };
    out.extend((0..payload).map(|_| random.next() as u8));
    out
}

/// The suites to compare. libsrtp 2.5 derives AES-192 keys with AES-256 and a padded master key;
/// RFC 6188 section 3 wants AES-192, and its vectors are in our tests.
fn suites() -> impl Iterator<Item = Suite> {
    Suite::ALL.into_iter().filter(|suite| suite.key_bytes() != 24 && !suite.is_null())
}

/// What both sides are to agree on.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Accepted(Vec<u8>),
    Forged,
    Replayed,
    TooOld,
}

fn ours(receiver: &mut Receiver, datagram: &[u8]) -> Verdict {
    let mut copy = datagram.to_vec();
    match receiver.unprotect(&mut copy) {
        Ok(len) => {
            copy.truncate(len);
            Verdict::Accepted(copy)
        }
        Err(error) => {
            assert_eq!(copy, datagram, "a refused packet is untouched");
            match error {
                SrtpError::AuthenticationFailed => Verdict::Forged,
                SrtpError::Replayed => Verdict::Replayed,
                SrtpError::TooOld => Verdict::TooOld,
                other => panic!("{other}"),
            }
        }
    }
}

fn theirs(session: &mut Session, datagram: &[u8]) -> Verdict {
    let mut copy = datagram.to_vec();
    copy.resize(datagram.len() + 200, 0);
    match session.unprotect(&mut copy, datagram.len()) {
        Ok(len) => {
            copy.truncate(len);
            Verdict::Accepted(copy)
        }
        Err(status::REPLAY_FAIL) => Verdict::Replayed,
        Err(status::REPLAY_OLD) => Verdict::TooOld,
        // Debian's build reports GCM's mismatch as a failure of the cipher.
        Err(_) => Verdict::Forged,
    }
}

/// The system's library, if it is there; it has to be where everything is tested.
fn library() -> Option<Arc<Library>> {
    let library = Library::system();
    let needed = std::env::var_os("CI").is_some();
    assert!(library.is_some() || !needed, "libsrtp2.so.1 is not installed");
    if library.is_none() {
        eprintln!("left out: libsrtp2.so.1 is not installed");
    }
    library
}

/// What a sequence has put to the test.
#[derive(Debug, Default)]
struct Tally {
    accepted: usize,
    forged: usize,
    replayed: usize,
    too_old: usize,
    out_of_order: usize,
    rollovers: usize,
    rekeyings: usize,
}

impl Tally {
    fn count(&mut self, verdict: &Verdict) {
        *match verdict {
            Verdict::Accepted(_) => &mut self.accepted,
            Verdict::Forged => &mut self.forged,
            Verdict::Replayed => &mut self.replayed,
            Verdict::TooOld => &mut self.too_old,
        } += 1;
    }
}

/// Adds to the tally; false if libsrtp lacks the suite.
fn run(library: &Arc<Library>, suite: Suite, seed: u64, packets: usize, tally: &mut Tally) -> bool {
    let mut random = Random(seed * 2 + 1);
    let mut secret = key(&mut random, suite);
    let mut our_sender = Sender::new(&config(suite, &secret)).unwrap();
    let mut our_receiver = Receiver::new(&config(suite, &secret)).unwrap();
    let Some(mut their_sender) = Session::new(library, suite, &secret, false, WINDOW) else {
        return false;
    };
    let mut their_receiver = Session::new(library, suite, &secret, true, WINDOW).unwrap();
    let mut sequences: Vec<u16> = (0..3).map(|_| random.next() as u16).collect();
    // Close to a rollover, so that there are many.
    sequences[1] = 65_400;
    let mut kept: Vec<Vec<u8>> = Vec::new();
    let mut rekeyed = false;
    for i in 0..packets {
        let stream = random.below(3) as usize;
        let ssrc = 0x1000 + stream as u32;
        let step = match random.below(20) {
            0 => 1 + random.below(400) as u16,
            1 if random.below(10) == 0 => 20_000,
            _ => 1,
        };
        tally.rollovers += usize::from(sequences[stream].checked_add(step).is_none());
        sequences[stream] = sequences[stream].wrapping_add(step);
        let plain = packet(&mut random, ssrc, sequences[stream]);
        let mut a = plain.clone();
        a.resize(plain.len() + 200, 0xaa);
        let mut b = a.clone();
        let ours_len = our_sender.protect(&mut a, plain.len()).unwrap();
        let theirs_len = their_sender.protect(&mut b, plain.len()).unwrap();
        assert_eq!(a[..ours_len], b[..theirs_len], "{suite:?} seed {seed} packet {i}");
        kept.push(a[..ours_len].to_vec());

        // The network: some are lost, some come later, twice, or changed.
        let deliver = match random.below(10) {
            0 => continue,
            1 | 2 => random.below(kept.len() as u64) as usize,
            3 => kept.len().saturating_sub(1 + random.below(150) as usize),
            _ => kept.len() - 1,
        };
        let mut datagram = kept[deliver].clone();
        if random.below(8) == 0 {
            // Not the first byte: a changed version or header length is malformed to us, and to
            // libsrtp whatever it makes of it.
            let bit = 8 + random.below(8 * (datagram.len() as u64 - 1));
            // Nor the SSRC, by which libsrtp would make a stream whose limit is not ours.
            let byte = (bit / 8) as usize;
            if !(8..12).contains(&byte) {
                datagram[byte] ^= 1 << (bit % 8);
            }
        }
        // A changed length of the header extension can leave less than a packet; both refuse
        // that, each for its own reason.
        if ale_media::rtp::RtpPacket::parse(&datagram)
            .is_ok_and(|p| p.header_bytes() + suite.tag_bytes() <= datagram.len())
        {
            let a = ours(&mut our_receiver, &datagram);
            let b = theirs(&mut their_receiver, &datagram);
            // Re-keying empties libsrtp's replay window, and keeps ours: a forgery of a sequence
            // number from before is a replay to us, and to libsrtp a forgery.
            let both_refuse = rekeyed && (&a, &b) == (&Verdict::Replayed, &Verdict::Forged);
            assert!(both_refuse || a == b, "{suite:?} seed {seed} packet {i}: {a:?} {b:?}");
            tally.count(&a);
            let late = matches!(a, Verdict::Accepted(_)) && deliver + 1 < kept.len();
            tally.out_of_order += usize::from(late);
        }

        if random.below(200) == 0 {
            rekeyed = true;
            tally.rekeyings += 1;
            secret = key(&mut random, suite);
            let prepared = || PreparedKeys::new(&config(suite, &secret)).unwrap();
            let _ = our_sender.rekey(prepared()).unwrap();
            let _ = our_receiver.rekey(prepared()).unwrap();
            assert!(their_sender.update(suite, &secret, false, WINDOW));
            assert!(their_receiver.update(suite, &secret, true, WINDOW));
            kept.clear();
            // Both go on with their indices; what was sealed under the old keys is gone.
            let plain = packet(&mut random, ssrc, sequences[stream].wrapping_add(1));
            sequences[stream] = sequences[stream].wrapping_add(1);
            let mut sealed = plain.clone();
            sealed.resize(plain.len() + 200, 0);
            let mut other = sealed.clone();
            let len = our_sender.protect(&mut sealed, plain.len()).unwrap();
            let other_len = their_sender.protect(&mut other, plain.len()).unwrap();
            assert_eq!(sealed[..len], other[..other_len]);
            kept.push(sealed[..len].to_vec());
        }
    }
    true
}

#[test]
fn verdicts_and_bytes_are_those_of_libsrtp() {
    let Some(library) = library() else { return };
    let cases = std::env::var("ALE_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(8);
    let mut compared = 0;
    for suite in suites() {
        let mut tally = Tally::default();
        if !(1..=cases).all(|seed| run(&library, suite, seed, 2000, &mut tally)) {
            eprintln!("left out: this libsrtp has no {}", suite.sdes_name());
            continue;
        }
        compared += 1;
        eprintln!("{} {tally:?}", suite.sdes_name());
        let seeds = cases as usize;
        assert!(tally.accepted >= 900 * seeds, "{suite:?} {tally:?}");
        assert!(tally.forged >= 120 * seeds, "{suite:?} {tally:?}");
        assert!(tally.replayed >= 120 * seeds, "{suite:?} {tally:?}");
        assert!(tally.too_old >= 200 * seeds, "{suite:?} {tally:?}");
        assert!(tally.out_of_order >= 60 * seeds, "{suite:?} {tally:?}");
        assert!(tally.rollovers >= 2 * seeds, "{suite:?} {tally:?}");
        assert!(tally.rekeyings >= 4 * seeds, "{suite:?} {tally:?}");
    }
    // Debian's has every one of them.
    assert_eq!(compared, suites().count());
}

#[test]
fn reports_are_those_of_libsrtp() {
    let Some(library) = library() else { return };
    let mut random = Random(77);
    for suite in suites() {
        let secret = key(&mut random, suite);
        let Some(mut their_sender) = Session::new(&library, suite, &secret, false, WINDOW) else {
            continue;
        };
        let mut their_receiver = Session::new(&library, suite, &secret, true, WINDOW).unwrap();
        let mut sender = Sender::new(&config(suite, &secret)).unwrap();
        let mut receiver = Receiver::new(&config(suite, &secret)).unwrap();
        // libsrtp's first SRTCP index is 1, RFC 3711 section 3.2.1 has it at 0.
        sender.set_stream(StreamState { rtcp_index: Some(0), ..StreamState::new(9, 0) }).unwrap();
        for _ in 0..300 {
            let mut plain = vec![0x80, 200, 0, 6];
            plain.extend(9_u32.to_be_bytes());
            plain.extend((0..4 * random.below(20)).map(|_| random.next() as u8));
            let mut a = plain.clone();
            a.resize(plain.len() + 200, 0);
            let mut b = a.clone();
            let len = sender.protect_rtcp(&mut a, plain.len()).unwrap();
            let other = their_sender.protect_rtcp(&mut b, plain.len()).unwrap();
            assert_eq!(a[..len], b[..other], "{suite:?}");
            let mut copy = b[..other].to_vec();
            let opened = receiver.unprotect_rtcp(&mut copy).unwrap();
            assert_eq!(copy[..opened], plain);
            assert!(receiver.unprotect_rtcp(&mut b[..other]).is_err());
            let opened = their_receiver.unprotect_rtcp(&mut a, len).unwrap();
            assert_eq!(a[..opened], plain);
        }
    }
}
