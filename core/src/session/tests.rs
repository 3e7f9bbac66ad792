// SPDX-License-Identifier: MIT OR Apache-2.0
//! A session without a leg above it.
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::rtp::rtcp::CompoundWriter;
use crate::srtp::{self, MAX_TRAILER_BYTES, MasterKey, Suite};

fn srtp_keying(send: u8, receive: u8) -> Keying {
    let config = |n: u8| {
        let key = MasterKey::new(&[n; 16], &[n; 14]).unwrap();
        srtp::SessionConfig::new(Suite::AesCm128HmacSha1_80, key)
    };
    Keying::Srtp(Box::new(SrtpConfig { send: config(send), receive: config(receive) }))
}

fn session(local_ssrc: u32, keying: Keying) -> (SessionReceiver, SessionSender, SessionControl) {
    create(&SessionConfig { keying, ..SessionConfig::new(local_ssrc) }).unwrap()
}

fn report() -> Vec<u8> {
    let mut out = vec![0; 200];
    let mut writer = CompoundWriter::new(&mut out);
    writer.receiver_report(7, &[]).unwrap();
    writer.source_description(7, b"somebody").unwrap();
    let bytes = writer.len();
    out.truncate(bytes);
    out
}

#[test]
fn a_report_that_one_session_has_read_goes_on_through_another() {
    // From a peer by SRTP, through sessions with other keys each, to a peer by SRTP.
    let (_, mut peer_sends, _) = session(1, srtp_keying(1, 2));
    let (mut comes, ..) = session(2, srtp_keying(2, 1));
    let (_, mut goes, _) = session(3, srtp_keying(3, 4));
    let (mut peer_receives, ..) = session(4, srtp_keying(4, 3));
    let plain = report();
    let mut buffer = plain.clone();
    buffer.resize(plain.len() + MAX_TRAILER_BYTES, 0);
    let sent = peer_sends.seal_rtcp(plain.len(), &mut buffer).unwrap();
    let Ok(Incoming::Rtcp { bytes, .. }) = comes.receive(&mut buffer[..sent], None, 0) else {
        panic!("not read");
    };
    assert_eq!(buffer[..bytes], plain);
    let sent = goes.seal_rtcp(bytes, &mut buffer).unwrap();
    assert_ne!(buffer[..bytes], plain);
    let read = peer_receives.receive(&mut buffer[..sent], None, 0);
    assert!(matches!(read, Ok(Incoming::Rtcp { bytes, .. }) if bytes == plain.len()), "{read:?}");
    assert_eq!(buffer[..bytes], plain);
}

#[test]
fn where_a_silent_peer_has_gone_is_known_once_orders_are_carried_out() {
    let (mut receiver, _, mut control) = session(1, Keying::Plain);
    let [rtp, rtcp] = ["192.0.2.1:4000", "192.0.2.1:5000"].map(|text| text.parse().ok());
    control.relatch(rtp, rtcp).unwrap();
    assert_eq!(receiver.remote_address(), None);
    receiver.apply_commands();
    assert_eq!((receiver.remote_address(), receiver.remote_rtcp_address()), (rtp, rtcp));
}
