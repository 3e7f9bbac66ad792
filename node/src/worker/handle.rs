// SPDX-License-Identifier: MIT OR Apache-2.0
//! The control thread's hold on a worker: what it starts with, and what it is told.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::thread::{CpuSet, sched_setaffinity};
use zeroize::Zeroizing;

use super::{
    Clock, Ear, Forwarder, Mix, News, Numbers, ORDERS, Passing, Path, Playing, SHARED, Seat,
    Unrouted,
};
use crate::peer::Change;
use crate::ports::{Inbox, SharedPort};

/// What a worker is told.
#[derive(Debug)]
pub(super) enum Order {
    Open(Box<Path>),
    OpenMix(Box<Mix>),
    CloseMix(u64),
    Speak { mix: u64, path: u64 },
    Mark { id: u64, dscp: Option<u8> },
    SetRtcpMux { id: u64, muxed: [bool; 2] },
    Relatch { id: u64, rtp: SocketAddr, rtcp: Option<SocketAddr> },
    SetPassing { id: u64, end: usize, passing: Passing },
    SetNumbers { id: u64, end: usize, numbers: Box<Numbers> },
    ChangePeer { id: u64, end: usize, change: Change },
    Play { id: u64, end: usize, playing: Option<Box<Playing>> },
    Checkpoint { id: u64, seat: Option<Seat>, call_id: String, key: Arc<Zeroizing<[u8; 32]>> },
    Confirm { id: u64, seat: Option<Seat>, generations: Vec<u64> },
    Overhear { id: u64, end: usize, ear: Option<Ear> },
    Close(u64),
    Stop,
}

/// The control thread's hold on a worker. Dropping it ends the thread, and with it the worker's sockets.
#[derive(Debug)]
pub struct Worker {
    orders: Sender<Order>,
    bell: Arc<OwnedFd>,
    busy_ns: Arc<AtomicU64>,
    unrouted: Arc<Unrouted>,
    thread: Option<JoinHandle<()>>,
}

/// Says so when a worker ends that was not told to, by whatever way.
struct Watch {
    core: usize,
    news: News,
    told: bool,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.told {
            self.news.ended(self.core);
        }
    }
}

