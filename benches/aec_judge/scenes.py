# SPDX-License-Identifier: MIT OR Apache-2.0
"""The judge's scenes: what is played, what the microphone hears, and the parts that it is the sum of."""

import hashlib

import numpy as np
from scipy import signal

from sound import RATE, Room, SPEECH_RMS, active_rms, loudspeaker, noise, talker

# Far and near talker of each room.
TALKERS = [("librivox", "it"), ("fr", "librivox"), ("ru", "it"), ("it", "ru"), ("librivox", "fr"), ("es", "librivox")]
# Double talk begins then; until then a canceller may learn.
DOUBLE_TALK_S = 10
KINDS = {
    # Single talk: a linear loudspeaker, ones that distort, a live room, noise.
    "st_linear": {"seconds": 20},
    "st_soft": {"seconds": 20, "driver": "soft"},
    "st_clip": {"seconds": 20, "driver": "clip", "reverberation_s": 0.35},
    "st_live": {"seconds": 20, "reverberation_s": 0.6, "distance_m": 0.6, "driver": "soft"},
    "st_noisy": {"seconds": 20, "driver": "soft", "noise": "fan", "noise_below_db": 15},
    # Double talk: the near end as loud as the echo, 10 dB softer, 10 dB louder.
    "dt_0": {"seconds": 24, "near_db": 0, "driver": "soft"},
    "dt_m10": {"seconds": 24, "near_db": -10, "driver": "soft"},
    "dt_p10": {"seconds": 24, "near_db": 10},
    # Nothing plays.
    "nst": {"seconds": 16, "far": False},
    # The loudspeaker is moved; the delay jumps; is long; drifts.
    "path": {"seconds": 26, "path_at": 12, "driver": "soft"},
    "jump200": {"seconds": 28, "jump": (12, 0.2), "driver": "soft"},
    "delay300": {"seconds": 20, "delay_s": 0.3, "driver": "soft"},
    "drift100": {"seconds": 40, "ppm": 100, "driver": "soft"},
    # Noise and speech.
    "ns_fan5": {"seconds": 16, "far": False, "noise": "fan", "noise_below_db": 5},
    "ns_babble10": {"seconds": 16, "far": False, "noise": "babble", "noise_below_db": 10},
    "ns_street5": {"seconds": 16, "far": False, "noise": "street", "noise_below_db": 5},
}


def scenes(rooms, salt, only=None):
    """Descriptions of all scenes; the same salt, the same scenes."""
    for room in range(rooms):
        for kind, what in KINDS.items():
            if only and not kind.startswith(tuple(only)):
                continue
            digest = hashlib.sha256(f"{salt}/{kind}/{room}".encode()).hexdigest()
            talkers = TALKERS[room % len(TALKERS)]
            yield {"name": f"{kind}.{room}", "kind": kind, "talkers": talkers, "seed": int(digest[:8], 16), **what}


def build(scene, rate):
    """The scene's sounds at `rate`: `ref`, `mic`, and the microphone's `near`, `echo` and `noise`."""
    rng = np.random.default_rng(scene["seed"])
    count = int(scene["seconds"] * RATE)
    room = Room(rng, scene.get("reverberation_s", 0.3), scene.get("distance_m", rng.uniform(0.15, 0.35)))
    far = talker(scene["talkers"][0], scene["seconds"], rng) if scene.get("far", True) else np.zeros(count)
    played = loudspeaker(far, scene.get("driver", "linear"))

    def through(pcm, response):
        return signal.fftconvolve(pcm, response)[:count]

    def later(pcm, samples):
        return np.concatenate([np.zeros(samples), pcm])[:count]

    echo = through(played, room.echo)
    if "path_at" in scene:
        at = int(scene["path_at"] * RATE)
        echo = np.concatenate([echo[:at], through(played, room.moved())[at:]])
    delay = int(scene.get("delay_s", rng.uniform(0.02, 0.08)) * RATE)
    if "jump" in scene:
        at, by = int(scene["jump"][0] * RATE), int(scene["jump"][1] * RATE)
        echo = np.concatenate([later(echo, delay)[:at], later(echo, delay + by)[at:]])
    else:
        echo = later(echo, delay)
    if "ppm" in scene:
        at = np.arange(count) * (1 + scene["ppm"] * 1e-6)
        echo = np.interp(np.clip(at, 0, count - 1), np.arange(count), echo)
    if echo.any():
        echo *= SPEECH_RMS / active_rms(echo, RATE)
    near = np.zeros(count)
    if scene["kind"].startswith(("dt", "ns")):
        near = through(talker(scene["talkers"][1], scene["seconds"], rng), room.near)
        near *= SPEECH_RMS / active_rms(near, RATE)
        if "near_db" in scene:
            near[: DOUBLE_TALK_S * RATE] = 0
            # Who is louder keeps the level, and the other comes down.
            near *= 10 ** (min(scene["near_db"], 0) / 20)
            echo *= 10 ** (min(-scene["near_db"], 0) / 20)
    around = noise(scene.get("noise", "fan"), count, rng) * SPEECH_RMS * 10 ** (-scene.get("noise_below_db", 40) / 20)
    microphone = echo + near + around
    peak = np.abs(microphone).max()
    gain = 0.7 / peak if peak > 0.7 else 1.0

    def at_rate(pcm):
        return signal.resample_poly(pcm, rate // 1000, RATE // 1000) if rate != RATE else pcm

    sounds = {"ref": far, "mic": microphone * gain, "near": near * gain, "echo": echo * gain, "noise": around * gain}
    return {name: at_rate(pcm) for name, pcm in sounds.items()}
