// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two identities shake hands, with time as an argument.

use std::time::Duration;

use ale_media::srtp::dtls::split;

use super::*;

const ADDRESSES: [([u8; 4], u16); 2] = [([192, 0, 2, 1], 4_000), ([192, 0, 2, 2], 5_000)];

fn address(n: usize) -> SocketAddr {
    SocketAddr::from(ADDRESSES[n])
}

/// Carries datagrams between a client at one address and a server at another, of which this one is lost, until
/// both are over; what each was told last.
fn shake(
    client: &mut dyn Handshake,
    server: &mut dyn Handshake,
    lost: Option<usize>,
) -> [Option<Told>; 2] {
    let start = Instant::now();
    let mut told = [None, None];
    client.begin(address(1), start);
    let mut count = 0;
    for step in 0..400 {
        let now = start + Duration::from_millis(20 * step);
        let mut ends: [&mut dyn Handshake; 2] = [&mut *client, &mut *server];
        ends.iter_mut().for_each(|end| end.tick(now));
        for n in 0..2 {
            while let Some(this) = ends[n].told() {
                match this {
                    Told::Send(datagram, to) => {
                        assert_eq!(to, address(1 - n));
                        count += 1;
                        if lost != Some(count) {
                            ends[1 - n].receive(&datagram, address(n), now);
                        }
                    }
                    other => told[n] = Some(other),
                }
            }
        }
        if ends.iter().all(|end| end.is_over()) && told.iter().all(Option::is_some) {
            break;
        }
    }
    told
}

fn told(of: &Identity) -> Vec<Fingerprint> {
    vec![of.fingerprint().clone()]
}

fn pair(of_client: &Identity, of_server: &Identity) -> [Box<dyn Handshake>; 2] {
    [client(of_client, told(of_server)), of_server.handshake_by_ice(Role::Server, told(of_client))]
}

/// A client of the newest version that an identity has: what browsers are.
fn client(of: &Identity, fingerprints: Vec<Fingerprint>) -> Box<dyn Handshake> {
    #[cfg(feature = "dtls13")]
    if let Some(newer) = &of.newer {
        return newer.handshake(Role::Client, fingerprints);
    }
    of.handshake(Role::Client, fingerprints)
}

/// Two that shake hands: by version 1.2, by 1.3, and by 1.2 with who has both.
fn identities() -> Vec<[Identity; 2]> {
    let kinds: &[[bool; 2]] = match cfg!(feature = "dtls13") {
        true => &[[false, false], [true, true], [false, true]],
        false => &[[false, false]],
    };
    let identity = |newer: bool| match newer {
        true => Identity::with_dtls13().unwrap(),
        false => Identity::new().unwrap(),
    };
    kinds.iter().map(|kinds| kinds.map(identity)).collect()
}

#[test]
fn both_sides_agree_on_keys_whichever_datagram_is_lost() {
    for [one, other] in identities() {
        for lost in core::iter::once(None).chain((1..20).map(Some)) {
            let [mut client, mut server] = pair(&one, &other);
            let told = shake(&mut *client, &mut *server, lost);
            let [Some(Told::Agreed(client)), Some(Told::Agreed(server))] = told else {
                panic!("no keys with {lost:?}, {client:?}, {server:?}: {told:?}");
            };
            assert_eq!((client.role, server.role), (Role::Client, Role::Server));
            assert_eq!(client.suite, server.suite);
            assert!(matches!(client.suite, Suite::AeadAes128Gcm | Suite::AeadAes256Gcm));
            assert_eq!((client.from, server.from), (address(1), address(0)));
            let halves = |agreed: Agreed| split(agreed.suite, &agreed.exported, agreed.role);
            let [ours, theirs] = [client, server].map(|agreed| halves(agreed).unwrap());
            assert!(ours.send.same_material(&theirs.receive));
            assert!(ours.receive.same_material(&theirs.send));
            assert!(!ours.receive.same_material(&ours.send));
        }
    }
}

