# SPDX-License-Identifier: MIT OR Apache-2.0
"""Judges a chain of echo cancellation, noise suppression and gain control over simulated rooms."""

import argparse
import json
import os
import shlex
import subprocess

import numpy as np
import soundfile

from scenes import build, scenes
from score import erle_over_time, score

HERE = os.path.dirname(os.path.abspath(__file__))


def sounds_of(scene, folder, rate):
    """The scene's sounds, made where they are not there yet."""
    names = ("ref", "mic", "near", "echo", "noise")
    paths = {name: f"{folder}/{name}.wav" for name in names}
    if not all(map(os.path.exists, paths.values())):
        os.makedirs(folder, exist_ok=True)
        for name, pcm in build(scene, rate).items():
            soundfile.write(paths[name], np.clip(pcm, -1, 1), rate, subtype="PCM_16")
    return paths, {name: soundfile.read(path)[0] for name, path in paths.items()}


def judge(options, chain, command, curves):
    """Rows of one chain, a scene each; what its ERLE does in time is added to `curves`, a list a kind and chain."""
    rows = []
    for scene in scenes(options.rooms, options.salt, options.only):
        # Noise alone is no matter of echo, nor the other way round.
        if (chain == "noise" and not scene["kind"].startswith("ns")
                or chain in ("echo", "still") and scene["kind"].startswith("ns_")):
            continue
        folder = f"{options.out}/{options.salt}/{options.rate}/{scene['name']}"
        paths, sounds = sounds_of(scene, folder, options.rate)
        out = f"{folder}/out-{chain}.wav"
        filled = command.format(rate=options.rate, ref=paths["ref"], mic=paths["mic"], out=out)
        subprocess.run(shlex.split(filled), check=True, capture_output=True)
        pcm, rate = soundfile.read(out)
        assert rate == options.rate, f"{chain}: {rate} Hz"
        pcm = np.concatenate([pcm, np.zeros(len(sounds["mic"]))])[: len(sounds["mic"])]
        if sounds["echo"].any() and not sounds["near"].any():
            curves.setdefault(scene["kind"], {}).setdefault(chain, []).append(erle_over_time(sounds["echo"], pcm, rate))
        rows.append({"chain": chain, "kind": scene["kind"], "name": scene["name"], **score(scene, sounds, pcm, rate)})
        if not options.keep:
            os.remove(out)
    return rows


def table(rows, rate):
    """Means over the rooms, a table a kind."""
    print(f"\n{rate} Hz")
    for kind in dict.fromkeys(row["kind"] for row in rows):
        of_kind = [row for row in rows if row["kind"] == kind]
        measures = list(dict.fromkeys(m for row in of_kind for m in row if m not in ("chain", "kind", "name", "from")))
        print(f"\n| {kind} | " + " | ".join(measures) + " |\n|" + "---|" * (len(measures) + 1))
        for chain in dict.fromkeys(row["chain"] for row in of_kind):
            cells = []
            for measure in measures:
                values = [row[measure] for row in of_kind if row["chain"] == chain and measure in row]
                known = [v for v in values if v is not None]
                never = f" ({len(values) - len(known)} of {len(values)} never)" if measure == "to_20_db_s" and len(known) < len(values) else ""
                cells.append((f"{np.mean(known):.2f}" if known else "-") + never)
            print(f"| {chain} | " + " | ".join(cells) + " |")


def plot(path, kind, chains):
    """ERLE over time, the mean of a kind's rooms: a line a chain."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(10, 4))
    for chain, of_rooms in chains.items():
        times = of_rooms[0][0]
        values = np.ma.masked_invalid([values[: len(times)] for _, values in of_rooms])
        axes.plot(times, values.mean(0), label=f"{chain} ({len(of_rooms)} rooms)")
    axes.set(title=kind, xlabel="s", ylabel="ERLE, dB", ylim=(-10, 60))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, bbox_inches="tight")
    pyplot.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voice", required=True, help="the program to judge")
    parser.add_argument("--out", required=True, help="folder for sounds and rows")
    parser.add_argument("--rate", type=int, default=16000, choices=(16000, 48000))
    parser.add_argument("--rooms", type=int, default=6, help="rooms a cell")
    parser.add_argument("--salt", default="public", help="another one, other rooms")
    parser.add_argument("--only", type=lambda v: v.split(","), help="beginnings of kinds of scenes")
    parser.add_argument("--chain", action="append", default=[], metavar="NAME=COMMAND",
                        help="another chain, a command with {ref} {mic} {out} {rate}")
    parser.add_argument("--chains", type=lambda v: v.split(","), default=["echo", "still", "full", "noise"],
                        help="of ours: echo, still (jumps not followed), full, noise")
    parser.add_argument("--keep", action="store_true", help="what came out is kept")
    parser.add_argument("--plot", action="store_true", help="a picture a kind of scene, of ERLE over time, in the folder")
    parser.add_argument("--peers", action="store_true", help="with the peers' frozen rows (two rooms, 16 kHz)")
    parser.add_argument("--least", type=lambda v: [part.split(":") for part in v.split(",")], default=[],
                        metavar="KIND:MEASURE:VALUE", help="fails where a mean is below, or in no row")
    options = parser.parse_args()
    ask = shlex.quote(options.voice) + " {ref} {mic} {out} --rate {rate} --mode "
    ours = {"echo": "echo", "still": "echo --no-jumps", "full": "full", "noise": "noise"}
    chains = {name: ask + ours[name] for name in options.chains}
    chains |= dict(chain.split("=", 1) for chain in options.chain)
    rows, curves = [], {}
    if options.peers:
        with open(f"{HERE}/peers.json") as file:
            rows += [row for row in json.load(file)["rows"]
                     if not options.only or row["kind"].startswith(tuple(options.only))]
    for chain, command in chains.items():
        rows += judge(options, chain, command, curves)
    with open(f"{options.out}/rows-{options.salt}-{options.rate}.json", "w") as file:
        json.dump(rows, file, indent=1)
    table(rows, options.rate)
    for kind, chains in curves.items() if options.plot else ():
        plot(f"{options.out}/{kind}-{options.salt}-{options.rate}.svg", kind, chains)
    for kind, measure, least in options.least:
        values = [row[measure] for row in rows if row["kind"] == kind and row.get(measure) is not None]
        if not values or np.mean(values) < float(least):
            raise SystemExit(f"judge: {kind}: {measure} is {np.mean(values) if values else 'not there'}, below {least}")


if __name__ == "__main__":
    main()
