"""The tunnel between each two boxes: it has shaken hands lately, also after a reload, and nothing of a show can be read outside it."""

import json
import time

from .boxes import Wrong

# Seconds between two handshakes of a tunnel that is in use, with as much again: WireGuard's own is 120.
HANDSHAKE = 180
# What mux says to a transcoder, and a distributor to it, in every second of a show.
SAID = {"mux": "onSegment", "distributor": "/live/"}

# On a box: how often a pattern passes its end of the tunnel, in so many seconds.
INSIDE = """
import socket, sys, time
ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
ear.bind(("footlight", 0)); ear.settimeout(0.2)
end, found = time.monotonic() + float(sys.argv[2]), 0
while time.monotonic() < end:
    try: found += sys.argv[1].encode() in ear.recv(1 << 16)
    except TimeoutError: pass
print(found)
"""


def handshakes(boxes):
    """Raises Wrong where a tunnel is silent. Returns how many ends of tunnels were looked at."""
    count = 0
    for name in boxes.names:
        now = int(boxes.on(name, "date +%s"))
        ages = [now - int(line.split()[1]) for line in boxes.on(name, "wg show footlight latest-handshakes").splitlines()]
        if len(ages) != len(boxes.names) - 1 or max(ages) > HANDSHAKE:
            raise Wrong(f"{name} last shook hands {ages} s ago, and has {len(boxes.names) - 1} tunnels")
        count += len(ages)
    return count


def reload(boxes):
    """Reloads every end, and has each two boxes shake hands anew. Raises Wrong where one does not."""
    for name in boxes.names:
        boxes.on(name, "systemctl reload wg-quick@footlight")
        if boxes.on(name, "wg show footlight private-key").strip() == "(none)":
            raise Wrong(f"a reload of the tunnel has cost {name} its private key")
        # Who is taken out and put back in has to shake hands again, for which the key is needed.
        boxes.on(name, "for peer in $(wg show footlight peers); do wg set footlight peer $peer remove; done; systemctl reload wg-quick@footlight")
    end = time.monotonic() + 60
    while any("\t0\n" in boxes.on(name, "wg show footlight latest-handshakes") for name in boxes.names):
        if time.monotonic() > end:
            raise Wrong("after a reload not all tunnels have shaken hands again within a minute")
        time.sleep(0.5)


def clear_text(boxes, box, pattern, side, seconds=5):
    """Raises Wrong if the pattern can be read on the box's cable, or is not in the tunnel either. Returns packets of the tunnel."""
    inside = int(boxes.word("inside", box, "python3", "-c", INSIDE, pattern, seconds))
    if inside == 0:
        raise Wrong(f"{pattern!r} is not said in the tunnel of {box}, so that nobody reads it proves nothing")
    heard = json.loads(boxes.word("sniff", "--side", side, box, pattern, "--", "sleep", seconds))
    if heard["pattern"] or not heard["wireguard"]:
        raise Wrong(f"on the {side} cable of {box} {pattern!r} was read {heard['pattern']} times, in {heard}")
    return heard["wireguard"]
