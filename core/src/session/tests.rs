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

#[test]
fn a_session_goes_on_by_checkpoints_and_sends_once_another_has_been_confirmed() {
    use crate::srtp::checkpoint::{Restored, Wrapping};
    let (key, wrap) = ([7; 32], |n| Wrapping { key: &[7; 32], nonce: [n; 12] });
    let (mut receiver, mut sender, _) = session(1, srtp_keying(1, 2));
    let (mut peer_receives, mut peer_sends, _) = session(2, srtp_keying(2, 1));
    let packet = |number: u16| {
        let [high, low] = number.to_be_bytes();
        let mut bytes = vec![0x80, 0, high, low, 0, 0, 0, 0, 0, 0, 0, 9];
        bytes.extend([0x55; 20]);
        bytes.resize(32 + MAX_TRAILER_BYTES, 0);
        bytes
    };
    let pass = |from: &mut SessionSender, to: &mut SessionReceiver, number| {
        let mut bytes = packet(number);
        let sealed = from.seal(32, 20, &mut bytes)?;
        let read = to.receive(&mut bytes[..sealed], None, u64::from(number));
        // Whose payload type it is does not matter here.
        (!matches!(read, Err(ReceiveError::Srtp(_)))).then_some(())
    };
    for number in 0..5 {
        pass(&mut sender, &mut peer_receives, number);
        pass(&mut peer_sends, &mut receiver, number);
    }
    let send = sender.srtp_mut().unwrap().checkpoint(&wrap(1), 10).unwrap();
    let receive = receiver.srtp().unwrap().checkpoint(&wrap(2), 1).unwrap();
    // It goes on until its reservation ends, and then ends itself.
    let sent = (5..40).take_while(|n| pass(&mut sender, &mut peer_receives, *n).is_some()).count();
    assert_eq!(sent, 10);
    let restored = RestoredSrtp {
        send: Restored::open(&key, &send).unwrap(),
        receive: Restored::open(&key, &receive).unwrap(),
    };
    let (mut receiver, mut sender, control) = resume(&SessionConfig::new(1), restored).unwrap();
    assert_eq!(control.receive_suite(), Some(Suite::AesCm128HmacSha1_80));
    assert!(pass(&mut sender, &mut peer_receives, 15).is_none(), "nothing is reserved for it");
    let next = sender.srtp_mut().unwrap();
    next.checkpoint(&wrap(3), 10).unwrap();
    assert!(next.confirm_checkpoint(crate::srtp::checkpoint::generation(&send).unwrap() + 1));
    assert!(pass(&mut sender, &mut peer_receives, 14).is_none(), "the first has sent it");
    assert!(pass(&mut sender, &mut peer_receives, 15).is_some());
    assert!(pass(&mut peer_sends, &mut receiver, 5).is_some());
}
