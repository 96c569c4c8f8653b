"""Who watches while something is done to the boxes: an audience of our own players, and hls.js in Chromium."""

import json
import os
import subprocess
import time

from .boxes import HERE, Wrong

ROOT = HERE.parent
PROGRAMS = [ROOT / f"target/{profile}/audience" for profile in ("release", "debug")]
BROWSER = ROOT / "tests/browser"


class Audience:
    """So many players, half of them by HTTP/2; each has a buffer that is played in real time (tests/src/bin/audience)."""

    def __init__(self, boxes, host, stream, ca, viewers):
        self.boxes = boxes
        self.arguments = [host, f"/live/{stream}/index.m3u8", str(ca), str(viewers)]
        self.process = None

    def __enter__(self):
        programs = [program for program in PROGRAMS if program.exists()]
        if not programs:
            raise Wrong(f"{PROGRAMS[0]} is missing: cargo build --release -p tests --bin audience")
        self.process = self.boxes.start(programs[0], *self.arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def report(self):
        """What was seen since this was asked last."""
        self.process.stdin.write("report\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def plays(self, deadline=120):
        """Waits until all of them have pictures."""
        end = time.monotonic() + deadline
        while (told := self.report())["playing"] < told["viewers"]:
            if time.monotonic() > end:
                raise Wrong(f"not all of the audience have pictures: {told}")
            time.sleep(0.2)

    def goes_on(self, segments, deadline=120):
        """Waits until there are so many more segments. Returns what was seen since a report was asked for last, as a list."""
        seen, end = [self.report()], time.monotonic() + deadline
        while seen[-1]["msn"] < seen[0]["msn"] + segments:
            if time.monotonic() > end:
                raise Wrong(f"the show does not go on: {seen[-1]}")
            time.sleep(0.2)
            seen.append(self.report())
        return seen


class Browser:
    """hls.js in Chromium, where there is one."""

    def __init__(self, boxes, host, stream, certificate, key):
        self.boxes = boxes
        self.plan = {"media": f"https://{host}/live/{stream}/index.m3u8", "certificate": str(certificate), "key": str(key), "deadline": 3600}
        self.process = None

    @staticmethod
    def exists():
        """Whether it can be had here."""
        return (BROWSER / "node_modules").is_dir() and os.path.exists("/usr/bin/chromium")

    def __enter__(self):
        self.process = self.boxes.start("node", BROWSER / "follow.mjs", json.dumps(self.plan), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.wait_for("playing")
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def wait_for(self, event):
        """What it told of that event."""
        for line in self.process.stdout:
            told = json.loads(line)
            if told["event"] == event:
                return told
            if told["event"] == "failed":
                raise Wrong(f"hls.js: {told}")
        raise Wrong("the browser went away")

    def report(self):
        """What was seen since this was asked last."""
        self.process.stdin.write("report\n")
        self.process.stdin.flush()
        return self.wait_for("report")
