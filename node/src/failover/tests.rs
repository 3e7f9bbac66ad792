// SPDX-License-Identifier: MIT OR Apache-2.0
//! Records between two processes, and what is sent under one key by any number of them.

use std::collections::HashSet;

use ale_media::srtp::checkpoint::{Restored, generation};
use ale_media::srtp::{MasterKey, Sender, SessionConfig, Suite};
use proptest::prelude::*;

use super::*;
use crate::ng::flags::Transport;
use crate::sdp;
use crate::worker::Passing;

fn record() -> CallRecord {
    let text = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
        m=audio 4000 UDP/TLS/RTP/SAVPF 0\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\na=mid:0\r\n\
        a=fingerprint:sha-256 AB:CD\r\na=setup:actpass\r\n";
    let said = sdp::Line::of(&sdp::parse(text, 1).unwrap(), 0).unwrap();
    let end = |port| EndRecord {
        interface: (String::from("default"), false),
        port,
        remote: [Some(([192, 0, 2, 1], 4_000).into()), None],
        ice: [said.ice.clone().map(|ice| ice.credentials), None],
        dtls: said.dtls.clone().map(|dtls| (dtls, true)),
        keys: KeysRecord {
            offered: vec![String::from("1 x")],
            answered: Some((String::from("a"), String::from("b"))),
        },
        passing: Passing { silenced: true, ..Passing::default() },
        srtp: Some(SrtpRecord { send: vec![0, 255, 7], receive: vec![] }),
        stream: Some(StreamRecord { ssrc: 1, sequence: u16::MAX, timestamp: 3 }),
        said: said.clone(),
    };
    let spoken = SpeechRecord {
        packet_ms: Some(10),
        wishes: Some(String::from("useinbandfec=1")),
        sent: (9, String::from("G722/8000")),
        understood: vec![(9, String::from("G722/8000"))],
        events: Some((101, 8_000)),
        more_events: None,
        comfort_noise: Some(13),
        pauses: true,
        sample_rate_hz: 16_000,
        extensions: sdp::Extensions { audio_level: Some(1), mixer_levels: None },
    };
    let agreed = AgreedRecord {
        to: ([192, 0, 2, 3], 5_000).into(),
        speech: spoken.clone(),
        key: Some(String::from("1 z")),
        reports: true,
    };
    CallRecord {
        written_ms: 1_000_000,
        call_id: String::from("a call"),
        created_us: 5,
        tags: [Some(String::from("a")), None],
        lines: vec![
            None,
            Some(LineRecord {
                muxed: [true, false],
                dscp: Some(34),
                ends: vec![end(30_000), end(30_002)],
                spoken: vec![spoken],
            }),
        ],
        member: Some(MemberRecord {
            conference: String::from("1000"),
            name: String::from("Ann"),
            says: true,
            hears: false,
            listens_only: false,
            origin: (7, 2, [192, 0, 2, 9].into()),
            answer: b"v=0\r\n".to_vec(),
        }),
        subscriptions: vec![SubscriptionRecord {
            tag: String::from("s"),
            sink: String::from("srs"),
            transport: Transport { secure: true, feedback: false, dtls: false },
            voices: [None, Some(agreed)].map(subscribed).into(),
        }],
    }
}

fn subscribed(agreed: Option<AgreedRecord>) -> SubscribedRecord {
    SubscribedRecord {
        party: 1,
        interface: (String::from("default"), true),
        port: 30_004,
        keys: KeysRecord { offered: vec![String::from("1 y")], answered: None },
        offered: vec![(0, String::from("PCMU/8000"))],
        agreed,
    }
}

#[test]
fn a_record_without_subscriptions_is_what_versions_write_and_read_that_know_none() {
    let record = CallRecord { subscriptions: Vec::new(), ..record() };
    let text = record.written().unwrap();
    assert!(!text.windows(13).any(|part| part == b"subscriptions"));
    assert_eq!(CallRecord::read(&text), Some(record));
}

#[test]
fn what_was_sealed_is_opened_by_the_same_key_under_the_same_name_and_while_it_is_young() {
    let (mut vault, record) = (Vault::new(&[1; 32]).unwrap(), record());
    let sealed = vault.seal("one", &record).unwrap();
    assert!(!sealed.windows(6).any(|part| part == b"a call"), "sealed");
    assert_ne!(sealed, vault.seal("one", &record).unwrap());
    let mut open = |name, sealed: &[u8], ms| vault.open(name, sealed, ms);
    assert_eq!(open("one", &sealed, 1_000_000), Ok(record.clone()));
    assert_eq!(open("one", &sealed, 1_000_000 + MAX_AGE_MS), Ok(record));
    for ms in [1_000_001 + MAX_AGE_MS, 999_999 - MAX_AGE_MS] {
        assert_eq!(open("one", &sealed, ms), Err(FailoverError::Stale));
    }
    assert_eq!(open("other", &sealed, 1_000_000), Err(FailoverError::Sealed));
    for at in 0..sealed.len() {
        let mut damaged = sealed.clone();
        damaged[at] ^= 1;
        let why = if at == MAGIC.len() { FailoverError::Version } else { FailoverError::Sealed };
        assert_eq!(open("one", &damaged, 1_000_000), Err(why), "{at}");
        assert_eq!(open("one", &sealed[..at], 1_000_000), Err(FailoverError::Sealed), "{at}");
    }
    let longer = [&sealed[..], &[0]].concat();
    assert_eq!(open("one", &longer, 1_000_000), Err(FailoverError::Sealed));
    let other = Vault::new(&[2; 32]).unwrap().open("one", &sealed, 1_000_000);
    assert_eq!(other, Err(FailoverError::Sealed));
}