#[test]
fn a_certificate_that_was_not_told_gets_no_keys() {
    for [one, other] in identities() {
        let stranger = Identity::new().unwrap();
        let mut client = stranger.handshake(Role::Client, told(&other));
        let mut server = other.handshake_by_ice(Role::Server, told(&one));
        let [_, got] = shake(&mut *client, &mut *server, None);
        let Some(Told::Failed(reason)) = got else { panic!("{got:?}") };
        assert!(reason.contains("certificate"), "{reason}");
        let mut client = self::client(&one, told(&stranger));
        let mut server = other.handshake_by_ice(Role::Server, told(&one));
        let [got, _] = shake(&mut *client, &mut *server, None);
        assert!(matches!(got, Some(Told::Failed(_))), "{got:?}");
    }
}

#[test]
fn noise_does_not_keep_a_handshake_from_ending() {
    for [one, other] in identities() {
        let [mut client, mut server] = pair(&one, &other);
        let now = Instant::now();
        for n in 0..60_u8 {
            let mut noise = vec![20 + n % 44, 0xfe, 0xfd, 0, n % 3, 0, 0, 0, 0, 0, n, 0, 40];
            noise.resize(53, n);
            server.receive(&noise, address(0), now);
        }
        let told = shake(&mut *client, &mut *server, None);
        assert!(matches!(told, [Some(Told::Agreed(_)), Some(Told::Agreed(_))]), "{told:?}");
    }
}

#[test]
fn strangers_do_not_begin_anew_what_is_the_peers() {
    let (one, other) = (Identity::new().unwrap(), Identity::new().unwrap());
    let [mut client, mut server] = pair(&one, &other);
    let now = Instant::now();
    let told = shake(&mut *client, &mut *server, None);
    assert!(matches!(told, [Some(Told::Agreed(_)), Some(Told::Agreed(_))]), "{told:?}");
    // The association is the peer's: nobody else begins one with it.
    let [mut third, _] = pair(&one, &other);
    third.begin(address(1), now);
    let Some(Told::Send(hello, _)) = third.told() else { panic!("no hello") };
    server.receive(&hello, SocketAddr::from(([198, 51, 100, 9], 9)), now);
    assert!(server.told().is_none());
}

#[test]
fn an_unfinished_handshake_takes_no_more_than_it_may() {
    for [one, other] in identities() {
        let [mut client, mut server] = pair(&one, &other);
        for _ in 0..MAX_DATAGRAMS {
            // Of the next epoch: a library that keeps such must not keep them for ever.
            let early = [22, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 1, 0, 24];
            server.receive(&[&early[..], &[0; 24]].concat(), address(0), Instant::now());
        }
        assert!(!matches!(shake(&mut *client, &mut *server, None)[1], Some(Told::Agreed(_))));
    }
}

#[cfg(feature = "dtls13")]
#[test]
fn the_newer_version_is_spoken_with_who_asks_for_it_by_ice() {
    let (newer, older) = (Identity::with_dtls13().unwrap(), Identity::new().unwrap());
    // Only version 1.3 has such headers (RFC 9147 section 4).
    let speaks_newer = |mut ends: [Box<dyn Handshake>; 2]| {
        let (now, mut newer) = (Instant::now(), false);
        ends[0].begin(address(1), now);
        for n in (0..40).map(|n| n % 2) {
            while let Some(told) = ends[n].told() {
                let Told::Send(datagram, _) = told else { continue };
                newer |= n == 1 && datagram.first().is_some_and(|byte| byte >> 5 == 1);
                ends[1 - n].receive(&datagram, address(n), now);
            }
        }
        assert!(ends.iter().all(|end| end.is_over()));
        newer
    };
    assert!(speaks_newer(pair(&newer, &newer)));
    assert!(!speaks_newer(pair(&older, &newer)));
    let without_ice = newer.handshake(Role::Server, told(&older));
    assert!(!speaks_newer([client(&older, told(&newer)), without_ice]));
}

