"""A show in a lab: an encoder that comes back as OBS does, and the audience."""

import json
import os
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

from .boxes import HERE, Wrong

DOMAIN = "live.venue.test"
BROWSER = HERE.parent / "tests/browser"
# What encodes; after an error it tries again, as OBS does.
PUBLISH = """while :; do
ffmpeg -hide_banner -loglevel error -re -f lavfi -i testsrc2=size=640x360:rate=25 -f lavfi -i sine=frequency=440 \
-c:v libx264 -preset ultrafast -g 50 -pix_fmt yuv420p -c:a aac -f flv "$0" || sleep 1
done"""


class Show:
    """A show by the key that was printed, for as long as the block lasts."""

    def __init__(self, boxes, server, key, stream="stage"):
        self.boxes, self.target, self.stream = boxes, f"{server.rstrip('/')}/{key}", stream
        self.address = f"https://{DOMAIN}/live/{stream}/index.m3u8"
        self.encoder = None

    def __enter__(self):
        self.encoder = self.boxes.start("sh", "-c", PUBLISH, self.target)
        return self

    def __exit__(self, *_):
        os.killpg(self.encoder.pid, signal.SIGTERM)
        self.encoder.wait()

    def moves(self, server, key):
        """The encoder goes, and comes in at another server with another key."""
        self.__exit__()
        self.target = f"{server}/{key}"
        self.__enter__()

    def connection(self):
        """Which process sends: another one if it had to come back."""
        return Path(f"/proc/{self.encoder.pid}/task/{self.encoder.pid}/children").read_text(encoding="ascii").strip()

    def number(self, after=0, deadline=90, host=None):
        """The number of the newest segment of the publisher's picture, once it is greater than `after`."""
        address = self.address.replace(DOMAIN, host) if host else self.address
        said = self.boxes.run("python3", HERE / "tests/rehearsal/viewer.py", self.boxes.ca, address, "--after", after, "--deadline", deadline)
        return json.loads(said)["number"]

    def goes_on(self):
        """Waits for two new segments, and plays them."""
        self.number(after=self.number() + 1)
        self.plays()

    @contextmanager
    def watched(self):
        """Somebody watches for as long as the block lasts: what nobody watches is fetched from nowhere."""
        player = self.boxes.start("ffmpeg", "-hide_banner", "-loglevel", "error", "-i", self.address, "-c", "copy", "-f", "null", "-")
        try:
            yield
        finally:
            os.killpg(player.pid, signal.SIGTERM)
            player.wait()

    def plays(self, seconds=3):
        """ffmpeg, as a player, decodes so much of it without an error."""
        told = self.boxes.run("sh", "-c", 'exec ffmpeg -nostdin -hide_banner -loglevel error -xerror -i "$0" -t "$1" -f null -progress - -',
                              self.address, seconds)
        frames = [int(line[6:]) for line in told.splitlines() if line.startswith("frame=")]
        if not frames or frames[-1] < seconds * 20:
            raise Wrong(f"ffmpeg played {frames[-1] if frames else 0} pictures in {seconds} s of {self.address}")

    def plays_in_browser(self, folder):
        """hls.js in Chromium shows it. Returns milliseconds from the playlist to the first picture, or nothing where there is no browser."""
        if not (BROWSER / "node_modules").is_dir() or not os.path.exists("/usr/bin/chromium"):
            return None
        certificate, key = folder / "page.pem", folder / "page-key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate], check=True, capture_output=True)
        plan = {"media": self.address, "certificate": str(certificate), "key": str(key), "deadline": 60}
        page = self.boxes.start("node", BROWSER / "follow.mjs", json.dumps(plan), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            for line in page.stdout:
                told = json.loads(line)
                if told["event"] == "playing":
                    return round(told["at"] - told["foundAt"])
                if told["event"] == "failed":
                    raise Wrong(f"hls.js: {told}")
        finally:
            page.stdin.close()
            page.wait()
        raise Wrong("hls.js said nothing of the show")
