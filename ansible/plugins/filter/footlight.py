"""What an inventory means to Footlight: who the boxes are, what is wrong with it, and how a daemon's file is written.

Plain functions of their arguments: they touch no box and read no file.
"""

import difflib
import hashlib
import ipaddress
import json
import re

# The groups that a box may be in, in the order in which a show passes them.
GROUPS = ("mux", "transcoder", "distributor", "monitoring")
# How alike a name must be to one of ours before it is taken for a slip of the pen. 0.85 finds one wrong letter in seven.
ALIKE = 0.85
# What live::StreamName accepts; names of transcoders and distributors follow the same rule.
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")


def box_name(inventory_hostname):
    """The box's name in the daemons' files: the inventory's, with what they do not allow replaced."""
    return re.sub(r"[^a-z0-9_-]", "-", str(inventory_hostname).lower())[:64]


def tunnel_address(inventory_hostname, network):
    """An address inside the tunnel that depends on the box's name alone, so that adding a box moves no other."""
    net = ipaddress.ip_network(network)
    draw = int.from_bytes(hashlib.sha256(str(inventory_hostname).encode()).digest()[:8], "big")
    # Neither the first nor the last address, which mean the network and everybody.
    return str(net[1 + draw % (net.num_addresses - 2)])


def boxes(groups, hostvars, network, tunnel):
    """Every box of the installation by its inventory name.

    inner: where the other boxes reach it. endpoint: where its end of the tunnel is. public: where the world reaches it.
    """
    members = sorted({host for group in GROUPS for host in groups.get(group, [])})
    found = {}
    for host in members:
        own = hostvars[host]
        public = own.get("footlight_address") or own.get("ansible_host") or host
        endpoint = own.get("footlight_private_address") or public
        inside = own.get("footlight_tunnel_address") or tunnel_address(host, network)
        if len(members) == 1:
            inner = "127.0.0.1"
        elif tunnel:
            inner = inside
        else:
            inner = endpoint
        found[host] = {
            "name": box_name(host),
            "groups": [group for group in GROUPS if host in groups.get(group, [])],
            "public": str(public),
            "endpoint": str(endpoint),
            "tunnel": str(inside),
            "inner": str(inner),
            "transcoder_weight": int(own.get("transcoder_weight") or 1),
            "distributor_weight": int(own.get("distributor_weight") or 1),
            "distributor_host": str(own.get("distributor_host") or ""),
        }
    return found


def within(found, group):
    """The boxes of one group, in the order of their names: the same list on every box."""
    return [box for _host, box in sorted(found.items()) if group in box["groups"]]


def members(found, group, port, address="inner"):
    """One group as the daemons' lists have it."""
    return [
        {"name": box["name"], "address": f"{bracketed(box[address])}:{port}", "weight": box[f"{group}_weight"]}
        for box in within(found, group)
    ]


def bracketed(address):
    """An address as it stands before a port."""
    return f"[{address}]" if ":" in address else address


def viewers_host(box, domain):
    """The name that leads viewers to this distributor alone."""
    return box["distributor_host"] or f"{box['name']}.{domain}"


def peers(found, domain, port):
    """The distributors as each of them lists all."""
    hosts = [viewers_host(box, domain) for box in within(found, "distributor")]
    return [
        {**member, "url": f"https://{host}"}
        for member, host in zip(members(found, "distributor", port), hosts)
    ]


def mux_streams(streams, soundcheck):
    """The streams of one mux as mux.toml has them, keys of targets by their files, and one that verify.yml shows."""
    told = []
    for stream in streams:
        push = [
            {**{key: item for key, item in target.items() if key != "key" and item is not None},
             "key": {"file": push_file(stream["name"], target["name"])}}
            for target in stream.get("push") or []
        ]
        told.append({"name": stream["name"], "publish": stream.get("publish") or None,
                     "play": stream.get("play") or None, "push": push or None})
    return told + [{"name": soundcheck}]


def push_file(stream, target):
    """Where the key of one target lies on the box."""
    return f"/etc/footlight/push-{stream}-{target}"


