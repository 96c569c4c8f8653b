"""What can be read on a box's cable, with a control: a sniffer that sees nothing must not look like a quiet wire.

It listens on the box's port of the bridge (on the bridge itself nothing that is forwarded is seen). The control is a
datagram with the pattern in clear text, which the box itself sends while the sniffer listens.
"""

import ctypes
import json
import os
import socket
import subprocess
import sys
import threading
import uuid

from .emulated import machine
from .chaos import SIDES
from .host import Trouble
from .lab import PRIVATE, PUBLIC

ETH_P_ALL = 3
# Of the packets that are looked at; more than any test is long.
PACKETS_AT_MOST = 10_000_000


def add(word):
    """The word of the command line."""
    added = word("sniff", sniff, "run a command as `run` does, and count who could read a pattern on a box's cable")
    added.add_argument("--side", choices=SIDES, default="priv")
    added.add_argument("box")
    added.add_argument("pattern", help="bytes that are published, such as a stream key")
    added.add_argument("command", nargs="+")


def sniff(lab, options):
    """Prints what it saw as JSON; exit 1 when it is blind, else the command's exit code."""
    box = machine(lab, options.box)
    ear = Ear(lab, lab.ports(options.box)[options.side], options.pattern.encode())
    listening = threading.Thread(target=ear.listen, daemon=True)
    listening.start()
    command = subprocess.run([str(word) for word in lab.inside(options.command)], check=False, stdout=sys.stderr)
    control(box, options.side, ear)
    ear.over = True
    listening.join()
    print(json.dumps({"packets": ear.packets, "wireguard": ear.wireguard, "pattern": ear.found}))
    return command.returncode


def control(box, side, ear):
    """The box says the pattern in clear text, until it was heard."""
    network = PUBLIC if side == "pub" else PRIVATE
    say = ("import socket,sys; socket.socket(socket.AF_INET,socket.SOCK_DGRAM)"
           ".sendto(sys.argv[1].encode(),(sys.argv[2],9))")
    for _ in range(50):
        subprocess.run(["nsenter", f"--target={box.init()}", "--net", "python3", "-c", say,
                        ear.control.decode() + ear.pattern.decode(), f"{network}.1"], check=True)
        if ear.heard.wait(0.1):
            return
    raise Trouble("the sniffer is blind: it did not see the control that the box sent in clear text")


class Ear:
    """Counts packets at one port of the namespace."""

    def __init__(self, lab, port, pattern):
        self.pattern, self.control = pattern, uuid.uuid4().hex.encode()
        self.packets = self.wireguard = self.found = 0
        self.over, self.heard = False, threading.Event()
        own = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{lab.namespace}", os.O_RDONLY)
        enter(there)
        try:
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.socket.setsockopt(socket.SOL_SOCKET, 33, 1 << 26)  # SO_RCVBUFFORCE
            self.socket.bind((port, 0))
            self.socket.settimeout(0.1)
        finally:
            enter(own)

    def listen(self):
        while not self.over and self.packets < PACKETS_AT_MOST:
            try:
                packet = self.socket.recv(1 << 16)
            except TimeoutError:
                continue
            if self.control in packet:
                self.heard.set()
                continue
            self.packets += 1
            self.found += self.pattern in packet
            self.wireguard += is_wireguard(packet)


def is_wireguard(packet):
    """IPv4 and UDP, and one of the protocol's four messages: a type, then three bytes of nought."""
    if packet[12:14] != b"\x08\x00" or packet[23:24] != b"\x11":
        return False
    payload = packet[14 + (packet[14] & 15) * 4 + 8:]
    return payload[:1] in (b"\1", b"\2", b"\3", b"\4") and payload[1:4] == b"\0\0\0"


def enter(namespace):
    if ctypes.CDLL(None, use_errno=True).setns(namespace, 0x40000000) != 0:
        raise Trouble(f"the lab's network cannot be entered: {os.strerror(ctypes.get_errno())}")
    os.close(namespace)
