# SPDX-License-Identifier: MIT OR Apache-2.0
"""A node that runs, asked by NG and by HTTP."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
import urllib.request

NG, HTTP, PORTS = ("127.0.0.1", 12_223), ("127.0.0.1", 12_225), (42_000, 42_999)
TOKEN = "a-token-of-the-tests"


def bencode(value):
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, list):
        return b"l" + b"".join(map(bencode, value)) + b"e"
    return b"d" + b"".join(bencode(key) + bencode(of) for key, of in value.items()) + b"e"


def bdecode(data, at=0):
    first = data[at:at + 1]
    if first == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1:end]), end + 1
    if first in b"ld":
        items, at = [], at + 1
        while data[at:at + 1] != b"e":
            item, at = bdecode(data, at)
            items.append(item)
        return (items if first == b"l" else dict(zip(items[::2], items[1::2]))), at + 1
    colon = data.index(b":", at)
    end = colon + 1 + int(data[at:colon])
    return data[colon + 1:end].decode(errors="replace"), end


class Node:
    def __init__(self, program, folder, address="127.0.0.1", ng=NG, http=HTTP):
        self.program, self.config, self.cookies = program, folder / "node.toml", 0
        self.ng, self.http = ng, f"http://{http[0]}:{http[1]}/"
        self.config.write_text(f"""[ng]
listen = "{ng[0]}:{ng[1]}"
[[interface]]
address = "{address}"
[media]
port_min = {PORTS[0]}
port_max = {PORTS[1]}
[http]
listen = "{http[0]}:{http[1]}"
""")
        self.log = open(folder / "log", "w")
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(0.5)
        self.begin()

    def begin(self):
        environment = {**os.environ, "ALE_MEDIA_NODE_TOKEN": TOKEN}
        self.process = subprocess.Popen(
            [self.program, "--config", self.config], env=environment, stdout=self.log, stderr=self.log)
        for _ in range(60):
            try:
                if self.ask("ping")["result"] == "pong":
                    return
            except (TimeoutError, ConnectionError):
                time.sleep(0.1)
            assert self.process.poll() is None, "the node has ended"
        raise RuntimeError("the node does not answer")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self):
        self.process.terminate()
        return self.process.wait(60)

    def ask(self, command, **said):
        self.cookies += 1
        cookie = b"%d_%d" % (os.getpid(), self.cookies)
        message = {"command": command, **{key.replace("_", "-"): value for key, value in said.items()}}
        request = cookie + b" " + bencode(message)
        for _ in range(6):
            self.socket.sendto(request, self.ng)
            try:
                while True:
                    answer = self.socket.recv(65_536)
                    # One that comes late is another's.
                    if answer.startswith(cookie + b" "):
                        return bdecode(answer, len(cookie) + 1)[0]
            except TimeoutError:
                continue
        raise TimeoutError(command)

    def files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def resident_kib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    def threads(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def metric(self, name):
        text = urllib.request.urlopen(f"{self.http}metrics", timeout=10).read().decode()
        return int(re.search(rf"^{re.escape(name)} (\d+)$", text, re.M)[1])

    def conferences(self):
        request = urllib.request.Request(
            f"{self.http}api/conferences", headers={"Authorization": f"Bearer {TOKEN}"})
        return json.load(urllib.request.urlopen(request, timeout=10))["conferences"]
