"""What may be done to an installation in the middle of a show, while an encoder is connected and an audience watches.

Four boxes: with two transcoders one carries on while the other is exchanged. An upgrade, a release that is broken, another
certificate, other keys and the death of any daemon must not be noticed; a daemon that hangs may be waited for, and must cost
nobody a connection or a segment.
"""

import hashlib
import json
import subprocess
import time
from contextlib import ExitStack

from rehearsal.audience import Audience, Browser
from rehearsal.boxes import Wrong
from rehearsal.encoder import Encoder, Listener
from rehearsal.inventory import lab_variables
from rehearsal.playbook import Controller
from rehearsal.releases import release

HOST = "live.venue.test"
BOXES = ["mux1", "transcoder1", "transcoder2", "distributor1"]
VIEWERS = 12
PLAY_KEY = "only-for-this-course"
INVENTORY = """all:
  vars: {{ ansible_user: root }}
  children:
    mux: {{ hosts: {{ mux1: {{ ansible_host: {mux1} }} }} }}
    transcoder: {{ hosts: {{ transcoder1: {{ ansible_host: {transcoder1} }}, transcoder2: {{ ansible_host: {transcoder2} }} }} }}
    distributor: {{ hosts: {{ distributor1: {{ ansible_host: {distributor1} }} }} }}
"""
# Longest pause at mux that is none, in ms.
PAUSE = 1000
# After something was done, what may come of it comes within so many segments of 2 s.
SETTLE = 4
HEAD = ("", "no media", "in hand", "stalls", "asked again", "at mux", "hls.js")


class Certificates:
    """Of an authority of this course's own, so that there can be another one at any time."""

    def __init__(self, place):
        self.ca = place / "ca.pem"
        self.certificate, self.key = place / "certificate.pem", place / "key.pem"
        place.mkdir()
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=course",
                     "-keyout", place / "ca-key.pem", "-out", self.ca)
        self.renew()

    def renew(self):
        """Another certificate and another key, in the place of those before."""
        place = self.certificate.parent
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={HOST}",
                     "-keyout", self.key, "-out", place / "request.pem")
        extensions = place / "extensions"
        extensions.write_text(f"subjectAltName=DNS:{HOST},DNS:distributor1.venue.test,DNS:localhost\n")
        self.openssl("x509", "-req", "-in", place / "request.pem", "-CA", self.ca, "-CAkey", place / "ca-key.pem", "-days", "2",
                     "-extfile", extensions, "-out", self.certificate)
        return self.openssl("x509", "-in", self.certificate, "-noout", "-fingerprint", "-sha256").strip()

    @staticmethod
    def openssl(*words):
        return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, text=True).stdout


