# SPDX-License-Identifier: MIT OR Apache-2.0
"""aiortc calls Janus's echo test, once for each suite, and must hear its own tone.

usage: janus_call.py FOLDER-OF-libsrtp2.so.1-FOR-THIS-PROCESS-OR-"" JANUS'S-OR-"" WORK-FOLDER
"""

import asyncio
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.request

import aiortc

import aiortc_call as peers

PORT = 8088  # of a network of its own
CONFIG = """general: {{
    configs_folder = "{0}"
    plugins_folder = "{1}/plugins"
    transports_folder = "{1}/transports"
    server_name = "janus"
}}
plugins: {{ disable = "{2}" }}
transports: {{ disable = "{3}" }}
"""
HTTP = 'general: {{ json = "compact" base_path = "/janus" http = true port = {0} interface = "lo" }}\n'


class Janus:
    def __init__(self, library, work):
        work.mkdir(parents=True, exist_ok=True)
        modules = next(pathlib.Path("/usr/lib").glob("*/janus"))
        others = ([p.name for p in (modules / kind).glob("*.so") if keep not in p.name]
                  for kind, keep in (("plugins", "echotest"), ("transports", "http")))
        (work / "janus.jcfg").write_text(CONFIG.format(work, modules, *map(",".join, others)))
        (work / "janus.transport.http.jcfg").write_text(HTTP.format(PORT))
        self.log = work / "log"
        self.process = subprocess.Popen(
            ["janus", "-F", str(work), "-C", str(work / "janus.jcfg"), "-d", "5", "-o"],
            env=dict(os.environ, LD_LIBRARY_PATH=library), stdout=open(self.log, "w"), stderr=subprocess.STDOUT,
        )
        for _ in range(100):
            try:
                self.session = self.ask("", janus="create")["data"]["id"]
                break
            except OSError:
                time.sleep(0.1)
        else:
            sys.exit("janus does not answer")
        maps = pathlib.Path(f"/proc/{self.process.pid}/maps").read_text()
        loaded = {line.split()[-1] for line in maps.splitlines() if "libsrtp2" in line}
        if len(loaded) != 1 or bool(library) != any(p.startswith(f"{library}/") for p in loaded if library):
            sys.exit(f"janus has loaded {loaded}")

    def ask(self, path, **request):
        data = json.dumps(dict(request, transaction="t")).encode() if request else None
        url = f"http://127.0.0.1:{PORT}/janus{path}"
        return json.load(urllib.request.urlopen(urllib.request.Request(url, data), timeout=30))

    def echo(self, offer):
        """A handle of the echo test and its answer to an offer."""
        handle = self.ask(f"/{self.session}", janus="attach", plugin="janus.plugin.echotest")["data"]["id"]
        jsep = {"type": offer.type, "sdp": offer.sdp}
        self.ask(f"/{self.session}/{handle}", janus="message", body={"audio": True}, jsep=jsep)
        while True:
            event = self.ask(f"/{self.session}?maxev=1")
            if "jsep" in event:
                return handle, aiortc.RTCSessionDescription(**{k: event["jsep"][k] for k in ("sdp", "type")})
            if event["janus"] in ("hangup", "error"):
                sys.exit(f"janus: {event}")

    def problems(self):
        """What Janus says of packets that libsrtp refuses."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [line for line in lines if "SRT" in line and ("error" in line or "failed" in line)][:3]


def caller(janus):
    async def call(profile):
        end, frames, tasks = peers.peer(), [], []
        end.addTrack(peers.Tone(peers.TONES[0]))
        end.on("track", lambda track: tasks.append(asyncio.ensure_future(peers.heard(track, frames))))
        await end.setLocalDescription(await end.createOffer())
        peers.only(end, profile)
        handle, answer = await asyncio.to_thread(janus.echo, end.localDescription)
        await end.setRemoteDescription(answer)
        await asyncio.sleep(peers.SECONDS)
        packets, problems = await peers.judged(end, frames, peers.TONES[0])
        await asyncio.to_thread(janus.ask, f"/{janus.session}/{handle}", janus="detach")
        await end.close()
        for task in tasks:
            task.cancel()
        return problems + janus.problems(), packets
    return call


def main(own, others, work):
    janus = Janus(others, pathlib.Path(work))
    try:
        name = f"aiortc {aiortc.__version__} on {peers.whose(own)}, Janus on {peers.whose(others)},"
        return asyncio.run(peers.each_suite(own, caller(janus), name))
    finally:
        janus.process.terminate()
        janus.process.wait()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
