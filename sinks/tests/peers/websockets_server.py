# SPDX-License-Identifier: MIT OR Apache-2.0
"""A server on PyPI's websockets: counts the frames of 10 ms of 8 kHz that come, each of one value that is one more
than the last's, sends one in fifty messages back, and says at the end how many there were and how many out of order."""
import asyncio
import json
import struct

from websockets.asyncio.server import serve

done = asyncio.Event()


async def call(socket):
    frames, wrong, last, messages, begun = 0, 0, None, 0, None
    async for message in socket:
        if isinstance(message, str):
            begun = begun or json.loads(message)["event"]
            continue
        messages += 1
        for at in range(0, len(message), 160):
            (value,) = struct.unpack_from("<h", message, at)
            wrong += last is not None and value != last % 30000 + 1
            frames, last = frames + 1, value
        if messages % 50 == 0:
            await socket.send(message)
    print(json.dumps({"begun": begun, "frames": frames, "wrong": wrong}), flush=True)
    done.set()


async def main():
    async with serve(call, "127.0.0.1", 0) as server:
        print(json.dumps({"ready": server.sockets[0].getsockname()[1]}), flush=True)
        await done.wait()


asyncio.run(main())
