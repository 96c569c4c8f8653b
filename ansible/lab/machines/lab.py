"""One lab: its namespace, its two networks, its names, its services, and where all that is kept.

Everything of a lab is found again by its name alone: one directory, one network namespace, one control group. That is
what `down` goes by, so that it also clears away what a killed run has left.

    internet   203.0.113.0/24  bridge br-pub   on a box: host0   the controller: 203.0.113.1
    private    10.77.0.0/24    bridge br-priv  on a box: priv0   the controller: 10.77.0.1
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from . import host, images
from .host import Trouble, run

PLACE = Path(os.environ.get("FOOTLIGHT_LAB_PLACE", "/var/lib/footlight-lab"))
DOMAIN = "venue.test"
BOXES_AT_MOST = 40
PUBLIC, PRIVATE = "203.0.113", "10.77.0"

CADDYFILE = """{
 admin off
 auto_https disable_redirects
 skip_install_trust
}
https://acme.venue.test {
 bind 203.0.113.1
 tls internal
 acme_server {
  lifetime LIFETIME
 }
}
"""


class Lab:
    """A lab by its name, whether it is up or not."""

    def __init__(self, name):
        if not re.fullmatch(r"[a-z][a-z0-9]{0,11}", name):
            raise Trouble(f"{name!r} is no name for a lab: a letter, then letters and digits, 12 at most")
        self.name = name
        self.place = PLACE / name
        self.namespace = f"footlight-{name}"
        self.group = f"footlight-{name}"

    # What it knows about itself.

    def exists(self):
        return (self.place / "lab.json").exists()

    def boxes(self):
        """Name -> {number, image}."""
        if not self.exists():
            raise Trouble(f"the lab {self.name!r} is not up: lab up")
        return json.loads((self.place / "lab.json").read_text())["boxes"]

    def box(self, name):
        boxes = self.boxes()
        if name not in boxes:
            raise Trouble(f"there is no box {name!r}; there are: {' '.join(boxes)}")
        return boxes[name]

    @staticmethod
    def public(box):
        return f"{PUBLIC}.{10 + box['number']}"

    @staticmethod
    def private(box):
        return f"{PRIVATE}.{10 + box['number']}"

    @staticmethod
    def ports(name):
        """The two ends on the bridges of a box's cables."""
        return {"pub": f"vb-{name}", "priv": f"vp-{name}"}

    def names(self):
        """Each name with its addresses, as the internet's DNS would have them."""
        boxes = self.boxes()
        serving = [name for name in boxes if name.startswith("distributor")] or list(boxes)
        names = {f"acme.{DOMAIN}": [f"{PUBLIC}.1"], f"packages.{DOMAIN}": [f"{PUBLIC}.1"]}
        for name, box in boxes.items():
            names |= dict.fromkeys((f"{name}.{DOMAIN}", f"{name}.live.{DOMAIN}"), [self.public(box)])
        names[f"live.{DOMAIN}"] = [self.public(boxes[name]) for name in serving]
        return names

    # How it comes and goes.

    def make(self, boxes, lifetime):
        """The namespace with its networks and services; no box yet."""
        self.place.mkdir(parents=True)
        (self.place / "lab.json").write_text(json.dumps({"boxes": boxes}, indent=1))
        run("ip", "netns", "add", self.namespace)
        self.ip("link", "set", "lo", "up")
        for bridge, network in (("br-pub", PUBLIC), ("br-priv", PRIVATE)):
            self.ip("link", "add", bridge, "type", "bridge")
            self.ip("link", "set", bridge, "up")
            self.ip("address", "add", f"{network}.1/24", "dev", bridge)
        host.make_group(f"{self.group}/services")
        for name in boxes:
            host.make_group(f"{self.group}/{name}")
        hosts = [f"{address} {name}" for name, addresses in self.names().items() for address in addresses]
        (self.place / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n" + "\n".join(hosts) + "\n")
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"lab {self.name}", "-f", self.place / "key")
        self.write_ssh_config(boxes)
        self.serve("packages", ["python3", "-m", "http.server", "8000", "--bind", f"{PUBLIC}.1", "--directory",
                                images.repository()])
        self.serve_certificates(lifetime)

    def write_ssh_config(self, boxes):
        lines = [f"Host {name}\n  HostName {self.public(box)}\n" for name, box in boxes.items()]
        lines.append(f"Host *\n  User root\n  IdentityFile {self.place}/key\n  IdentitiesOnly yes\n"
                     f"  UserKnownHostsFile {self.place}/known_hosts\n  StrictHostKeyChecking yes\n"
                     "  ConnectTimeout 10\n")
        (self.place / "ssh_config").write_text("\n".join(lines))

    def serve_certificates(self, lifetime):
        """An ACME server, and what vouches for it and for all it issues."""
        data = self.place / "acme"
        data.mkdir()
        (data / "Caddyfile").write_text(CADDYFILE.replace("LIFETIME", lifetime))
        environment = dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"), str(data))
        # It must not begin before it has names to resolve.
        self.serve("acme", ["caddy", "run", "--adapter", "caddyfile", "--config", data / "Caddyfile"], environment)
        root = data / "caddy/pki/authorities/local/root.crt"
        host.wait_until("the ACME server's certificate", root.exists)
        shutil.copy(root, self.place / "ca.pem")

    def serve(self, name, command, environment=None):
        """Starts something in the namespace that stays until the lab goes."""
        command = host.in_group(f"{self.group}/services", self.inside(command))
        with open(self.place / f"{name}.log", "wb") as log:
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                             env=os.environ | (environment or {}))

    def unmake(self):
        """Takes everything away, also what a killed run left."""
        host.kill_group(self.group)
        host.unmount_below(self.place)
        if (Path("/run/netns") / self.namespace).exists():
            run("ip", "netns", "delete", self.namespace)
        host.remove_group(self.group)
        shutil.rmtree(self.place, ignore_errors=True)

    # What is done in it.

    def ip(self, *words):
        return run("ip", "-n", self.namespace, *words)

    def inside(self, command):
        """The command, so that it runs in the namespace and resolves the lab's names. The rest is this machine's."""
        names = "mount --bind \"$0/hosts\" /etc/hosts; mount --bind /dev/null /etc/resolv.conf"
        # Every lab has the same addresses: a connection that Ansible keeps open would lead to another lab's boxes.
        names += "; export ANSIBLE_SSH_CONTROL_PATH_DIR=\"$0/ssh\""
        return ["nsenter", f"--net=/run/netns/{self.namespace}", "unshare", "--mount", "sh", "-ec",
                f'{names}; exec "$@"', self.place, *[str(word) for word in command]]