#[test]
fn a_folder_is_one_processes_and_keeps_the_last_of_each_name() {
    let path = std::env::temp_dir().join(format!("ale-kept-{}", std::process::id()));
    let mut folder = Folder::open(path.clone()).unwrap();
    let second = Folder::open(path.clone()).unwrap_err();
    assert_eq!(second.kind(), std::io::ErrorKind::WouldBlock);
    folder.put("a", b"1").unwrap();
    folder.put("b", b"2").unwrap();
    folder.put("a", b"3").unwrap();
    folder.remove("b").unwrap();
    folder.remove("b").unwrap();
    // What was being written when its process died.
    std::fs::write(path.join("c.new"), b"4").unwrap();
    drop(folder);
    let mut folder = Folder::open(path.clone()).unwrap();
    assert_eq!(folder.all().unwrap(), [(String::from("a"), b"3".to_vec())]);
    std::fs::remove_dir_all(path).unwrap();
}

/// What docs/scale.md tells: `cargo test --release -p ale-media-node --lib kept -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn what_a_call_that_is_kept_costs() {
    const RECORDS: u128 = 2_000;
    let key = MasterKey::new(&[3; 16], &[4; 14]).unwrap();
    let config = SessionConfig::new(Suite::AesCm128HmacSha1_80, key);
    let mut sender = Sender::new(&config).unwrap();
    let receiver = ale_media::srtp::Receiver::new(&config).unwrap();
    let mut packet = [0x80; 60];
    sender.protect(&mut packet, 32).unwrap();
    let mut checkpoints = || {
        let wrapping = || wrapping(&[7; 32]).unwrap();
        let send = sender.checkpoint(&wrapping(), 100).unwrap();
        SrtpRecord { send, receive: receiver.checkpoint(&wrapping(), 1).unwrap() }
    };
    let begun = std::time::Instant::now();
    let taken = (0..RECORDS).map(|_| checkpoints()).last();
    println!("on the worker, an end: {} ns", begun.elapsed().as_nanos() / RECORDS);
    let mut record = record();
    for end in record.lines.iter_mut().flatten().flat_map(|line| &mut line.ends) {
        end.srtp.clone_from(&taken);
    }
    let mut vault = Vault::new(&[1; 32]).unwrap();
    let path = std::env::temp_dir().join(format!("ale-costs-{}", std::process::id()));
    let mut folder = Folder::open(path.clone()).unwrap();
    let begun = std::time::Instant::now();
    let mut bytes = 0;
    for n in 0..RECORDS {
        let name = name(&(n % 500).to_string());
        let sealed = vault.seal(&name, &record).unwrap();
        bytes = sealed.len();
        folder.put(&name, &sealed).unwrap();
    }
    println!(
        "on the control thread, a call: {} ns, {bytes} bytes",
        begun.elapsed().as_nanos() / RECORDS
    );
    std::fs::remove_dir_all(path).unwrap();
}

/// What befalls a process that sends, and its records.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// So many packets come to be sent, of which the first is as far behind the last one before: whoever says them in
    /// plain RTP says what it likes.
    Send(u8, u8),
    /// A checkpoint is taken; of how many packets.
    Take(u8),
    /// The record is in the store.
    Put,
    /// The process hears of it.
    Confirm,
    /// The process dies, and another takes over what is in the store.
    Die,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_u8..40, prop_oneof![Just(0_u8), 0_u8..200]).prop_map(|(n, back)| Step::Send(n, back)),
        3 => (1_u8..60).prop_map(Step::Take),
        3 => Just(Step::Put),
        3 => Just(Step::Confirm),
        1 => Just(Step::Die),
    ]
}

proptest! {
    #[test]
    fn nothing_is_sent_twice_under_one_key_whenever_processes_die(
        first in 0_u16..100,
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let key = MasterKey::new(&[3; 16], &[4; 14]).unwrap();
        let config = SessionConfig::new(Suite::AesCm128HmacSha1_80, key);
        let (mut sender, mut sent, mut number) = (Sender::new(&config).unwrap(), HashSet::new(), first);
        // Taken and not yet in the store; in the store.
        let (mut taken, mut stored): (Option<Vec<u8>>, Option<Vec<u8>>) = (None, None);
        let mut tried = 0;
        for step in steps {
            match step {
                Step::Send(packets, back) => for n in 0..packets {
                    let behind = if n == 0 { u16::from(back) } else { 0 };
                    number = number.saturating_sub(behind).max(first) + 1;
                    let [high, low] = number.to_be_bytes();
                    let mut packet = [0; 60];
                    packet[..12].copy_from_slice(&[0x80, 0, high, low, 0, 0, 0, 0, 0, 0, 0, 9]);
                    tried += 1;
                    if sender.protect(&mut packet, 32).is_ok() {
                        prop_assert!(sent.insert(number), "{number} twice");
                    }
                },
                Step::Take(packets) => {
                    taken = sender.checkpoint(&wrapping(&[7; 32]).unwrap(), packets.into()).ok();
                }
                Step::Put => stored = taken.clone().or(stored),
                Step::Confirm => if taken.is_some() && taken == stored {
                    sender.confirm_checkpoint(taken.as_deref().and_then(generation).unwrap());
                },
                Step::Die => if let Some(checkpoint) = &stored {
                    sender = Restored::open(&[7; 32], checkpoint).unwrap().into_sender().unwrap();
                    taken = None;
                },
            }
        }
        prop_assert!(sent.len() <= tried);
    }
}
