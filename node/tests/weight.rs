// SPDX-License-Identifier: MIT OR Apache-2.0
//! The weight between two nodes moves from the premises to the hub while calls come, as a proxy's dispatcher has it: each
//! call stays where it began, and no packet of any is lost. Ten seconds; `ALE_WEIGHT_SECONDS` says how many by hand.
#![allow(missing_docs, unreachable_pub)]

mod support;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use support::Said::Text;
use support::{Node, Phone, addresses, rtp};

const PACKET: Duration = Duration::from_millis(20);
/// 200 calls a minute.
const CALL_EVERY: u32 = 15;
/// Of a call.
const PACKETS: u16 = 150;
/// Packets that a call may begin without: the worker opens the path after the answer.
const OPENING: u16 = 25;
/// Long enough for any machine: what is waited for comes, or the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

struct Party {
    phone: Phone,
    node: SocketAddr,
    /// What it has heard: the first packet's number, and how many followed it without a gap.
    heard: Option<(u16, u16)>,
}

impl Party {
    fn hear(&mut self) {
        let mut packet = [0; 2_048];
        while let Ok((bytes, from)) = self.phone.rtp.recv_from(&mut packet) {
            if bytes != 172 {
                continue;
            }
            assert_eq!(from, self.node, "it comes from where it went to");
            let number = u16::from_be_bytes([packet[2], packet[3]]);
            let (first, count) = self.heard.get_or_insert((number, 0));
            assert_eq!(number, *first + *count, "the next one");
            *count += 1;
        }
    }

    fn has_all(&self) -> bool {
        self.heard.is_some_and(|(first, count)| first < OPENING && first + count == PACKETS)
    }
}

struct Call {
    id: String,
    on_hub: bool,
    parties: [Party; 2],
    sent: u16,
    ended: Option<Instant>,
}

fn begin(node: &mut Node, id: String, on_hub: bool) -> Call {
    let phones = [Phone::new(), Phone::new()];
    phones.iter().for_each(|phone| phone.rtp.set_nonblocking(true).unwrap());
    let [to_bob, to_alice] =
        node.call(&id, (&phones[0].sdp("RTP/AVP", ""), &[]), |_| phones[1].sdp("RTP/AVP", ""));
    let mut nodes = [to_alice, to_bob].into_iter();
    let parties = phones.map(|phone| {
        let node = addresses(&nodes.next().unwrap()).0;
        Party { phone, node, heard: None }
    });
    Call { id, on_hub, parties, sent: 0, ended: None }
}

#[test]
fn calls_stay_where_they_began_while_the_weight_moves_to_the_hub() {
    let seconds = std::env::var("ALE_WEIGHT_SECONDS").ok().and_then(|text| text.parse().ok());
    let rounds = seconds.unwrap_or(10) * 50_u32;
    // Premises and hub.
    let mut nodes = [0, 1].map(|_| Node::on("127.0.0.1", support::ports::free(100)));
    let (mut calls, mut begun, mut ended) = (Vec::<Call>::new(), [0_u32; 2], [0_u32; 2]);
    let (mut owed, mut last_on_premises, mut stayed) = (0.0, 0, 0);
    let (start, mut next) = (Instant::now(), Instant::now());
    let mut round = 0;
    while round < rounds || !calls.is_empty() {
        assert!(start.elapsed() < PACKET * rounds + PATIENCE, "{} calls do not end", calls.len());
        if round < rounds && round.is_multiple_of(CALL_EVERY) {
            // From nothing to everything within the middle half.
            let share = (f64::from(round) / f64::from(rounds) - 0.25) * 2.0;
            owed += share.clamp(0.0, 1.0);
            let on_hub = owed >= 1.0;
            owed -= f64::from(u8::from(on_hub));
            let n = usize::from(on_hub);
            calls.push(begin(&mut nodes[n], format!("call-{round}"), on_hub));
            begun[n] += 1;
            last_on_premises = if on_hub { last_on_premises } else { round };
        }
        if round == rounds * 3 / 4 {
            stayed = calls.iter().filter(|call| !call.on_hub).count();
        }
        for call in &mut calls {
            for (ssrc, party) in call.parties.iter_mut().enumerate() {
                if call.sent < PACKETS {
                    let packet = rtp(ssrc as u32 + 1, call.sent);
                    party.phone.rtp.send_to(&packet, party.node).unwrap();
                }
                party.hear();
            }
            call.sent = (call.sent + 1).min(PACKETS);
            let has_all = call.parties.iter().all(Party::has_all);
            call.ended = call.ended.or_else(|| has_all.then(Instant::now));
        }
        calls.retain(|call| {
            let n = usize::from(call.on_hub);
            let has_ended = call.ended.is_some();
            if has_ended {
                let of = [Text("call-id", &call.id), Text("from-tag", "a")];
                assert_eq!(nodes[n].ask("delete", &of).text("result").as_deref(), Some("ok"));
                ended[n] += 1;
            }
            !has_ended
        });
        nodes.iter_mut().for_each(|node| node.control.listen(0));
        round += 1;
        next += PACKET;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    println!("on the premises and on the hub {ended:?} calls; {stayed} ran on when all went there");
    assert_eq!((begun, begun[0] + begun[1]), (ended, rounds.div_ceil(CALL_EVERY)));
    assert!(begun.iter().all(|calls| calls * 3 > rounds / CALL_EVERY), "{begun:?}");
    assert!(last_on_premises <= rounds * 3 / 4 && stayed > 0, "{last_on_premises} {stayed}");
    // Workers give them back in their own time.
    let left = |nodes: &[Node; 2]| nodes.each_ref().map(|node| node.control.ports_taken());
    let begun = Instant::now();
    while left(&nodes) != [0, 0] && begun.elapsed() < PATIENCE {
        nodes.iter_mut().for_each(|node| node.control.listen(0));
        std::thread::sleep(PACKET);
    }
    assert_eq!(left(&nodes), [0, 0]);
}
