#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Calls come and go at a node by NG, with media, re-offers, hold, changes of keys, restarts of ICE and transfers; conferences too.
Between rounds nothing may be left: no port, no file, no thread, no memory beyond what it settles at. Now and then the node is killed
and starts again: its ports are free, and it takes calls at once.

usage: soak.py PROGRAM-OF-THE-NODE SECONDS"""
import os
import pathlib
import random
import re
import socket
import sys
import tempfile
import time

from ng import PORTS, Node

CALLS_A_ROUND, KILLS_AT_MOST = 200, 20
KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"


def sdp(port, kind="plain", direction="sendrecv", version=1, codecs="0 8"):
    lines = ["v=0", f"o=- 7 {version} IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"]
    protocol = {"plain": "RTP/AVP", "sdes": "RTP/SAVP", "web": "UDP/TLS/RTP/SAVPF"}[kind]
    lines.append(f"m=audio {port} {protocol} {codecs}")
    if kind == "sdes":
        key = KEY[:-1] + "abcdefgh"[version]
        lines.append(f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}")
    if kind == "web":
        lines += ["a=fingerprint:sha-256 " + ":".join(["AB"] * 32), "a=setup:actpass", "a=rtcp-mux", "a=mid:0",
                  f"a=ice-ufrag:u{version:03d}", f"a=ice-pwd:{'p' * 22}{version:04d}"]
    lines.append(f"a={direction}")
    return "\r\n".join(lines) + "\r\n"


def fine(answer):
    assert answer["result"] == "ok", answer
    return answer


def call(node, name, dice, phone):
    """A call of a random kind from its first offer to its last change; it is there when this is done."""
    kind = dice.choice(["plain", "sdes", "web", "translated", "conference", "conference-web"])
    ids = {"call_id": name, "from_tag": "a"}
    port = phone.getsockname()[1]
    if kind.startswith("conference"):
        of = "web" if kind.endswith("web") else "plain"
        room = f"room-{dice.randrange(5)}"
        for version in range(1, dice.randrange(2, 5)):
            direction = dice.choice(["sendrecv", "recvonly", "inactive"])
            fine(node.ask("conference join", conference=room, sdp=sdp(port, of, direction, version), **ids))
        return ids
    of = kind if kind in ("sdes", "web") else "plain"
    flags = {"rtpp_flags": "RTP/AVP ICE=remove replace-origin"}
    far = "0"
    if kind == "translated":
        flags, far = {"rtpp_flags": "RTP/AVP ICE=remove codec-mask-all codec-transcode-G722"}, "9"
    for version in range(1, dice.randrange(2, 6)):
        direction = dice.choice(["sendrecv", "sendonly", "sendrecv"])
        offered = node.ask("offer", sdp=sdp(port, of, direction, version), **flags, **ids)
        fine(offered)
        if dice.random() < 0.1:
            return ids  # one that is never answered
        to = dice.choice(["b", "b", "c"]) if version > 1 else "b"
        answered = fine(node.ask("answer", sdp=sdp(port + 1, "plain", codecs=far), to_tag=to, **ids))
        for text in (offered["sdp"], answered["sdp"]):
            to_port = int(re.search(r"m=audio (\d+)", text)[1])
            assert PORTS[0] <= to_port <= PORTS[1], text
            for n in range(3):
                packet = bytes([0x80, 0, 0, n]) + bytes(4) + name.encode()[-4:].rjust(4, b"x") + bytes(160)
                phone.sendto(packet, ("127.0.0.1", to_port))
        if dice.random() < 0.2:
            node.ask("play media", blob=b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\0\0\0\0\x02\0\x10\0data\x04\0\0\0" + bytes(4),
                     **{"repeat-times": 1_000}, **ids)
    return ids


def a_round(node, number, dice, phone):
    living = []
    for n in range(CALLS_A_ROUND):
        living.append(call(node, f"{number}-{n}", dice, phone))
        while len(living) > 40 or (living and dice.random() < 0.5):
            fine(node.ask("delete", **living.pop(dice.randrange(len(living)))))
    for ids in living:
        fine(node.ask("delete", **ids))


def main():
    program, seconds = os.path.abspath(sys.argv[1]), float(sys.argv[2])
    dice = random.Random(21)
    phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    phone.bind(("127.0.0.1", 0))
    end, number, begun, kills, settled, calls = time.monotonic() + seconds, 0, 0, 0, None, 0
    with tempfile.TemporaryDirectory() as folder:
        node = Node(program, pathlib.Path(folder))
        try:
            while time.monotonic() < end or number < 4:
                number += 1
                a_round(node, number, dice, phone)
                calls += CALLS_A_ROUND
                for _ in range(100):
                    # Workers close sockets when they get to it.
                    if node.metric('ale_port_pairs{state="taken"}') == 0:
                        break
                    time.sleep(0.05)
                left = [node.metric(name) for name in ("ale_calls", "ale_conferences", 'ale_port_pairs{state="taken"}')]
                assert left == [0, 0, 0], f"left over: {left}"
                # Connections of HTTP that were asked for figures end by themselves.
                now = (node.files(), node.threads(), node.resident_kib())
                print(f"round {number}: files {now[0]}, threads {now[1]}, resident {now[2]} KiB", flush=True)
                if settled is None and number - begun >= 2:
                    settled = now
                elif settled is not None:
                    assert now[0] <= settled[0] + 2 and now[1] <= settled[1] + 2, (settled, now)
                    # Answers that are kept for repeated requests are let go of after 30 seconds.
                    assert now[2] <= settled[2] + 24_000, (settled, now)
                if kills < KILLS_AT_MOST and dice.random() < 0.4:
                    for n in range(20):
                        call(node, f"killed-{number}-{n}", dice, phone)
                    node.kill()
                    node.begin()
                    kills, settled, begun = kills + 1, None, number
                    assert node.metric("ale_calls") == 0
                    a_round(node, f"{number}k", dice, phone)
                    calls += CALLS_A_ROUND
            assert node.end() == 0
        except BaseException:
            node.process.kill()
            print((pathlib.Path(folder) / "log").read_text()[-2_000:], file=sys.stderr)
            raise
    print(f"soak: {calls} calls, {kills} kills, nothing left over")


main()
