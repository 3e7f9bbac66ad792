# SPDX-License-Identifier: MIT OR Apache-2.0
"""What networks do: when each packet is sent and arrives. The same name and seed give the same trace.

Packet k carries the speech of [20k, 20k + 20) ms of the sender's clock and leaves at its end; nothing takes
less than 40 ms. Times are those of the receiver's clock."""

import os
from pathlib import Path

import numpy as np

FLOOR_MS = 40.0
PACKET_MS = 20.0
DATA = Path(__file__).parent / "data"

NETWORKS = [
    "ideal", "gauss10", "gauss30", "wifi", "wifi_heavy", "lte_handover", "ge1", "ge5", "ge10", "ge20", "rand5",
    "step80", "drift+300", "drift-300", "outage1s", "dup_reorder", "dtx", "bufferbloat", "mix_bad",
]  # fmt: skip
# Arrival times derived from public measurements of two Wi-Fi links and an Internet path.
MEASURED = ["real_badwifi", "real_internet", "real_wifi24"]
# An easy network, and a sender that does what no network does; scenario.py makes its timestamps.
SENDERS = ["sender_wander", "sender_pauses", "sender_clock", "sender_step300"]


def generator(name):
    """The traces that are compared with the peers' are those without a salt; JUDGE_SALT draws others of the
    same classes, which tell a gain from luck."""
    salt = os.environ.get("JUDGE_SALT", "")
    if salt:
        return np.random.default_rng(list(f"{salt}/{name}".encode()))
    return np.random.default_rng(int.from_bytes(name.encode()[:8].ljust(8, b"x"), "little") % 2**32)


def gilbert_elliott(random, count, loss, burst):
    """Losses of a rate that come in bursts of a mean length (E. Gilbert, 1960)."""
    leave = 1 / burst
    enter = loss * leave / (1 - loss)
    lost, out = False, np.zeros(count, bool)
    for k in range(count):
        lost = random.random() >= leave if lost else random.random() < enter
        out[k] = lost
    return out


def wifi(random, send):
    """A log-normal body, and bursts with a Pareto tail."""
    count = len(send)
    delay, at = random.lognormal(1.6, 0.7, count), 0
    while at < count:
        at += int(random.exponential(90))
        if at < count:
            height = min(250, 25 * (random.pareto(1.5) + 1))
            delay[at : at + int(random.integers(1, 6))] += height
    return delay, random.random(count) < 0.005


def wifi_heavy(random, send):
    count = len(send)
    delay, at = random.lognormal(2.2, 0.9, count), 0
    while at < count:
        at += int(random.exponential(35))
        if at < count:
            delay[at : at + 1] += min(400, 40 * (random.pareto(1.2) + 1))
    return delay, gilbert_elliott(random, count, 0.02, 2)


def handover(random, send):
    """Every eight seconds or so all is held for 200 to 800 ms, and then comes at once."""
    delay, at = np.abs(random.normal(0, 4, len(send))), 200
    while at < len(send):
        end = send[at] + random.uniform(200, 800)
        held = np.arange(at, len(send))
        held = held[send[held] < end]
        delay[held] += end - send[held]
        at += int(random.uniform(6, 10) * 50)
    return delay


def bufferbloat(random, send):
    """A queue that fills in 6 s and drains in one, and drops at its end."""
    phase = (send % 12_000) / 1_000
    ramp = np.where(phase < 6, phase / 6 * 250, np.where(phase < 7, (7 - phase) * 250, 0))
    delay = ramp + np.abs(random.normal(0, 5, len(send)))
    return delay, (delay > 220) & (random.random(len(send)) < 0.03)


def measured(name):
    """Rows of a measured trace."""
    lines = (DATA / f"{name}.txt").read_text().split("\n")[:-1]
    return [(k, (k + 1) * PACKET_MS, float(line) if line else None) for k, line in enumerate(lines)]


def trace(name, count=3_000):
    """Rows of (packet, sent, arrived), in ms; not arrived is None, and a duplicate a second row."""
    if name in MEASURED:
        return measured(name)
    random = generator(name)
    drift = int(name[5:]) if name.startswith("drift") else 0
    if drift:
        count = 6_000
    send = (np.arange(count) + 1) * PACKET_MS * (1 + drift * 1e-6)
    delay, lost, doubled, overtakes = np.zeros(count), np.zeros(count, bool), [], False
    jitter = lambda ms: np.abs(random.normal(0, ms, count))
    if name == "gauss10":
        delay, overtakes = jitter(10), True
    elif name == "gauss30":
        delay = jitter(30)
    elif name == "wifi":
        delay, lost = wifi(random, send)
    elif name == "wifi_heavy":
        delay, lost = wifi_heavy(random, send)
    elif name == "lte_handover":
        delay = handover(random, send)
    elif name.startswith("ge"):
        loss = int(name[2:]) / 100
        delay = jitter(6)
        lost = gilbert_elliott(random, count, loss, 1.6 if loss < 0.1 else 2.2)
    elif name == "rand5":
        delay = jitter(6)
        lost = random.random(count) < 0.05
    elif name == "step80":
        delay, overtakes = jitter(4), True
        delay[1_000:2_000] += 80
    elif drift:
        delay = jitter(5)
    elif name == "outage1s":
        delay = jitter(5)
        lost[1_000:1_050] = lost[2_000:2_050] = True
    elif name == "dup_reorder":
        delay, overtakes = jitter(5), True
        late = random.random(count) < 0.05
        delay[late] += random.uniform(25, 70, late.sum())
        doubled = np.where(random.random(count) < 0.03)[0]
    elif name == "dtx":
        delay = jitter(12)
    elif name == "bufferbloat":
        delay, lost = bufferbloat(random, send)
    elif name == "mix_bad":
        delay = random.lognormal(2.5, 0.8, count)
        lost = gilbert_elliott(random, count, 0.05, 2)
    elif name in SENDERS:
        delay = jitter(5)
        if name == "sender_step300":
            delay[1_000:] += 300
    elif name != "ideal":
        raise ValueError(f"no trace {name}")
    arrive = send + delay
    if not overtakes:
        arrive = np.maximum.accumulate(arrive)
    rows = [(k, send[k], None if lost[k] else round(FLOOR_MS + arrive[k], 3)) for k in range(count)]
    for k in doubled:
        if not lost[k]:
            again = round(FLOOR_MS + arrive[k] + float(random.uniform(0, 40)), 3)
            rows.append((int(k), send[k], again))
    return rows
