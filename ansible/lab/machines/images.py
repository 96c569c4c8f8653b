"""What boxes are made of, kept between labs: root file systems in layers, and a flat repository of Debian packages.

The plain image is less than what any hosting company sells as Debian 12: systemd, ssh, Python and nothing that a role
ought to install itself (no netbase, no python3-apt). The transcoder's is a layer above it with GStreamer, which would
take half a minute in each box. All are made from the mirrors that this machine's own apt uses, and made anew when what
they are made of changes.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

from .host import Trouble, run, unmount_below

CACHE = Path(os.environ.get("FOOTLIGHT_LAB_CACHE", "/var/cache/footlight-lab"))

PLAIN = (
    "systemd,systemd-sysv,dbus,libpam-systemd,iproute2,openssh-server,ca-certificates,sudo,python3,procps,apt-utils"
)

# What a machine needs that a container does not.
KERNEL = ("linux-image-cloud-amd64", "initramfs-tools", "udev", "kmod")

# Changed when how images are made changes.
VERSION = "1"


def wanted():
    """The packages of the repository."""
    lines = (Path(__file__).parent.parent / "packages.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def in_layer():
    return [package for package in wanted() if package.startswith("gstreamer")]


def repository():
    return CACHE / "repository"


def layers(image):
    """The directories of an image, the uppermost first."""
    above = {"plain": [], "transcoder": ["transcoder"], "emulated": ["kernel", "transcoder"]}
    return [CACHE / name for name in [*above[image], "plain"]]


def prepare(images, say):
    """Makes what is missing or out of date for boxes of these images. Two labs that come at once wait for one another."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        unmount_below(CACHE)
        plain = digest(VERSION, PLAIN)
        debs = digest(plain, *wanted())
        make("plain", plain, make_plain, say)
        make("repository", debs, make_repository, say)
        make("transcoder", debs, make_transcoder, say)
        if "emulated" in images:
            make("kernel", digest(debs, *KERNEL), make_kernel, say)
            make("qemu", digest(VERSION), make_qemu, say)


def digest(*parts):
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def make(name, key, maker, say):
    stamp, place = CACHE / f"{name}.key", CACHE / name
    if place.is_dir() and stamp.exists() and stamp.read_text() == key:
        return
    say(f"making {name}, which is kept in {CACHE}")
    stamp.unlink(missing_ok=True)
    fresh = CACHE / f"{name}.new"
    for old in (fresh, place):
        shutil.rmtree(old, ignore_errors=True)
    maker(fresh)
    fresh.rename(place)
    stamp.write_text(key)


def mirrors():
    """The lines of sources.list for Debian 12, by this machine's own apt."""
    targets = run("apt-get", "indextargets", "--format", "$(SITE)|$(RELEASE)|$(COMPONENT)", "Created-By: Packages",
                  "Origin: Debian")
    found = [line.split("|") for line in sorted(set(targets.splitlines()))]
    lines = [f"deb {site} {release} {component}" for site, release, component in found
             if release in ("bookworm", "bookworm-updates", "bookworm-security") and component == "main"]
    if not any(" bookworm " in line for line in lines):
        raise Trouble("this machine's apt knows no mirror of Debian 12 (bookworm): see /etc/apt/sources.list.d")
    return lines


def make_plain(place):
    run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={PLAIN}", "--format=directory", "bookworm", place,
        *mirrors())
    # Each box makes its own.
    for key in (place / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (place / "etc/machine-id").write_text("")
    run("chroot", place, "systemctl", "--quiet", "enable", "systemd-networkd", "ssh")
    run("chroot", place, "useradd", "--create-home", "--shell", "/bin/bash", "debian")
    (place / "etc/sudoers.d/debian").write_text("debian ALL=(ALL) NOPASSWD:ALL\n")
    (place / "etc/apt/sources.list").write_text("")
    for old in (place / "etc/apt/sources.list.d").iterdir():
        old.unlink()


def make_repository(place):
    place.mkdir()
    with overlay(place.with_suffix(".up"), layers("plain")) as root:
        (root / "etc/apt/sources.list").write_text("\n".join(mirrors()) + "\n")
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        in_chroot(root, "apt-get", "update", "--quiet")
        in_chroot(root, "apt-get", "install", "--quiet", "--yes", "--no-install-recommends", "--download-only",
                  *wanted())
        for deb in (root / "var/cache/apt/archives").glob("*.deb"):
            shutil.move(deb, place / deb.name)
    with open(place / "Packages", "wb") as packages:
        subprocess.run(["dpkg-scanpackages", "-m", "."], cwd=place, stdout=packages, stderr=subprocess.DEVNULL,
                       check=True)


def make_transcoder(place):
    with overlay(place, layers("plain")) as root:
        (root / "mnt/repository").mkdir()
        run("mount", "--bind", repository(), root / "mnt/repository")
        (root / "etc/apt/sources.list").write_text("deb [trusted=yes] file:/mnt/repository ./\n")
        in_chroot(root, "apt-get", "update", "--quiet")
        in_chroot(root, "apt-get", "install", "--quiet", "--yes", "--no-install-recommends", *in_layer())
        in_chroot(root, "apt-get", "clean")
        run("umount", root / "mnt/repository")
        (root / "mnt/repository").rmdir()
        shutil.rmtree(root / "var/lib/apt/lists")
        (root / "etc/apt/sources.list").write_text("")


def make_kernel(place):
    """Debian's kernel for machines in clouds, which has WireGuard and virtio and little else."""
    with overlay(place, layers("transcoder")) as root:
        (root / "etc/apt/sources.list").write_text("\n".join(mirrors()) + "\n")
        names = root / "etc/resolv.conf"
        kept = names.read_text() if names.exists() else ""
        shutil.copy("/etc/resolv.conf", names)
        in_chroot(root, "apt-get", "update", "--quiet")
        in_chroot(root, "apt-get", "install", "--quiet", "--yes", "--no-install-recommends", *KERNEL)
        in_chroot(root, "apt-get", "clean")
        shutil.rmtree(root / "var/lib/apt/lists")
        (root / "etc/apt/sources.list").write_text("")
        names.write_text(kept)


def make_qemu(place):
    """The emulator, in an image of its own: this machine's packages may not let it in."""
    run("mmdebstrap", "--quiet", "--variant=minbase", "--include=qemu-system-x86", "--format=directory", "bookworm",
        place, *mirrors())


def in_chroot(root, *command):
    # Installing must not start anything.
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    try:
        run("chroot", root, *command, env=environment)
    finally:
        policy.unlink()


@contextmanager
def overlay(upper, lower):
    """The layers with a new one above them, in which what is written stays."""
    work, root = upper.with_suffix(".work"), upper.with_suffix(".root")
    for path in (upper, work, root):
        path.mkdir(exist_ok=True)
    lower = ":".join(str(layer) for layer in lower)
    run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={lower},upperdir={upper},workdir={work}", root)
    run("mount", "-t", "proc", "proc", root / "proc")
    try:
        yield root
    finally:
        run("umount", "--recursive", root)
        root.rmdir()
        shutil.rmtree(work)
        if upper.suffix == ".up":
            shutil.rmtree(upper)
