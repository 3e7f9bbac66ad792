# SPDX-License-Identifier: MIT OR Apache-2.0
"""Chromium without a screen, for tests of the page."""
import json
import os
import signal
import subprocess
import time


def listening(stream):
    """What has a page tell how loud a frequency is in a stream, `level(HZ)` in dB, by the browser's own analysis."""
    return """
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 8192 });
  context.createMediaStreamSource(STREAM).connect(analyser);
  window.level = (hz) => {
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    return Math.max(-200, bins[Math.round((hz * analyser.fftSize) / context.sampleRate)]);
  };
  return true;""".replace("STREAM", stream)


class Browser:
    """Chromium, told what to do over a pipe (its DevTools protocol), so that no port is needed."""

    def __init__(self, work, microphone, name="profile"):
        flags = [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--mute-audio",
            "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--remote-debugging-pipe",
            "--autoplay-policy=no-user-gesture-required",
            "--disable-background-networking",
            "--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns", f"--user-data-dir={work}/{name}",
        ]
        if microphone:
            flags.append(f"--use-file-for-fake-audio-capture={microphone}")
        # The pipe's ends are its descriptors 3 and 4.
        command = ["sh", "-c", 'exec chromium "$@" about:blank 3<&0 4>&1 1>&2', "chromium", *flags]
        log = open(work / f"chromium-{name}.log", "w")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True)
        self.next, self.session, self.rest, self.complaints = 0, None, b"", []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Runtime", "Log", "Page"):
            self.ask(f"{domain}.enable")

    def ask(self, method, **params):
        self.next += 1
        message = {"id": self.next, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.process.stdin.write(json.dumps(message).encode() + b"\0")
        self.process.stdin.flush()
        while True:
            told = self.read()
            if told.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown"):
                self.complaints.append(json.dumps(told["params"]))
            if told.get("id") == self.next:
                if "error" in told:
                    raise RuntimeError(f"{method}: {told['error']}")
                return told["result"]

    def read(self):
        while b"\0" not in self.rest:
            part = os.read(self.process.stdout.fileno(), 65_536)
            if not part:
                raise RuntimeError("the browser has ended")
            self.rest += part
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def value(self, expression):
        told = self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in told:
            raise RuntimeError(f"{expression}: {told['exceptionDetails']}")
        return told["result"].get("value")

    def close(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def until(what, found, seconds=30):
    end = time.monotonic() + seconds
    while True:
        value = found()
        if value:
            return value
        if time.monotonic() > end:
            raise RuntimeError(f"not within {seconds} s: {what}")
        time.sleep(0.3)
