"""A box with a kernel of its own: Debian's, in qemu, every instruction emulated.

It is slow, and shows what a container cannot: the kernel's WireGuard, a clock that can be set, limits of memory and
addresses that are enforced. Its disk is made from the same files as another box's; all else about it is the same.
"""

import os
import shlex
import shutil
import subprocess

from . import host, images
from .box import Box
from .host import Trouble, run

MEMORY = "2560M"
DISK = "8G"
# Each machine's cables have addresses of their own, by its number and the cable's.
MAC = "52:54:00:f0:{cable:02x}:{number:02x}"
CABLES = (("pub", "host0"), ("priv", "priv0"))

LINK = """[Match]
MACAddress={mac}

[Link]
Name={interface}
"""


class Emulated(Box):
    """A box by its name, which begins with `vm`."""

    def make(self):
        """Its disk, as it is delivered: with the files of a box, a kernel, and names for its cables."""
        super().make()
        for cable, (_, interface) in enumerate(CABLES):
            link = self.root / f"etc/systemd/network/10-{interface}.link"
            link.write_text(LINK.format(mac=self.mac(cable), interface=interface))
        for name, pattern in (("kernel", "vmlinuz-*"), ("initrd", "initrd.img-*")):
            shutil.copy(max((self.root / "boot").glob(pattern)), self.place / name)
        run("mkfs.ext4", "-q", "-F", "-L", "root", "-d", self.root, self.place / "disk", DISK)
        host.unmount_below(self.root)

    def mac(self, cable):
        return MAC.format(cable=cable, number=self.facts["number"])

    def run_once(self):
        """Reboots are qemu's affair: it ends when the power is off."""
        ports = self.lab.ports(self.name)
        command = ["-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", MEMORY,
                   "-kernel", f"{self.place}/kernel", "-initrd", f"{self.place}/initrd",
                   "-append", "root=LABEL=root rw console=ttyS0 quiet net.ifnames=0", "-display", "none",
                   "-serial", "stdio", "-monitor", "none",
                   "-drive", f"file={self.place}/disk,if=virtio,format=raw,cache=unsafe",
                   "-device", "virtio-rng-pci"]
        for cable, (side, _) in enumerate(CABLES):
            command += ["-netdev", f"tap,id={side},ifname={ports[side]},script=no,downscript=no",
                        "-device", f"virtio-net-pci,netdev={side},mac={self.mac(cable)},romfile="]
        qemu = subprocess.Popen(host.in_group(self.group, self.emulator(command)), stdin=subprocess.DEVNULL)
        (self.place / "pid").write_text(str(qemu.pid))
        for port, bridge in ((ports["pub"], "br-pub"), (ports["priv"], "br-priv")):
            self.plug_in(qemu, port, bridge)
        return qemu.wait()

    def emulator(self, command):
        """qemu from its image, which sees this machine's devices and the box's files, in the lab's network."""
        root = images.CACHE / "qemu"
        seen = f'mkdir -p "{root}{self.place}"; mount --rbind /dev {root}/dev; mount --bind {self.place} {root}{self.place}'
        return ["nsenter", f"--net=/run/netns/{self.lab.namespace}", "unshare", "--mount", "sh", "-ec",
                f'{seen}; exec chroot {root} qemu-system-x86_64 "$@"', "sh", *command]

    def init(self):
        """The emulator's process; nothing while it is off."""
        try:
            pid = int((self.place / "pid").read_text())
            os.kill(pid, 0)
            return pid if host.populated(self.group) else None
        except (OSError, ValueError):
            return None

    def wait(self):
        """Until systemd has started all there is to start: minutes, on a busy machine."""
        host.wait_until(f"{self.name} to be up (see {self.place}/console)", self.is_up, 600)

    def state(self):
        """As a box's, but asked by ssh."""
        if self.init() is None:
            return "off"
        if "1" in (host.unified() / self.group / "cgroup.freeze").read_text():
            return "frozen"
        said = subprocess.run(self.inside(["systemctl", "is-system-running"]), capture_output=True, text=True,
                              check=False)
        return said.stdout.strip() or "starting"

    def inside(self, command):
        """The command, by ssh: there is no other way in."""
        if self.init() is None:
            raise Trouble(f"{self.name} is off: lab boot {self.name}")
        return self.lab.inside(["ssh", "-F", self.lab.place / "ssh_config", self.name, shlex.join(map(str, command))])


def machine(lab, name):
    """The box of this name, of whichever kind it is."""
    return (Emulated if lab.box(name)["image"] == "emulated" else Box)(lab, name)
