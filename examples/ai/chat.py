#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""A small tool behind the chat-completions interface that Mistral and others serve: `POST /v1/chat/completions`.

It takes the last message of the user for a transcript, lines of `[MM:SS] Name: words`, and answers with its most
telling lines and those that say what is to be done, word for word: it makes nothing up, for it has no model.
"""

import argparse
import collections
import http.server
import json
import re
import time

LINE = re.compile(r"^\[(\d+:\d\d)\] ([^:]+): (.+)$")
COMMON = set(
    "a an and are as at be been but by for from had has have he her him his how i if in is it its me might more my no not "
    "of on or our rather she so some than that the their them then there they this to was we were what which who will "
    "with would you your".split()
)
# What next steps are told by.
TASK = re.compile(r"\b(will|shall|must|should|please|need|let us|let's|next|by (mon|tues|wednes|thurs|fri)day)\b", re.I)
MOST_LINES = 3
MOST_BYTES = 1 << 20


def words(text):
    return [word for word in re.findall(r"[a-z']+", text.lower()) if word not in COMMON]


def summary(transcript):
    """The lines whose words come up most, in their order, and the tasks."""
    lines = [found.groups() for found in map(LINE.match, transcript.splitlines()) if found]
    if not lines:
        return "Nothing was said."
    often = collections.Counter(word for _, _, text in lines for word in set(words(text)))

    def telling(line):
        own = words(line[2])
        # By the root, so that neither long nor short lines win by length.
        return sum(often[word] for word in own) / max(len(own), 1) ** 0.5

    chosen = sorted(lines, key=telling, reverse=True)[:MOST_LINES]
    people = list(dict.fromkeys(name for _, name, _ in lines))
    out = [f"{len(lines)} lines by {', '.join(people)}.", "", "What was said:"]
    out += [f"- {name} ({at}): {text}" for at, name, text in lines if (at, name, text) in chosen]
    tasks = [f"- {name} ({at}): {text}" for at, name, text in lines if TASK.search(text)]
    out += ["", "Next steps:", *(tasks or ["- none were named."])]
    return "\n".join(out)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        try:
            length = int(self.headers.get("Content-Length", ""))
            if self.path != "/v1/chat/completions" or not 0 <= length <= MOST_BYTES:
                raise ValueError
            asked = json.loads(self.rfile.read(length))
            said = [m["content"] for m in asked["messages"] if m["role"] == "user"][-1]
            message = {"role": "assistant", "content": summary(said)}
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            return self.answer(400, {"error": {"message": "not a chat completion", "type": "invalid_request_error"}})
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        self.answer(
            200,
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": int(time.time()),
                "model": str(asked.get("model", "extractive")),
                "choices": [choice],
            },
        )

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """What people have said is not for a log."""


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--port", type=int, default=8080, help="0 for any")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.parse_args().port), Handler)
    print(json.dumps({"ready": server.server_port}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
