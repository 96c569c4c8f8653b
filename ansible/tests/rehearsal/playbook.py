"""One run of a playbook, and what Ansible said of it at the end."""

import json
import os
import re
import shutil
import signal
import subprocess
import time

from .boxes import HERE, Wrong

# Longer than a run takes on a machine with two busy cores, in seconds.
PATIENCE = 1200
RECAP = re.compile(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.M)


def program():
    """The pinned Ansible if `make ansible-check` has put it there, else the one on the path."""
    pinned = HERE.parent / "target/ansible/pinned/bin/ansible-playbook"
    found = str(pinned) if pinned.exists() else shutil.which("ansible-playbook")
    if not found:
        raise Wrong("there is no Ansible on this computer: make target/ansible/pinned/.installed")
    return found


class Controller:
    """Who runs playbooks: an inventory, extra variables, and a folder for what was said."""

    def __init__(self, boxes, inventory, variables, logs):
        self.boxes, self.inventory, self.variables, self.logs = boxes, inventory, variables, logs
        self.count = 0

    def command(self, playbook, *options):
        """A run as a command on the controller."""
        # What was started in the background may have been told to ignore Ctrl-C.
        return ["env", "--default-signal=INT", program(), "-i", str(self.inventory), "-e", f"@{self.variables}", f"playbooks/{playbook}", *options]

    def say(self, **more):
        """Further extra variables, from now on."""
        self.variables.write_text(json.dumps(json.loads(self.variables.read_text()) | more, indent=1))

    def begin(self, playbook, *options):
        """Begins a run; returns the process, and where what it says can be read."""
        self.count += 1
        log = self.logs / f"{self.count:02}-{playbook.removesuffix('.yml')}.log"
        environment = os.environ | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(HERE / "ansible.cfg")}
        with open(log, "w", encoding="utf-8") as told:
            process = self.boxes.start(*self.command(playbook, *options), cwd=HERE, env=environment, stdout=told, stderr=told)
        return process, log

    def play(self, playbook, *options):
        """A whole run, whatever comes of it."""
        started = time.monotonic()
        process, log = self.begin(playbook, *options)
        try:
            code = process.wait(PATIENCE)
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            raise
        return Outcome(f"{playbook} {' '.join(options)}".strip(), code, log, time.monotonic() - started)

    def must(self, playbook, *options):
        """A run that must succeed."""
        outcome = self.play(playbook, *options)
        if outcome.code != 0 or outcome.failures():
            raise Wrong(f"{outcome.what} failed on {', '.join(outcome.failures())}:\n{outcome.ends()}")
        return outcome

    def interrupt(self, playbook, when, *options):
        """A run that is interrupted, as by Ctrl-C, once it has said `when`."""
        process, log = self.begin(playbook, *options)
        end = time.monotonic() + PATIENCE
        while when not in log.read_text(encoding="utf-8"):
            if process.poll() is not None or time.monotonic() > end:
                raise Wrong(f"{playbook} ended without saying {when!r}:\n{log.read_text(encoding='utf-8')[-2000:]}")
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        process.wait(PATIENCE)


class Outcome:
    """What came of a run."""

    def __init__(self, what, code, log, seconds):
        self.what, self.code, self.log, self.seconds = what, code, log, seconds
        self.text = log.read_text(encoding="utf-8")
        self.recap = {found[0]: tuple(int(number) for number in found[1:]) for found in RECAP.findall(self.text)}

    def failures(self):
        """The boxes on which something failed, or that were not reached."""
        return sorted(host for host, (_ok, _changed, unreachable, failed) in self.recap.items() if unreachable or failed)

    def changes(self):
        """The tasks that changed something, with their boxes."""
        told, task = [], ""
        for line in self.text.splitlines():
            if line.startswith(("TASK [", "RUNNING HANDLER [")):
                task = line[line.index("[") + 1:line.rindex("]")]
            elif line.startswith("changed: ["):
                told.append(f"{line[10:line.index(']')]}: {task}")
        return told

    def ends(self):
        """What is worth reading of a failed run."""
        said = [block for block in re.split(r"\n(?=TASK|PLAY|RUNNING)", self.text) if re.search(r"^(fatal|failed|ERROR|\[ERROR)", block, re.M)]
        return "\n".join(said)[-4000:] or self.text[-2000:]

    def says(self, sentence):
        """Whether it told that, wherever it broke its lines."""
        return " ".join(sentence.split()) in " ".join(self.text.split())

    def keys(self):
        """What is to be typed into OBS, for each stream: server and stream key."""
        found = re.findall(r"Server\s+(rtmp://\S+).*?Stream Key\s+(\S+)(?:.*?That is stream (\S+)\.)", self.text, re.S)
        return {stream: (server, key) for server, key, stream in found}

    def rotated(self):
        """The same of rotate-keys.yml."""
        found = re.findall(r"stream (\S+): Server (\S+), Stream Key\s+(\S+?)\.", " ".join(self.text.split()))
        return {stream: (server, key) for stream, server, key in found}
