"""The machines of one course: a lab of their own, which is gone when the course is over, however it ends."""

import os
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent.parent
LAB = HERE / "lab/lab"
# What the lab ends with where no machine can be booted.
SKIPPED = 77
# Longer than anything that is asked of a box takes, in seconds.
PATIENCE = 300


class Wrong(Exception):
    """Something is not as the course says it must be."""


class Skipped(Exception):
    """No machine can be booted here."""


class Boxes:
    """The boxes `names`, booted from bare, at ADDRESS-1, ADDRESS-2 and so on of an example in their order."""

    def __init__(self, names, lab=None):
        self.names = list(names)
        self.lab = lab or os.environ.get("FOOTLIGHT_LAB", "appliance")
        self.place = Path(os.environ.get("FOOTLIGHT_LAB_PLACE", "/var/lib/footlight-lab")) / self.lab
        self.ca = self.place / "ca.pem"

    def __enter__(self):
        self.up()
        return self

    def __exit__(self, *_):
        self.word("down")

    def up(self):
        """Boots them. Raises Skipped where that cannot be."""
        if self.place.exists():
            self.word("down")
        booted = subprocess.run(self.command("up", *self.names), stdout=subprocess.DEVNULL, check=False)
        if booted.returncode == SKIPPED:
            raise Skipped
        if booted.returncode != 0:
            raise Wrong("the lab does not boot")

    def anew(self):
        """The same boxes, bare again."""
        self.word("down")
        self.up()

    def address(self, name):
        """Where the world reaches a box."""
        return f"203.0.113.{10 + self.names.index(name)}"

    def command(self, *words):
        """A word of the lab's as a command."""
        return [str(LAB), "--lab", self.lab, *[str(word) for word in words]]

    def word(self, *words):
        """Says a word to the lab, such as `cut` with a box. Returns what it printed."""
        return said(self.command(*words))

    def run(self, *command):
        """A command on the controller. Returns what it printed."""
        return self.word("run", *command)

    def on(self, box, script):
        """A script on a box, as root, by its keyboard: also where the network or ssh is what is looked at."""
        return self.word("inside", box, "bash", "-euo", "pipefail", "-c", script)

    def start(self, *command, **options):
        """A command on the controller that goes on beside the course."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | options
        return subprocess.Popen(self.command("run", *command), start_new_session=True, text=True, **options)

    def reboot(self, box, patience=PATIENCE):
        """Reboots a box, and waits until all is started again."""
        self.on(box, "touch /run/before; systemctl --no-block reboot")
        end = time.monotonic() + patience
        while time.monotonic() < end:
            up = subprocess.run(self.command("inside", box, "sh", "-c", "test ! -e /run/before && systemctl is-system-running --wait"),
                                capture_output=True, text=True, check=False)
            if up.stdout.strip() in ("running", "degraded"):
                return
            time.sleep(0.2)
        raise Wrong(f"{box} does not come up again")

    def pid(self, box, daemon):
        """Which process is the daemon: another one after a restart."""
        return self.on(box, f"systemctl show -P MainPID footlight-{daemon}").strip()


def said(command):
    """What a command printed that must succeed."""
    what = " ".join(command[3:])[:300]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise Wrong(f"{what}: not done in {PATIENCE} s") from None
    if done.returncode != 0:
        raise Wrong(f"{what}: exit {done.returncode}: {(done.stderr or done.stdout).strip()[-1500:]}")
    return done.stdout
