#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Edge on one box, by what is heard: a browser without a screen joins conference 1000 by the page with a fake microphone, a
baresip joins it by SIP; each hears the other's tone, the page's table shows both, mutes the phone, and who leaves is gone.
The browser's user agrees to a recording by a button of the page, and takes it back; nobody else is in it.

usage: test.py PROGRAM-OF-THE-NODE WORK-FOLDER
Runs in a network of its own (unshare -n, root), so that nothing leaves the machine and no port is taken."""
import os
import pathlib
import subprocess
import time
import urllib.request

from alone import alone
from browser import Browser, listening, until
from phone import amplitude, baresip, tone

NODE_ADDRESS, PHONE_ADDRESS = "198.51.100.1", "198.51.100.10"
BROWSER_HZ, PHONE_HZ = 700, 440
PAGE = "http://127.0.0.1:8080/"
HERE = pathlib.Path(__file__).resolve().parent

# What the page hears.
LISTEN = "(() => {" + listening('document.getElementById("heard").srcObject') + "})()"
ROWS = """[...document.querySelectorAll("#members tr")].map((row) => [...row.cells].map((cell) => cell.textContent))"""


def phone(work, password):
    account = f"<sip:101@{NODE_ADDRESS};transport=udp>;auth_user=101;auth_pass={password}"
    folder, number = work / "phone", f"sip:1000@{NODE_ADDRESS}"
    return folder, baresip(folder, f"{PHONE_ADDRESS}:5062", account, PHONE_HZ, range(11_000, 11_098), 16, number)


def run(program, work):
    token, password = "a-token-of-the-test-only", "phones"
    microphone = work / "microphone.wav"
    tone(microphone, BROWSER_HZ)
    recordings = work / "recordings"
    environment = {**os.environ, "ADDRESS": NODE_ADDRESS, "TOKEN": token, "PHONE_PASSWORD": password,
                   "RECORDINGS": str(recordings)}
    edge = subprocess.Popen([HERE / "run", program], env=environment, stdout=open(work / "edge.log", "w"),
                            stderr=subprocess.STDOUT)
    ends = [edge.terminate]
    try:
        until("the edge runs", lambda: "The page:" in (work / "edge.log").read_text())
        browser = Browser(work, microphone)
        ends.append(browser.close)
        browser.ask("Page.navigate", url=f"{PAGE}#token={token}&name=Ada")
        until("the page is there", lambda: browser.value("document.readyState === 'complete' && typeof look === 'function'"))
        browser.value("const l = document.getElementById('language'); l.value = 'de'; l.dispatchEvent(new Event('change')); 0")
        assert browser.value("[document.documentElement.lang, document.title]") == ["de", "Konferenz"]
        browser.value("document.getElementById('join').click()")
        until("the browser is in", lambda: "sind in der" in browser.value("document.getElementById('status').textContent"))
        folder, call = phone(work, password)
        ends.append(call.kill)
        rows = until("the table shows both", lambda: (lambda rows: len(rows) == 2 and rows)(browser.value(ROWS)))
        assert [row[0] for row in rows] == ["Ada", "101"], rows
        assert browser.value(LISTEN)
        until("the browser hears the phone", lambda: browser.value(f"level({PHONE_HZ})") > -60)
        until("the table says that both speak", lambda: all(row[1] == "ja" for row in browser.value(ROWS)))
        ada, other = browser.value(ROWS)
        print("the table:", ada, other)
        assert ada[2].startswith("opus") and ada[3] != "keine", ada
        assert other[2].startswith("PCMU") and other[3] == "keine", other
        assert float(other[6].replace(",", ".")) > 3.5 and other[7] == "zu hören", other
        browser.value("document.querySelectorAll('#members button')[1].click()")
        until("the browser does not hear the phone that is muted", lambda: browser.value(f"level({PHONE_HZ})") < -80)
        until("the table says so", lambda: browser.value(ROWS)[1][7] == "muted")
        browser.value("document.querySelectorAll('#members button')[1].click()")
        until("the browser hears it again", lambda: browser.value(f"level({PHONE_HZ})") > -60)
        path = f"{PAGE}api/conferences/1000/sinks/archive/start"
        start = urllib.request.Request(path, method="POST", headers={"Authorization": f"Bearer {token}"})
        assert urllib.request.urlopen(start).status == 200
        taken = lambda: [row[8] for row in browser.value(ROWS)]
        until("the page says that nobody is recorded", lambda: taken() == ["niemanden"] * 2)
        browser.value("document.querySelector('#sinks button').click()")
        until("the page says that Ada is", lambda: taken() == ["Aufzeichnung, archive", "niemanden"])
        time.sleep(1)
        browser.value("document.querySelector('#sinks button').click()")
        until("the page says that she is not any more", lambda: taken() == ["niemanden"] * 2)
        call.wait(30)
        until("the phone has left", lambda: len(browser.value(ROWS)) == 1)
        recording = next(folder.glob("*dec*.wav"))
        heard = {hz: round(amplitude(recording, hz)) for hz in (BROWSER_HZ, PHONE_HZ, 1_130)}
        print("the phone heard, by frequency:", heard)
        # The browser's own treatment of a microphone makes a lasting tone softer.
        assert heard[BROWSER_HZ] > 500 and heard[BROWSER_HZ] > 10 * max(heard[PHONE_HZ], heard[1_130]), heard
        browser.value("document.getElementById('leave').click()")
        until("the browser has left", lambda: browser.value(ROWS) == [])
        refused = [text for text in browser.complaints if "Content Security Policy" in text or "exception" in text]
        assert not refused, refused
    finally:
        for end in reversed(ends):
            end()
        edge.wait(20)
    [recording] = recordings.glob("*.wav")
    heard = {hz: round(amplitude(recording, hz)) for hz in (BROWSER_HZ, PHONE_HZ)}
    print("the recording has, by frequency:", heard)
    assert "Ada" in recording.name and heard[BROWSER_HZ] > 500 and heard[BROWSER_HZ] > 10 * heard[PHONE_HZ], heard
    assert subprocess.run(["pgrep", "-g", str(os.getpgid(0)), "kamailio"], stdout=subprocess.DEVNULL).returncode == 1
    print("edge: both are heard, shown, muted and gone")


run(*alone("edge-test", ("chromium", "baresip"), (NODE_ADDRESS, PHONE_ADDRESS)))
