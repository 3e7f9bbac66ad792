#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""A recogniser of English speech on this machine, behind AudioSocket: a connection a speaker, lines of JSON on
standard output. Moonshine's tiny model, whose weights are in its wheel; nothing is fetched or sent.

    {"ready": 9092}                                     listening there, on the loopback
    {"speaker": UUID, "heard": 5.2}                     so many seconds have come, told every half second
    {"speaker": UUID, "begin": 1.2, "end": 4.0, "text": "And so on."}   a final line
    {"speaker": UUID, "closed": 12.4}                   the connection is over after so many seconds

Times are seconds of the speaker's own sound, as it came. Where none comes for a while, since somebody has taken
back what was agreed, the line that was begun is ended there.
"""

import argparse
import json
import os
import queue
import socket
import struct
import sys
import threading
import uuid

import moonshine_voice
import numpy
from moonshine_voice import ModelArch, Transcriber

RATES = {0x10: 8000, 0x11: 12000, 0x12: 16000, 0x13: 24000, 0x14: 32000, 0x15: 44100, 0x16: 48000}
END, UUID, ERROR = 0x00, 0x01, 0xFF
# Without sound for so long a line is over.
PATIENCE = 0.5
# Who speaks is known by the connection: nobody is told by the voice.
OPTIONS = {"identify_speakers": "false", "return_audio_data": "false"}
# What is looked at at once, in seconds.
PIECE = 0.02
# A line is over after a pause of this length, or after so much speech; what comes before its first piece of
# speech belongs to it. The model is asked as soon as there seems to be a pause: its answer is of use if there is.
PAUSE, SEEMING, LONGEST, LEAD = 0.36, 0.16, 20.0, 0.2
# Speech is so much louder than what is there without it, and than this in any case (of full scale).
ABOVE, LEAST = 4.0, 0.004

printing, recognising = threading.Lock(), threading.Lock()


def tell(**what):
    with printing:
        print(json.dumps(what), flush=True)


class Speaker:
    """One connection's sound, recognised on a thread of its own: the model works while more comes."""

    def __init__(self, model, speaker):
        self.model, self.speaker = model, speaker
        self.heard, self.told = 0.0, 0.0
        self.noise = LEAST
        self.line, self.begin, self.pause, self.text = [], 0.0, None, None

    def add(self, rate, pcm):
        """Takes a piece."""
        piece = pcm.astype(numpy.float32) / 32768
        level = float(numpy.sqrt(numpy.mean(piece * piece)))
        # Down at once, up by a twentieth of itself a second.
        self.noise = min(level, self.noise * (1 + PIECE / 20)) if level > 0 else self.noise
        self.noise = max(self.noise, LEAST / ABOVE)
        speech = level > max(LEAST, ABOVE * self.noise)
        if not self.line:
            self.begin = self.heard
        self.line.append(piece)
        self.heard += len(piece) / rate
        if speech:
            self.pause, self.text = 0.0, None
        elif self.pause is not None:
            self.pause += PIECE
        elif len(self.line) > LEAD / PIECE:
            self.line.pop(0)
            self.begin += PIECE
        if self.pause is not None and self.pause >= SEEMING and self.text is None:
            self.text = self.recognise(rate)
        if self.pause is not None and (self.pause >= PAUSE or len(self.line) * PIECE >= LONGEST):
            self.end_line(rate)
        if self.heard - self.told >= 0.5:
            self.told = self.heard
            tell(speaker=self.speaker, heard=round(self.heard, 2))

    def recognise(self, rate):
        """The words since the last pause."""
        # With silence behind it, or the model hears its end at the next line's begin, as a "you".
        line = numpy.concatenate([*self.line, numpy.zeros(rate // 2, numpy.float32)])
        # The model is one for all.
        with recognising:
            found = self.model.transcribe_without_streaming(line.tolist(), rate)
        return " ".join(line.text.strip() for line in found.lines if line.text.strip())

    def end_line(self, rate):
        """Tells what was said since the last pause."""
        if self.pause is None:
            self.line = []
            return
        text = self.recognise(rate) if self.text is None else self.text
        end = self.heard - self.pause
        self.line, self.pause, self.text = [], None, None
        if text:
            tell(speaker=self.speaker, begin=round(self.begin, 2), end=round(end, 2), text=text)

    def run(self, pieces):
        rate = 16000
        while True:
            try:
                piece = pieces.get(timeout=PATIENCE)
            except queue.Empty:
                self.end_line(rate)
                continue
            if piece is None:
                break
            rate = piece[0]
            self.add(*piece)
        self.end_line(rate)
        tell(speaker=self.speaker, closed=round(self.heard, 2))


def exactly(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def serve(model, connection):
    """Reads one connection to its end."""
    pieces, worker = queue.Queue(), None
    waiting, rate = b"", 0
    try:
        while True:
            kind, length = struct.unpack(">BH", exactly(connection, 3))
            payload = exactly(connection, length)
            if kind == UUID and worker is None:
                speaker = Speaker(model, str(uuid.UUID(bytes=payload)))
                worker = threading.Thread(target=speaker.run, args=(pieces,))
                worker.start()
            elif kind in RATES:
                rate = RATES[kind]
                waiting += payload
                size = 2 * int(PIECE * rate)
                while len(waiting) >= size:
                    pieces.put((rate, numpy.frombuffer(waiting[:size], "<i2")))
                    waiting = waiting[size:]
            elif kind in (END, ERROR):
                break
    except (EOFError, OSError):
        pass
    finally:
        connection.close()
        if worker is not None:
            pieces.put(None)
            worker.join()


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--port", type=int, default=9092, help="0 for any")
    options = options.parse_args()
    weights = os.path.join(os.path.dirname(moonshine_voice.__file__), "assets", "tiny-en")
    model = Transcriber(model_path=weights, model_arch=ModelArch.TINY, options=OPTIONS)
    listener = socket.create_server(("127.0.0.1", options.port))
    tell(ready=listener.getsockname()[1])
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(model, connection), daemon=True).start()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(0)
