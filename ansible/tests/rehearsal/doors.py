"""Which TCP ports of the boxes answer to the world, and to the venue's own network: exactly those that must.

Tried is every port that anything on any box listens at, wherever it listens, and all up to 1024.
"""

import json
import re

from .boxes import Wrong

# On the controller: which of the ports can be connected to, of each address. A port that drops what comes gives no answer.
KNOCK = """
import json, resource, select, socket, sys, time
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
doors = [(address, port) for address in json.loads(sys.argv[1]) for port in json.loads(sys.argv[2])]
opened = []
while doors:
    callers, ear = {}, select.epoll()
    for door in doors[:most - 100]:
        caller = socket.socket()
        caller.setblocking(False)
        caller.connect_ex(door)
        callers[caller.fileno()] = caller, door
        ear.register(caller.fileno(), select.EPOLLOUT)
    doors, end = doors[most - 100:], time.monotonic() + 3
    while (left := end - time.monotonic()) > 0:
        for number, _ in ear.poll(left):
            caller, door = callers[number]
            ear.unregister(number)
            if caller.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                opened.append(door)
print(json.dumps(opened))
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


def look(boxes, groups, rtmps=False):
    """Raises Wrong for a port too many or too few. `groups`: of each box. Returns how many ports were tried on each."""
    tried = sorted(set(range(1, 1025)).union(*[listening(boxes, name) for name in boxes.names]))
    owners = {f"{network}.{10 + number}": name for network in ("203.0.113", "10.77.0") for number, name in enumerate(boxes.names)}
    answered = json.loads(boxes.run("python3", "-c", KNOCK, json.dumps(list(owners)), json.dumps(tried)))
    for address, name in owners.items():
        found = {port for at, port in answered if at == address}
        if found != wanted(groups[name], rtmps):
            raise Wrong(f"{name} ({address}) answers at {sorted(found)}, and must at {sorted(wanted(groups[name], rtmps))}")
    return len(tried)
