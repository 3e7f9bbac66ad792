# SPDX-License-Identifier: MIT OR Apache-2.0
"""Two linphones call each other on this machine, each with a libsrtp2 of its own choice.

usage: linphone_call.py SUITE CALLER'S-FOLDER-OF-libsrtp2.so.1-OR-"" CALLEE'S WORK-FOLDER PORT

The call must have SRTP with the suite, bring each the other's tone, RTCP both ways and a digit by
RFC 4733, lose nothing, and have nothing refused but the digit's repeats. Prints what it found, and exits with
1 where something is wrong.
"""

import array
import cmath
import math
import os
import pathlib
import re
import subprocess
import sys
import time
import wave

DIGIT = "5"
SECONDS = 10
RATE = 8000

CONFIG = """[sip]
sip_port={port}
sip_tcp_port=-1
sip_tls_port=-1
media_encryption=srtp
media_encryption_mandatory=1
srtp_crypto_suites={suite}
use_rfc2833=1
use_info=0
contact="{name}" <sip:{name}@127.0.0.1:{port}>
[rtp]
audio_rtp_port={media}
[video]
enabled=0
"""


class Phone:
    def __init__(self, name, hz, repeats, library, suite, work, port):
        self.name, self.hz, self.repeats, self.library, self.suite = name, hz, repeats, library, suite
        self.folder = work / name
        (self.folder / ".local/share/linphone").mkdir(parents=True, exist_ok=True)
        self.uri = f"sip:{name}@127.0.0.1:{port}"
        config = CONFIG.format(name=name, suite=suite, port=port, media=port + 2)
        (self.folder / "config").write_text(config)
        with wave.open(str(self.folder / "say.wav"), "wb") as say:
            say.setparams((1, 2, RATE, 0, "NONE", ""))
            samples = (int(8000 * math.sin(2 * math.pi * hz * i / RATE)) for i in range(RATE * 3 * SECONDS))
            say.writeframes(array.array("h", samples).tobytes())

    def start(self, *more):
        environment = dict(os.environ, HOME=str(self.folder), LD_LIBRARY_PATH=self.library)
        self.out = open(self.folder / "out", "w")
        self.process = subprocess.Popen(
            ["linphonec", "-c", "config", "-d", "6", "-l", "log", *more],
            cwd=self.folder, env=environment, stdin=subprocess.PIPE, stdout=self.out, stderr=self.out, text=True,
        )
        for order in ("soundcard use files", f"play {self.folder}/say.wav", f"record {self.folder}/heard.wav"):
            self.say(order)
        self.await_("out", "record ")

    def say(self, order):
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()

    def text(self, file):
        path = self.folder / file
        return path.read_text(errors="replace") if path.exists() else ""

    def await_(self, file, what):
        for _ in range(200):
            if what in self.text(file):
                return True
            time.sleep(0.1)
        return False

    def loaded(self):
        maps = pathlib.Path(f"/proc/{self.process.pid}/maps").read_text()
        return {line.split()[-1] for line in maps.splitlines() if "libsrtp2" in line}

    def stop(self):
        try:
            self.say("quit")
            self.process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.out.close()

    def counted(self, what):
        found = re.findall(rf"ortp-message-{what} +(\d+) packets", self.text("log"))
        return sum(map(int, found))

    def hears(self, hz):
        """Whether a second of what was recorded is mostly this tone."""
        path = self.folder / "heard.wav"
        if not path.exists():
            return False
        with wave.open(str(path)) as heard:
            rate = heard.getframerate()
            heard.setpos(min(3 * rate, heard.getnframes()))
            samples = array.array("h", heard.readframes(rate))
        if len(samples) < rate:
            return False
        line = abs(sum(s * cmath.exp(-2j * math.pi * hz * i / rate) for i, s in enumerate(samples)))
        return 2 * line * line / rate > 0.5 * sum(s * s for s in samples) > 0

    def problems(self, other):
        log = self.text("log")
        offered = set(re.findall(r"^a=crypto:\d+ (\S+) inline:", log, re.M))
        if offered != {self.suite}:
            yield f"the lines say {offered}"
        if "Negotiated media encryption is LinphoneMediaEncryptionSRTP" not in log:
            yield "SRTP was not negotiated"
        # The last packet of a digit comes three times under one index (RFC 4733 section 2.5.1.4), two of
        # which are replays (9) with any library.
        refused = re.findall(r"(srtp_(?:un)?protect\S*\(\) failed \(\d+\))", log)
        if refused != self.repeats * ["srtp_unprotect() failed (9)"]:
            yield f"{len(refused)} refused: {set(refused)}"
        if self.counted("received") < SECONDS * 40:
            yield f"{self.counted('received')} packets came"
        if "incoming cumulative lost                      0 packets" not in log:
            yield "packets were lost"
        if "receiving RTCP SR" not in log:
            yield "no RTCP came"
        if not self.hears(other.hz):
            yield f"does not hear {other.hz} Hz"


def main(suite, first, second, work, port):
    work = pathlib.Path(work)
    caller = Phone("anna", 600, 0, first, suite, work, int(port))
    callee = Phone("boris", 1000, 2, second, suite, work, int(port) + 10)
    problems = []
    try:
        callee.start("-a")
        caller.start()
        for phone in (caller, callee):
            loaded = phone.loaded()
            ours = {path for path in loaded if phone.library and path.startswith(phone.library + "/")}
            if len(loaded) != 1 or bool(ours) != bool(phone.library):
                problems.append(f"{phone.name} has loaded {loaded}")
        caller.say(f"call {callee.uri}")
        if not caller.await_("out", "Media streams established"):
            problems.append("no call")
        time.sleep(SECONDS / 2)
        caller.say(DIGIT)
        callee.await_("out", f"Receiving tone {DIGIT}") or problems.append("the digit did not arrive")
        time.sleep(SECONDS / 2)
        caller.say("calls")
        if not caller.await_("out", "StreamsRunning"):
            problems.append("the call did not stay")
        caller.say("terminate")
        caller.await_("out", "ended") and callee.await_("out", "ended")
    finally:
        caller.stop()
        callee.stop()
    if "INFO sip:" in caller.text("log"):
        problems.append("the digit went by SIP INFO")
    for phone, other in ((caller, callee), (callee, caller)):
        problems += [f"{phone.name}: {problem}" for problem in phone.problems(other)]
    counts = [(phone.counted("received"), phone.counted("received rtcp")) for phone in (caller, callee)]
    names = " calls ".join("ours" if phone.library else "the system's" for phone in (caller, callee))
    print(f"{suite}, {names}: packets and RTCP packets {counts}, digit {DIGIT}, {'; '.join(problems) or 'no error'}")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
