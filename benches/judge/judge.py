# SPDX-License-Identifier: MIT OR Apache-2.0
"""Plays the same packets as the peers had them through `playout`, and scores what comes out.

usage: judge.py --playout PROGRAM --out FOLDER [--codec pcmu,opus] [--traces wifi,ge10] [--senders] [--plot]"""

import argparse
import csv
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

import scenario
import speech
from score import score
from traces import DATA, FLOOR_MS, MEASURED, NETWORKS, SENDERS

OURS = "ours"
PEERS = ["webrtc_neteq", "speexjb", "pjmedia", "fixed60"]
CODECS = {"pcmu": "G.711", "opus": "Opus"}
FIGURES = ["mos_cq", "pesq", "pesq_min", "m2e_mean", "m2e_p95", "m2e_max", "damaged_pct", "missing_pct"]
# What the program says it did in each pull, for the plot.
ACTIONS = {"e": "concealed", "a": "faster", "p": "slower", "c": "comfort noise"}


def decoded(sound, codec, folder):
    """The speech as the codec alone gives it back; kept, for it is the same for every trace."""
    if codec != "opus":
        return sound
    path = folder / f"decoded_{len(sound)}.npy"
    if not path.exists():
        part = path.with_suffix(f".{np.random.default_rng().integers(1 << 32)}.npy")
        np.save(part, scenario.decoded(sound))
        part.replace(path)
    return np.load(path)


def judge(options, job):
    """One trace with one codec: its row, and the delay over time."""
    codec, name = job
    out = options.out / f"{codec}.{name}"
    capture, length_ms, rows, sound = scenario.scenario(options.speech, codec, name)
    payload_type, encoding, _, rate = scenario.CODECS[codec]
    files = [out.with_name(out.name + end) for end in (".pcap", ".wav", ".csv")]
    if options.red is None:
        files[0].write_bytes(capture)
    else:
        send(options, codec, out, rows, sound, files[0])
    command = [options.playout, files[0], "--start", scenario.START, "--duration", length_ms / 1_000]
    clock = encoding.split("/")[1]
    command += ["--payload-type", f"{payload_type}={encoding}", "--payload-type", f"98=RED/{clock}", "--rate", rate]
    if codec == "opus":
        command += ["--opus-complexity", options.opus_complexity]
    command += ["--out", files[1], "--log", files[2]]
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, timeout=300)
    heard, rate = soundfile.read(files[1])
    common = np.gcd(16_000, rate)
    heard = heard if rate == 16_000 else resample_poly(heard, 16_000 // common, rate // common)
    scores, track = score(sound, decoded(sound, codec, options.out), heard, rows, codec == "opus")
    if options.plot:
        plot(out.with_name(out.name + ".svg"), f"{CODECS[codec]}, {name}", rows, track, files[2])
    return {"adapter": OURS, "codec": codec, "trace": name, **scores}


def send(options, codec, out, rows, sound, capture):
    """The same speech by a sender that hears of its losses, and whose redundancy follows them."""
    files = [out.with_name(out.name + end) for end in (".said.wav", ".trace.csv")]
    rate = scenario.CODECS[codec][3]
    common = np.gcd(16_000, rate)
    said = resample_poly(sound, rate // common, 16_000 // common)
    soundfile.write(files[0], said, rate, subtype="PCM_16")
    files[1].write_text("".join(f"{k},{'' if at is None else at}\n" for k, _, at in rows))
    command = [options.closed_loop, *files, capture, "--generations", options.red, "--start", scenario.START]
    command += ["--codec", codec, *options.sender.split()]
    said = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True, timeout=300)
    print(out.name, said.stdout.strip(), file=sys.stderr, flush=True)


def plot(path, title, rows, track, log):
    """What the network did, what the buffer made of it, and when it interfered."""
    try:
        import matplotlib
    except ImportError:
        print("judge: no plots without matplotlib", file=sys.stderr)
        return
    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(12, 4))
    arrived = np.array([(at, at - sent + 20) for _, sent, at in rows if at is not None])
    axes.plot(arrived[:, 0] / 1_000, arrived[:, 1], ".", markersize=2, color="0.7", label="arrival")
    axes.plot(track[0] / 1_000, track[1], ".", markersize=3, label="mouth to ear, by the sound")
    lost = [sent + FLOOR_MS for _, sent, at in rows if at is None]
    axes.plot(np.array(lost) / 1_000, np.zeros(len(lost)), "|", color="k", label="lost")
    with open(log) as file:
        pulls = list(csv.DictReader(file))
    for height, (action, label) in enumerate(ACTIONS.items(), 1):
        times = [float(pull["t_ms"]) / 1_000 for pull in pulls if pull["op"] == action]
        axes.plot(times, np.full(len(times), -12.0 * height), "|", label=label)
    axes.set(title=title, xlabel="s", ylabel="ms")
    axes.legend(loc="upper right", fontsize="small")
    figure.savefig(path)
    pyplot.close(figure)