class Course:
    """The show, and what everybody sees of it."""

    def __init__(self, steps, boxes, packages, place):
        self.steps, self.boxes, self.packages, self.place = steps, boxes, packages, place
        self.rows, self.faults = [], []
        self.encoder = self.listener = self.audience = self.browser = None
        self.certificates = Certificates(place / "tls")
        self.controller = self.install()

    def run(self):
        """From bare boxes to the table."""
        number = release(self.packages, self.place / "next", "+2")
        release(self.packages, self.place / "broken", "+3", broken="distributor")
        with self.steps.machine("site.yml on bare machines"):
            server, key = self.controller.must("site.yml").keys()["stage"]
        with ExitStack() as stack:
            self.begin(stack, server, key)
            self.during("nothing", lambda: None)
            self.during("an upgrade of all boxes", lambda: self.upgrade(number), mux=True)
            self.during("a release that is broken", lambda: self.broken(number))
            self.during("another certificate", self.renew)
            self.during("new stream keys", lambda: self.controller.must("rotate-keys.yml"))
            for box in BOXES:
                self.during(f"SIGKILL on {box}", lambda box=box: self.signal(box, "KILL"), mux=box == "mux1")
            for box in BOXES:
                self.during(f"SIGSTOP on {box}", lambda box=box: self.signal(box, "STOP"), unnoticed=False)

    def install(self):
        inventory = self.place / "hosts.yml"
        inventory.write_text(INVENTORY.format(**{name: self.boxes.address(name) for name in BOXES}))
        play = hashlib.sha256(PLAY_KEY.encode()).hexdigest()
        variables = lab_variables(
            self.boxes, self.packages, self.place / "lab.json", footlight_domain=HOST, verify_ca=str(self.certificates.ca),
            footlight_streams=[{"name": "stage", "play": [{"sha256": play}]}], distributor_certificate=str(self.certificates.certificate),
            distributor_certificate_key=str(self.certificates.key), transcoder_ladder=[{"height": 240, "bitrate": "400k"}])
        return Controller(self.boxes, inventory, variables, self.place)

    def begin(self, stack, server, key):
        """Everybody is there and has pictures."""
        self.encoder = stack.enter_context(Encoder(self.boxes, server, key))
        self.audience = stack.enter_context(Audience(self.boxes, HOST, "stage", self.certificates.ca, VIEWERS))
        self.audience.plays()
        self.encoder.is_on_air()
        self.listener = stack.enter_context(Listener(self.boxes, server, PLAY_KEY))
        if Browser.exists():
            certificates = self.certificates
            self.browser = stack.enter_context(Browser(self.boxes, HOST, "stage", certificates.certificate, certificates.key))
        else:
            print("NOT SHOWN: there is no Chromium here, or `make` has not installed its driver", flush=True)
        self.audience.goes_on(SETTLE)
        self.look()

    def during(self, what, do, unnoticed=True, mux=False):
        """Something is done, to mux too perhaps; what everybody saw of it is one row of the table."""
        with self.steps.machine(f"during the show: {what}") as notes:
            do()
            row = self.look([self.audience.report(), *self.audience.goes_on(SETTLE)])
            notes.append(f"for {row['longestMs']} ms no media, for {row['pauseMs']} ms nothing at mux, {row['stalls']} stalls")
        self.rows.append({"what": what, **row})
        self.encoder.must_be_on_air()
        wrong = [name for name in ("skipped", "back", "gaps", "discontinuities") if row[name] and (unnoticed or name != "gaps")]
        if unnoticed:
            wrong += [name for name in ("stalls",) if row[name]]
            wrong += ["pauseMs"] if mux and row["pauseMs"] >= PAUSE else []
        if row["fatal"]:
            wrong.append("fatal")
        if wrong:
            self.faults.append(f"{what}: {', '.join(f'{name} {row[name]}' for name in wrong)}; {row['errors']}")

    def look(self, seen=()):
        """What was seen by all since the last look."""
        seen = [*seen, self.audience.report()]
        row = {name: sum(one[name] for one in seen) for name in ("stalls", "stalledMs", "skipped", "back", "gaps", "discontinuities", "retries")}
        row["longestMs"] = max(one["longestMs"] for one in seen)
        row["leastMs"] = min((one["leastMs"] for one in seen if one["leastMs"] is not None), default=None)
        row["errors"] = sorted({error for one in seen for error in one["errors"]})
        row["pauseMs"] = self.listener.pause()
        shown = self.browser.report() if self.browser else {}
        row |= {"browserMs": shown.get("longestGapMs"), "browserWaits": shown.get("waits"), "fatal": shown.get("fatal", [])}
        return row

    # What is done.

    def upgrade(self, number):
        # From now on they are what is brought: another run must not go back.
        self.controller.say(footlight_packages=f"{self.place}/next")
        self.controller.must("upgrade.yml")
        self.all_have(number)

    def broken(self, number):
        outcome = self.controller.play("upgrade.yml", "-e", f"footlight_packages={self.place}/broken")
        if outcome.failures() != ["distributor1"] or not outcome.says("was not well with the new version and has the one before again"):
            raise Wrong(f"a broken release was not undone where it was seen first: {outcome.failures()}\n{outcome.ends()}")
        self.all_have(number)

    def all_have(self, number):
        for box in BOXES:
            versions = set(self.boxes.on(box, "dpkg-query -W -f '${Version}\\n' 'footlight-*'").split())
            if versions != {number}:
                raise Wrong(f"{box} has {versions} and not {number}")

    def renew(self):
        fingerprint = self.certificates.renew()
        before = self.boxes.pid("distributor1", "distributor")
        self.controller.must("site.yml", "--limit", "distributor1")
        served = self.boxes.run("sh", "-c", f"openssl s_client -connect {HOST}:443 -servername {HOST} </dev/null 2>/dev/null"
                                " | openssl x509 -noout -fingerprint -sha256").strip()
        if served != fingerprint:
            raise Wrong(f"the new certificate is not served: {served}")
        if self.boxes.pid("distributor1", "distributor") != before:
            raise Wrong("a new certificate restarted the distributor")

    def signal(self, box, signal):
        """To the daemon; waits until there is another, which is ready."""
        daemon = box.rstrip("0123456789")
        before = self.boxes.pid(box, daemon)
        self.boxes.on(box, f"kill -s {signal} {before}")
        end = time.monotonic() + 60
        while self.boxes.pid(box, daemon) in (before, "0") or self.boxes.on(box, f"systemctl is-active footlight-{daemon} || true").strip() != "active":
            if time.monotonic() > end:
                raise Wrong(f"{daemon} does not come back after SIG{signal}")

    def table(self):
        """What everybody saw."""
        lines = [HEAD] + [(
            row["what"], f"{row['longestMs']} ms", f"{row['leastMs']} ms", f"{row['stalls']}", f"{row['retries']}", f"{row['pauseMs']} ms",
            f"{row['browserMs']} ms" if self.browser else "-") for row in self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
        return "\n".join("  ".join(word.ljust(width) if not column else word.rjust(width) for column, (word, width) in enumerate(zip(line, widths)))
                         for line in lines)


def course(steps, boxes, packages, logs):
    """A show, and all that is done to it."""
    show = Course(steps, boxes, packages, logs)
    try:
        show.run()
    finally:
        (logs / "figures.json").write_text(json.dumps(show.rows, indent=1))
        print(show.table(), flush=True)
    if show.faults:
        raise Wrong("; ".join(show.faults))
