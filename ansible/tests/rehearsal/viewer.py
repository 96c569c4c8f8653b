#!/usr/bin/python3
"""A viewer who trusts nobody: waits until a stream has new pictures, over HTTPS with the certificate looked at.

    viewer.py CA ADDRESS [--after NUMBER] [--deadline SECONDS]

Follows the publisher's own picture (`source`), which has nothing but gaps while nobody publishes; the other renditions show a card
then. Prints, as JSON, the number of the newest whole segment and how many bytes it has. Runs on the controller of a lab.
"""

import argparse
import json
import re
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

# Of one answer; a box without power does not answer at all.
ANSWER_SECONDS = 3


def fetch(url, context):
    """What is there."""
    with urllib.request.urlopen(url, timeout=ANSWER_SECONDS, context=context) as answer:
        return answer.read()


def newest(playlist):
    """The number and the address of the newest segment that is no gap."""
    number = int(re.search(r"#EXT-X-MEDIA-SEQUENCE:(\d+)", playlist).group(1))
    found, gap = (None, None), False
    for line in playlist.splitlines():
        gap = gap or line.startswith("#EXT-X-GAP")
        if line and not line.startswith("#"):
            found = found if gap else (number, line)
            number, gap = number + 1, False
    return found


def look(address, context):
    """One look at the stream: the newest segment's number, and its bytes."""
    renditions = [line for line in fetch(address, context).decode().splitlines() if line and not line.startswith("#")]
    source = [line for line in renditions if "source/" in line] or renditions
    media = urllib.parse.urljoin(address, source[0])
    number, segment = newest(fetch(media, context).decode())
    if number is None:
        raise ValueError("nothing but gaps")
    return number, fetch(urllib.parse.urljoin(media, segment), context)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("ca")
    parser.add_argument("address")
    parser.add_argument("--after", type=int, default=0)
    parser.add_argument("--deadline", type=float, default=90)
    options = parser.parse_args()
    context = ssl.create_default_context(cafile=options.ca)
    began, why = time.monotonic(), "nothing was tried"
    while time.monotonic() - began < options.deadline:
        try:
            number, segment = look(options.address, context)
            if number > options.after:
                print(json.dumps({"number": number, "bytes": len(segment), "seconds": round(time.monotonic() - began, 1)}))
                return 0
            why = f"the newest segment is still {number}"
        except (OSError, ValueError, AttributeError, IndexError) as error:
            why = f"{type(error).__name__}: {error}"
        time.sleep(0.2)
    print(f"no new pictures at {options.address} in {options.deadline:.0f} s: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
