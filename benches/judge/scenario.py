# SPDX-License-Identifier: MIT OR Apache-2.0
"""Speech, a codec and a trace become a capture of RTP packets, which is all that a playout program sees."""

import ctypes
import ctypes.util
import struct
from functools import cache

import numpy as np
import soundfile
from scipy.signal import resample_poly

from traces import trace

# Payload type, name, ticks of the RTP clock in a packet, and what the program plays at.
CODECS = {"pcmu": (0, "PCMU/8000", 160, 8_000), "opus": (111, "opus/48000", 960, 48_000)}
COMFORT_NOISE = 13
# A capture's time at the receiver's zero, in s.
START = 1_000_000
# Near its end, so that it wraps early.
FIRST_SEQUENCE, FIRST_TIMESTAMP = 65_000, 0x1234_5678
SSRC = 0x5EED_CAFE


@cache
def libopus():
    return ctypes.CDLL(ctypes.util.find_library("opus") or "libopus.so.0")


def opus_packets(sound):
    """20 ms packets at 24 kbit/s with FEC for 10 % of loss, of speech at 16 kHz."""
    pcm = np.clip(np.round(resample_poly(sound, 3, 1) * 32_767), -32_768, 32_767).astype(np.int16)
    library, error = libopus(), ctypes.c_int()
    library.opus_encoder_create.restype = ctypes.c_void_p
    encoder = ctypes.c_void_p(library.opus_encoder_create(48_000, 1, 2_048, ctypes.byref(error)))
    # OPUS_SET_: BITRATE, INBAND_FEC, PACKET_LOSS_PERC, DTX, COMPLEXITY, SIGNAL to VOICE.
    for request, value in ((4002, 24_000), (4012, 1), (4014, 10), (4016, 0), (4010, 5), (4024, 3001)):
        library.opus_encoder_ctl(encoder, request, ctypes.c_int(value))
    packet = (ctypes.c_ubyte * 1_500)()
    for frame in pcm.reshape(-1, 960):
        frame = np.ascontiguousarray(frame)
        count = library.opus_encode(encoder, frame.ctypes.data_as(ctypes.c_void_p), 960, packet, 1_500)
        yield bytes(packet[:count])


def decoded(sound):
    """What a perfect jitter buffer would play of it: decoded without loss, and earlier by the codec's delay."""
    library, error = libopus(), ctypes.c_int()
    library.opus_decoder_create.restype = ctypes.c_void_p
    decoder = ctypes.c_void_p(library.opus_decoder_create(48_000, 1, ctypes.byref(error)))
    room, parts = (ctypes.c_int16 * 5_760)(), []
    for packet in opus_packets(sound):
        count = library.opus_decode(decoder, packet, len(packet), room, 5_760, 0)
        parts.append(np.array(room[:count]))
    whole = np.concatenate(parts) / 32_768.0
    return resample_poly(np.concatenate([whole[312:], np.zeros(312)]), 1, 3)


def mu_law(sample):
    """G.711."""
    sample = sample.astype(np.int32)
    negative, magnitude = sample < 0, np.minimum(np.abs(sample), 32_635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(int) - 7
    mantissa = (magnitude >> (exponent + 3)) & 15
    return (~(np.where(negative, 0x80, 0) | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8)


def pcmu_packets(sound):
    pcm = np.clip(np.round(resample_poly(sound, 1, 2) * 32_767), -32_768, 32_767)
    return [mu_law(frame).tobytes() for frame in pcm.reshape(-1, 160)]


def speech(path, packets):
    """As much as so many packets carry."""
    sound, length = soundfile.read(path)[0], packets * 320
    return np.tile(sound, -(-length // len(sound)))[:length]


def spurts(sound):
    """Which packets are within 200 ms of speech."""
    hangover, out = 0, []
    for loud in np.sqrt(np.mean(sound.reshape(-1, 320) ** 2, 1)) > 0.0025:
        hangover = 10 if loud else max(0, hangover - 1)
        out.append(loud or hangover > 0)
    return np.array(out)


def timestamps(name, count, ticks, active):
    """Of packets in RTP ticks from the first; what the senders of traces.SENDERS make of them."""
    straight = np.arange(count) * ticks
    if name == "sender_wander":
        return straight + np.random.default_rng(7).integers(-7, 8, count)
    if name == "sender_pauses":  # They stand still while nothing is sent.
        return np.maximum(np.cumsum(active) - 1, 0) * ticks
    if name == "sender_clock":  # Another clock than was negotiated: half steps.
        return straight // 2
    return straight


def rtp_packets(sound, codec, name, rows):
    """(arrival in us, RTP packet) in order of arrival."""
    payload_type, _, ticks, _ = CODECS[codec]
    payloads = list(opus_packets(sound) if codec == "opus" else pcmu_packets(sound))
    count = len(payloads)
    pausing = name in ("dtx", "sender_pauses")
    active = spurts(sound) if pausing else np.ones(count, bool)
    before = np.concatenate([[False], active[:-1]])
    # A pause begins with one description of its noise where the codec has none of its own.
    described = before & ~active if name == "dtx" and codec == "pcmu" else np.zeros(count, bool)
    numbers = np.cumsum(active | described) - 1
    stamps = timestamps(name, count, ticks, active)
    out = []
    for k, _, arrived in rows:
        if arrived is None or not (active[k] or described[k]):
            continue
        kind, payload = (COMFORT_NOISE, bytes([74])) if described[k] else (payload_type, payloads[k])
        marker = not described[k] and (k > 0 and not before[k] if pausing else k == 0)
        sequence = (FIRST_SEQUENCE + int(numbers[k])) & 0xFFFF
        timestamp = (FIRST_TIMESTAMP + int(stamps[k])) & 0xFFFF_FFFF
        header = struct.pack(">BBHII", 0x80, marker << 7 | kind, sequence, timestamp, SSRC)
        out.append((int(arrived * 1_000), header + payload))
    return sorted(out, key=lambda packet: packet[0])


def capture(packets):
    """A pcap file of UDP in Ethernet."""
    parts = [struct.pack("<IHHiIII", 0xA1B2_C3D4, 2, 4, 0, 0, 65_535, 1)]
    for us, rtp in packets:
        udp = struct.pack(">HHHH", 40_000, 5_004, 8 + len(rtp), 0) + rtp
        loopback = 0x7F00_0001
        ip = struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, loopback, loopback) + udp
        frame = bytes(12) + b"\x08\x00" + ip
        seconds, rest = divmod(us, 1_000_000)
        parts.append(struct.pack("<IIII", START + seconds, rest, len(frame), len(frame)) + frame)
    return b"".join(parts)


def scenario(speech_path, codec, name):
    """The capture, its length in ms, the trace's rows and the speech."""
    rows = trace(name)
    sound = speech(speech_path, max(row[0] for row in rows) + 1)
    packets = rtp_packets(sound, codec, name, rows)
    return capture(packets), int(max(row[1] for row in rows)) + 600, rows, sound