def push_keys(streams):
    """The files of all targets' keys."""
    return [
        {"path": push_file(stream["name"], target["name"]), "key": target["key"]}
        for stream in streams for target in stream.get("push") or []
    ]


def nearest(written, known):
    """The valid name that was most likely meant, or nothing."""
    close = difflib.get_close_matches(written, sorted(known), n=1, cutoff=0.6)
    return close[0] if close else None


def misspelt(names, known, prefixes):
    """A sentence for each variable that looks like ours and is not."""
    known = set(known)
    told = []
    for name in sorted(set(str(name) for name in names) - known):
        ours = any(name.startswith(prefix + "_") for prefix in prefixes)
        slip = difflib.get_close_matches(name, sorted(known), n=1, cutoff=ALIKE)
        bare = "footlight_" + name
        if ours or slip or bare in known:
            meant = bare if bare in known else nearest(name, known)
            told.append(
                f"{name}: there is no such variable" + (f"; did you mean {meant}?" if meant else "; see ansible/README.md")
            )
    return told


def inventory_faults(groups, hostvars, found, streams):
    """A sentence for each thing in the inventory that cannot be: its remedy is in the sentence."""
    told = []
    everyone = set(groups.get("all", [])) - {"localhost"}
    for host in sorted(everyone - set(found)):
        near = [f"{group}: did you mean {nearest(group, GROUPS)}?" for group, hosts in sorted(groups.items())
                if host in hosts and group not in ("all", "ungrouped") and nearest(group, GROUPS)]
        told.append(f"{host} is in none of the groups {', '.join(GROUPS)}: put it into one" + (f" ({near[0]})" if near else ""))
    for group in GROUPS[:3]:
        if not groups.get(group):
            told.append(f"the group {group} has no box: a show needs at least one of each of {', '.join(GROUPS[:3])}")
    told += unfilled(hostvars, found)
    told += clashes(found, "name", "are the same to the daemons: rename one")
    if len(found) > 1:
        told += clashes(found, "tunnel", "would have the same address in the tunnel: give one a footlight_tunnel_address")
        for host, box in sorted(found.items()):
            if box["endpoint"] in ("127.0.0.1", "localhost", "::1"):
                told.append(f"{host} has the address {box['endpoint']}, where no other box reaches it: "
                            "give it an ansible_host or a footlight_private_address")
    names = [stream.get("name") for stream in streams]
    told += [f"stream {name} is there twice: take one out" for name in sorted({n for n in names if names.count(n) > 1}, key=str)]
    for stream in streams:
        told += stream_faults(stream, groups)
    return told


def unfilled(hostvars, found):
    """A sentence for each thing that an example leaves to its reader and that was left."""
    written = {str(hostvars[host].get(name) or "") for host in found for name in ("ansible_host", "footlight_address", "footlight_domain", "footlight_acme_mail")}
    return [f"{value} is to be replaced: what is in capitals in an example is yours to fill in"
            for value in sorted(written) if re.match(r"ADDRESS(-[A-Z0-9]+)*\Z|[A-Z@.]+\.EXAMPLE\Z", value)]


def clashes(found, key, remedy):
    """A sentence for each two boxes that have the same `key`."""
    taken, told = {}, []
    for host, box in sorted(found.items()):
        if box[key] in taken:
            told.append(f"{taken[box[key]]} and {host} {remedy}")
        taken[box[key]] = host
    return told


def stream_faults(stream, groups):
    """What is wrong with one stream."""
    told, name = [], stream.get("name")
    if not NAME.match(str(name)):
        told.append(f"stream {name}: a name is 1 to 64 of a-z, 0-9, '-' and '_', and begins with a letter or digit")
    mux = stream.get("mux")
    if mux and mux not in groups.get("mux", []):
        told.append(f"stream {name}: mux: {mux} is no box of the group mux ({', '.join(groups.get('mux', []))})")
    for push in stream.get("push") or []:
        if not NAME.match(str(push.get("name"))):
            told.append(f"stream {name}: push {push.get('name')}: a name is 1 to 64 of a-z, 0-9, '-' and '_'")
        if not re.match(r"rtmps?://[^/]+/.", str(push.get("url") or "")):
            told.append(f"stream {name}: push {push.get('name')}: url is rtmp://HOST/APP or rtmps://HOST/APP, as the platform shows it")
        if not push.get("key"):
            told.append(f"stream {name}: push {push.get('name')}: key is empty: put the platform's stream key into the vault")
    return told


