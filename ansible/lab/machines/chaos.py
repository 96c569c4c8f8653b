"""What may happen to a box's cables: pulled, lossy, narrow. Undone by the same words, and by a reboot of the box.

There is no delay and no jitter: this kernel may lack netem.
"""

import subprocess

from .emulated import machine
from .host import Trouble, run

SIDES = ("pub", "priv")


def add(word):
    """The words of the command line."""
    for name, does, about in (("pull", pull, "a cable is pulled"), ("plug", plug, "and plugged in again")):
        added = word(name, does, about)
        added.add_argument("box")
        added.add_argument("side", nargs="?", choices=SIDES, help="one of the two; else both")
    added = word("lose", lose, "a part of all packets from and to a box is lost")
    added.add_argument("box")
    added.add_argument("percent", type=int, help="0 to 99; 0 for none")
    added = word("limit", limit, "a box has a narrow line, both ways")
    added.add_argument("box")
    added.add_argument("rate", help="such as 2mbit; none for no limit")
    added.add_argument("side", nargs="?", choices=SIDES, default="pub")


def pull(lab, options):
    set_ports(lab, options, "down")


def plug(lab, options):
    set_ports(lab, options, "up")


def set_ports(lab, options, state):
    lab.box(options.box)
    for side, port in lab.ports(options.box).items():
        if options.side in (None, side):
            lab.ip("link", "set", port, state)


def lose(lab, options):
    """Every port of the box, both ways, also what the controller sends and receives."""
    lab.box(options.box)
    if not 0 <= options.percent <= 99:
        raise Trouble(f"{options.percent} per cent cannot be lost: 0 to 99")
    table = "lossy_" + options.box.replace("-", "_")
    rules = [f"table bridge {table}", f"delete table bridge {table}"]
    if options.percent:
        ports = ", ".join(f'"{port}"' for port in lab.ports(options.box).values())
        drop = f"numgen random mod 100 < {options.percent} counter drop"
        rules.append(f"table bridge {table} {{")
        for chain, match in (("forward", "oifname"), ("output", "oifname"), ("prerouting", "iifname")):
            rules += [f" chain {chain} {{", f"  type filter hook {chain} priority 0; policy accept;",
                      f"  {match} {{ {ports} }} {drop}", " }"]
        rules.append("}")
    run(*in_namespace(lab, "nft", "-f", "-"), input="\n".join(rules) + "\n")


def limit(lab, options):
    """Down at the bridge's port, up at the box's own end."""
    box = machine(lab, options.box)
    ends = ((in_namespace(lab), lab.ports(options.box)[options.side]),
            (["nsenter", f"--target={box.init()}", "--net"], "host0" if options.side == "pub" else "priv0"))
    for place, device in ends:
        subprocess.run([*place, "tc", "qdisc", "delete", "dev", device, "root"], stderr=subprocess.DEVNULL, check=False)
        if options.rate != "none":
            run(*place, "tc", "qdisc", "add", "dev", device, "root", "tbf", "rate", options.rate, "burst", "32k",
                "latency", "200ms")


def in_namespace(lab, *command):
    return ["nsenter", f"--net=/run/netns/{lab.namespace}", *command]
