# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a sound is worth beside the speech that was sent. Nothing that a program says of itself is believed: the
delay is found in the sound."""

import numpy as np
from pesq import pesq
from scipy.signal import fftconvolve, resample_poly

RATE = 8_000
# Windows of 120 ms, each 40 ms, looked for at delays of up to 1.6 s in steps of 1 ms.
HOP, WINDOW, LAGS = 320, 960, 1_600
# What a change of the delay by 1 ms costs on the path of best match, and any change at most.
SLOPE, CAP = 0.012, 0.5
# Like a window of speech at least; what is less like any is damaged.
ALIKE, INTACT = 0.6, 0.8
# The buffer learns until then, in ms.
SETTLED_MS = 1_500
# PESQ is taken of pieces so long, in s.
PIECE_S = 7.5


def matches(sent, heard):
    """How like each window of what is heard is what was sent at each delay, the best eighth of a millisecond in
    it, and where there is sound to compare."""
    hops = (len(heard) - WINDOW) // HOP
    padded = np.concatenate([np.zeros(LAGS * 8 + WINDOW), sent, np.zeros(len(heard))])
    energy = np.concatenate([[0], np.cumsum(padded**2)])
    like = np.zeros((hops, LAGS), np.float32)
    eighth = np.zeros((hops, LAGS), np.int32)
    active = np.zeros(hops, bool)
    for hop in range(hops):
        window = heard[hop * HOP :][:WINDOW]
        own = np.dot(window, window)
        if own < WINDOW * 2e-5:
            continue
        first = WINDOW + hop * HOP + 1
        part = padded[first : first + LAGS * 8 - 1 + WINDOW]
        theirs = energy[first + WINDOW :][: LAGS * 8] - energy[first:][: LAGS * 8]
        product = fftconvolve(part, window[::-1], "valid")
        correlation = product / np.sqrt(own * np.maximum(theirs, WINDOW * 4e-6))
        correlation = correlation[::-1].reshape(LAGS, 8)
        best = correlation.argmax(1)
        like[hop], eighth[hop] = correlation[np.arange(LAGS), best], best
        active[hop] = theirs.max() > WINDOW * 2e-5
    return like, eighth, active


def delays(sent, heard):
    """The delay of each window in ms, on the path that is most alike and least uneven (A. Viterbi, 1967); how
    like the windows are; where there is sound to compare."""
    like, eighth, active = matches(sent, heard)
    lag = np.arange(LAGS)
    cost, back = np.zeros(LAGS), np.zeros(like.shape, np.int16)
    for hop in range(len(like)):
        rising, falling = cost - SLOPE * lag, (cost + SLOPE * lag)[::-1]
        up, down = np.minimum.accumulate(rising), np.minimum.accumulate(falling)
        from_below = np.maximum.accumulate(np.where(rising <= up, lag, 0))
        from_above = LAGS - 1 - np.maximum.accumulate(np.where(falling <= down, lag, 0))[::-1]
        up, down = up + SLOPE * lag, down[::-1] - SLOPE * lag
        jump = cost.min() + CAP
        least = np.minimum(np.minimum(up, down), jump)
        near = np.where(up <= down, from_below, from_above)
        back[hop] = np.where(least >= jump - 1e-12, int(cost.argmin()), near)
        cost = least + (1 - like[hop] if active[hop] else 0.0)
    path, at = np.zeros(len(like), int), int(cost.argmin())
    for hop in range(len(like) - 1, -1, -1):
        path[hop] = at
        at = int(back[hop][at])
    hops = np.arange(len(like))
    return path + eighth[hops, path] / 8, like[hops, path], active


def mos(rating):
    """ITU-T G.107 annex B."""
    rating = np.clip(rating, 0, 100)
    return 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6


RATINGS = np.linspace(6.5, 100, 2_000)


def mos_cq(listening, delay_ms):
    """Conversational quality: a listening score, less what the delay costs (R. Cole and J. Rosenbluth, 2001)."""
    rating = float(np.interp(listening, mos(RATINGS), RATINGS))
    return float(mos(rating - (0.024 * delay_ms + 0.11 * max(0, delay_ms - 177.3))))


def pieces(spoken, heard, played_ms, lag, wide):
    """Beginning and end in s of the speech's pieces, and PESQ of each: narrow band or wide band."""
    order = np.argsort(played_ms, kind="stable")

    def lag_at(ms):
        found = np.searchsorted(played_ms[order], ms)
        return lag[order[min(found, len(lag) - 1)]]

    whole = len(spoken) / 16_000
    for n in range(int(whole // PIECE_S)):
        begin = n * PIECE_S + (0.9 if n == 0 else 0)
        end = (n + 1) * PIECE_S - (0.1 if (n + 1) * PIECE_S >= whole else 0)
        first = int((begin + lag_at(begin * 1_000) / 1_000) * 16_000)
        last = int((end + lag_at(end * 1_000 - 150) / 1_000) * 16_000)
        theirs, ours = spoken[int(begin * 16_000) : int(end * 16_000)], heard[first:last]
        try:
            if wide:
                yield begin, end, pesq(16_000, theirs, ours, "wb")
            else:
                yield begin, end, pesq(8_000, resample_poly(theirs, 1, 2), resample_poly(ours, 1, 2), "nb")
        except Exception:  # Nothing in it that PESQ takes for speech.
            yield begin, end, 1.02


def score(spoken, decoded, heard, rows, wide):
    """Scores of what is heard (16 kHz, from the receiver's zero) for what was spoken and, by the codec alone,
    decoded; and the delay over time."""
    sent = {}
    for packet, at, _ in rows:
        sent[packet] = at
    packets = len(spoken) // 320
    # The sender's clock against the receiver's.
    captured = np.array([sent[k] for k in range(packets)]) - (np.arange(packets) + 1) * 20.0
    reference, sound = resample_poly(decoded, 1, 2), resample_poly(heard, 1, 2)
    lag, like, active = delays(reference, sound[: len(reference) + RATE])
    heard_ms = np.arange(len(lag)) * HOP / RATE * 1_000
    played_ms = heard_ms - lag
    delay = lag - captured[np.clip((played_ms / 20).astype(int), 0, packets - 1)]
    settled = active & (heard_ms > SETTLED_MS)
    sure = settled & (like > ALIKE)

    loud = np.sqrt(np.mean(reference[: len(reference) // 160 * 160].reshape(-1, 160) ** 2, 1)) > 0.004
    covered = np.zeros(len(loud), bool)
    for hop in np.where(like > ALIKE)[0]:
        first = int(played_ms[hop] / 20)
        covered[max(0, first) : max(0, first) + 7] = True
    loud[:75] = loud[-10:] = False

    listening, conversing = [], []
    for begin, end, value in pieces(spoken, heard, played_ms, lag, wide):
        within = sure & (played_ms >= begin * 1_000) & (played_ms < end * 1_000)
        listening.append(value)
        conversing.append(mos_cq(value, delay[within].mean() if within.any() else 1_000))
    scores = {
        "mos_cq": np.mean(conversing),
        "pesq": np.mean(listening),
        "pesq_min": np.min(listening),
        "m2e_mean": delay[sure].mean(),
        "m2e_p95": np.percentile(delay[sure], 95),
        "m2e_max": delay[sure].max(),
        "damaged_pct": 100 * np.mean(like[settled] < INTACT),
        "missing_pct": 100 * np.mean(~covered[loud]),
    }
    return scores, (heard_ms[sure], delay[sure])
