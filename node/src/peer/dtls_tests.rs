// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two identities shake hands, with time as an argument.

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

fn pair(of_client: &Identity, of_server: &Identity) -> [Box<dyn Handshake>; 2] {
    [
        of_client.handshake(Role::Client, vec![of_server.fingerprint().clone()]),
        of_server.handshake(Role::Server, vec![of_client.fingerprint().clone()]),
    ]
}

#[test]
fn both_sides_agree_on_keys_whichever_datagram_is_lost() {
    let (one, other) = (Identity::new().unwrap(), Identity::new().unwrap());
    for lost in core::iter::once(None).chain((1..20).map(Some)) {
        let [mut client, mut server] = pair(&one, &other);
        let [Some(Told::Agreed(client)), Some(Told::Agreed(server))] =
            shake(&mut *client, &mut *server, lost)
        else {
            panic!("no keys with {lost:?}");
        };
        assert_eq!((client.role, server.role), (Role::Client, Role::Server));
        assert_eq!((client.suite, server.suite), (Suite::AeadAes128Gcm, Suite::AeadAes128Gcm));
        assert_eq!((client.from, server.from), (address(1), address(0)));
        let [ours, theirs] = [client, server].map(|a| split(a.suite, &a.exported, a.role).unwrap());
        assert!(ours.send.same_material(&theirs.receive));
        assert!(ours.receive.same_material(&theirs.send));
        assert!(!ours.receive.same_material(&ours.send));
    }
}

#[test]
fn a_certificate_that_was_not_told_gets_no_keys() {
    let [one, other, stranger] = [(); 3].map(|()| Identity::new().unwrap());
    let mut client = stranger.handshake(Role::Client, vec![other.fingerprint().clone()]);
    let mut server = other.handshake(Role::Server, vec![one.fingerprint().clone()]);
    let [_, told] = shake(&mut *client, &mut *server, None);
    let Some(Told::Failed(reason)) = told else { panic!("{told:?}") };
    assert!(reason.contains("certificate"), "{reason}");
    let mut client = one.handshake(Role::Client, vec![stranger.fingerprint().clone()]);
    let mut server = other.handshake(Role::Server, vec![one.fingerprint().clone()]);
    let [told, _] = shake(&mut *client, &mut *server, None);
    assert!(matches!(told, Some(Told::Failed(_))), "{told:?}");
}

#[test]
fn noise_and_strangers_do_not_keep_a_handshake_from_ending() {
    let (one, other) = (Identity::new().unwrap(), Identity::new().unwrap());
    let [mut client, mut server] = pair(&one, &other);
    let now = Instant::now();
    for n in 0..60_u8 {
        let mut noise = vec![20 + n % 44, 0xfe, 0xfd, 0, n % 3, 0, 0, 0, 0, 0, n, 0, 40];
        noise.resize(53, n);
        server.receive(&noise, address(0), now);
    }
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
    let (one, other) = (Identity::new().unwrap(), Identity::new().unwrap());
    let [mut client, mut server] = pair(&one, &other);
    for _ in 0..MAX_DATAGRAMS {
        // Of the next epoch: a library that keeps such must not keep them for ever.
        let early = [22, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 1, 0, 24];
        server.receive(&[&early[..], &[0; 24]].concat(), address(0), Instant::now());
    }
    assert!(!matches!(shake(&mut *client, &mut *server, None)[1], Some(Told::Agreed(_))));
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
