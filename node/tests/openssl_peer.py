#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""OpenSSL as a phone with DTLS-SRTP, with a certificate of RSA and one of an elliptic curve, and as either side of the handshake: it
enters a conference, and the node has keys of the suite that OpenSSL says. One whose certificate is not what its offer said has none.

usage: openssl_peer.py PROGRAM-OF-THE-NODE"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from ng import Node

PORT = 43_210
SUITES = {"SRTP_AES128_CM_SHA1_80": "AES_CM_128_HMAC_SHA1_80", "SRTP_AEAD_AES_128_GCM": "AEAD_AES_128_GCM",
          "SRTP_AEAD_AES_256_GCM": "AEAD_AES_256_GCM"}


def openssl(*words, folder):
    return subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True, text=True).stdout


def certificate(kind, folder):
    key = {"rsa": ["-newkey", "rsa:2048"], "ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]}[kind]
    openssl("req", "-x509", *key, "-nodes", "-keyout", f"{kind}.key", "-out", f"{kind}.pem", "-days", "2", "-subj", "/CN=phone",
            folder=folder)
    told = openssl("x509", "-in", f"{kind}.pem", "-noout", "-fingerprint", "-sha256", folder=folder)
    return told.strip().split("=")[1]


def member(node, name):
    members = [m for conference in node.conferences() for m in conference["members"] if m["name"] == name]
    return members[0] if members else None


def meet(node, folder, kind, fingerprint, setup, profile):
    """What the node says of a member that shakes hands like this."""
    ids = {"call_id": f"{kind}-{setup}-{profile}-{fingerprint[:5]}", "from_tag": "phone"}
    offer = ["v=0", "o=- 7 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", f"m=audio {PORT} UDP/TLS/RTP/SAVP 0",
             f"a=fingerprint:sha-256 {fingerprint}", f"a=setup:{setup}", "a=rtcp-mux"]
    answer = node.ask("conference join", conference="room", sdp="\r\n".join(offer) + "\r\n", **ids)
    assert answer["result"] == "ok", answer
    port = int(re.search(r"m=audio (\d+)", answer["sdp"])[1])
    keys = ["-cert", f"{kind}.pem", "-key", f"{kind}.key", "-use_srtp", profile, "-dtls1_2"]
    if setup == "active":
        command = ["s_client", *keys, "-connect", f"127.0.0.1:{port}", "-bind", f"127.0.0.1:{PORT}"]
    else:
        # A server asks for a certificate only if told to.
        command = ["s_server", *keys, "-accept", f"127.0.0.1:{PORT}", "-verify", "1"]
    with open(folder / "openssl.log", "w+") as log:
        peer = subprocess.Popen(["openssl", *command], cwd=folder, stdin=subprocess.PIPE, stdout=log, stderr=log)
        try:
            for _ in range(100):
                told = member(node, "phone")
                if told["suite"] or "no keys" in (told["silent"] or ""):
                    break
                time.sleep(0.1)
        finally:
            peer.kill()
            peer.wait()
    node.ask("delete", **ids)
    return told


def main():
    program = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        node = Node(program, folder)
        try:
            for kind in ("rsa", "ec"):
                fingerprint = certificate(kind, folder)
                for setup in ("active", "passive"):
                    for profile, suite in SUITES.items():
                        told = meet(node, folder, kind, fingerprint, setup, profile)
                        assert told["suite"] == suite, (kind, setup, profile, told, (folder / "openssl.log").read_text())
                        print(f"openssl, {kind}, {setup}: {suite}")
                wrong = fingerprint[:-2] + ("00" if fingerprint[-2:] != "00" else "01")
                told = meet(node, folder, kind, wrong, "active", "SRTP_AES128_CM_SHA1_80")
                assert told["suite"] is None and "certificate" in told["silent"], told
        finally:
            node.end()
    print("openssl: the same suites on both sides, and none for another certificate")


main()
