#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Calls between phones through Kamailio and two nodes. Three pairs of baresips hear each other: both plain, and with SDES and with
DTLS towards the callee. Then many calls, whose packets come back from who was called: they are spread over both nodes, a node that
drains gets no more and keeps those it has, and one that is killed is noticed and passed over.

usage: calls.py PROGRAM-OF-THE-NODE WORK-FOLDER, in a network of its own"""
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time

from alone import alone
from browser import until
from phone import amplitude, baresip

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
from ng import Node  # noqa: E402

NODES, PROXY = ("198.51.100.1", "198.51.100.2"), ("198.51.100.1", 5060)
CALLERS, CALLEES = "198.51.100.10", "198.51.100.11"
CALLER_HZ, CALLEE_HZ = 440, 600
# How callees are spoken with, and what their accounts say of that.
KINDS = {"plain": "", "sdes": ";mediaenc=srtp-mand", "dtls": ";mediaenc=dtls_srtp;rtcp_mux=yes"}
# Calls at a time, and packets of each.
CALLS, PACKETS = 8, 10


def phones(work):
    """Each kind of callee is called, and hears and is heard."""
    calls, ends = {}, []
    try:
        for n, (kind, account) in enumerate(KINDS.items()):
            listen, ports = f"{CALLEES}:{5064 + 2 * n}", range(12_000 + 100 * n, 12_098 + 100 * n)
            # Whoever is called: the account's name is the number's.
            of = f"<sip:{kind}@{listen};transport=udp>;answermode=auto{account}"
            ends.append(baresip(work / f"{kind}-called", listen, of, CALLEE_HZ, ports, 12))
        until("callees listen", lambda: all(bound(CALLEES, 5064 + 2 * n) for n in range(len(KINDS))))
        for n, kind in enumerate(KINDS):
            listen, ports = f"{CALLERS}:{5064 + 2 * n}", range(11_000 + 100 * n, 11_098 + 100 * n)
            account = f'<sip:caller@{listen};transport=udp>;outbound="sip:{PROXY[0]}:{PROXY[1]}"'
            number = f"sip:{kind}@{PROXY[0]}"
            calls[kind] = baresip(work / f"{kind}-caller", listen, account, CALLER_HZ, ports, 6, number)
            ends.append(calls[kind])
        for call in ends:
            call.wait(30)
    finally:
        for end in ends:
            end.kill()
    for kind in KINDS:
        for who, hz in (("caller", CALLEE_HZ), ("called", CALLER_HZ)):
            folder = work / f"{kind}-{who}"
            recordings = list(folder.glob("*dec*.wav"))
            assert recordings, (kind, who, (folder / "log").read_text()[-2_000:])
            heard = {of: round(amplitude(recordings[0], of)) for of in (hz, 1_130)}
            print(f"{kind}: the {who} heard, by frequency: {heard}")
            assert heard[hz] > 1_000 and heard[hz] > 10 * heard[1_130], (kind, who, heard)


def bound(address, port):
    """Whether somebody listens there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return True
    return False


def media_of(message):
    """Where a description wants media to be sent."""
    address = re.search(r"^c=IN IP4 (\S+)", message, re.M)[1]
    return address, int(re.search(r"^m=audio (\d+)", message, re.M)[1])


def described(address, media):
    return "\r\n".join([
        "v=0", f"o=- 7 1 IN IP4 {address}", "s=-", f"c=IN IP4 {address}", "t=0 0",
        f"m=audio {media.getsockname()[1]} RTP/AVP 0", ""])


def media_socket(address):
    media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    media.bind((address, 0))
    media.settimeout(0.02)
    return media


def headers(message, name):
    return re.findall(rf"^{name}: *(.*?)\r$", message, re.M | re.I)


