// SPDX-License-Identifier: MIT OR Apache-2.0
use super::*;
use ale_media::tap::{Basis, Purpose, SinkId};
use proptest::prelude::*;

const KEY: &[u8] = b"a key of the host's";

fn chain(entries: u64, interval: u64) -> String {
    let mut audit = Audit::new(KEY, interval, 1);
    let config = TapConfig::new(TapSource::Mix, Purpose::Record, SinkId(3));
    for n in 0..entries {
        let member = MemberId::from_u64(n);
        let grant = Grant {
            purposes: Purposes::from_bits(n as u8 % 16).unwrap(),
            basis: Basis::Consent,
            sink: SinkId(3),
            notice_version: 2,
            until_ns: (n % 2 == 0).then_some(n),
        };
        match n % 3 {
            0 => audit.add(n, &Entry::Granted(member, &grant)),
            1 => audit.add(n, &Entry::Withdrawn(member, grant.purposes)),
            _ => audit.add(n, &Entry::Asked { by: "x\ny z", tap: None, config: &config }),
        }
    }
    audit.close(entries);
    audit.take()
}

proptest! {
    #[test]
    fn a_removed_changed_added_or_moved_line_is_found(
        entries in 1_u64..40, interval in 1_u64..9, at: prop::sample::Index, to: prop::sample::Index, kind in 0..5,
    ) {
        let text = chain(entries, interval);
        let whole = verify(&text, Some(KEY)).unwrap();
        prop_assert!(whole.closed && whole.unsigned_lines == 0);
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        prop_assert_eq!(whole.lines, lines.len() as u64);
        let (at, to) = (at.index(lines.len()), to.index(lines.len()));
        match kind {
            0 => { lines.remove(at); }
            1 => {
                let byte = to % lines[at].len();
                let mut bytes = lines[at].clone().into_bytes();
                bytes[byte] = if bytes[byte] == b'7' { b'8' } else { b'7' };
                lines[at] = String::from_utf8(bytes).unwrap();
            }
            2 if lines[at] != lines[to] => lines.swap(at, to),
            3 => lines.insert(at, lines[to].clone()),
            _ => lines.truncate(at),
        }
        let changed = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        prop_assume!(changed != text);
        let found = verify(&changed, Some(KEY));
        prop_assert!(found.is_err_and(|_| true) || found.is_ok_and(|found| !found.closed), "{:?}", found);
    }

    /// As an editor's autosave or a full disk leaves it.
    #[test]
    fn a_text_that_ends_anywhere_is_not_whole(entries in 1_u64..10, at: prop::sample::Index) {
        let text = chain(entries, 3);
        let cut = &text[..at.index(text.len())];
        let found = verify(cut, Some(KEY));
        prop_assert!(!found.is_ok_and(|found| found.closed));
        if !cut.ends_with('\n') {
            prop_assert!(found.is_err());
        }
    }

    #[test]
    fn any_text_is_read_without_a_panic(text: String) {
        let _ = verify(&text, Some(KEY));
    }
}

/// By `printf '%s' LINE | sha256sum` and the like (coreutils 9.1, OpenSSL 3.0): the first line is hashed behind 32
/// zero bytes.
#[test]
fn hashes_and_signatures_are_those_of_other_programs() {
    let mut audit = Audit::new(b"key", 1, 5);
    audit.sign(6);
    let text = audit.take();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "0 5 opened version=1 #6b5dcc4a16f468e0746c86f24c96bff2371aa9dc0dc61f3f7c58fcccc85fad3c"
    );
    assert!(lines[1].starts_with("1 6 signed hmac-sha256=595834e354f8f84d587f084759bf2a51e0aa933d69f369932b23372975b6619d #"), "{}", lines[1]);
}

/// Who has no key can make a chain anew, but not sign it.
#[test]
fn a_chain_computed_anew_has_no_signature() {
    let mut forged = Audit::new(b"another key", 4, 0);
    forged.close(1);
    let text = forged.take();
    assert!(verify(&text, None).is_ok_and(|found| found.unsigned_lines == found.lines));
    assert_eq!(verify(&text, Some(KEY)), Err(Fault::Signature(3)));
}

#[test]
fn what_stands_behind_the_last_signature_is_told() {
    let mut audit = Audit::new(KEY, 100, 0);
    audit.sign(0);
    audit.add(1, &Entry::Withdrawn(MemberId::from_u64(1), Purposes::ALL));
    let text = audit.take();
    let found = verify(&text, Some(KEY)).unwrap();
    assert_eq!((found.lines, found.unsigned_lines, found.closed), (3, 1, false));
    assert_eq!(hex(&found.head), audit.head());
    let mut resumed = Audit::resume(KEY, 100, &text, 2).unwrap();
    resumed.close(3);
    let all = text + &resumed.take();
    assert!(verify(&all, Some(KEY)).unwrap().closed);
    assert_eq!(Audit::resume(KEY, 1, &all, 4).err(), Some(Fault::Closed));
}

#[test]
fn a_name_stays_one_word() {
    assert_eq!(word("anna@x"), "anna@x");
    assert_eq!(word("a b\n#"), "a%20b%0a%23");
}

#[test]
fn what_was_asked_for_is_told_by_its_source() {
    let member = MemberId::from_u64(7);
    let sources = [
        (TapSource::Mix, "source=mix"),
        (TapSource::Member(member), "source=member:7"),
        (TapSource::Packets(member), "source=packets:7"),
    ];
    for (source, told) in sources {
        let config = TapConfig::new(source, Purpose::Record, SinkId(3));
        let mut audit = Audit::new(KEY, 1, 1);
        audit.add(2, &Entry::Asked { by: "x", tap: None, config: &config });
        let text = audit.take();
        assert!(text.lines().any(|line| line.split(' ').any(|word| word == told)), "{text}");
    }
}
