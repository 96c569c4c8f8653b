"""What goes wrong at a venue. Each is answered with the sentence that a volunteer needs, and a rerun heals it.

A wrong clock is one that `date` tells: these machines share the clock of the one they run on.
"""

import shutil
import subprocess
import time

from rehearsal.boxes import Wrong
from rehearsal.show import Show

from .season import refused
from .venue import THREE, Venue

TAKEN = "systemd-run --quiet --unit=apache python3 -m http.server 443"
FULL = "mkdir /run/var; mount -t tmpfs -o size=300m none /run/var; cp -a /var/. /run/var; mount --bind /run/var /var; dd if=/dev/zero of=/var/full bs=1M status=none || true"
LATE = "printf '#!/bin/sh\\nexec /usr/bin/date -d \"5 minutes ago\" \"$@\"\\n' >/usr/local/bin/date; chmod +x /usr/local/bin/date"


def course(steps, boxes, packages, logs):
    """One fault after the other, beginning with bare machines."""
    venue = Venue(boxes, THREE, "three-boxes")
    older = logs / "older"
    with steps.machine("packages of an older version are made"):
        age(packages, older)
    venue.ready(older, logs)
    before_anything(steps, venue)
    keys = half_way(steps, venue) | reruns(steps, venue)
    with Show(boxes, *keys["stage"]) as show:
        show.number()
        in_service(steps, venue, show, packages)
        venue.verified(steps)


def before_anything(steps, venue):
    """What is found before anything is changed."""
    boxes = venue.boxes
    with steps.machine("port 443 taken, a full disk and a wrong clock are told, each of its own box"):
        boxes.on("distributor1", TAKEN)
        boxes.on("mux1", FULL)
        boxes.on("transcoder1", LATE)
        told = venue.controller.play("site.yml")
        for sentence in ("port 443 of distributor1 is taken", "sudo systemctl disable --now NAME", "mux1 has", "make room (sudo apt-get clean",
                         "the clock of transcoder1 is more than half a minute off", "sudo timedatectl set-ntp true"):
            refused(told, sentence)
        if told.changes() and any("bootstrap" not in change and "Bring what" not in change for change in told.changes()):
            raise Wrong(f"something was changed nevertheless: {told.changes()}")
    boxes.on("distributor1", "systemctl stop apache")
    boxes.on("mux1", "umount --lazy /var /run/var")
    boxes.on("transcoder1", "rm /usr/local/bin/date")


def half_way(steps, venue):
    """Runs that end in the middle. Returns the keys that they have shown."""
    boxes, controller = venue.boxes, venue.controller
    with steps.machine("the run is interrupted, once early and once late"):
        controller.interrupt("site.yml", "TASK [tunnel : Make this box's key")
        controller.interrupt("site.yml", "PLAY [Take shows in")
    with steps.machine("a box loses its power while packages are unpacked"):
        process, _log = controller.begin("site.yml")
        end = time.monotonic() + 300
        while process.poll() is None and not unpacks(boxes, "distributor1"):
            if time.monotonic() > end:
                raise Wrong("no package is unpacked")
        boxes.word("cut", "distributor1")
        process.wait()
    with steps.machine("a box cannot be reached: the others are served, and it is said what to look at"):
        told = controller.play("site.yml")
        refused(told, "distributor1 does not answer")
        if told.failures() != ["distributor1"]:
            raise Wrong(f"failed on {told.failures()}:\n{told.ends()}")
    boxes.word("boot", "distributor1")
    return told.keys()


def unpacks(boxes, name):
    """Whether dpkg is at work on the box."""
    return subprocess.run(boxes.command("inside", name, "pgrep", "-x", "dpkg"), capture_output=True, check=False).returncode == 0


def reruns(steps, venue):
    """After all that, one more run is enough. Returns the keys that it has shown."""
    with steps.machine("after all that, one more run of site.yml is enough"):
        return venue.controller.must("site.yml").keys()


def in_service(steps, venue, show, packages):
    """What goes wrong on machines that are in service."""
    boxes, controller = venue.boxes, venue.controller
    with steps.machine("no GPU where one is demanded: said, and the show goes on"):
        refused(controller.play("site.yml", "-e", "gpu_required=true"), "Or say gpu_required: false, and it encodes in software")
        show.goes_on()
    with steps.machine("boxes with an older package get the newer, and go on"):
        controller.say(footlight_packages=str(packages))
        controller.must("site.yml")
        for name, groups in THREE.items():
            version = boxes.on(name, f"dpkg-query -W -f '${{Version}}' footlight-{groups[0]}")
            if version.startswith("0.0.1"):
                raise Wrong(f"{name} still has {version}")
        show.goes_on()


def age(packages, older):
    """The same packages under a lower number."""
    older.mkdir()
    for deb in sorted(packages.glob("footlight-*.deb")):
        tree = older / "tree"
        subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
        control = tree / "DEBIAN/control"
        lines = control.read_text().splitlines(keepends=True)
        control.write_text("".join("Version: 0.0.1-1\n" if line.startswith("Version:") else line for line in lines))
        subprocess.run(["dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "-b", tree, older], check=True, capture_output=True)
        shutil.rmtree(tree)