class Echo(threading.Thread):
    """Takes every call, and sends what comes back to where it is from."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((CALLEES, 5070))
        self.media = {}

    def run(self):
        while True:
            data, proxy = self.socket.recvfrom(65_536)
            message = data.decode(errors="replace")
            [call_id] = headers(message, "Call-ID")
            if message.startswith("INVITE ") and call_id not in self.media:
                self.media[call_id] = media_socket(CALLEES)
                threading.Thread(target=self.echo, args=(self.media[call_id],), daemon=True).start()
            if message.startswith(("INVITE ", "BYE ")):
                self.socket.sendto(self.accept(message, call_id).encode(), proxy)

    def accept(self, request, call_id):
        same = "".join(
            f"{name}: {value}\r\n" for name in ("Via", "Record-Route", "From", "Call-ID", "CSeq")
            for value in headers(request, name))
        [to] = headers(request, "To")
        tag = "" if ";tag=" in to else ";tag=echo"
        body = described(CALLEES, self.media[call_id]) if request.startswith("INVITE ") else ""
        return (f"SIP/2.0 200 OK\r\n{same}To: {to}{tag}\r\nContact: <sip:echo@{CALLEES}:5070>\r\n"
                f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}")

    @staticmethod
    def echo(media):
        while True:
            try:
                packet, node = media.recvfrom(2_048)
                media.sendto(packet, node)
            except TimeoutError:
                pass


class Call:
    """A call to who echoes."""

    def __init__(self, number):
        self.id, self.sequence = f"call-{number}", 0
        self.signalling = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.signalling.bind((CALLERS, 0))
        self.signalling.settimeout(20)
        self.media, self.sent = media_socket(CALLERS), 0
        self.to, self.target, self.route = f"<sip:echo@{PROXY[0]}>", f"sip:echo@{PROXY[0]}", []
        answer = self.ask("INVITE", described(CALLERS, self.media))
        self.to, = headers(answer, "To")
        self.target = re.search(r"<(.*?)>", headers(answer, "Contact")[0])[1]
        self.route = headers(answer, "Record-Route")[::-1]
        self.node = media_of(answer)
        self.send("ACK", "")

    def send(self, method, body):
        if method != "ACK":
            self.sequence += 1
        address = f"{CALLERS}:{self.signalling.getsockname()[1]}"
        route = "".join(f"Route: {of}\r\n" for of in self.route)
        kind = "Content-Type: application/sdp\r\n" if body else ""
        self.signalling.sendto(
            f"{method} {self.target} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bK{self.id}{method}{self.sequence}\r\n"
            f"{route}From: <sip:caller@{CALLERS}>;tag={self.id}\r\nTo: {self.to}\r\nCall-ID: {self.id}\r\n"
            f"CSeq: {self.sequence} {method}\r\nContact: <sip:caller@{address}>\r\nMax-Forwards: 70\r\n"
            f"{kind}Content-Length: {len(body)}\r\n\r\n{body}".encode(), PROXY)

    def ask(self, method, body=""):
        self.send(method, body)
        while True:
            answer = self.signalling.recv(65_536).decode(errors="replace")
            status = int(answer.split(" ", 2)[1])
            if status >= 200:
                assert status == 200, answer
                return answer

    def hears(self):
        """How many of its packets come back."""
        heard = 0
        for _ in range(PACKETS):
            self.sent += 1
            packet = bytes([0x80, 0]) + self.sent.to_bytes(2, "big") + (160 * self.sent).to_bytes(4, "big")
            self.media.sendto(packet + b"call" + bytes(160), self.node)
            try:
                self.media.recv(2_048)
                heard += 1
            except TimeoutError:
                pass
        return heard


def spread(nodes):
    """Many calls, with both nodes, with one that drains, and with one that is dead."""
    numbers = iter(range(1_000))

    def begin():
        calls = [Call(next(numbers)) for _ in range(CALLS)]
        assert all(call.hears() > PACKETS // 2 for call in calls), "they hear themselves"
        return calls

    held = lambda node: len(node.ask("list", limit=1_000)["calls"])
    calls = begin()
    both = [held(node) for node in nodes]
    print("calls at each node:", both)
    assert sum(both) == CALLS and min(both) > 0, both
    nodes[0].process.send_signal(signal.SIGUSR1)
    until("the first drains", lambda: nodes[0].metric("ale_accepting") == 0)
    calls += begin()
    after = [held(node) for node in nodes]
    print("after the first drained:", after)
    assert after == [both[0], both[1] + CALLS], after
    assert all(call.hears() > PACKETS // 2 for call in calls), "those that it had go on"
    nodes[0].process.send_signal(signal.SIGUSR2)
    until("the first takes calls again", lambda: nodes[0].metric("ale_accepting") == 1)
    nodes[1].kill()
    calls += begin()
    print("after the second was killed:", held(nodes[0]))
    assert held(nodes[0]) == both[0] + CALLS
    for call in calls:
        call.ask("BYE")
    assert held(nodes[0]) == 0


def run(program, work):
    nodes, ends = [], []
    try:
        for n, address in enumerate(NODES):
            folder = work / f"node-{n}"
            folder.mkdir()
            nodes.append(Node(program, folder, address, ("127.0.0.1", 2223 + n), ("127.0.0.1", 8080 + n)))
        config = pathlib.Path(__file__).resolve().parent / "calls.cfg"
        command = ["/usr/sbin/kamailio", "-DD", "-E", "-Y", work, "-w", work, "-P", work / "kamailio.pid", "-f", config,
                   "-l", f"udp:{PROXY[0]}:{PROXY[1]}"]
        log = open(work / "kamailio.log", "w")
        ends.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        until("the proxy listens", lambda: bound(*PROXY))
        phones(work)
        Echo().start()
        spread(nodes)
    finally:
        for end in ends:
            end.terminate()
            end.wait(20)
        for node in nodes:
            node.process.kill()
    print("calls: phones hear each other, and calls go where there is a node for them")


run(*alone("calls", ("kamailio", "baresip"), (*NODES, CALLERS, CALLEES)))
