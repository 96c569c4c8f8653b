"""Other releases, made of one: the same packages under another version, and some that are broken on purpose."""

import subprocess

from .boxes import Wrong

# It says that the configuration is good, and dies when it is to run.
BROKEN = """#!/bin/sh
case "$*" in *--check*|*--version*) exit 0 ;; esac
echo "broken on purpose" >&2
exit 1
"""


def version(packages):
    """That of a folder's packages."""
    found = {path.name.split("_")[1] for path in packages.glob("footlight-*.deb")}
    if len(found) != 1:
        raise Wrong(f"{packages} holds packages of {len(found)} versions: make packages")
    return found.pop()


def release(packages, place, suffix, broken=None):
    """The same packages with `suffix` after their version. The daemon `broken` does not start."""
    place.mkdir()
    number = version(packages) + suffix
    for package in sorted(packages.glob("footlight-*.deb")):
        tree = place / "tree"
        run("dpkg-deb", "-R", package, tree)
        control = tree / "DEBIAN/control"
        lines = control.read_text().splitlines()
        control.write_text("".join(f"Version: {number}\n" if line.startswith("Version: ") else f"{line}\n" for line in lines))
        if broken and package.name.startswith(f"footlight-{broken}_"):
            (tree / f"usr/bin/footlight-{broken}").write_text(BROKEN)
        run("dpkg-deb", "-Znone", "--root-owner-group", "-b", tree, place)
        run("rm", "-r", tree)
    return number


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Wrong(f"{command[0]}: {done.stderr.strip()}")
