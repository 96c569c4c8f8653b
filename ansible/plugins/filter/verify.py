"""What a look at an installation found, in sentences: what is wrong, and what to do.

Each function takes the results of one loop of checks, and gives no sentence where nothing is wrong.
"""

import json
import re
import urllib.parse

# Seconds after which a tunnel that is in use has shaken hands again, three times over.
HANDSHAKE = 180
# What is private, with the groups whose boxes have it.
PRIVATE = {1945: "transcoder", 8080: "transcoder", 8090: "distributor", 9100: None, 9101: "mux", 9102: "transcoder", 9103: "distributor"}


def ports(box):
    """The ports to try from outside: those that must be open, and those that must not."""
    told = [{"port": 1935, "open": True}] if "mux" in box["groups"] else []
    if "distributor" in box["groups"]:
        told += [{"port": 80, "open": True}, {"port": 443, "open": True}]
    return told + [{"port": port, "open": False} for port, group in PRIVATE.items() if group in box["groups"] or group is None]


def opened(results, host):
    """From what trying them gave."""
    told = []
    for result in results:
        port, wanted = result["item"]["port"], result["item"]["open"]
        reached = not result.get("msg") and not result.get("failed")
        if wanted and not reached:
            told.append(f"port {port} of {host} cannot be reached from this computer. Does its provider, or the router before it, have a "
                        f"firewall of its own? It must let TCP {port} through; if not, on the box: ss -ltn and sudo nft list table inet footlight")
        elif reached and not wanted:
            told.append(f"port {port} of {host} can be reached from this computer and is private. Run site.yml, which closes it; "
                        "if this computer is in the boxes' own network, look from another")
    return told


def talks(found, host):
    """Whom a box speaks to: mux to transcoders, distributors to transcoders and to each other."""
    own, told = found[host]["groups"], []
    for other, box in sorted(found.items()):
        for group, port, what in (("mux", 1945, "shows to"), ("distributor", 8080, "fetching from")):
            if group in own and "transcoder" in box["groups"]:
                told.append({"address": box["inner"], "port": port, "what": f"{what} {other}"})
        if other != host and "distributor" in own and "distributor" in box["groups"]:
            told.append({"address": box["inner"], "port": 8090, "what": f"sharing with {other}"})
    return told


def closed(results):
    """From what trying those paths gave."""
    return [
        f"{result['item']['what']} does not work: {result['item']['address']} port {result['item']['port']} does not answer. Is that box on, "
        "and does its daemon run? Then the tunnel: sudo wg show footlight, on both; UDP 51820 must pass between them"
        for result in results if result.get("msg") or result.get("failed")
    ]


def silent(lines, now):
    """From `wg show latest-handshakes`, a public key and a time each."""
    told = []
    for line in lines:
        key, _tab, when = line.partition("\t")
        age = now - int(when or 0)
        if age > HANDSHAKE:
            never = "never" if int(when or 0) == 0 else f"{age} s ago"
            told.append(f"the tunnel to the box with the key {key[:8]}... was last used {never}. Is that box on? UDP 51820 must pass between "
                        "the two; if its key is new, run site.yml without --limit")
    return told


def inactive(results):
    """From the states of units."""
    return [
        f"{result['item']} does not run. On the box: journalctl -xeu {result['item']} says why; then: sudo systemctl restart {result['item']}"
        for result in results if (result.get("status") or {}).get("ActiveState") not in ("active", "reloading")
    ]


def not_ready(results):
    """From what /ready answered."""
    return [
        f"{result['item']} is not ready: {str(result.get('content') or result.get('msg') or 'no answer').strip()}. "
        f"On the box: footlight-{result['item']} status, and journalctl -xeu footlight-{result['item']}"
        for result in results if result.get("status") != 200
    ]


def astray(results, host):
    """From where the names lead."""
    return [
        f"{result['item']} leads nowhere. At whoever keeps the name, add a record (A, and AAAA for IPv6) with the address of {host}"
        for result in results if result.get("rc") != 0
    ]


def uncertified(results):
    """From what HTTPS answered: a status below zero is no answer."""
    told = []
    for result in results:
        message = str(result.get("msg", ""))
        if result.get("status", -1) > 0:
            continue
        if re.search(r"certificate|CERTIFICATE", message):
            told.append(f"the certificate of {result['item']} is not one that browsers trust ({message[:200]}). Does the name lead to this installation, "
                        "is port 80 open from outside? On the distributor: journalctl -u footlight-distributor tells what the authority said")
        else:
            told.append(f"https://{result['item']} does not answer ({message[:200]}). On the distributor: footlight-distributor status")
    return told


def first_playlist(text, base):
    """The address of the first media playlist that a multivariant playlist names."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return urllib.parse.urljoin(base + "/index.m3u8", lines[0]) if lines else base + "/index.m3u8"


def segments(text):
    """The whole segments of a media playlist, gaps left out: how long each is, and its address."""
    duration, gap = 0.0, False
    for line in text.splitlines():
        if line.startswith("#EXTINF:"):
            duration = float(line[8:].split(",")[0])
        elif line.startswith("#EXT-X-GAP"):
            gap = True
        elif line and not line.startswith("#"):
            if not gap:
                yield duration, line
            gap = False


def seconds(text):
    """How much a media playlist has of the show."""
    return round(sum(duration for duration, _address in segments(text)), 1)


def newest_segment(text, url):
    """The address of the newest of them."""
    addresses = [address for _duration, address in segments(text)]
    return urllib.parse.urljoin(url, addresses[-1]) if addresses else url


def ailing(results):
    """From what each daemon's own doctor said: what must be put right. One without a doctor says nothing."""
    told = []
    for result in results:
        try:
            report = json.loads(result.get("stdout") or "{}")
        except ValueError:
            continue
        told += [
            f"{report['name']} on {report['host']}: {': '.join(filter(None, (found['subject'], found['sentence'])))}. {found['remedy']}"
            for found in report.get("findings", []) if found["verdict"] == "failure"
        ]
    return told


class FilterModule:
    """What Ansible asks for."""

    def filters(self):
        """All filters by name."""
        return {
            "footlight_ports": ports,
            "footlight_open": opened,
            "footlight_talks": talks,
            "footlight_closed": closed,
            "footlight_silent": silent,
            "footlight_inactive": inactive,
            "footlight_not_ready": not_ready,
            "footlight_astray": astray,
            "footlight_uncertified": uncertified,
            "footlight_ailing": ailing,
            "footlight_first_playlist": first_playlist,
            "footlight_seconds": seconds,
            "footlight_newest_segment": newest_segment,
        }
