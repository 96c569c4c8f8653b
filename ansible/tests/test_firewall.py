"""The firewall's rules for every kind of box: exactly the ports that are needed, and rules that nft takes."""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import jinja2
import yaml

HERE = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE / "plugins/filter"))
import footlight  # noqa: E402

DEFAULTS = yaml.safe_load((HERE / "roles/footlight/vars/main.yml").read_text())
GROUPS = {"mux": ["m"], "transcoder": ["t"], "distributor": ["d", "e"], "monitoring": ["m"]}
ALONE = {"mux": ["m"], "transcoder": ["m"], "distributor": ["m"]}


def rules(groups, host, **given):
    """The rules of one box."""
    environment = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters.update(footlight.FilterModule().filters())
    environment.filters["intersect"] = lambda one, other: [item for item in one if item in other]
    environment.filters["extract"] = lambda item, container: container[item]
    environment.tests["search"] = lambda text, pattern: bool(re.search(pattern, text))
    found = footlight.boxes(groups, {h: {"ansible_host": f"192.0.2.{i}"} for i, h in enumerate("mtde", 1)}, "10.86.0.0/16", given.get("tunnel", True))
    ports = {name: value for name, value in DEFAULTS.items() if name.endswith(("_port", "_ports"))}
    return environment.from_string((HERE / "roles/common/templates/nftables.conf.j2").read_text()).render(
        ansible_managed="Ansible", footlight_boxes=found, footlight_box=found[host], footlight_tunnel_port=51820,
        footlight_tunnelled=given.get("tunnel", True) and len(found) > 1, footlight_ssh_from=given.get("ssh", []),
        footlight_watched_from_afar=bool(set(groups.get("monitoring", [])) - {host}), mux_certificate=given.get("certificate", ""),
        common_firewall_rules=[], **ports)


def opened(text, public):
    """The ports that are open to all, or else to certain boxes."""
    ports = set()
    for line in text.splitlines():
        match = re.search(r"(?:tcp|udp) dport (\{[^}]*\}|\d+) accept", line)
        if match and ("saddr" in line) != public:
            ports |= {int(port) for port in re.findall(r"\d+", match.group(1))}
    return ports


class Firewall(unittest.TestCase):
    def test_what_is_open_to_the_world(self):
        self.assertEqual(opened(rules(GROUPS, "m"), True), {22, 51820, 1935})
        self.assertEqual(opened(rules(GROUPS, "m", certificate="x.pem"), True), {22, 51820, 1935, 1936})
        self.assertEqual(opened(rules(GROUPS, "t"), True), {22, 51820})
        self.assertEqual(opened(rules(GROUPS, "d"), True), {22, 51820, 80, 443})
        self.assertEqual(opened(rules(ALONE, "m"), True), {22, 1935, 80, 443})
        self.assertNotIn(22, opened(rules(ALONE, "m", ssh=["192.0.2.0/24", "2001:db8::/32"]), True))

    def test_what_the_boxes_open_to_each_other(self):
        private = {"m": set(), "t": {1945, 8080, 9100, 9102}, "d": {8090, 9100, 9103}}
        for host, ports in private.items():
            self.assertEqual(opened(rules(GROUPS, host), False) - {546}, ports, host)
        for line in rules(GROUPS, "t").splitlines():
            if re.search(r"dport .*(1945|8080|9102)", line):
                self.assertIn('iifname "footlight"', line)
        self.assertNotIn("iifname \"footlight\"", rules(GROUPS, "t", tunnel=False))
        self.assertEqual(opened(rules(ALONE, "m"), False) - {546}, set())

    def test_nft_takes_them(self):
        # In a network of its own: nothing is there to be changed, and nobody has to be root.
        apart = ["unshare", "--user", "--map-root-user", "--net"]
        if not shutil.which("nft") or subprocess.run([*apart, "true"], capture_output=True, check=False).returncode != 0:
            print("NOT JUDGED: nft is missing or namespaces are not allowed here, so nobody has judged the firewall's rules", file=sys.stderr)
            self.skipTest("no nft")
        for groups, host in ((GROUPS, "m"), (GROUPS, "t"), (GROUPS, "d"), (ALONE, "m")):
            for given in ({}, {"certificate": "x"}, {"tunnel": False}, {"ssh": ["192.0.2.0/24", "2001:db8::/32"]}):
                with tempfile.NamedTemporaryFile("w") as file:
                    file.write(rules(groups, host, **given))
                    file.flush()
                    judged = subprocess.run([*apart, "nft", "-c", "-f", file.name], capture_output=True, text=True, check=False)
                    self.assertEqual(judged.returncode, 0, judged.stderr)


if __name__ == "__main__":
    unittest.main()
