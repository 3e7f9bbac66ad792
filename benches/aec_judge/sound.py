# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the judge's scenes are made of: talkers, rooms, loudspeakers, noises. All at 48 kHz."""

import glob
import os
import subprocess

import numpy as np
import soundfile
from scipy import signal

RATE = 48000
SPEECH = os.environ.get("ALE_SPEECH", os.path.join(os.path.dirname(__file__), "../../../shared/speech"))
PROMPTS = os.environ.get("ALE_PROMPTS", "/usr/share/asterisk/sounds")
# Active speech: -26 dBov.
SPEECH_RMS = 0.05
SOUND_M_PER_S = 343.0


def active_rms(pcm, rate):
    """The level while somebody speaks: of 20 ms frames within 30 dB of the loudest."""
    frames = pcm[: len(pcm) // (rate // 50) * (rate // 50)].reshape(-1, rate // 50)
    powers = (frames**2).mean(1)
    return np.sqrt(powers[powers > powers.max() * 1e-3].mean())


def without_ends(pcm, rate):
    step = rate // 100
    powers = (pcm[: len(pcm) // step * step].reshape(-1, step) ** 2).mean(1)
    loud = np.nonzero(powers > powers.max() * 3e-4)[0]
    return pcm[loud[0] * step : (loud[-1] + 1) * step]


def sentences(who, seconds, rng):
    """Recordings of one talker at 16 kHz: LibriVox's reader, or the prompts of a language."""
    if who == "librivox":
        return [without_ends(*soundfile.read(path)) for path in sorted(glob.glob(SPEECH + "/sense*.wav"))]
    found = [sorted(path for path in glob.glob(pattern) if os.path.getsize(path) > 12000)
             for pattern in (f"{PROMPTS}/{who}/*.g722", f"{PROMPTS}/{who}*/*.g722")]
    paths = found[0] or found[1]
    if not paths:
        raise SystemExit(f"judge: no prompts in {PROMPTS} (Debian: asterisk-core-sounds-{who}-g722)")
    rng.shuffle(paths)
    parts, length = [], 0
    for path in paths:
        command = ["ffmpeg", "-v", "error", "-f", "g722", "-i", path, "-f", "s16le", "-ar", "16000", "-"]
        raw = subprocess.run(command, capture_output=True, check=True).stdout
        parts.append(without_ends(np.frombuffer(raw, "<i2") / 32768.0, 16000))
        length += len(parts[-1])
        if length > seconds * 16000:
            break
    return parts


def talker(who, seconds, rng):
    """Sentences with short pauses between."""
    parts = sentences(who, seconds, rng)
    order, said, length, turn = rng.permutation(len(parts)), [], 0, 0
    while length < seconds * 16000:
        part = parts[order[turn % len(parts)]]
        turn += 1
        said += [part / active_rms(part, 16000) * SPEECH_RMS, np.zeros(int(16000 * rng.uniform(0.15, 0.4)))]
        length += len(said[-2]) + len(said[-1])
    return signal.resample_poly(np.concatenate(said)[: int(seconds * 16000)], RATE // 16000, 1)


def impulse_response(room, source, microphone, reverberation_s):
    """Image sources in a shoebox (J. Allen and D. Berkley, 1979), one reflection factor for all walls."""
    room, source, microphone = map(np.asarray, (room, source, microphone))
    surface = 2 * (room[0] * room[1] + room[0] * room[2] + room[1] * room[2])
    reflected = np.sqrt(max(0.0, 1 - min(0.99, 0.161 * room.prod() / (surface * reverberation_s))))
    seconds = min(0.5, reverberation_s * 1.1)
    reach = [int(np.ceil(seconds * SOUND_M_PER_S / (2 * side))) for side in room]
    cells = np.meshgrid(*[np.arange(-n, n + 1) for n in reach], indexing="ij")
    response = np.zeros(int(seconds * RATE) + 128)
    for image in range(8):
        flipped = np.array([image & 1, image >> 1 & 1, image >> 2 & 1])
        away = [(1 - 2 * flipped[i]) * source[i] + 2 * cells[i] * room[i] - microphone[i] for i in range(3)]
        distance = np.sqrt(sum(d**2 for d in away)).ravel()
        walls = sum(np.abs(cells[i] - flipped[i]) + np.abs(cells[i]) for i in range(3)).ravel()
        near = distance < seconds * SOUND_M_PER_S
        distance, walls = distance[near], walls[near]
        strength = reflected**walls / (4 * np.pi * np.maximum(distance, 0.05))
        at = distance / SOUND_M_PER_S * RATE
        whole = np.floor(at).astype(int)
        # Between samples: a windowed sinc.
        for k in range(-8, 9):
            x = k - (at - whole)
            weight = np.sinc(x) * (0.5 + 0.5 * np.cos(np.pi * np.clip(x / 9, -1, 1)))
            place = whole + k
            fits = (place >= 0) & (place < len(response))
            np.add.at(response, place[fits], (strength * weight)[fits])
    # Positive reflections alone boom where no microphone hears.
    return signal.sosfilt(signal.butter(4, 100, "high", fs=RATE, output="sos"), response)


class Room:
    """A loudspeaker near a microphone, and somebody who talks."""

    def __init__(self, rng, reverberation_s, distance_m):
        self.rng, self.reverberation_s, self.distance_m = rng, reverberation_s, distance_m
        self.size = rng.uniform([3.2, 2.8, 2.4], [6.0, 5.0, 3.0])
        self.microphone = self.size * rng.uniform(0.35, 0.65, 3) * [1, 1, 0] + [0, 0, 0.8]
        loudspeaker, talker_at = self.around(distance_m), self.around(rng.uniform(0.5, 0.9))
        self.echo, self.near = self.response(loudspeaker), self.response(talker_at)

    def around(self, distance_m):
        angle = self.rng.uniform(0, 2 * np.pi)
        offset = [distance_m * np.cos(angle), distance_m * np.sin(angle), self.rng.uniform(-0.1, 0.3)]
        return np.clip(self.microphone + offset, 0.15, self.size - 0.15)

    def response(self, source):
        return impulse_response(self.size, source, self.microphone, self.reverberation_s)

    def moved(self):
        """The way of the echo after the loudspeaker has been moved."""
        return self.response(self.around(self.distance_m * 1.5))


def loudspeaker(pcm, kind):
    """What a small driver makes of it: `soft` bends one way more than the other, `clip` runs into its end."""
    if kind == "linear":
        return pcm
    pcm = pcm / (np.abs(pcm).max() + 1e-9)
    if kind == "soft":
        bent = 1.5 * pcm - 0.3 * pcm**2
        pcm = 2 * (1 / (1 + np.exp(-np.where(bent > 0, 4.0, 0.5) * bent)) - 0.5)
    else:
        pcm = np.clip(pcm, -0.35, 0.35)
    return signal.sosfilt(signal.butter(2, [250, 7500], "band", fs=RATE, output="sos"), pcm)


def noise(kind, count, rng):
    """`fan`, `babble` or `street`, of power 1."""
    white = rng.standard_normal(count)
    if kind == "fan":
        shape = signal.firwin2(513, [0, 100, 400, 2000, 8000, RATE / 2], [0.4, 1, 0.7, 0.2, 0.05, 0.01], fs=RATE)
        pcm = signal.lfilter(shape, 1, white)
        t = np.arange(count) / RATE
        pcm = pcm / pcm.std() + 0.25 * np.sin(2 * np.pi * 117 * t) + 0.12 * np.sin(2 * np.pi * 234 * t)
    elif kind == "babble":
        def other():
            one = talker("es", count / RATE, np.random.default_rng(rng.integers(1 << 31)))
            return np.roll(one, rng.integers(count))
        pcm = sum(other() for _ in range(6))
        pcm = signal.fftconvolve(pcm, impulse_response([6, 5, 3], [1, 1, 1.2], [4, 3, 1], 0.5))[:count]
    else:
        pcm = signal.lfilter([1], [1, -0.97], white)
        swell = signal.resample(np.exp(0.8 * rng.standard_normal(max(4, count // RATE))), count)
        pcm = pcm / pcm.std() * np.clip(swell, 0.2, None)
    return pcm / pcm.std()
