# SPDX-License-Identifier: MIT OR Apache-2.0
"""Two aiortc peers call each other, once for each suite, and each must hear the other's tone.

usage: aiortc_call.py FOLDER-OF-libsrtp2.so.1-OR-"" (what this process must have loaded)
"""

import asyncio
import fractions
import logging
import sys

import aiortc
import aiortc.rtcdtlstransport as dtls
import av
import numpy

SECONDS = 5
RATE = 48000
FRAME = 960
TONES = (600, 1000)


class Refusals(logging.Handler):
    """What aiortc says of packets that libsrtp refuses."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.lines = []
        self.negotiated = set()

    def emit(self, record):
        line = record.getMessage()
        if "negotiated" in line:
            self.negotiated.add(line.split()[-1])
        if "SRTP" in line and "fail" in line or record.levelno >= logging.ERROR:
            self.lines.append(line)


class Tone(aiortc.MediaStreamTrack):
    kind = "audio"

    def __init__(self, hz):
        super().__init__()
        self.hz, self.at = hz, 0
        self.start = None

    async def recv(self):
        loop = asyncio.get_running_loop()
        self.start = self.start or loop.time()
        await asyncio.sleep(max(0, self.start + self.at / RATE - loop.time()))
        phase = 2 * numpy.pi * self.hz * numpy.arange(self.at, self.at + FRAME) / RATE
        samples = (8000 * numpy.sin(phase)).astype(numpy.int16)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self.at, fractions.Fraction(1, RATE)
        self.at += FRAME
        return frame


def strongest(samples):
    spectrum = numpy.abs(numpy.fft.rfft(samples * numpy.hanning(len(samples))))
    return numpy.argmax(spectrum) * RATE / len(samples)


async def heard(track, frames):
    while True:
        frame = await track.recv()
        frames.append(frame.to_ndarray().reshape(-1)[:: len(frame.layout.channels)])


def peer():
    """A peer that asks no STUN server where it is."""
    return aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))


def only(end, profile):
    for transceiver in end.getTransceivers():
        transceiver.sender.transport._srtp_profiles = [profile]


async def judged(end, sink, tone):
    """How many packets came to a peer, and what is wrong with its call."""
    problems = []
    if end.connectionState != "connected":
        problems.append(f"is {end.connectionState}")
    stats = [s for r in end.getReceivers() for s in (await r.getStats()).values()]
    inbound = [s for s in stats if s.type == "inbound-rtp"]
    received, lost = sum(s.packetsReceived for s in inbound), sum(s.packetsLost for s in inbound)
    if lost:
        problems.append(f"lost {lost} packets")
    # What the other side's RTCP says of this one's packets.
    sent = [s for r in end.getSenders() for s in (await r.getStats()).values()]
    if not any(s.type == "remote-inbound-rtp" for s in sent):
        problems.append("got no RTCP report")
    if len(sink) < (SECONDS - 2) * 50:
        problems.append(f"heard {len(sink)} frames")
    elif abs(strongest(numpy.concatenate(sink[50:100])) - tone) > 5:
        problems.append(f"does not hear {tone} Hz")
    return received, problems


async def call(profile):
    peers = [peer(), peer()]
    frames, tasks = ([], []), []
    for end, tone, sink in zip(peers, TONES, frames):
        end.addTrack(Tone(tone))
        end.on("track", lambda track, sink=sink: tasks.append(asyncio.ensure_future(heard(track, sink))))
    caller, callee = peers
    await caller.setLocalDescription(await caller.createOffer())
    await callee.setRemoteDescription(caller.localDescription)
    await callee.setLocalDescription(await callee.createAnswer())
    for end in peers:
        only(end, profile)
    await caller.setRemoteDescription(callee.localDescription)
    await asyncio.sleep(SECONDS)
    problems, counts = [], []
    for name, end, sink, tone in zip(("caller", "callee"), peers, frames, reversed(TONES)):
        packets, found = await judged(end, sink, tone)
        counts.append(packets)
        problems += [f"{name} {problem}" for problem in found]
    for end in peers:
        await end.close()
    for task in tasks:
        task.cancel()
    return problems, counts


def whose(folder):
    return "ours" if folder else "the system's"


async def each_suite(folder, call, name):
    """Calls with one suite after the other: whether any went wrong."""
    logger = logging.getLogger("aiortc")
    refusals = Refusals()
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(refusals)
    with open("/proc/self/maps") as maps:
        loaded = {line.split()[-1] for line in maps if "libsrtp2" in line}
    if len(loaded) != 1 or bool(folder) != loaded.pop().startswith(f"{folder}/libsrtp2.so" if folder else "\0"):
        sys.exit(f"aiortc: the wrong library is loaded, which is not {whose(folder)}")
    failed = 0
    for profile in dtls.SRTP_PROFILES:
        refusals.lines.clear()
        refusals.negotiated.clear()
        problems, counts = await call(profile)
        problems += refusals.lines[:3]
        suite = profile.openssl_profile.decode()
        if refusals.negotiated != {suite}:
            problems.append(f"negotiated {refusals.negotiated}")
        print(f"{name} {suite}: packets {counts}, {'; '.join(problems) or 'no error'}")
        failed |= bool(problems)
    return failed


if __name__ == "__main__":
    sys.exit(asyncio.run(each_suite(sys.argv[1], call, f"aiortc {aiortc.__version__} on {whose(sys.argv[1])},")))