impl Worker {
    /// Starts a worker on a core, if the system lets it choose; it tells what happens. The ports are for lines of its
    /// that send by them.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(
        core: usize,
        clock: Clock,
        news: News,
        ports: Vec<Arc<SharedPort>>,
    ) -> io::Result<Self> {
        let (orders, received) = channel();
        let bell = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&poll, &bell, epoll::EventData::new_u64(ORDERS), epoll::EventFlags::IN)?;
        for (n, port) in ports.iter().enumerate() {
            let data = epoll::EventData::new_u64(SHARED | n as u64);
            epoll::add(&poll, port, data, epoll::EventFlags::IN)?;
        }
        let unrouted = Arc::new(Unrouted::default());
        let thread_unrouted = Arc::clone(&unrouted);
        let thread_bell = Arc::clone(&bell);
        let busy_ns = Arc::new(AtomicU64::new(0));
        let thread_busy_ns = Arc::clone(&busy_ns);
        let thread = thread::Builder::new().name(format!("media-{core}")).spawn(move || {
            let mut cores = CpuSet::new();
            if core < CpuSet::MAX_CPU {
                cores.set(core);
                // A container may forbid it: unpinned then.
                let _ = sched_setaffinity(None, &cores);
            }
            let mut watch = Watch { core, news: news.clone(), told: false };
            let mut forwarder = Forwarder::new(poll, thread_bell, received, clock, news);
            forwarder.shared = ports.into_iter().map(Inbox::of).collect();
            forwarder.unrouted = thread_unrouted;
            match forwarder.run(&thread_busy_ns) {
                Ok(()) => watch.told = true,
                Err(error) => tracing::error!(core, %error, "a worker has ended"),
            }
        })?;
        Ok(Self { orders, bell, busy_ns, unrouted, thread: Some(thread) })
    }

    /// How long it has been busy since it began.
    pub fn busy_ns(&self) -> u64 {
        self.busy_ns.load(Ordering::Relaxed)
    }

    /// What has come on its lines' common ports and was nobody's.
    pub fn unrouted(&self) -> &Unrouted {
        &self.unrouted
    }

    /// Forwards a line's media from now on. What came before is not: it is of a time when nobody knew whom
    /// it should be from.
    pub fn open(&self, path: Path) {
        self.order(Order::Open(Box::new(path)));
    }

    /// Changes what the packets of a line are marked with: a code point of differentiated services, 0 to 63 (RFC 2474), or
    /// else the configuration's.
    pub fn mark(&self, id: u64, dscp: Option<u8>) {
        self.order(Order::Mark { id, dscp });
    }

    /// Changes whether RTCP goes out on RTP's port, at each end.
    pub fn set_rtcp_mux(&self, id: u64, muxed: [bool; 2]) {
        self.order(Order::SetRtcpMux { id, muxed });
    }

    /// Changes what is passed on of what comes at an end.
    pub fn set_passing(&self, id: u64, end: usize, passing: Passing) {
        self.order(Order::SetPassing { id, end, passing });
    }

    /// Changes by which payload types what comes at an end goes on, where it goes on undecoded.
    pub fn set_numbers(&self, id: u64, end: usize, numbers: Numbers) {
        self.order(Order::SetNumbers { id, end, numbers: Box::new(numbers) });
    }

    /// Plays something to the peer at an end, in place of what the other says; nothing more if it is nothing.
    pub fn play(&self, id: u64, end: usize, playing: Option<Playing>) {
        self.order(Order::Play { id, end, playing: playing.map(Box::new) });
    }

    /// Hands what comes at an end to somebody else as well; nobody any more if there is none.
    pub fn overhear(&self, id: u64, end: usize, ear: Option<Ear>) {
        self.order(Order::Overhear { id, end, ear });
    }

    /// What is known of the peer at an end has changed.
    pub fn change_peer(&self, id: u64, end: usize, change: Change) {
        self.order(Order::ChangePeer { id, end, change });
    }

    /// Ticks a conference from now on.
    pub fn open_mix(&self, mix: Mix) {
        self.order(Order::OpenMix(Box::new(mix)));
    }

    /// Ends a conference that nobody is in any more.
    pub fn close_mix(&self, id: u64) {
        self.order(Order::CloseMix(id));
    }

    /// A member of a conference leads the conversation there: it is shown to the others.
    pub fn speak(&self, mix: u64, path: u64) {
        self.order(Order::Speak { mix, path });
    }

    /// A member's description says that it is elsewhere.
    pub fn relatch(&self, id: u64, rtp: SocketAddr, rtcp: Option<SocketAddr>) {
        self.order(Order::Relatch { id, rtp, rtcp });
    }

    /// Takes checkpoints of the ends of a line of a call, wrapped with this key, and tells them; of a member with its
    /// seat.
    pub fn checkpoint(
        &self,
        id: u64,
        seat: Option<Seat>,
        call_id: &str,
        key: Arc<Zeroizing<[u8; 32]>>,
    ) {
        self.order(Order::Checkpoint { id, seat, call_id: call_id.to_owned(), key });
    }

    /// The checkpoints of these generations are kept, in the order of the ends.
    pub fn confirm(&self, id: u64, seat: Option<Seat>, generations: Vec<u64>) {
        self.order(Order::Confirm { id, seat, generations });
    }

    /// Forwards nothing more of a line, and closes its sockets.
    pub fn close(&self, id: u64) {
        self.order(Order::Close(id));
    }

    fn order(&self, order: Order) {
        // The thread ends only when it is told to.
        let _ = self.orders.send(order);
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.order(Order::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_ends_untold_is_seen_and_one_that_was_told_is_not() {
        for (told, panics) in [(true, false), (false, false), (false, true)] {
            let bell = Arc::new(eventfd(0, EventfdFlags::CLOEXEC).unwrap());
            let alive = Arc::new(std::sync::atomic::AtomicBool::new(true));
            let news = News { told: channel().0, bell, alive: Arc::clone(&alive) };
            let ended = thread::spawn(move || {
                let _watch = Watch { core: 0, news, told };
                assert!(!panics, "on purpose");
            });
            assert_eq!(ended.join().is_err(), panics);
            assert_eq!(alive.load(Ordering::Relaxed), told);
        }
    }
}
