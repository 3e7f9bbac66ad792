# SPDX-License-Identifier: MIT OR Apache-2.0
"""GStreamer changes keys in mid-stream: what srtpenc seals in one process, srtpdec opens in another.

usage: gstreamer_rekey.py seal|open WAY SUITE FILE FOLDER-OF-libsrtp2.so.1-OR-""

`seal` gives RTP and RTCP to srtpenc, which gets a new key at CHANGES, and writes to FILE what went in and
came out. `open` gives that to srtpdec, which must give everything back, and gets the keys as WAY says:

caps      the sender's caps change with the key
mki       one set of caps has all keys with their identifiers, and packets arrive out of order over the change
request   "request-key" is asked again after "clear-keys"
remove    "request-key" is asked again after "remove-key" of the source
"""

import json
import struct
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

SSRC = 1234
PACKETS = 400
CHANGES = {False: (80, 300), True: (50, 100)}  # with identifiers all before the sequence number wraps
KEY_BYTES = {"aes-128-icm": 30, "aes-256-icm": 46, "aes-128-gcm": 28, "aes-256-gcm": 44}
FIRST = 65400
RTP, RTCP = "rtp", "rtcp"


def key_of(n, mki):
    """Which key packet n has."""
    return sum(n >= change for change in CHANGES[mki])


def master_key(suite, key):
    return bytes((i * 7 + key * 31) % 256 for i in range(KEY_BYTES[suite.split("/")[0]]))


def plain():
    """[number, kind, bytes]: a packet each 20 ms, and a sender report now and then."""
    for n in range(PACKETS):
        header = struct.pack("!BBHII", 0x80, 0, (FIRST + n) & 0xFFFF, 160 * n, SSRC)
        yield n, RTP, header + bytes((n + i) % 256 for i in range(160))
        if n % 20 == 0:
            yield n, RTCP, struct.pack("!BBHIQIII", 0x80, 200, 6, SSRC, n, 160 * n, n, 160 * n)


class Element:
    """An element of the SRTP plugin: one packet in, one packet out, or None."""

    def __init__(self, name):
        pads = "{0}_sink_0 {0}_src_0" if name == "srtpenc" else "{0}_sink {0}_src"
        branches = []
        for kind in (RTP, RTCP):
            sink, source = pads.format(kind).split()
            branches.append(f"appsrc name=in-{kind} format=time ! e.{sink}")
            branches.append(f"e.{source} ! appsink name=out-{kind} sync=false async=false")
        self.pipeline = Gst.parse_launch(f"{name} name=e " + " ".join(branches))
        self.element = self.pipeline.get_by_name("e")
        # srtpdec 1.22 counts references wrong for a buffer that somebody else holds: ours goes first.
        self.alone = threading.Semaphore(0)
        for kind in (RTP, RTCP):
            pad = self.pipeline.get_by_name(f"in-{kind}").get_static_pad("src")
            pad.add_probe(Gst.PadProbeType.BUFFER, self.wait)

    def wait(self, pad, info):
        self.alone.acquire()
        return Gst.PadProbeReturn.OK

    def start(self):
        self.pipeline.set_state(Gst.State.PLAYING)

    def caps(self, kind, caps):
        self.pipeline.get_by_name(f"in-{kind}").set_property("caps", Gst.Caps.from_string(caps))

    def through(self, kind, data):
        self.pipeline.get_by_name(f"in-{kind}").emit("push-buffer", Gst.Buffer.new_wrapped(data))
        self.alone.release()
        sample = self.pipeline.get_by_name(f"out-{kind}").emit("try-pull-sample", Gst.SECOND)
        if sample is None:
            return None, None
        buffer = sample.get_buffer()
        return bytes(buffer.extract_dup(0, buffer.get_size())), sample.get_caps().to_string()


