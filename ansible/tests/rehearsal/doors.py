"""Which TCP ports of the boxes answer to the world, and to the venue's own network: exactly those that must.

Tried is every port that anything on any box listens at, wherever it listens, and all up to 1024.
"""

import json
import re

from .boxes import Wrong

# On the controller: which of the ports of an address can be connected to. A port that drops what comes gives no answer.
KNOCK = """
import asyncio, json, sys
async def knock(address, port, gate):
    async with gate:
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(address, port), 2)
        except (OSError, TimeoutError):
            return None
        writer.close()
        return port
async def main(address, ports):
    gate = asyncio.Semaphore(700)
    print(json.dumps([port for port in await asyncio.gather(*[knock(address, port, gate) for port in ports]) if port]))
asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
"""


def wanted(groups, rtmps=False):
    """The ports of a box that is in these groups."""
    ports = {22}
    if "mux" in groups:
        ports |= {1935, 1936} if rtmps else {1935}
    if "distributor" in groups:
        ports |= {80, 443}
    return ports


def listening(boxes, name):
    """The ports that something on the box listens at."""
    lines = boxes.on(name, "ss -Hltn").splitlines()
    return {int(re.search(r":(\d+)$", line.split()[3]).group(1)) for line in lines}


def open_ports(boxes, address, ports):
    """Those of the ports that can be reached from the controller."""
    return set(json.loads(boxes.run("python3", "-c", KNOCK, address, json.dumps(sorted(ports)))))


def look(boxes, groups, rtmps=False):
    """Raises Wrong for a port too many or too few. `groups`: of each box. Returns how many ports were tried on each."""
    tried = set(range(1, 1025)).union(*[listening(boxes, name) for name in boxes.names])
    for name in boxes.names:
        for network in ("203.0.113", "10.77.0"):
            address = f"{network}.{10 + boxes.names.index(name)}"
            found = open_ports(boxes, address, tried)
            if found != wanted(groups[name], rtmps):
                raise Wrong(f"{name} ({address}) answers at {sorted(found)}, and must at {sorted(wanted(groups[name], rtmps))}")
    return len(tried)
