#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a packet of video costs that is forwarded, beside Debian's janus with its videoroom, in one run: a browser films, and
shows to itself what comes back by several connections. Counted is the time for which the threads of either program ran
(schedstat), with the camera's pictures less without them, for each packet of video that came.

usage: janus.py PROGRAM-OF-THE-NODE WORK-FOLDER [VIEWERS [SECONDS]]
Runs in a network of its own (unshare -n, root), so that nothing leaves the machine and no port is taken."""
import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading
import time
import urllib.request

from alone import alone
from browser import Browser, until

TOKEN = "a-token-of-the-measurement-only"
JANUS = "http://127.0.0.1:8088/janus"
PLUGINS = "/usr/lib/x86_64-linux-gnu/janus"
# An address of no loopback, on which janus gathers nothing.
HERE = "198.51.100.1"
ROUNDS = int(os.environ.get("ROUNDS", "3"))

SCRIPT = """
const peers = [];
async function gathered(peer) {
  if (peer.iceGatheringState !== "complete")
    await new Promise((done) => peer.addEventListener("icegatheringstatechange", () => peer.iceGatheringState === "complete" && done()));
  return peer.localDescription.sdp;
}
function open() { const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" }); peers.push(peer); return peer; }
async function film() {
  window.media ??= await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 640, height: 480 } });
  const peer = open();
  for (const track of media.getTracks()) peer.addTrack(track, media);
  await peer.setLocalDescription();
  return gathered(peer);
}
async function look() {
  const peer = open();
  for (const kind of ["audio", "video"]) peer.addTransceiver(kind, { direction: "recvonly" });
  await peer.setLocalDescription();
  return gathered(peer);
}
async function answered(sdp) { await peers.at(-1).setRemoteDescription({ type: "answer", sdp }); return true; }
async function answer(sdp) {
  const peer = open();
  await peer.setRemoteDescription({ type: "offer", sdp });
  await peer.setLocalDescription();
  return gathered(peer);
}
async function pictures(on) {
  const sender = peers[0].getSenders().find((sender) => sender.wasVideo || sender.track?.kind === "video");
  sender.wasVideo = true;
  await sender.replaceTrack(on ? media.getVideoTracks()[0] : null);
  return true;
}
async function came() {
  let packets = 0;
  for (const peer of peers.slice(1))
    for (const one of (await peer.getStats()).values())
      if (one.type === "inbound-rtp" && one.kind === "video") packets += one.packetsReceived;
  return packets;
}
function close() { for (const peer of peers.splice(0)) peer.close(); return true; }
"""


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>x</title>")

    def log_message(self, *_):
        pass


def post(url, body, kind, more=None):
    request = urllib.request.Request(url, body, {"Content-Type": kind, **(more or {})})
    with urllib.request.urlopen(request) as answer:
        return answer.read().decode()


def is_up(url):
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status == 200
    except OSError:
        return False


class Node:
    """The node; browsers on one port, whose packets of a picture go by one call of the system, or on ports of their own."""

    def __init__(self, program, work, one_port):
        (work / "node.toml").write_text(
            f'[[interface]]\naddress = "{HERE}"\n[media]\nworkers = 1\nport_min = 30010\nport_max = 30199\ndrain_s = 0\n'
            + ("[webrtc]\nport = 30000\n" if one_port else "") + '[http]\nlisten = "127.0.0.1:8080"\n')
        self.process = subprocess.Popen(
            [program, "--config", work / "node.toml"], env={**os.environ, "ALE_MEDIA_NODE_TOKEN": TOKEN},
            stdout=subprocess.DEVNULL, stderr=open(work / "node.log", "w"))
        until("the node runs", lambda: is_up("http://127.0.0.1:8080/healthz"))

    def enter(self, browser, way, script):
        offer = browser.value(script)
        answer = post(f"http://127.0.0.1:8080/{way}/1000", offer.encode(), "application/sdp", {"Authorization": f"Bearer {TOKEN}"})
        browser.value(f"answered({json.dumps(answer)})")

    def film(self, browser):
        self.enter(browser, "whip", "film()")

    def look(self, browser):
        self.enter(browser, "whep", "look()")


class Janus:
    def __init__(self, work):
        folder = work / "janus"
        folder.mkdir(exist_ok=True)
        (folder / "janus.jcfg").write_text(
            'general: { debug_level = 3 }\nmedia: { rtp_port_range = "31000-31199" }\n'
            f'nat: {{ ice_enforce_list = "{HERE}" ignore_mdns = true }}\n'
            'transports: { disable = "libjanus_rabbitmq.so,libjanus_pfunix.so,libjanus_mqtt.so,libjanus_nanomsg.so,libjanus_websockets.so" }\n'
            'plugins: { disable = "libjanus_audiobridge.so,libjanus_duktape.so,libjanus_echotest.so,libjanus_lua.so,libjanus_nosip.so,'
            'libjanus_recordplay.so,libjanus_sip.so,libjanus_streaming.so,libjanus_textroom.so,libjanus_videocall.so,libjanus_voicemail.so" }\n')
        (folder / "janus.transport.http.jcfg").write_text('general: { json = "compact" http = true port = 8088 ip = "127.0.0.1" base_path = "/janus" }\n')
        (folder / "janus.plugin.videoroom.jcfg").write_text("general: { }\n")
        self.process = subprocess.Popen(
            ["janus", "-F", folder, "-C", folder / "janus.jcfg", "-P", f"{PLUGINS}/plugins"],
            stdout=open(work / "janus.log", "w"), stderr=subprocess.STDOUT)
        until("janus runs", lambda: is_up(f"{JANUS}/info"))
        self.session = self.ask(JANUS, janus="create")["data"]["id"]
        self.url, self.number = f"{JANUS}/{self.session}", 0
        self.room = self.attach()
        made = self.ask(f"{self.url}/{self.room}", janus="message", body={
            "request": "create", "room": 1, "publishers": 2, "bitrate": 1_500_000, "videocodec": "vp8", "audiocodec": "opus"})
        assert made["plugindata"]["data"]["videoroom"] == "created", made

    @staticmethod
    def ask(url, **said):
        told = json.loads(post(url, json.dumps({"transaction": "t", **said}).encode(), "application/json"))
        assert told["janus"] in ("success", "ack"), told
        return told

    def attach(self):
        return self.ask(self.url, janus="attach", plugin="janus.plugin.videoroom")["data"]["id"]

    def event(self, handle, body, jsep=None):
        """What the plugin answers in its time."""
        self.ask(f"{self.url}/{handle}", janus="message", body=body, **({"jsep": jsep} if jsep else {}))
        while True:
            with urllib.request.urlopen(f"{self.url}?maxev=1") as answer:
                told = json.loads(answer.read())
            told = told[0] if isinstance(told, list) else told
            if told.get("janus") == "event" and told.get("sender") == handle:
                return told

    def film(self, browser):
        handle = self.attach()
        joined = self.event(handle, {"request": "join", "ptype": "publisher", "room": 1})
        self.feed = joined["plugindata"]["data"]["id"]
        told = self.event(handle, {"request": "publish"}, {"type": "offer", "sdp": browser.value("film()")})
        assert "jsep" in told, told
        browser.value(f"answered({json.dumps(told['jsep']['sdp'])})")

    def look(self, browser):
        handle = self.attach()
        # Nobody can be seen before its connection is there.
        for _ in range(50):
            told = self.event(handle, {"request": "join", "ptype": "subscriber", "room": 1, "streams": [{"feed": self.feed}]})
            if "jsep" in told:
                break
            time.sleep(0.2)
        else:
            raise RuntimeError(told)
        answer = browser.value(f"answer({json.dumps(told['jsep']['sdp'])})")
        self.event(handle, {"request": "start"}, {"type": "answer", "sdp": answer})


def ran_ns(process):
    tasks = pathlib.Path(f"/proc/{process.pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


def measure(browser, server, viewers, seconds):
    """Nanoseconds a packet, packets, and the parts of a core with pictures and without."""
    try:
        server.film(browser)
        for _ in range(viewers):
            server.look(browser)
        until("all see", lambda: browser.value("came()") > 50 * viewers, 60)
        time.sleep(5)
        parts = []
        for on in (True, False):
            browser.value(f"pictures({str(on).lower()})")
            time.sleep(2)
            came, ran, begun = browser.value("came()"), ran_ns(server.process), time.monotonic()
            time.sleep(seconds)
            parts.append((browser.value("came()") - came, (ran_ns(server.process) - ran) / (time.monotonic() - begun)))
        browser.value("close()")
    finally:
        server.process.terminate()
        server.process.wait(20)
    (packets, with_pictures), (_, without) = parts
    return (with_pictures - without) * seconds / packets, packets, with_pictures / 1e9, without / 1e9


def main():
    program, work = alone("janus", ("chromium", "janus"), ())
    viewers, seconds = (int(text) for text in (sys.argv[3:] + ["6", "15"][len(sys.argv) - 3:]))
    for ends in (("link", "add", "here", "type", "veth", "peer", "name", "there"), ("addr", "add", f"{HERE}/24", "dev", "here"),
                 ("link", "set", "here", "up"), ("link", "set", "there", "up")):
        subprocess.run(["ip", *ends], check=True)
    page = http.server.ThreadingHTTPServer(("127.0.0.1", 8090), Page)
    threading.Thread(target=page.serve_forever, daemon=True).start()
    browser = Browser(work, None, "films")
    try:
        browser.ask("Page.navigate", url="http://127.0.0.1:8090/")
        until("the page is there", lambda: browser.value("document.readyState === 'complete'"))
        browser.value(f"{SCRIPT}; true")
        servers = {
            "the node, one port (GSO)": lambda: Node(program, work, True),
            "the node, ports of their own": lambda: Node(program, work, False),
            "janus": lambda: Janus(work),
        }
        found = {name: [] for name in servers}
        for _ in range(ROUNDS):
            for name, start in servers.items():
                found[name].append(measure(browser, start(), viewers, seconds))
        for name, rounds in found.items():
            ns, packets, busy, idle = sorted(rounds)[len(rounds) // 2]
            print(f"{name}: {ns / 1000:.1f} us a packet of video to one of {viewers} viewers, of {[round(r[0] / 1000, 1) for r in rounds]}; "
                  f"{packets / seconds:.0f} packets a second, {100 * busy:.1f} % of a core with pictures, {100 * idle:.1f} % without")
    finally:
        browser.close()


main()
