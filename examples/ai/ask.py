#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Asks any tool behind the chat-completions interface for a summary of a transcript, and prints its answer.

    ask.py --url http://127.0.0.1:8080/v1/chat/completions TRANSCRIPT

A key, where the tool wants one, is taken from CHAT_KEY. What is sent is the file, and that it is to be summed up.
"""

import argparse
import json
import os
import sys
import urllib.error
import urllib.request

TASK = "Sum up this conversation in a few lines, and list the next steps with who takes them. Invent nothing."


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--url", required=True)
    options.add_argument("--model", default="extractive")
    options.add_argument("transcript")
    options = options.parse_args()
    with open(options.transcript, encoding="utf-8") as file:
        transcript = file.read()
    messages = [{"role": "system", "content": TASK}, {"role": "user", "content": transcript}]
    headers = {"Content-Type": "application/json"}
    if os.environ.get("CHAT_KEY"):
        headers["Authorization"] = "Bearer " + os.environ["CHAT_KEY"]
    body = json.dumps({"model": options.model, "messages": messages}).encode()
    request = urllib.request.Request(options.url, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            print(json.load(answer)["choices"][0]["message"]["content"])
    except (OSError, ValueError, KeyError, IndexError) as error:
        sys.exit(f"{options.url}: {error}")


if __name__ == "__main__":
    main()
