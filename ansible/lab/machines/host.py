"""What the machine under the lab must offer, and how commands are run on it.

Whatever is missing ends the lab with exit code 77 and a sentence: a lab that could not boot has proved nothing, and
must never look as if it had.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

SKIPPED = 77

CGROUPS = Path("/sys/fs/cgroup")

TOOLS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "dpkg-scanpackages": "dpkg-dev",
    "ip": "iproute2",
    "tc": "iproute2",
    "nft": "nftables",
    "nsenter": "util-linux",
    "ssh-keygen": "openssh-client",
    "caddy": "caddy",
}


class Trouble(Exception):
    """Something the reader of the message can put right."""


def skip(why):
    """Ends the program: the lab cannot be had here."""
    print(f"LAB SKIPPED, NOTHING WAS PROVED: {why}", file=sys.stderr)
    sys.exit(SKIPPED)


def examine():
    """Skips where boxes cannot be booted."""
    if os.geteuid() != 0:
        skip("only root can boot machines; run it as root")
    missing = sorted({package for tool, package in TOOLS.items() if not shutil.which(tool)})
    if missing:
        skip(f"Debian packages are missing: {' '.join(missing)}; make lab-deps installs them")
    if not Path("/dev/net/tun").exists():
        skip("there is no /dev/net/tun for WireGuard; load the kernel's module tun")
    for what, probe in PROBES.items():
        tried = subprocess.run(["sh", "-ec", probe], capture_output=True, text=True, check=False)
        if tried.returncode != 0:
            skip(f"{what} is not allowed here ({tried.stderr.strip().splitlines()[-1:]}); a container needs --privileged")


PROBES = {
    "a network namespace with a bridge": "unshare --net ip link add probe type bridge",
    "an overlay": "unshare --mount sh -ec 'mount -t tmpfs t /mnt; cd /mnt; mkdir a u w m;"
    " mount -t overlay o -o lowerdir=a,upperdir=u,workdir=w m'",
    "a control group": f"for g in {CGROUPS} {CGROUPS}/unified; do [ ! -e $g/cgroup.procs ] ||"
    " { mkdir -p $g/footlight-probe; rmdir $g/footlight-probe; exit; }; done; exit 1",
    "a process namespace": "unshare --pid --fork --mount --uts --ipc --cgroup true",
}


def run(*command, **options):
    """A command that must succeed; what it said is in the error when it does not. Returns what it printed."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "check": False} | options
    done = subprocess.run([str(word) for word in command], **options)
    if done.returncode != 0:
        said = (done.stderr or done.stdout or "").strip()
        raise Trouble(f"{' '.join(str(word) for word in command)}: exit {done.returncode}: {said[-2000:]}")
    return done.stdout


def hierarchies():
    """The root of every control group hierarchy that processes can be put into."""
    if (CGROUPS / "cgroup.procs").exists():
        return [CGROUPS]
    return sorted(path for path in CGROUPS.iterdir() if path.is_dir() and (path / "cgroup.procs").exists())


def unified():
    """The hierarchy that can freeze and kill."""
    return CGROUPS if (CGROUPS / "cgroup.procs").exists() else CGROUPS / "unified"


def make_group(name):
    """A group of this name in every hierarchy. Boxes that share one would share their inner groups too."""
    for root in hierarchies():
        group = root / name
        group.mkdir(parents=True, exist_ok=True)
        for level in [*reversed(group.relative_to(root).parents[:-1]), group.relative_to(root)]:
            for setting in ("cpuset.cpus", "cpuset.mems"):
                file = root / level / setting
                # Only the old hierarchies start empty, and take no process until they are filled.
                if root != unified() and file.exists() and not file.read_text().strip():
                    file.write_text((root / setting).read_text())


def in_group(name, command):
    """The command, so that it and all it starts are in the group."""
    enter = "".join(f"echo $$ >{root / name}/cgroup.procs;" for root in hierarchies())
    return ["sh", "-ec", f'{enter} exec "$@"', "sh", *[str(word) for word in command]]


def kill_group(name):
    """Kills all that is in the group, and waits until it is gone."""
    kill = unified() / name / "cgroup.kill"
    if kill.exists():
        kill.write_text("1")
        wait_until(f"the end of all in {name}", lambda: not populated(name))


def populated(name):
    """Whether a process is left in the group or below it."""
    try:
        return "populated 1" in (unified() / name / "cgroup.events").read_text()
    except OSError:
        return False


def remove_group(name):
    """Removes the group and those below it from every hierarchy."""
    def gone():
        left = [root / name for root in hierarchies() if (root / name).exists()]
        for group in left:
            for path, _, _ in os.walk(group, topdown=False):
                try:
                    os.rmdir(path)
                except OSError:
                    pass
        return not left

    wait_until(f"the control group {name} to be empty", gone)


def wait_until(what, is_so, seconds=60):
    """Asks until it is so; the lab never counts on how long something takes."""


    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise Trouble(f"waited {seconds} s for {what}")
        time.sleep(0.02)


def mounted_below(path):
    """What is mounted at the path and below it, the innermost first."""
    points = [line.split()[1].replace("\\040", " ") for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [point for point in reversed(points) if point == str(path) or point.startswith(f"{path}/")]


def unmount_below(path):
    """Takes away every mount at the path and below it, such as a killed run leaves."""
    for point in mounted_below(path):
        subprocess.run(["umount", "--lazy", point], check=False, stderr=subprocess.DEVNULL)
