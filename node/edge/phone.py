# SPDX-License-Identifier: MIT OR Apache-2.0
"""Phones for tests: a baresip that says a tone and records what it hears, and tones in recordings."""
import math
import pathlib
import struct
import subprocess
import wave


def tone(path, hz, seconds=4):
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, 48_000, 0, "NONE", ""))
        turn = 2 * math.pi * hz / 48_000
        out.writeframes(b"".join(struct.pack("<h", int(9_000 * math.sin(turn * n))) for n in range(48_000 * seconds)))


def amplitude(path, hz):
    """Of a frequency in a recording's last two seconds, the mean of tenths: clocks that differ turn its phase."""
    with wave.open(str(path)) as heard:
        rate, channels = heard.getframerate(), heard.getnchannels()
        frames = heard.readframes(heard.getnframes())
    return level(struct.unpack(f"<{len(frames) // 2}h", frames)[::channels][-2 * rate:], rate, hz)


def level(samples, rate, hz):
    """The same of samples."""
    turn, part = 2 * math.pi * hz / rate, rate // 10
    parts = [samples[n:n + part] for n in range(0, len(samples) - part + 1, part)]
    levels = []
    for samples in parts:
        cos = sum(x * math.cos(turn * n) for n, x in enumerate(samples))
        sin = sum(x * math.sin(turn * n) for n, x in enumerate(samples))
        levels.append(2 * math.hypot(cos, sin) / part)
    return sum(levels) / max(1, len(levels))


def baresip(folder, listen, account, hz, ports, seconds, dial=None):
    """A baresip of an account at an address, which ends by itself, and with it its call."""
    folder.mkdir()
    (folder / "accounts").write_text(f"{account};regint=0;audio_codecs=PCMU/8000/1\n")
    modules = next(iter(pathlib.Path("/usr/lib").glob("**/baresip/modules")))
    (folder / "config").write_text(f"""sip_listen {listen}
audio_source ausine,{hz}
audio_player aubridge,{folder.name}
audio_alert ausine,{hz}
ausrc_srate 48000
auplay_srate 48000
ausrc_channels 2
auplay_channels 1
rtp_ports {ports.start}-{ports.stop}
module_path {modules}
module g711.so
module srtp.so
module dtls_srtp.so
module ausine.so
module aubridge.so
module sndfile.so
snd_path .
module_tmp account.so
module_app menu.so
""")
    (folder / "contacts").write_text("")
    command = ["baresip", "-f", ".", "-v", "-t", str(seconds), *(["-e", f"/dial {dial}"] if dial else [])]
    log = open(folder / "log", "w")
    return subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