def seal(way, suite):
    encoder = Element("srtpenc")
    cipher, auth = suite.split("/")
    for kind in (RTP, RTCP):
        Gst.util_set_object_arg(encoder.element, f"{kind}-cipher", cipher)
        Gst.util_set_object_arg(encoder.element, f"{kind}-auth", auth)
    encoder.caps(RTP, f"application/x-rtp,media=audio,clock-rate=8000,encoding-name=PCMU,ssrc=(uint){SSRC}")
    encoder.caps(RTCP, "application/x-rtcp")
    sealed, key = [], None
    for n, kind, data in plain():
        if key_of(n, way == "mki") != key:
            key = key_of(n, way == "mki")
            encoder.element.set_property("key", Gst.Buffer.new_wrapped(master_key(suite, key)))
            if way == "mki":
                encoder.element.set_property("mki", Gst.Buffer.new_wrapped(bytes([0xA0, key])))
            if n == 0:
                encoder.start()
        packet, caps = encoder.through(kind, data)
        if packet is None:
            sys.exit(f"srtpenc gave nothing for {kind} {n}")
        sealed.append((n, kind, data.hex(), packet.hex(), caps))
    return sealed


def late(sealed):
    """The last of each key's packets come four later."""
    order = list(sealed)
    for at in [i for i in range(len(order) - 1) if key_of(order[i][0], True) != key_of(order[i + 1][0], True)]:
        order.insert(at + 4, order.pop(at))
    return order


def opened(way, suite, sealed):
    decoder = Element("srtpdec")
    asked = []
    offered = {}
    if way == "mki":
        more = "".join(f",srtp-key{n + 1}=(buffer){master_key(suite, n).hex()},mki{n + 1}=(buffer)a00{n}" for n in (1, 2))
        sealed = late(sealed)
    if way in ("request", "remove"):
        def request(element, ssrc):
            asked.append(ssrc)
            return Gst.Caps.from_string(offered["caps"])
        decoder.element.connect("request-key", request)
    wrong, key, had = [], None, {}
    for n, kind, data, packet, caps in sealed:
        if way == "mki":
            caps = next(c for _, k, _, _, c in sealed if k == kind) + more
        if way in ("request", "remove"):
            offered["caps"] = caps
            if key not in (None, key_of(n, way == "mki")):
                if way == "request":
                    decoder.element.emit("clear-keys")
                else:
                    decoder.element.emit("remove-key", SSRC)
            key = key_of(n, way == "mki")
            caps = f"application/x-s{kind},ssrc=(uint){SSRC}"
        if had.get(kind) != caps:
            had[kind] = caps
            decoder.caps(kind, caps)
            # RTCP's caps come with its first packet: two threads that make the first session race in srtpdec.
            if len(had) == 1:
                decoder.start()
        if (decoder.through(kind, bytes.fromhex(packet))[0] or b"").hex() != data:
            wrong.append(f"{kind} {n}")
        if len(wrong) == 20:
            sys.exit(f"{way}: not opened {wrong}")
    return wrong, asked


def main(what, way, suite, file, folder):
    Gst.init(None)
    Gst.ElementFactory.make("srtpenc")
    with open("/proc/self/maps") as maps:
        loaded = {line.split()[-1] for line in maps if "libsrtp2" in line}
    if len(loaded) != 1 or bool(folder) != any(path.startswith(f"{folder}/") for path in loaded if folder):
        sys.exit(f"GStreamer has loaded {loaded}")
    if what == "seal":
        with open(file, "w") as out:
            json.dump(seal(way, suite), out)
        return 0
    with open(file) as source:
        sealed = json.load(source)
    wrong, asked = opened(way, suite, sealed)
    print(f"{suite} {way}: {len(sealed) - len(wrong)} of {len(sealed)} opened, keys asked for {len(asked)} times, not {wrong[:8]}")
    # srtpenc 1.22 begins a new session with each key, and its SRTCP indices anew: under identifiers, where
    # the receiver's session goes on, those are replays with any library.
    return any(way != "mki" or RTCP not in packet for packet in wrong)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
