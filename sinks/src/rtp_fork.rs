// SPDX-License-Identifier: MIT OR Apache-2.0
//! A thread that sends a tap as RTP or SRTP: a speaker's stream to a recording server (RFC 7866). Which address,
//! codec and keys is agreed on by SIP, which is the host's; what the server is told about the streams is
//! [`siprec`](crate::siprec)'s.
//!
//! Time is the tap's: what was not taken (no grant, a withdrawal, frames that nobody read in time) is a gap in the
//! timestamps and not in the sequence numbers, so that a recorder leaves silence of its length. Of a packet that is
//! half full when a gap begins the half is not sent. A pause of the tap is sent as the silence that it is.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;

use ale_media::leg::{Direction, Leg, LegConfig, LegMedia, LegReceiver};
use ale_media::tap::TapReader;

pub use crate::client::ClientStats;
use crate::client::{End, FRAME_NS, LOOK, Running, Shared, Work, count};

/// Room for a report of the recording server's.
const REPORT_BYTES: usize = 1_500;

/// What a fork is made for.
#[derive(Debug, Clone)]
pub struct ForkConfig {
    /// From where, as the session's description says it; with port 0 from any.
    pub from: SocketAddr,
    /// To where; reports go to the same port (RFC 5761).
    pub to: SocketAddr,
    /// How: codec, source, keys, packet time. The PCM's rate is the tap's, and the direction is sending alone,
    /// whatever stands here.
    pub leg: LegConfig,
}

/// A stream on a thread of its own; dropped, it says goodbye (RTCP BYE) and ends. In its
/// [`stats`](Fork::stats), `connections` is 1, and `refused` are datagrams that could not be sent and reports that
/// were none.
#[derive(Debug)]
pub struct Fork(Running);

impl Fork {
    /// Sends a tap until it is over.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for a leg's configuration that is refused; the system's, if the address is
    /// not to be had, or no thread.
    pub fn start(config: &ForkConfig, tap: TapReader) -> io::Result<Self> {
        Self::over(UdpSocket::bind(config.from)?, config.to, &config.leg, tap)
    }

    /// The same over a socket that is bound already, as the session's description has promised it.
    ///
    /// # Errors
    /// See [`Fork::start`].
    pub fn over(
        socket: UdpSocket,
        to: SocketAddr,
        leg: &LegConfig,
        tap: TapReader,
    ) -> io::Result<Self> {
        let mut of_leg = leg.clone();
        of_leg.direction = Direction::SendOnly;
        of_leg.sample_rate_hz = Some(tap.config().sample_rate_hz);
        let leg = Leg::new(&of_leg);
        let (receiver, media, _) =
            leg.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        socket.connect(to)?;
        socket.set_nonblocking(false)?;
        socket.set_read_timeout(Some(LOOK))?;
        let stream = Stream { socket, tap, receiver, media, began: Instant::now(), next_ns: None };
        Ok(Self(Running::start("rtp fork", stream)?))
    }

    /// Counters.
    pub fn stats(&self) -> ClientStats {
        self.0.stats()
    }

    /// Whether the tap is over and all of it has been sent.
    pub fn is_ended(&self) -> bool {
        self.0.is_ended()
    }
}

struct Stream {
    socket: UdpSocket,
    tap: TapReader,
    receiver: LegReceiver,
    media: LegMedia,
    began: Instant,
    /// When the next frame begins if nothing is left out, by the tap's clock.
    next_ns: Option<u64>,
}

impl Work for Stream {
    fn is_over(&self) -> bool {
        self.tap.is_ended()
    }

    fn serve(&mut self, shared: &Shared) -> io::Result<End> {
        count(&shared.connections, 1);
        let mut pcm = vec![0; self.tap.frame_samples()];
        loop {
            let over = shared.stops() || self.tap.is_ended();
            while let Some(frame) = self.tap.read(&mut pcm) {
                self.say(frame.time_ns, &pcm, shared);
                count(&shared.frames, 1);
            }
            pcm.fill(0);
            self.send(shared);
            if over {
                let now_ns = self.now_ns();
                if let Some(farewell) = self.media.goodbye(now_ns) {
                    sent(self.socket.send(farewell), shared);
                }
                return Ok(End::Over);
            }
            self.hear(shared);
        }
    }
}

impl Stream {
    fn now_ns(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    /// Sends 10 ms, behind as much time as has gone by without any.
    fn say(&mut self, time_ns: u64, pcm: &[i16], shared: &Shared) {
        let left_out_ns = time_ns.saturating_sub(self.next_ns.unwrap_or(time_ns));
        for _ in 0..left_out_ns / FRAME_NS {
            self.media.rest();
        }
        self.next_ns = Some(time_ns.saturating_add(FRAME_NS));
        // A frame is 10 ms at the leg's rate, which is the tap's.
        let _ = self.media.push(pcm);
        self.send(shared);
    }

    fn send(&mut self, shared: &Shared) {
        let now_ns = self.now_ns();
        while let Some(datagram) = self.media.poll_transmit(now_ns) {
            sent(self.socket.send(datagram), shared);
        }
    }

    /// Takes what has come of reports, for which it waits less than a frame.
    fn hear(&mut self, shared: &Shared) {
        let mut datagram = [0; REPORT_BYTES];
        // An error here is what the network said of datagrams sent before, or that nothing has come.
        if let Ok(bytes) = self.socket.recv(&mut datagram)
            && let Some(datagram) = datagram.get_mut(..bytes)
        {
            let now_ns = self.now_ns();
            let refused = self.receiver.receive(datagram, now_ns).is_err();
            count(&shared.refused, u64::from(refused));
        }
    }
}

/// Counts what could not be sent; the recording goes on without it.
fn sent(result: io::Result<usize>, shared: &Shared) {
    count(&shared.refused, u64::from(result.is_err()));
}
