#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""A browser that calls a plain phone by NG: each hears the other's tone. Once with the browser's own way of bundling, once with the
one that has a single port for all (max-bundle).

usage: to_phone.py PROGRAM-OF-THE-NODE WORK-FOLDER, in a network of its own"""
import json
import math
import pathlib
import re
import socket
import struct
import sys
import threading
import time

from alone import alone
from browser import Browser, listening, until
from phone import level, tone

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
from ng import Node  # noqa: E402

NODE, PHONE = "198.51.100.1", "198.51.100.10"
BROWSER_HZ, PHONE_HZ = 700, 600
SECONDS = 4

# The page is the node's own, whose policy allows no other; what calls is said from outside of it.
OFFER = """(async () => {
  const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const microphone = await navigator.mediaDevices.getUserMedia({ audio });
  const call = window.byTest = new RTCPeerConnection({ bundlePolicy: "%s" });
  for (const track of microphone.getTracks()) call.addTrack(track, microphone);
  window.heardByTest = new Promise((done) => { call.ontrack = (event) => done(event.streams[0] || new MediaStream([event.track])); });
  await call.setLocalDescription(await call.createOffer());
  return call.localDescription.sdp;
})()"""
ANSWER = """(async () => {
  await byTest.setRemoteDescription({ type: "answer", sdp: %s });
  const audio = window.playedByTest = new Audio();
  audio.muted = true;
  audio.srcObject = await heardByTest;
  audio.play();
""" + listening("audio.srcObject") + "})()"


def from_linear(sample):
    """Mu-law by ITU-T G.711, table 2."""
    sign, sample = (0x80 if sample < 0 else 0), min(abs(sample), 32_635) + 132
    segment = max(0, sample.bit_length() - 8)
    return ~(sign | segment << 4 | sample >> segment + 3 & 15) & 255


def to_linear(code):
    code = ~code & 255
    sample = ((code & 15) * 8 + 132 << (code >> 4 & 7)) - 132
    return -sample if code & 128 else sample


class Phone(threading.Thread):
    """Says a tone in mu-law from when it knows whom to, and keeps what it hears."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((PHONE, 0))
        self.socket.settimeout(0.005)
        self.node, self.heard, self.ends = None, [], threading.Event()

    def sdp(self):
        return "\r\n".join([
            "v=0", f"o=- 7 1 IN IP4 {PHONE}", "s=-", f"c=IN IP4 {PHONE}", "t=0 0",
            f"m=audio {self.socket.getsockname()[1]} RTP/AVP 0", ""])

    def run(self):
        turn = 2 * math.pi * PHONE_HZ / 8_000
        number, begun = 0, time.monotonic()
        while not self.ends.is_set():
            if time.monotonic() >= begun + number * 0.02:
                sound = bytes(from_linear(int(9_000 * math.sin(turn * n))) for n in range(160 * number, 160 * number + 160))
                self.socket.sendto(struct.pack("!BBHII", 128, 0, number, number * 160, 7) + sound, self.node)
                number += 1
            try:
                packet = self.socket.recv(2_048)
            except TimeoutError:
                continue
            if packet[1] & 127 == 0:
                self.heard += [to_linear(code) for code in packet[12:]]


def call(node, browser, policy):
    ids = {"call_id": policy, "from_tag": "browser"}
    offer = browser.value(OFFER % policy)
    phone = Phone()
    to_phone = node.ask("offer", sdp=offer, ICE="remove", transport_protocol="RTP/AVP", rtcp_mux=["demux"],
                        codec={"mask": ["all"], "transcode": ["PCMU"]}, replace=["origin"], **ids)
    assert to_phone["result"] == "ok", to_phone
    phone.node = (NODE, int(re.search(r"m=audio (\d+)", to_phone["sdp"])[1]))
    answer = node.ask("answer", sdp=phone.sdp(), to_tag="phone", replace=["origin"], **ids)
    assert answer["result"] == "ok", answer
    phone.start()
    try:
        assert browser.value(ANSWER % json.dumps(answer["sdp"]))
        until("the browser hears the phone", lambda: browser.value(f"level({PHONE_HZ})") > -60)
        time.sleep(SECONDS)
    finally:
        phone.ends.set()
        phone.join(10)
    heard = {hz: round(level(phone.heard[-16_000:], 8_000, hz)) for hz in (BROWSER_HZ, PHONE_HZ, 1_130)}
    print(f"{policy}: the phone heard, by frequency: {heard}")
    assert heard[BROWSER_HZ] > 1_000 and heard[BROWSER_HZ] > 10 * max(heard[PHONE_HZ], heard[1_130]), heard
    assert browser.value("byTest.connectionState") == "connected"
    assert node.ask("delete", **ids)["result"] == "ok"


def run(program, work):
    microphone = work / "microphone.wav"
    tone(microphone, BROWSER_HZ)
    ends = []
    try:
        node = Node(program, work, NODE)
        ends.append(node.process.kill)
        browser = Browser(work, microphone)
        ends.append(browser.close)
        browser.ask("Page.navigate", url=node.http)
        until("the page is there", lambda: browser.value("document.readyState === 'complete'"))
        for policy in ("balanced", "max-bundle"):
            call(node, browser, policy)
    finally:
        for end in reversed(ends):
            end()
    print("to phone: a browser and a phone hear each other")


run(*alone("to-phone", ("chromium",), (NODE, PHONE)))
