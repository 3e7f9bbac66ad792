// SPDX-License-Identifier: MIT OR Apache-2.0
//! A conference bridge: a socket and a network thread a member, one audio thread for all.
//!
//! It answers each member to where the member's datagrams come from (symmetric RTP), once one has
//! been authenticated.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use ale_media::conference::{
    Conference, ConferenceConfig, ConferenceControl, JoinOptions, Outgoing,
};
use ale_media::leg::{Leg, LegConfig, LegControl, LegReceiver, Received};

use crate::clock::{Beat, Clock};
use crate::{Context, Failure, MAX_DATAGRAM_BYTES, POLL};

/// A running bridge.
#[derive(Debug)]
pub struct Bridge {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    /// Joins and leaves.
    pub control: ConferenceControl,
    /// Orders and statistics of each member, in the order of the configurations.
    pub legs: Vec<LegControl>,
    /// Where each member sends to.
    pub addresses: Vec<SocketAddr>,
}

/// A member as the audio thread sees it.
struct Exit {
    socket: UdpSocket,
    peer: Arc<OnceLock<SocketAddr>>,
}

impl Bridge {
    /// Starts a bridge with one member a configuration.
    ///
    /// # Errors
    /// When a leg's configuration is refused, or a socket fails.
    pub fn start(configs: &[LegConfig], clock: Clock) -> Result<Self, Failure> {
        let conference =
            ConferenceConfig { max_members: configs.len().max(1), ..ConferenceConfig::default() };
        let (conference, control) = Conference::new(&conference).context("conference")?;
        let stop = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        let mut exits = Vec::new();
        let mut legs = Vec::new();
        let mut addresses = Vec::new();
        for (index, config) in configs.iter().enumerate() {
            let (receiver, media, leg) = Leg::new(config).context("leg of the bridge")?;
            let socket = UdpSocket::bind("127.0.0.1:0").context("socket of the bridge")?;
            addresses.push(socket.local_addr()?);
            let peer = Arc::new(OnceLock::new());
            let exit = Exit { socket: socket.try_clone()?, peer: Arc::clone(&peer) };
            exits.push(exit);
            socket.set_read_timeout(Some(POLL))?;
            let stopped = Arc::clone(&stop);
            threads.push(
                thread::Builder::new()
                    .name(format!("bridge {index}"))
                    .spawn(move || listen(receiver, &socket, &peer, clock, &stopped))?,
            );
            let options = JoinOptions::tagged(index as u64);
            control.join(Box::new(media), options).map_err(|(error, _)| error)?;
            legs.push(leg);
        }
        let stopped = Arc::clone(&stop);
        threads.push(
            thread::Builder::new()
                .name("mixer".into())
                .spawn(move || mix(conference, &exits, clock, &stopped))?,
        );
        Ok(Self { stop, threads, control, legs, addresses })
    }

    /// Stops the bridge's threads.
    ///
    /// # Errors
    /// When one of them has panicked.
    pub fn stop(self) -> Result<Vec<LegControl>, Failure> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().map_err(|_| "a thread of the bridge panicked")?;
        }
        Ok(self.legs)
    }
}

/// A member's network thread.
fn listen(
    mut receiver: LegReceiver,
    socket: &UdpSocket,
    peer: &OnceLock<SocketAddr>,
    clock: Clock,
    stop: &AtomicBool,
) {
    let mut datagram = [0; MAX_DATAGRAM_BYTES];
    while !stop.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut datagram) else { continue };
        // Only what the leg has accepted says where the member is, and only once.
        if let Ok(Received::Media) = receiver.receive(&mut datagram[..length], clock.now_ns()) {
            peer.get_or_init(|| from);
        }
    }
}

/// The audio thread.
fn mix(mut conference: Conference, exits: &[Exit], clock: Clock, stop: &AtomicBool) {
    let mut outgoing = Outgoing::new(exits.len() * 4);
    let mut beat = Beat::start();
    while !stop.load(Ordering::Relaxed) {
        beat.wait();
        conference.tick(clock.now_ns(), &mut outgoing);
        for datagram in outgoing.iter() {
            let exit = exits.get(datagram.tag as usize);
            if let Some((exit, peer)) = exit.and_then(|exit| Some((exit, exit.peer.get()?))) {
                let _ = exit.socket.send_to(datagram.bytes, *peer);
            }
        }
    }
}
