#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Video in a conference, by what is seen: two browsers without screens join by the page with a fake camera each, and each
sees the other's picture, at first over a network that loses nothing and then over one that loses 3 percent each way. Then
the same with each at a node of its own, whose conferences are one by a link over that network. The page sends each picture
in two sizes, and at last one sees the one that it can take.

usage: video.py PROGRAM-OF-THE-NODE WORK-FOLDER
Runs in a network of its own (unshare -n, root), so that nothing leaves the machine and no port is taken."""
import json
import os
import random
import selectors
import socket
import subprocess
import threading
import urllib.request

from alone import alone
from browser import Browser, until

# The node's own address, and the one that it tells: in between is the network that loses packets.
NODE, TOLD = "198.51.100.1", "198.51.100.2"
PORTS = range(30_000, 30_040)
PAGE = "http://127.0.0.1:8080/"
# The node beside it, which is linked to it; nothing is lost between it and its browser.
EDGE, EDGE_PAGE = "198.51.100.3", "http://127.0.0.1:8081/"
CONFERENCE = "1000"
TOKEN = "a-token-of-the-test-only"
# From the first packet of media that may flow to the first picture that is shown.
FIRST_PICTURE_MS = 1_000


class Network(threading.Thread):
    """Passes datagrams on between browsers and the node, but for those that it loses."""

    def __init__(self, loss):
        super().__init__(daemon=True)
        self.loss, self.random, self.ends = loss, random.Random(1), selectors.DefaultSelector()
        # By a browser's address and the port that it sends to: a socket each, as behind a NAT.
        self.passed, self.lost, self.behind = 0, 0, {}
        for port in PORTS:
            told = self.open((TOLD, port))
            self.ends.register(told, selectors.EVENT_READ, (told, port, None))

    @staticmethod
    def open(address):
        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        end.bind(address)
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        return end

    def to_node(self, told, port, browser):
        behind = self.behind.get((port, browser))
        if behind is None:
            behind = self.behind[port, browser] = self.open((TOLD, 0))
            behind.connect((NODE, port))
            self.ends.register(behind, selectors.EVENT_READ, (told, port, browser))
        return behind

    def run(self):
        while True:
            for key, _ in self.ends.select():
                told, port, browser = key.data
                try:
                    datagram, sender = key.fileobj.recvfrom(4_096)
                except OSError:
                    continue
                # Media alone: what is lost of a handshake is repeated by timers of whole seconds.
                if 128 <= datagram[0] < 192 and self.random.random() < self.loss:
                    self.lost += 1
                    continue
                self.passed += 1
                try:
                    if browser is None:
                        self.to_node(told, port, sender).send(datagram)
                    else:
                        told.sendto(datagram, browser)
                except OSError:
                    pass


# Notes when the connection is there and when the first picture is, and keeps it for its figures.
WATCH = """(() => {
  const connect = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = function (...args) {
    window.peer = this;
    this.addEventListener("connectionstatechange", () => {
      if (this.connectionState === "connected") window.connected = performance.now();
    });
    return connect.apply(this, args);
  };
  document.getElementById("seen").requestVideoFrameCallback(() => { window.pictured = performance.now(); });
  return true;
})()"""
FIGURES = """(async () => {
  const told = {};
  for (const one of (await window.peer.getStats()).values()) {
    if (one.type === "inbound-rtp" && one.kind === "video") told.seen = one;
    // Of the sizes the one of which most was sent.
    if (one.type === "outbound-rtp" && one.kind === "video" && !(told.shown?.framesEncoded > one.framesEncoded)) told.shown = one;
  }
  return JSON.stringify(told);
})()"""


# Says that it takes 300 kbit/s at most.
LESS = """window.fetch = ((fetch) => (path, options) => {
  const body = options?.body?.replace(/(m=video[^]*?c=[^]*?\\r\\n)/, "$1b=AS:300\\r\\n");
  return fetch(path, { ...options, body });
})(window.fetch)"""


def metrics(page=PAGE):
    with urllib.request.urlopen(f"{page}metrics") as answer:
        lines = answer.read().decode().splitlines()
    of_video = (line for line in lines if line.startswith("ale_video_total{"))
    return {line.split('"')[1]: int(line.split()[1]) for line in of_video}


def enter(browser, name, page=PAGE, before="0"):
    browser.ask("Page.navigate", url=f"{page}?{name}#token={TOKEN}&name={name}")
    until("the page is there", lambda: browser.value("document.readyState === 'complete' && typeof look === 'function'"))
    browser.value(WATCH)
    browser.value(f"({before}, 0)")
    browser.value("document.getElementById('camera').checked = true; document.getElementById('join').click()")
    until("it is in", lambda: browser.value("window.connected") is not None)


def meet(browsers, network, loss, seconds, pages=(PAGE, PAGE)):
    network.loss = 0
    before = metrics()
    for browser, name, page in zip(browsers, ("Ada", "Ben"), pages):
        network.loss = loss
        enter(browser, name, page)
    for browser in browsers:
        until("it sees the other", lambda: browser.value("window.pictured") is not None)
    # Of the first only the second's coming counts; of the second its own.
    first = browsers[1].value("window.pictured - window.connected")
    begun = [json.loads(browser.value(FIGURES)) for browser in browsers]
    until("time passes", lambda: browsers[0].value(f"performance.now() - window.pictured > {1_000 * seconds}"), 2 * seconds + 30)
    ended = [json.loads(browser.value(FIGURES)) for browser in browsers]
    for name, was, now in zip(("Ada", "Ben"), begun, ended):
        seen, shown = now["seen"], now["shown"]
        frames = seen["framesDecoded"] - was["seen"]["framesDecoded"]
        print(f"{name}: sees {frames} pictures more in {seconds} s, {seen['frameWidth']}x{seen['frameHeight']}, "
              f"{seen.get('freezeCount', 0)} freezes, {seen['keyFramesDecoded']} key frames, lost {seen['packetsLost']}, "
              f"asked again {seen['nackCount']}, got again {seen.get('retransmittedPacketsReceived')}; sends "
              f"{shown['framesEncoded']} at {shown.get('targetBitrate', 0) / 1000:.0f} kbit/s, sent again "
              f"{shown['retransmittedPacketsSent']}, asked for {shown.get('pliCount')} key frames")
        assert frames > 5 * seconds, f"{name} sees too few pictures"
    after = metrics()
    print(f"loss {100 * loss:.0f} %: first picture {first:.0f} ms after the connection; the node:",
          {what: after[what] - before[what] for what in after})
    for browser in browsers:
        browser.value("document.getElementById('leave').click()")
    until("both have left", lambda: browsers[0].value("document.querySelectorAll('#members tr').length") == 0)
    return first, {what: after[what] - before[what] for what in after}


def sizes(browsers, network):
    """How wide the picture is that the second sees when it can take little, and when it can take all."""
    network.loss = 0
    ada, ben = browsers
    enter(ada, "Ada")
    for before, width in ((LESS, 320), ("0", 640)):
        enter(ben, "Ben", before=before)
        seen = lambda: json.loads(ben.value(FIGURES)).get("seen", {})
        until(f"the picture is {width} wide", lambda: seen().get("frameWidth") == width, 30)
        frames = seen()["framesDecoded"]
        until("it goes on", lambda: seen()["framesDecoded"] > frames + 45, 20)
        now = seen()
        print(f"Ben sees {now['frameWidth']}x{now['frameHeight']}, {now['framesDecoded']} pictures, {now.get('freezeCount', 0)} freezes, "
              f"{now['keyFramesDecoded']} key frames, {now['framesDropped']} dropped")
        assert now["frameWidth"] == width, now
        ben.value("document.getElementById('leave').click()")
    ada.value("document.getElementById('leave').click()")


def met(*how):
    """What the node has counted of a meeting; a machine that is busy with others may need another."""
    for _ in range(3):
        first, counted = meet(*how)
        if first <= FIRST_PICTURE_MS:
            return counted
    raise AssertionError(f"the first picture after {first} ms")


def start(program, work, name, interface, port, more=""):
    (work / f"{name}.toml").write_text(f"""[[interface]]
{interface}

