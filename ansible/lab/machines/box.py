"""One booted machine: its disk, its systemd, its cables, and what may happen to its power.

The disk is an overlay that outlives the power: what was written before a power cut is there at the next boot, as on a
machine whose kernel wrote it out.
"""

import os
import re
import shutil
import subprocess
import uuid

from . import host, images
from .host import Trouble, run
from .lab import DOMAIN, PUBLIC

# What systemd-nspawn exits with when the box asked to be rebooted.
REBOOT = 133

NAME = re.compile(r"[a-z][a-z0-9-]{0,11}")

NETWORK = """[Match]
Name={interface}

[Network]
Address={address}/24
{gateway}LinkLocalAddressing=ipv6
IPv6AcceptRA=no
"""


class Box:
    """A box by its name."""

    def __init__(self, lab, name):
        self.lab, self.name, self.facts = lab, name, lab.box(name)
        self.place = lab.place / "box" / name
        self.root = self.place / "root"
        self.group = f"{lab.group}/{name}"

    def make(self):
        """Its disk, as it is delivered."""
        upper, work = self.place / "up", self.place / "work"
        for path in (upper, work, self.root):
            path.mkdir(parents=True)
        lower = ":".join(str(layer) for layer in images.layers(self.facts["image"]))
        # Nothing of a lab outlives this machine's kernel, so nothing needs to be on its disk in time.
        run("mount", "-t", "overlay", "overlay", "-o",
            f"lowerdir={lower},upperdir={upper},workdir={work},volatile", self.root)
        etc = self.root / "etc"
        (etc / "hostname").write_text(f"{self.name}\n")
        (etc / "machine-id").write_text(f"{uuid.uuid4().hex}\n")
        (etc / "hosts").write_text((self.lab.place / "hosts").read_text() + f"127.0.1.1 {self.name}\n")
        (etc / "resolv.conf").unlink(missing_ok=True)
        (etc / "resolv.conf").write_text("")
        (etc / "apt/sources.list").write_text(f"deb [trusted=yes] http://packages.{DOMAIN}:8000 ./\n")
        self.connect(etc / "systemd/network")
        self.let_in(etc)

    def connect(self, networkd):
        for interface, address, gateway in (("host0", self.lab.public(self.facts), f"Gateway={PUBLIC}.1\n"),
                                            ("priv0", self.lab.private(self.facts), "")):
            text = NETWORK.format(interface=interface, address=address, gateway=gateway)
            (networkd / f"20-{interface}.network").write_text(text)

    def let_in(self, etc):
        """The lab's key opens root and the user debian, as on a hosting company's machine."""
        key = etc / "ssh/ssh_host_ed25519_key"
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f", key)
        public = key.with_suffix(".pub").read_text().split(" ")
        names = f"{self.name},{self.name}.{DOMAIN},{self.lab.public(self.facts)},{self.lab.private(self.facts)}"
        with open(self.lab.place / "known_hosts", "a", encoding="ascii") as known:
            known.write(f"{names} {public[0]} {public[1]}\n")
        for home, owner in (("root", 0), ("home/debian", 1000)):
            ssh = self.root / home / ".ssh"
            ssh.mkdir(mode=0o700, exist_ok=True)
            shutil.copy(self.lab.place / "key.pub", ssh / "authorized_keys")
            for path in (ssh, ssh / "authorized_keys"):
                os.chown(path, owner, owner)

    # Its power.

    def boot(self):
        """Power on; returns at once. `wait` waits until it is up."""
        if host.populated(self.group):
            raise Trouble(f"{self.name} is on already")
        host.remove_group(self.group)
        host.make_group(self.group)
        keeper = [shutil.which("python3"), os.path.join(os.path.dirname(os.path.dirname(__file__)), "lab"),
                  "--lab", self.lab.name, "keep", self.name]
        with open(self.place / "console", "ab") as console:
            subprocess.Popen(host.in_group(f"{self.lab.group}/services", keeper), stdin=subprocess.DEVNULL,
                             stdout=console, stderr=console, start_new_session=True)

    def keep(self):
        """Boots, and boots again as often as the box reboots; ends when it is off. Runs beside the box."""
        while self.run_once() == REBOOT:
            pass

    def run_once(self):
        self.unplug()
        ports = self.lab.ports(self.name)
        command = ["nsenter", f"--net=/run/netns/{self.lab.namespace}", "systemd-nspawn", "--quiet", "--register=no",
                   "--keep-unit", "--boot", f"--machine={self.lab.name}-{self.name}", f"--hostname={self.name}",
                   f"--directory={self.root}", "--resolv-conf=off", "--timezone=off", "--link-journal=no",
                   f"--network-veth-extra={ports['pub']}:host0", f"--network-veth-extra={ports['priv']}:priv0",
                   "--capability=CAP_NET_ADMIN", "--bind=/dev/net/tun", "--console=pipe"]
        # The box sees pure cgroup2, as Debian 12 has it, whatever this machine has.
        box = subprocess.Popen(host.in_group(self.group, command), stdin=subprocess.DEVNULL,
                               env=os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"})
        (self.place / "pid").write_text(str(box.pid))
        for port, bridge in ((ports["pub"], "br-pub"), (ports["priv"], "br-priv")):
            self.plug_in(box, port, bridge)
        return box.wait()

    def plug_in(self, box, port, bridge):
        """The port appears when the box has got so far."""
        def plugged():
            plug = subprocess.run(["ip", "-n", self.lab.namespace, "link", "set", port, "master", bridge, "up"],
                                  stderr=subprocess.DEVNULL, check=False)
            return plug.returncode == 0 or box.poll() is not None

        host.wait_until(f"{self.name} to have its cable {port}", plugged)

    def init(self):
        """The process that is its systemd, as this machine numbers it; nothing while it is off."""
        try:
            pid = (self.place / "pid").read_text()
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
                return int(children.read().split()[0])
        except (OSError, IndexError, ValueError):
            return None

    def wait(self):
        """Until systemd has started all there is to start."""
        host.wait_until(f"{self.name} to be up (see {self.place}/console)", self.is_up)

    def is_up(self):
        return self.state() in ("running", "degraded")

    def state(self):
        """What its systemd says of itself: `running`, `degraded`, `starting`, or `off`."""
        if not host.populated(self.group) or self.init() is None:
            return "off"
        if "1" in (host.unified() / self.group / "cgroup.freeze").read_text():
            return "frozen"
        said = subprocess.run(self.inside(["systemctl", "is-system-running"]), capture_output=True, text=True,
                              check=False)
        return said.stdout.strip() or "starting"

    def inside(self, command):
        """The command, run on the box without its network or its ssh: as at its keyboard."""
        init = self.init()
        if init is None:
            raise Trouble(f"{self.name} is off: lab boot {self.name}")
        return ["nsenter", f"--target={init}", "--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup", "env", "-i",
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_PAGER=cat",
                "TERM=dumb", "LC_ALL=C.UTF-8", *command]

    def cut(self):
        """The power is gone: nothing is told, nothing is flushed."""
        # What is still to be sent never is: no machine says goodbye when its power goes.
        self.unplug()
        host.kill_group(self.group)

    def unplug(self):
        """Takes its cables away. The kernel keeps the network of a box that is off for minutes, while what was sent last is not
        acknowledged, and the next boot brings cables of the same names."""
        for port in self.lab.ports(self.name).values():
            subprocess.run(["ip", "-n", self.lab.namespace, "link", "delete", port], stderr=subprocess.DEVNULL, check=False)
            host.wait_until(f"{port} to be gone", lambda port=port: not self.has_port(port))

    def has_port(self, port):
        return subprocess.run(["ip", "-n", self.lab.namespace, "link", "show", port], check=False,
                              capture_output=True).returncode == 0

    def replace(self):
        """Another machine in its place: what was on its disk is lost. It is off."""
        if self.init() is not None:
            self.cut()
        host.unmount_below(self.root)
        shutil.rmtree(self.place)
        known = self.lab.place / "known_hosts"
        known.write_text("".join(line for line in known.read_text().splitlines(True) if not line.startswith(f"{self.name},")))
        self.make()

    def freeze(self, frozen):
        """It hangs, or goes on."""
        if self.state() == "off":
            raise Trouble(f"{self.name} is off")
        (host.unified() / self.group / "cgroup.freeze").write_text("1" if frozen else "0")
        events = host.unified() / self.group / "cgroup.events"
        host.wait_until(f"{self.name} to be {'frozen' if frozen else 'thawed'}",
                        lambda: f"frozen {int(frozen)}" in events.read_text())
