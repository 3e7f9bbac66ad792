// SPDX-License-Identifier: MIT OR Apache-2.0
//! A phone: a leg with a UDP socket, a network thread and an audio thread.
//!
//! Where a real phone has a microphone and a loudspeaker, this one has what it shall say, as PCM,
//! and keeps what it hears.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use ale_media::leg::{Leg, LegConfig, LegControl, LegMedia, LegReceiver, ReceiveError};

use crate::clock::{Beat, Clock};
use crate::diagnosis::peak;
use crate::{Context, Failure, MAX_DATAGRAM_BYTES, POLL};

/// Where a call stands.
#[derive(Debug)]
pub struct Phone {
    stop: Arc<AtomicBool>,
    network: JoinHandle<()>,
    audio: JoinHandle<Vec<i16>>,
    /// Commands and statistics.
    pub control: LegControl,
    loudest: Arc<AtomicU16>,
    strangers: mpsc::Receiver<SocketAddr>,
}

impl Phone {
    /// Starts to say `said` (at the leg's rate, then silence) to `remote` and to listen.
    ///
    /// # Errors
    /// When the leg's configuration is refused, or the socket fails.
    pub fn start(
        config: &LegConfig,
        socket: UdpSocket,
        remote: SocketAddr,
        said: Vec<i16>,
        clock: Clock,
    ) -> Result<Self, Failure> {
        let (receiver, media, control) = Leg::new(config).context("leg")?;
        let stop = Arc::new(AtomicBool::new(false));
        let loudest = Arc::new(AtomicU16::new(0));
        let (stranger, strangers) = mpsc::channel();
        let network =
            spawn_receiver(receiver, socket.try_clone()?, clock, Arc::clone(&stop), stranger)?;
        let (stopped, heard) = (Arc::clone(&stop), Arc::clone(&loudest));
        let audio = thread::Builder::new()
            .name("audio".into())
            .spawn(move || talk(media, &socket, remote, &said, clock, &stopped, &heard))?;
        Ok(Self { stop, network, audio, control, loudest, strangers })
    }

    /// The loudest sample that was heard since this was last asked.
    #[must_use]
    pub fn peak(&self) -> u16 {
        self.loudest.swap(0, Ordering::Relaxed)
    }

    /// Another address whose datagrams were refused since it is not the peer's.
    #[must_use]
    pub fn next_stranger(&self) -> Option<SocketAddr> {
        self.strangers.try_recv().ok()
    }

    /// Hangs up; what was heard, at the leg's rate, and the last statistics.
    ///
    /// # Errors
    /// When one of the threads has panicked.
    pub fn stop(self) -> Result<(Vec<i16>, LegControl), Failure> {
        self.stop.store(true, Ordering::Relaxed);
        let heard = self.audio.join().map_err(|_| "the audio thread panicked")?;
        self.network.join().map_err(|_| "the network thread panicked")?;
        Ok((heard, self.control))
    }
}

/// Runs a leg's network half on a thread of its own.
///
/// # Errors
/// When the socket or the thread can't be had.
fn spawn_receiver(
    mut receiver: LegReceiver,
    socket: UdpSocket,
    clock: Clock,
    stop: Arc<AtomicBool>,
    stranger: mpsc::Sender<SocketAddr>,
) -> Result<JoinHandle<()>, Failure> {
    socket.set_read_timeout(Some(POLL))?;
    let thread = thread::Builder::new().name("network".into()).spawn(move || {
        let mut datagram = [0; MAX_DATAGRAM_BYTES];
        let mut last = None;
        while !stop.load(Ordering::Relaxed) {
            let Ok((length, from)) = socket.recv_from(&mut datagram) else { continue };
            // What is wrong with a datagram is counted by the leg.
            let taken = receiver.receive_from(&mut datagram[..length], from, clock.now_ns());
            if taken == Err(ReceiveError::ForeignAddress) && last != Some(from) {
                last = Some(from);
                let _ = stranger.send(from);
            }
        }
    })?;
    Ok(thread)
}

/// The audio thread: every 10 ms it plays, records and sends.
fn talk(
    mut media: LegMedia,
    socket: &UdpSocket,
    remote: SocketAddr,
    said: &[i16],
    clock: Clock,
    stop: &AtomicBool,
    loudest: &AtomicU16,
) -> Vec<i16> {
    let frame = (media.sample_rate_hz() / 100) as usize;
    let mut heard = Vec::with_capacity(said.len() + frame * 100);
    let mut said = said.chunks(frame);
    let mut pcm = vec![0; frame];
    let mut beat = Beat::start();
    while !stop.load(Ordering::Relaxed) {
        beat.wait();
        let now_ns = clock.now_ns();
        if media.pull(now_ns, &mut pcm).is_ok() {
            heard.extend_from_slice(&pcm);
            loudest.fetch_max(peak(&pcm), Ordering::Relaxed);
        }
        pcm.fill(0);
        if let Some(piece) = said.next() {
            pcm[..piece.len()].copy_from_slice(piece);
        }
        let _ = media.push(&pcm);
        while let Some(datagram) = media.poll_transmit(now_ns) {
            // What the network refuses is lost, as any datagram may be.
            let _ = socket.send_to(datagram, remote);
        }
    }
    if let Some(datagram) = media.goodbye(clock.now_ns()) {
        let _ = socket.send_to(datagram, remote);
    }
    heard
}
