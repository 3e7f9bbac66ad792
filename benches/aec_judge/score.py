# SPDX-License-Identifier: MIT OR Apache-2.0
"""Measures of what a chain has made of a scene. Nothing that it says of itself counts; its latency is found by
correlation."""

import numpy as np
from scipy import signal

# Bands in which near-end speech is compared, in Hz.
BANDS_HZ = [200, 350, 500, 800, 1200, 1700, 2400, 3200, 4200, 5600, 7800]


def decibel(power):
    return 10 * np.log10(np.maximum(power, 1e-12))


def powers(pcm, rate):
    step = rate // 50
    return (pcm[: len(pcm) // step * step].reshape(-1, step) ** 2).mean(1)


def latency(near, out, rate):
    """Whole samples by which `out` is behind, -5 to 150 ms: correlation of the phases of a voice's band."""
    count = min(len(near), len(out))
    a, b = np.fft.rfft(near[:count], 2 * count), np.fft.rfft(out[:count], 2 * count)
    hz = np.fft.rfftfreq(2 * count, 1 / rate)
    floor = 1e-6 * np.abs(a).max() * np.abs(b).max()
    weight = ((hz > 250) & (hz < 3400)) / (np.abs(a) * np.abs(b) + floor)
    likeness = np.fft.irfft(b * np.conj(a) * weight)
    early = int(0.005 * rate)
    return int(np.argmax(np.abs(np.concatenate([likeness[-early:], likeness[: int(0.15 * rate)]])))) - early


def erle(echo, out, rate, begin_s, end_s):
    """Power of the echo over what has come out, where the echo is within 30 dB of its loudest."""
    part = slice(int(begin_s * rate), int(end_s * rate))
    before, after = powers(echo[part], rate), powers(out[part], rate)
    if not len(before) or not before.any():
        return None
    loud = before > before.max() * 1e-3
    return float(decibel(before[loud].mean()) - decibel(after[loud].mean()))


def erle_over_time(echo, out, rate, step_s=0.5):
    """Seconds, and ERLE of the second around each; gaps where no echo is to be heard."""
    loudest = powers(echo, rate).max()
    times = np.arange(0.5, len(echo) / rate - 0.5, step_s)
    values = []
    for t in times:
        part = powers(echo[int((t - 0.5) * rate) : int((t + 0.5) * rate)], rate)
        heard = len(part) and part.max() > loudest * 1e-3
        values.append(erle(echo, out, rate, t - 0.5, t + 0.5) if heard else None)
    return times, np.array([np.nan if v is None else v for v in values])


def settled(echo, out, rate, begin_s, end_s, wanted_db):
    """Seconds until every later second has this ERLE; `None` for never."""
    times = np.arange(begin_s, end_s - 1.0, 0.25)
    values = [erle(echo, out, rate, t, t + 1) for t in times]
    last = max((n for n, v in enumerate(values) if v is not None and v < wanted_db), default=-1)
    return float(times[last + 1] - begin_s) if last + 1 < len(times) else None


def in_phase(near, out, rate):
    """Near-end speech with the phase of the output's mean: filters and latency are no damage, gains are."""
    size = 2048 * rate // 16000
    _, _, a = signal.stft(near, rate, nperseg=size)
    _, _, b = signal.stft(out, rate, nperseg=size)
    count = min(a.shape[1], b.shape[1])
    turn = (b[:, :count] * np.conj(a[:, :count])).sum(1)
    _, turned = signal.istft(a * (turn / (np.abs(turn) + 1e-15))[:, None], rate, nperseg=size)
    return np.concatenate([turned, np.zeros(len(near))])[: len(near)]


def without_lows(pcm, rate):
    return signal.sosfiltfilt(signal.butter(4, 200, "high", fs=rate, output="sos"), pcm)


def speech_gain(near, out, rate):
    """What is left of near-end speech, in dB: projected band by band and frame by frame."""
    near, out = without_lows(near, rate), without_lows(out, rate)
    near = in_phase(near, out, rate)
    size = 512 * rate // 16000
    hz, _, a = signal.stft(near, rate, nperseg=size)
    _, _, b = signal.stft(out, rate, nperseg=size)
    count = min(a.shape[1], b.shape[1])
    a, b = a[:, :count], b[:, :count]
    loud = (np.abs(a) ** 2).sum(0)
    loud = loud > loud.max() * 1e-3
    kept = whole = 0.0
    for low, high in zip(BANDS_HZ, BANDS_HZ[1:]):
        band = (hz >= low) & (hz < high)
        energy = (np.abs(a[band][:, loud]) ** 2).sum(0)
        common = np.maximum((b[band][:, loud] * np.conj(a[band][:, loud])).sum(0).real, 0)
        kept += (common**2 / (energy + 1e-12)).sum()
        whole += energy.sum()
    return float(decibel(kept) - decibel(whole))


def pesq_mean(near, out, rate):
    """Wide-band PESQ of six seconds at a time."""
    from pesq import PesqError, pesq
    if rate != 16000:
        near, out = signal.resample_poly(near, 16000, rate), signal.resample_poly(out, 16000, rate)
    values = []
    for at in range(0, len(near) - 4 * 16000, 6 * 16000):
        try:
            values.append(pesq(16000, near[at : at + 96000], out[at : at + 96000], "wb"))
        except PesqError:
            # Nobody speaks there.
            pass
    return float(np.mean(values)) if values else None


def score(scene, sounds, out, rate):
    """The measures of a scene's kind, by name."""
    kind, end = scene["kind"], scene["seconds"]
    near, echo, microphone = sounds["near"], sounds["echo"], sounds["mic"]
    behind = max(latency(near, out, rate), 0) if near.any() else 0
    out = np.concatenate([out[behind:], np.zeros(behind)])
    row = {"latency_ms": 1000 * behind / rate} if near.any() else {}

    def between(begin, until):
        return erle(echo, out, rate, begin, until)

    if kind.startswith("st") or kind == "delay300":
        row |= {"erle_1_3": between(1, 3), "erle_5": between(5, end), "to_20_db_s": settled(echo, out, rate, 0.5, end, 20)}
    elif kind.startswith("dt"):
        both = slice(10 * rate, None)
        row |= {"erle_5_10": between(5, 10), "near_db": speech_gain(near[both], out[both], rate),
                "pesq": pesq_mean(near[both], out[both], rate)}
    elif kind == "nst":
        row |= {"near_db": speech_gain(near, out, rate), "pesq": pesq_mean(near, out, rate),
                "pesq_in": pesq_mean(near, microphone, rate)}
    elif kind in ("path", "jump200"):
        at = scene.get("path_at") or scene["jump"][0]
        row |= {"erle_before": between(7, at), "erle_0_3": between(at, at + 3), "erle_after": between(at + (3 if kind == "path" else 8), end)}
    elif kind == "drift100":
        row |= {"erle_5": between(5, 20), "erle_20": between(20, end)}
    else:
        begin = 4 * rate
        speech = powers(near[begin:], rate)
        pause = speech < max(speech.max() * 1e-6, np.quantile(speech, 0.1))
        before, after = powers(microphone[begin:], rate)[pause], powers(out[begin:], rate)[pause]
        row |= {"noise_db": float(decibel(after.mean()) - decibel(before.mean())),
                "near_db": speech_gain(near[begin:], out[begin:], rate), "pesq": pesq_mean(near, out, rate),
                "pesq_in": pesq_mean(near, microphone, rate)}
    return row
