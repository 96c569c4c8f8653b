"""Each test of a trap fails when what keeps the trap closed is taken out: a copy is spoilt, and the test run on it."""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent.parent
PARTS = ("ansible", "systemd", "packaging/scripts", "packaging/Cargo.toml")

# Of each test: the file, what is taken out of it, and what stands there instead.
SPOILT = (
    ("test_1_", "ansible/roles/tunnel/templates/reload.conf.j2", r"; cat /etc/wireguard/%i.private", ""),
    ("test_2_", "ansible/roles/tunnel/templates/footlight.conf.j2", r"peer.content \| b64decode", "hostvars[peer.item].tunnel_key"),
    ("test_3_", "ansible/roles/common/tasks/time.yml", r"    - ansible_facts\['virtualization_type'\].*\n", ""),
    ("test_4_", "ansible/roles/common/tasks/firewall.yml", r", netbase\]", "]"),
    ("test_4_", "ansible/roles/common/tasks/firewall.yml", r"nft -c -f %s", "true %s"),
    ("test_5_", "ansible/roles/footlight/tasks/bootstrap.yml", r"recommends python3 python3-apt", "recommends python3"),
    ("test_6_", "ansible/roles/footlight/tasks/lists.yml", r"86400 if .* else 0", "86400"),
    ("test_7_", "packaging/scripts/common/postinst", r"systemd-sysusers footlight.conf", "systemd-sysusers sysusers.conf"),
    ("test_8_", "ansible/roles/mux/handlers/main.yml", r"footlight-mux.service\n    state: restarted", "footlight-mux-rtmp.socket\n    state: restarted"),
    ("test_8_", "ansible/roles/mux/handlers/main.yml", r"state: restarted", "state: stopped"),
    ("test_9_", "systemd/sysusers.d/footlight.conf", r"g render.*\n", ""),
    ("test_10_", "systemd/footlight-transcoder.service", r"SystemCallErrorNumber=EPERM\n", ""),
    ("test_13_", "systemd/footlight-mux.service", r"StartLimitIntervalSec=0\n", ""),
    ("test_14_", "ansible/lab/machines/images.py", r"        key\.unlink\(\)\n", "        pass\n"),
)


class Bite(unittest.TestCase):
    def test_each_test_of_a_trap_bites(self):
        for test, file, pattern, instead in SPOILT:
            with self.subTest(f"{test} without {pattern}"), tempfile.TemporaryDirectory() as place:
                copy = pathlib.Path(place)
                for part in PARTS:
                    source, target = HERE.parent / part, copy / part
                    target.parent.mkdir(exist_ok=True)
                    shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
                self.assertEqual(self.judged(copy, test), 0, "not even the whole passes")
                whole = (copy / file).read_text()
                spoilt = re.sub(pattern, instead, whole, count=1)
                self.assertNotEqual(whole, spoilt, "there is nothing to take out")
                (copy / file).write_text(spoilt)
                self.assertNotEqual(self.judged(copy, test), 0, "nobody has noticed")

    def judged(self, copy, test):
        """What the test says of a copy: 0 for well."""
        command = [sys.executable, "-B", copy / "ansible/tests/test_roles.py", "-k", test]
        return subprocess.run(command, capture_output=True, check=False).returncode


if __name__ == "__main__":
    unittest.main()
