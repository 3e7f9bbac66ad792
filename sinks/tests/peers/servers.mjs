// SPDX-License-Identifier: MIT OR Apache-2.0
// Servers on npm's ws and asterisk-audiosocket, as websockets_server.py is one: servers.mjs ws|audiosocket
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(process.env.SINKS_NODE + "/");
let frames = 0, wrong = 0, last = null, messages = 0, begun = null;

// Whether it is to be sent back.
function heard(pcm) {
  for (let at = 0; at < pcm.length; at += 160) {
    const value = pcm.readInt16LE(at);
    if (last !== null && value !== last % 30000 + 1) wrong++;
    frames++;
    last = value;
  }
  return ++messages % 50 === 0;
}

function end() {
  console.log(JSON.stringify({ begun, frames, wrong }));
  process.exit(0);
}

if (process.argv[2] === "ws") {
  const { WebSocketServer } = require("ws");
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  server.on("listening", () => console.log(JSON.stringify({ ready: server.address().port })));
  server.on("connection", (socket) => {
    socket.on("message", (message, isBinary) => {
      if (!isBinary) begun ??= JSON.parse(message.toString()).event;
      else if (heard(message)) socket.send(message);
    });
    socket.on("close", end);
  });
} else {
  // A module of ES alone: found by its folder.
  const path = process.env.SINKS_NODE + "/node_modules/asterisk-audiosocket/dist/index.js";
  const { AudioSocketServer } = await import(pathToFileURL(path));
  const server = new AudioSocketServer({ port: 0 });
  server.on("connection", (call) => {
    call.on("id", (uuid) => (begun = uuid));
    call.on("audio", (pcm) => heard(pcm) && call.play(pcm));
    call.on("hangup", end);
  });
  await server.listen();
  console.log(JSON.stringify({ ready: server.address.port }));
}