#[cfg(feature = "dtls13")]
#[test]
fn a_first_message_that_is_no_hello_or_is_cut_chooses_nothing() {
    let (one, other) = (Identity::with_dtls13().unwrap(), Identity::with_dtls13().unwrap());
    let [mut client, mut server] = pair(&one, &other);
    let now = Instant::now();
    client.begin(address(1), now);
    let Some(Told::Send(hello, _)) = client.told() else { panic!("no hello") };
    for length in 0..hello.len() {
        server.receive(&hello[..length.min(100 + length % 40)], address(0), now);
        assert!(server.told().is_none() && !server.is_over());
        if length % 100 == 0 {
            [_, server] = pair(&one, &other);
        }
    }
    // An alert that anybody may have sent ends nothing.
    let alert = [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40];
    [_, server] = pair(&one, &other);
    server.receive(&alert, address(0), now);
    server.receive(&hello, address(0), now);
    server.receive(&alert, address(0), now);
    while let Some(told) = server.told() {
        assert!(matches!(told, Told::Send(..)), "{told:?}");
    }
}

/// A message in parts of so many bytes, each in a record and a datagram of its own.
#[cfg(feature = "dtls13")]
fn in_parts(hello: &[u8], size: usize) -> Vec<Vec<u8>> {
    let (record, message) = hello.split_at(13);
    let (header, body) = message.split_at(12);
    let part = |(n, part): (usize, &[u8])| {
        let (offset, count) = ((n * size) as u32, part.len() as u32);
        let mut datagram = record[..10].to_vec();
        datagram.extend([n as u8, 0, 0]);
        datagram[11..].copy_from_slice(&(count as u16 + 12).to_be_bytes());
        datagram.extend(&header[..6]);
        datagram.extend([&offset.to_be_bytes()[1..], &count.to_be_bytes()[1..], part].concat());
        datagram
    };
    body.chunks(size).enumerate().map(part).collect()
}

#[cfg(feature = "dtls13")]
#[test]
fn a_hello_in_parts_chooses_with_its_last() {
    let (one, other) = (Identity::with_dtls13().unwrap(), Identity::with_dtls13().unwrap());
    let now = Instant::now();
    // Browsers' are in two.
    for size in [100, 500, 1_000] {
        let [mut client, mut server] = pair(&one, &other);
        client.begin(address(1), now);
        let Some(Told::Send(hello, _)) = client.told() else { panic!("no hello") };
        let parts = in_parts(&hello, size);
        // Backwards nothing fits but the first, and the last but behind those before.
        for part in parts.iter().rev().chain(&parts[2.min(parts.len() - 1)..]) {
            let is_all = parts.len() == 2 && part == &parts[1];
            if !is_all {
                server.receive(part, address(0), now);
            }
            assert!(server.told().is_none(), "{size}");
        }
        for (n, part) in parts.iter().enumerate().skip(1) {
            server.receive(part, address(0), now);
            let chosen = matches!(server.told(), Some(Told::Send(..)));
            assert_eq!(chosen, n + 1 == parts.len() && n < 8, "{n} of {size}");
        }
    }
}

#[test]
fn fingerprints_are_those_that_openssl_tells() {
    // `printf abc | openssl dgst -sha256 -c`, and the others; a description's letters may be small.
    for (value, known) in [
        (
            "sha-256 ba:78:16:bf:8f:01:cf:ea:41:41:40:de:5d:ae:22:23:b0:03:61:a3:96:17:7a:9c:b4:10:ff:61:f2:00:15:ad",
            true,
        ),
        (
            "SHA-384 CB:00:75:3F:45:A3:5E:8B:B5:A0:3D:69:9A:C6:50:07:27:2C:32:AB:0E:DE:D1:63:1A:8B:60:5A:43:FF:5B:ED:80:86:07:2B:A1:E7:CC:23:58:BA:EC:A1:34:C8:25:A7",
            true,
        ),
        ("sha-1 A9:99:3E:36:47:06:81:6A:BA:3E:25:71:78:50:C2:6C:9C:D0:D8:9D", false),
        ("sha-256", false),
    ] {
        let told = Fingerprint::parse(value);
        assert_eq!(told.is_some_and(|told| told.is_of(b"abc")), known, "{value}");
    }
    assert!(Fingerprint::of(b"abc").value().starts_with("sha-256 BA:78:16:BF:"));
}