def streams_of(streams, host, groups):
    """The streams that come in at one mux: each comes in at the one it names, or else at the first."""
    first = (groups.get("mux") or [None])[0]
    return [stream for stream in streams if (stream.get("mux") or first) == host]


def to_toml(value):
    """A mapping as TOML, plain values before tables. What is None is left out."""
    lines = []
    table(value, [], lines)
    return "\n".join(lines).strip() + "\n"


def table(value, path, lines):
    """One table and, below it, those within it."""
    plain = {key: item for key, item in value.items() if item is not None and not is_table(item)}
    lines += [f"{key_of(key)} = {inline(item)}" for key, item in plain.items()]
    for key, item in value.items():
        here = path + [key_of(key)]
        if isinstance(item, dict) and is_table(item):
            lines += ["", f"[{'.'.join(here)}]"]
            table(item, here, lines)
        elif is_table(item):
            for one in item:
                lines += ["", f"[[{'.'.join(here)}]]"]
                table(one, here, lines)


def is_table(item):
    """What stands under a heading of its own. A mapping of one secret's place does not, nor do a stream's keys."""
    if isinstance(item, dict):
        return not set(item) <= {"file", "credential"}
    return isinstance(item, list) and bool(item) and all(isinstance(one, dict) and "name" in one for one in item)


def key_of(key):
    """A key as TOML wants it."""
    return str(key) if re.match(r"[A-Za-z0-9_-]+\Z", str(key)) else json.dumps(str(key))


def inline(item):
    """A value on one line."""
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, (int, float)):
        return str(item)
    if isinstance(item, dict):
        return "{ " + ", ".join(f"{key_of(key)} = {inline(one)}" for key, one in item.items() if one is not None) + " }"
    if isinstance(item, (list, tuple)):
        return "[" + ", ".join(inline(one) for one in item) + "]"
    # Strings of JSON are basic strings of TOML.
    return json.dumps(str(item), ensure_ascii=False)


def package_of(daemon, files, version):
    """The path of one package among `files`: of that version, or else the newest. Empty where there is none."""
    there = [(parts, path) for name, parts, written, path in packages(files)
             if name == daemon and (not version or written in (version, version + "-1"))]
    return max(there)[1] if there else ""


def packages(files):
    """Those of `files` that are packages: the daemon, the version to compare by, the version as written, the path."""
    for path in files:
        match = re.search(r"footlight-([a-z]+)_([^_]+)_[a-z0-9]+\.deb\Z", str(path))
        if match:
            parts = [int(part) if part.isdigit() else -1 for part in re.split(r"[.~+-]", match.group(2))]
            yield match.group(1), parts, match.group(2), str(path)


def superfluous(found, keep):
    """Of files as the module `find` tells them, the paths of packages of which `keep` newer arrivals are there."""
    paths = [one["path"] for one in sorted(found, key=lambda one: one["ctime"], reverse=True)]
    seen, gone = {}, []
    for name, _parts, _written, path in packages(paths):
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > keep:
            gone.append(path)
    return gone


def playable(streams):
    """The streams of a transcoder's status that can be played from it now."""
    return sorted(name for name, stream in streams.items() if stream.get("playable") and not stream.get("ended"))


class FilterModule:
    """What Ansible asks for."""

    def filters(self):
        """All filters by name."""
        return {
            "footlight_boxes": boxes,
            "footlight_within": within,
            "footlight_misspelt": misspelt,
            "footlight_inventory_faults": inventory_faults,
            "footlight_streams_of": streams_of,
            "footlight_members": members,
            "footlight_peers": peers,
            "footlight_viewers_host": viewers_host,
            "footlight_mux_streams": mux_streams,
            "footlight_push_keys": push_keys,
            "footlight_toml": to_toml,
            "footlight_package_of": package_of,
            "footlight_superfluous": superfluous,
            "footlight_playable": playable,
        }
