// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is sent under one key by two processes that both believe to own the call, over a store whose replicas are behind
//! and take its place.

use std::collections::HashSet;

use ale_media::srtp::checkpoint::{Restored, generation};
use ale_media::srtp::{MasterKey, Sender, SessionConfig, Suite};
use proptest::prelude::*;

use super::wrapping;

const REPLICAS: usize = 2;

/// What the store was told, in order.
#[derive(Debug, Clone, PartialEq)]
enum Written {
    Owner(u64),
    Record(Vec<u8>),
}

/// A store as a list of all that it was told, of which each replica has the beginning.
#[derive(Debug)]
struct Model {
    log: Vec<Written>,
    have: [usize; REPLICAS],
    /// How many must have what counts.
    wanted: usize,
}

impl Model {
    fn owner(&self) -> u64 {
        let owner = |written: &Written| match written {
            Written::Owner(epoch) => Some(*epoch),
            Written::Record(_) => None,
        };
        self.log.iter().rev().find_map(owner).unwrap_or(0)
    }

    fn record(&self) -> Option<&[u8]> {
        self.log.iter().rev().find_map(|written| match written {
            Written::Record(record) => Some(&record[..]),
            Written::Owner(_) => None,
        })
    }

    /// Writes if the owner is whom it should be; up to where replicas have to be, to have that.
    fn write(&mut self, epoch: u64, written: Written) -> Option<usize> {
        (self.owner() == epoch).then(|| {
            self.log.push(written);
            self.log.len()
        })
    }

    fn is_confirmed(&self, up_to: usize) -> bool {
        self.have.iter().filter(|have| **have >= up_to).count() >= self.wanted
    }

    /// A replica takes the store's place: what it does not have was never written.
    fn promote(&mut self, replica: usize) {
        self.log.truncate(self.have[replica]);
        self.have = self.have.map(|have| have.min(self.log.len()));
    }
}

/// A process that has the call, or believes so.
#[derive(Debug)]
struct Owner {
    epoch: u64,
    sender: Sender,
    taken: Option<Vec<u8>>,
    /// What was written, and up to where replicas have to be for it to count.
    pending: Option<(u64, usize)>,
    fenced: bool,
}

/// What befalls the store and the processes.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A process sends so many packets, of which the first is as far behind the last one of either.
    Send(usize, u8, u8),
    /// It takes a checkpoint of so many packets.
    Take(usize, u8),
    /// It writes what it has taken.
    Put(usize),
    /// It looks whether that counts.
    Confirm(usize),
    /// A replica gets so much more.
    Replicate(usize, usize),
    /// A replica takes the store's place.
    Promote(usize),
    /// Another process takes over, in the place of the one that it is: the other lives on.
    TakeOver(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (who, replica) = (0..2_usize, 0..REPLICAS);
    prop_oneof![
        4 => (who.clone(), 0_u8..40, prop_oneof![Just(0_u8), 0_u8..200])
            .prop_map(|(who, n, back)| Step::Send(who, n, back)),
        3 => (who.clone(), 1_u8..60).prop_map(|(who, n)| Step::Take(who, n)),
        3 => who.clone().prop_map(Step::Put),
        4 => who.clone().prop_map(Step::Confirm),
        3 => (replica.clone(), 1..4_usize).prop_map(|(replica, n)| Step::Replicate(replica, n)),
        2 => replica.prop_map(Step::Promote),
        2 => who.prop_map(Step::TakeOver),
    ]
}

/// Takes over: the claim counts before the record is read, and a record of its own before anything is sent.
fn take_over(store: &mut Model, replicas_answer: bool) -> Option<Owner> {
    let epoch = store.owner() + 1;
    store.log.push(Written::Owner(epoch));
    if replicas_answer {
        store.have = [store.log.len(); REPLICAS];
    }
    if !store.is_confirmed(store.log.len()) {
        return None;
    }
    let mut sender = Restored::open(&[7; 32], store.record()?).unwrap().into_sender().unwrap();
    let taken = sender.checkpoint(&wrapping(&[7; 32]).unwrap(), 30).ok()?;
    let generation = generation(&taken).unwrap();
    let up_to = store.write(epoch, Written::Record(taken))?;
    store.have = [up_to; REPLICAS];
    sender.confirm_checkpoint(generation);
    Some(Owner { epoch, sender, taken: None, pending: None, fenced: false })
}

