# SPDX-License-Identifier: MIT OR Apache-2.0
"""A minute of speech by several people at 16 kHz: LibriVox (public domain, Debian's pocketsphinx-testdata) and
Asterisk's prompts (CC-BY-SA 3.0, asterisk-core-sounds-{en,fr,it,es,ru}-g722), each at -24 dBov and behind a
pause. The peers' rows were scored with exactly this; without the packages examples/assets serves, and rows are
of use among themselves only."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile

RATE = 16_000
LIBRIVOX = Path("/usr/share/pocketsphinx/test/data/librivox")
PROMPTS = Path("/usr/share/asterisk/sounds")
ASSETS = Path(__file__).parents[2] / "examples/assets/speech"
CHOICE = [
    ("en", "priv-callee-options"), ("fr", "demo-congrats"), ("it", "demo-echotest"), ("es", "demo-congrats"),
    ("ru", "demo-echotest"), ("en", "demo-abouttotry"), ("fr", "vm-options"), ("it", "vm-options"),
    ("es", "demo-echotest"), ("ru", "vm-options"), ("en", "demo-moreinfo"),
]  # fmt: skip


def prompt(language, name):
    """A prompt of Asterisk's in G.722, at most 9 s."""
    for path in sorted(PROMPTS.glob(f"{language}*/{name}.g722")):
        command = ["ffmpeg", "-v", "error", "-f", "g722", "-i", path, "-f", "s16le", "-ar", str(RATE), "-ac", "1", "-"]
        raw = subprocess.run(command, capture_output=True, check=True).stdout
        return (np.frombuffer(raw, "<i2").astype(np.float64) / 32_768)[: RATE * 9]
    return None


def trimmed(sound):
    """Without the silence around it, but 50 ms before and 100 ms behind."""
    loud = np.array([np.sqrt(np.mean(sound[n : n + 160] ** 2)) for n in range(0, len(sound) - 160, 160)])
    there = np.where(loud > loud.max() * 0.02)[0]
    return sound[max(0, there[0] * 160 - 800) : min(len(sound), there[-1] * 160 + 1_600)]


def levelled(sound):
    """At about -24 dBov where it is active."""
    energy = np.array([np.mean(sound[n : n + 320] ** 2) for n in range(0, len(sound) - 320, 320)])
    rms = np.sqrt(energy[energy > energy.max() * 1e-3].mean())
    return np.clip(sound * (0.063 / rms), -0.95, 0.95)


def recordings():
    """What is there of the packages, in turn; else what the repository has."""
    books = sorted(LIBRIVOX.glob("*.wav"))
    prompts = [prompt(*choice) for choice in CHOICE]
    if books and all(sound is not None for sound in prompts):
        for n, sound in enumerate(prompts):
            if n < len(books):
                yield soundfile.read(books[n])[0]
            yield sound
        return
    print(
        "judge: speech of examples/assets; for scores beside the peers' install pocketsphinx-testdata and\n"
        "judge: asterisk-core-sounds-{en,fr,it,es,ru}-g722, and ffmpeg",
        file=sys.stderr,
    )
    for path in sorted(ASSETS.glob("*.wav")):
        yield soundfile.read(path)[0]


def make(path):
    """Writes the minute."""
    random = np.random.default_rng(7)
    parts = [np.zeros(RATE)]
    for sound in recordings():
        parts.append(levelled(trimmed(sound)))
        parts.append(np.zeros(int(RATE * random.uniform(0.35, 1.0))))
        if sum(map(len, parts)) > RATE * 60:
            break
    sound = np.concatenate(parts)[: RATE * 60]
    # Faint noise, about -74 dBov: a room is never digital zero.
    soundfile.write(path, sound + random.normal(0, 2e-4, len(sound)), RATE, subtype="PCM_16")
