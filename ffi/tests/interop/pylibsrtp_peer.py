# SPDX-License-Identifier: MIT OR Apache-2.0
"""libsrtp through pylibsrtp, beside our sessions behind a pipe: the same RTP packets to the byte, and
each opens what the other has closed, over a wrap of the sequence number.
usage: pylibsrtp_peer.py PROGRAM-srtp_pipe RESULTS PEER"""

import base64
import os
import struct
import subprocess
import sys

from pylibsrtp import Policy, Session

PROGRAM, RESULTS, PEER = sys.argv[1:4]
SSRC = 0x1234ABCD
PACKETS = 400


def suites():
    """Name in a=crypto lines, pylibsrtp's profile, bytes of key and salt."""
    for name, profile, length in [
        ("AES_CM_128_HMAC_SHA1_80", "SRTP_PROFILE_AES128_CM_SHA1_80", 30),
        ("AES_CM_128_HMAC_SHA1_32", "SRTP_PROFILE_AES128_CM_SHA1_32", 30),
        ("AEAD_AES_128_GCM", "SRTP_PROFILE_AEAD_AES_128_GCM", 28),
        ("AEAD_AES_256_GCM", "SRTP_PROFILE_AEAD_AES_256_GCM", 44),
    ]:
        if hasattr(Policy, profile):
            yield name, getattr(Policy, profile), bytes(range(7, 7 + length))


def rtp(number):
    sequence = (65400 + number) & 0xFFFF
    return struct.pack("!BBHII", 0x80, 0, sequence, number * 160, SSRC) + os.urandom(160)


def rtcp(number):
    return struct.pack("!BBHIIIIII", 0x80, 200, 6, SSRC, number, 0, number * 160, number, number * 160)


class Ours:
    def __init__(self, suite, key):
        line = f"1 {suite} inline:{base64.b64encode(key).decode()}"
        self.pipe = subprocess.Popen(
            [PROGRAM, line], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def run(self, operation, packet):
        self.pipe.stdin.write(f"{operation} {packet.hex()}\n")
        answer = self.pipe.stdout.readline().strip()
        try:
            return bytes.fromhex(answer)
        except ValueError:
            raise AssertionError(f"{operation}: {answer}") from None

    def close(self):
        self.pipe.stdin.close()
        assert self.pipe.wait() == 0


def compare(name, profile, key):
    ours, ours_back = Ours(name, key), Ours(name, key)
    out = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))
    back = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile))
    for number in range(PACKETS):
        packet = rtp(number)
        theirs = out.protect(packet)
        assert theirs != packet
        assert ours.run("protect", packet) == theirs, "other bytes"
        assert ours_back.run("unprotect", theirs) == packet, "RTP of theirs"
        report = rtcp(number)
        theirs = out.protect_rtcp(report)
        # libsrtp counts SRTCP packets from 1, we from 0: other bytes, which both can read.
        assert back.unprotect_rtcp(ours.run("protect_rtcp", report)) == report, "RTCP of ours"
        assert ours_back.run("unprotect_rtcp", theirs) == report, "RTCP of theirs"
    damaged = bytearray(out.protect(rtp(PACKETS)))
    damaged[20] ^= 1
    for open_it in (lambda: ours_back.run("unprotect", damaged), lambda: back.unprotect(bytes(damaged))):
        try:
            open_it()
        except Exception:  # each side's own way of refusing
            continue
        raise AssertionError("a damaged packet was taken")
    ours.close()
    ours_back.close()


failed = False
for name, profile, key in suites():
    try:
        compare(name, profile, key)
        outcome = "passes"
    except AssertionError as error:
        failed, outcome = True, f"fails, {error}"
    with open(RESULTS, "a") as results:
        results.write(f"{PEER}|RTP, RTCP|{name}|both, to the byte|{outcome}\n")
sys.exit(failed)