[ng]
listen = "127.0.0.1:{port - 5_000}"

[webrtc]
port = {PORTS.start}

[media]
port_min = {PORTS.stop - 20}
port_max = {PORTS.stop - 1}
drain_s = 0

[http]
listen = "127.0.0.1:{port}"
{more}""")
    node = subprocess.Popen([program, "--config", work / f"{name}.toml"], env={**os.environ, "ALE_MEDIA_NODE_TOKEN": TOKEN},
                            stdout=subprocess.DEVNULL, stderr=open(work / f"{name}.log", "w"))
    until("the node runs", lambda: node.poll() is None and socket.socket().connect_ex(("127.0.0.1", port)) == 0)
    return lambda: (node.terminate(), node.wait(20))


def run(program, work):
    ends = []
    try:
        network = Network(0)
        network.start()
        ends.append(start(program, work, "node", f'address = "{NODE}"\nadvertised = "{TOLD}"', 8080))
        browsers = []
        for name in ("ada", "ben"):
            browsers.append(Browser(work, None, name))
            ends.append(browsers[-1].close)
        met(browsers, network, 0, 4)
        counted = met(browsers, network, 0.03, 8)
        print(f"the network lost {network.lost} of {network.lost + network.passed} datagrams")
        assert network.lost > 20 and counted["recovered"] > 0 and counted["repaired"] > 0, counted
        link = f'[[link]]\nconference = "{CONFERENCE}"\nurl = "{PAGE}whip/{CONFERENCE}"\ntoken = "{TOKEN}"\n'
        ends.append(start(program, work, "edge", f'address = "{EDGE}"', 8081, link))
        print("each at a node of its own:")
        counted = met(browsers, network, 0.03, 8, (PAGE, EDGE_PAGE))
        assert counted["recovered"] > 0 and counted["repaired"] > 0, counted
        print("in two sizes:")
        sizes(browsers, network)
        refused = [text for browser in browsers for text in browser.complaints
                   if "Content Security Policy" in text or "exception" in text]
        assert not refused, refused
    finally:
        for end in reversed(ends):
            end()
    print("video: both see each other, also over a network that loses packets, over two nodes, and in the size that they can take")


run(*alone("video", ("chromium",), (NODE, TOLD, EDGE)))