def table(codec, names, ours, peers):
    """Ours beside the peers' frozen rows, as Markdown."""
    columns = [OURS] + [peer for peer in PEERS if (peer, codec, names[0]) in peers]
    print(f"\n{CODECS[codec]}: MOS-CQ (PESQ), delay mean / p95 in ms, damaged\n")
    print("| trace | " + " | ".join(columns) + " |\n|" + "---|" * (len(columns) + 1))
    rows = {**peers, **{(OURS, codec, row["trace"]): row for row in ours}}
    for name in names:
        cells = []
        for column in columns:
            row = rows.get((column, codec, name))
            cells.append(cell([float(row[figure]) for figure in FIGURES]) if row else "")
        print(f"| {name} | " + " | ".join(cells) + " |")
    means = []
    for column in columns:
        found = [rows[column, codec, name] for name in names if (column, codec, name) in rows]
        means.append(cell(np.mean([[float(row[figure]) for figure in FIGURES] for row in found], 0), 3))
    print(f"| mean of {len(names)} | " + " | ".join(means) + " |")


def cell(figures, digits=2):
    quality, pesq, _, mean, p95, _, damaged, _ = figures
    return f"{quality:.{digits}f} ({pesq:.{digits}f}) {mean:.0f} / {p95:.0f}, {damaged:.1f} %"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--playout", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--codec", default="pcmu,opus")
    parser.add_argument("--traces", default="")
    parser.add_argument("--senders", action="store_true", help="those with odd timestamps in place of the networks")
    parser.add_argument("--speech", type=Path, help="a minute at 16 kHz in place of the packages'")
    parser.add_argument("--plot", action="store_true", help="an SVG for each trace")
    parser.add_argument("--red", type=int, help="a sender that repeats up to so many payloads, as losses are reported")
    parser.add_argument("--sender", default="", help="with --red: more options of closed-loop")
    parser.add_argument("--opus-complexity", type=int, default=0, help="of the decoder: 5 hears deep redundancy")
    parser.add_argument("-j", type=int, default=2)
    options = parser.parse_args()
    options.closed_loop = options.playout.with_name("closed-loop")
    if options.sender and options.red is None:
        parser.error("--sender: with --red, be it 0")
    options.out.mkdir(parents=True, exist_ok=True)
    if not options.speech:
        options.speech = options.out / "speech.wav"
        if not options.speech.exists():
            speech.make(options.speech)
    names = options.traces.split(",") if options.traces else SENDERS if options.senders else NETWORKS + MEASURED
    jobs = [(codec, name) for codec in options.codec.split(",") for name in names]
    ours = []
    with ProcessPoolExecutor(options.j) as pool, open(options.out / "scores.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, ["adapter", "codec", "trace", *FIGURES])
        writer.writeheader()
        for row in pool.map(partial(judge, options), jobs):
            writer.writerow({key: f"{x:.3f}" if isinstance(x, float) else x for key, x in row.items()})
            print(row["codec"], row["trace"], cell([row[figure] for figure in FIGURES]), file=sys.stderr, flush=True)
            ours.append(row)
    with open(DATA / "peers.csv") as file:
        peers = {(row["adapter"], row["codec"], row["trace"]): row for row in csv.DictReader(file)}
    for codec in options.codec.split(","):
        table(codec, names, [row for row in ours if row["codec"] == codec], peers)


if __name__ == "__main__":
    main()