/// The first number that is sent twice, if any is.
fn twice(wanted: usize, steps: impl IntoIterator<Item = (Step, bool)>) -> Option<u16> {
    let key = MasterKey::new(&[3; 16], &[4; 14]).unwrap();
    let config = SessionConfig::new(Suite::AesCm128HmacSha1_80, key);
    let mut store = Model { log: vec![Written::Owner(1)], have: [1; REPLICAS], wanted };
    let sender = Sender::new(&config).unwrap();
    let first = Owner { epoch: 1, sender, taken: None, pending: None, fenced: false };
    let mut owners = [Some(first), None];
    let (mut sent, mut newest) = (HashSet::new(), 0_u16);
    for (step, replicas_answer) in steps {
        let who = match step {
            Step::Replicate(replica, more) => {
                store.have[replica] = (store.have[replica] + more).min(store.log.len());
                continue;
            }
            Step::Promote(replica) => {
                store.promote(replica);
                // Connections end with the primary: what was not confirmed over them never is.
                owners.iter_mut().flatten().for_each(|owner| owner.pending = None);
                continue;
            }
            Step::TakeOver(who) => {
                if let Some(new) = take_over(&mut store, replicas_answer) {
                    owners[who] = Some(new);
                }
                continue;
            }
            Step::Send(who, ..) | Step::Take(who, _) | Step::Put(who) | Step::Confirm(who) => who,
        };
        let Some(owner) = &mut owners[who] else { continue };
        match step {
            Step::Send(_, packets, back) => {
                // What the peer says goes to whom it reaches, and one that was cut off meanwhile is behind.
                let mut number = newest.saturating_sub(back.into());
                for _ in 0..packets {
                    number = number.saturating_add(1);
                    let [high, low] = number.to_be_bytes();
                    let mut packet = [0; 60];
                    packet[..12].copy_from_slice(&[0x80, 0, high, low, 0, 0, 0, 0, 0, 0, 0, 9]);
                    if owner.sender.protect(&mut packet, 32).is_ok() && !sent.insert(number) {
                        return Some(number);
                    }
                }
                newest = newest.max(number);
            }
            Step::Take(_, packets) => {
                let wrapping = wrapping(&[7; 32]).unwrap();
                owner.taken = owner.sender.checkpoint(&wrapping, packets.into()).ok();
                owner.pending = None;
            }
            Step::Put(_) if !owner.fenced => {
                let Some(taken) = owner.taken.clone() else { continue };
                let generation = generation(&taken).unwrap();
                let up_to = store.write(owner.epoch, Written::Record(taken));
                owner.fenced = up_to.is_none();
                owner.pending = up_to.map(|up_to| (generation, up_to));
            }
            _ => {
                let pending = owner.pending.take_if(|(_, up_to)| store.is_confirmed(*up_to));
                if let Some((generation, _)) = pending {
                    owner.sender.confirm_checkpoint(generation);
                }
            }
        }
    }
    None
}

/// Why `replicas` is the number of all that may take the store's place.
#[test]
fn what_one_of_two_replicas_has_is_lost_with_the_other() {
    let keep = |replicas: &'static [usize]| {
        let replicated = replicas.iter().map(|replica| Step::Replicate(*replica, 9));
        [Step::Send(0, 15, 0), Step::Take(0, 20), Step::Put(0)]
            .into_iter()
            .chain(replicated)
            .chain([Step::Confirm(0)])
    };
    let steps = keep(&[0, 1]).chain(keep(&[0]));
    let died = [Step::Send(0, 40, 0), Step::Promote(1), Step::TakeOver(1), Step::Send(1, 40, 30)];
    let steps = || steps.clone().chain(died).map(|step| (step, true));
    assert!(twice(1, steps()).is_some());
    assert_eq!(twice(REPLICAS, steps()), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn nothing_is_sent_twice_by_two_owners_over_replicas_that_are_behind(
        steps in prop::collection::vec((step(), any::<bool>()), 1..200),
    ) {
        prop_assert_eq!(twice(REPLICAS, steps), None);
    }
}
