"""An encoder that must not be interrupted: it connects once, and never again."""

import os
import re
import subprocess
import threading
import time

from .boxes import Wrong

PUBLISH = """exec ffmpeg -nostdin -hide_banner -loglevel error -re -f lavfi -i testsrc2=size=640x360:rate=25 -f lavfi -i sine=frequency=440 \
-c:v libx264 -preset ultrafast -tune zerolatency -g 50 -pix_fmt yuv420p -c:a aac -f flv "$0" """


class Encoder:
    """ffmpeg, which publishes by RTMP for as long as the block lasts."""

    def __init__(self, boxes, server, key):
        self.boxes, self.target = boxes, f"{server.rstrip('/')}/{key}"
        self.process = self.first = None

    def __enter__(self):
        self.process = self.boxes.start("sh", "-c", PUBLISH, self.target)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def connections(self):
        """Its own ends of its connections."""
        lines = self.boxes.run("ss", "-Htnp", "state", "established", "dport = :1935").splitlines()
        return {line.split()[2] for line in lines if re.search(rf"pid={self.process.pid},", line)}

    def is_on_air(self):
        """Remembers the connection."""
        self.first = self.connections()
        if len(self.first) != 1:
            raise Wrong(f"the encoder has not one connection but {self.first}")

    def must_be_on_air(self):
        """Whether it is the same connection still."""
        if self.process.poll() is not None:
            raise Wrong("the encoder was thrown out")
        now = self.connections()
        if now != self.first:
            raise Wrong(f"the encoder has another connection: {self.first}, then {now}")


class Listener:
    """A player by RTMP at mux, and the longest time for which nothing came."""

    PLAY = 'exec ffmpeg -nostdin -hide_banner -loglevel error -i "$0" -c copy -flush_packets 1 -f flv -'

    def __init__(self, boxes, server, key):
        self.boxes, self.source = boxes, f"{server.rstrip('/')}/{key}"
        self.process = None
        self.looking = threading.Lock()
        self.last = self.longest = None

    def __enter__(self):
        self.process = subprocess.Popen(self.boxes.command("run", "sh", "-c", self.PLAY, self.source),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
        threading.Thread(target=self.listen, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def listen(self):
        while os.read(self.process.stdout.fileno(), 1 << 16):
            self.note()

    def note(self):
        with self.looking:
            now = time.monotonic()
            if self.last is not None:
                self.longest = max(self.longest or 0, now - self.last)
            self.last = now

    def pause(self):
        """The longest since this was asked last, in ms; nothing before there was a picture."""
        if self.process.poll() is not None:
            raise Wrong("the player at mux was thrown out")
        with self.looking:
            if self.last is None:
                return None
            longest = max(self.longest or 0, time.monotonic() - self.last)
            self.longest = 0
            return round(longest * 1000)
