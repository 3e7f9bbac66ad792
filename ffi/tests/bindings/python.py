# SPDX-License-Identifier: MIT OR Apache-2.0
"""The headers as pycparser and cffi read them, and the library through cffi.

usage: python.py FOLDER-OF-PREPROCESSED-HEADERS SHARED-LIBRARY
"""

import pathlib
import re
import sys

import cffi
import pycparser

folder, library = pathlib.Path(sys.argv[1]), sys.argv[2]
TYPES = "uint8_t int16_t uint16_t int32_t uint32_t int64_t uint64_t size_t".split()


def ours(text):
    """What of a preprocessed header is not the system's: from the first declaration of ours on."""
    first = re.search(r"^(const char \*ale_|typedef (enum|struct) ale_|ale_status ale_)", text, re.M)
    return text[first.start() :]


declarations = {}
for path in sorted(folder.glob("ale_*.i")):
    text = ours(path.read_text())
    stubs = "".join(f"typedef int {name};\n" for name in TYPES)
    tree = pycparser.CParser().parse(stubs + text, str(path))
    declarations[path.stem] = len(tree.ext) - len(TYPES)
    assert declarations[path.stem] > 10, path

# Each header brings the others along, so that one holds them all.
assert len(set(declarations.values())) == 1, declarations
ffi = cffi.FFI()
ffi.cdef(ours((folder / "ale_media.i").read_text()))
sizes = dict(line.split() for line in (folder / "sizes.txt").read_text().splitlines())
for name, size in sizes.items():
    assert ffi.sizeof(name) == int(size), name

ale = ffi.dlopen(library)
config = ffi.new("ale_leg_config *")
assert ale.ale_leg_config_init_sized(config, ffi.sizeof("ale_leg_config")) == ale.ALE_OK
assert config.struct_size == ffi.sizeof("ale_leg_config")
config.local_ssrc = 7
encoding = ffi.new("char[]", b"PCMA/8000")
config.send.encoding, config.send.payload_type = encoding, 8
halves = [ffi.new(f"ale_leg_{half} **") for half in ("receiver", "media", "control")]
assert ale.ale_leg_create(config, *halves) == ale.ALE_OK
pcm = ffi.new("int16_t[160]")
assert ale.ale_leg_pull(halves[1][0], 0, pcm, 80, ffi.NULL) == ale.ALE_OK
ale.ale_leg_receiver_destroy(halves[0][0])
ale.ale_leg_media_destroy(halves[1][0])
ale.ale_leg_control_destroy(halves[2][0])
print(f"bindings: pycparser and cffi, {declarations['ale_media']} declarations, {len(sizes)} structs, a leg")
