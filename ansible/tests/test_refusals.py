"""An inventory that cannot be is refused before any box is touched, with a sentence that says what to do: the whole of site.yml, run.

The boxes are at addresses that nobody has: whoever asks one of them anything fails otherwise than is expected here.
"""

import concurrent.futures
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent.parent
ANSIBLE = pathlib.Path(sys.executable).parent / "ansible-playbook"
PACKAGES = ("common", "mux", "transcoder", "distributor")

# What is done to the three boxes' inventory (a pattern, and what takes its place), or given besides; and what must be said.
CASES = {
    "a name that is missing": (r" +footlight_domain:.*\n", "", (), "footlight_domain"),
    "a name that is misspelt": ("footlight_domain", "footlight_domian", (), "footlight_domian: there is no such variable; did you mean footlight_domain?"),
    "no streams": (r" +footlight_streams:(.|\n)*", "", (), "footlight_streams"),
    "a group that is misspelt": ("    transcoder:", "    transcoders:", (), "the group transcoder has no box"),
    "what is in capitals was left": ("192.0.2.2", "ADDRESS-2", (), "ADDRESS-2 is to be replaced"),
    "a domain that was left": ("live.venue.test", "LIVE.VENUE.EXAMPLE", (), "LIVE.VENUE.EXAMPLE is to be replaced"),
    "terms that were not agreed to": ("agree_to_terms: true", "agree_to_terms: false", (), "would have no certificate: say footlight_acme_agree_to_terms: true"),
    "a key that is not in the vault": ("", "", ("vault_youtube_key=",), "stream key into the vault"),
    "a vault that was forgotten": ("vault_youtube_key", "vault_other_key", (), "run this with -e @vault.yml --ask-vault-pass"),
    "a number that is none": ("", "", ("footlight_tunnel_port=often",), "footlight_tunnel_port"),
    "a rung without a height": ("", "", ('{"transcoder_ladder": [{"bitrate": "2M"}]}',), "height"),
    "packages that are not there": ("", "", ("footlight_packages=/nowhere",), "unpack a release there, or run make packages"),
    "a stream name that players cannot have": ("name: stage", "name: Main Stage", (), "a name is 1 to 64 of a-z"),
}


def filled():
    """The example as its reader fills it in."""
    text = (HERE / "examples/three-boxes.yml").read_text()
    text = re.sub(r"ADDRESS-(\d)", r"192.0.2.\1", text)
    return text.replace("LIVE.VENUE.EXAMPLE", "live.venue.test").replace("YOU@VENUE.EXAMPLE", "sound@venue.test")


def said(folder, number, case):
    """What site.yml says of one case, on one line."""
    pattern, instead, more, _sentence = case
    inventory = folder / f"{number}.yml"
    inventory.write_text(re.sub(pattern, instead, filled()) if pattern else filled())
    extra = [word for one in (f"footlight_packages={folder}", "vault_youtube_key=hush", *more) for word in ("-e", one)]
    run = subprocess.run([ANSIBLE, "-i", inventory, *extra, "playbooks/site.yml"], cwd=HERE, capture_output=True, text=True, check=False,
                         env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"})
    return run.returncode, " ".join((run.stdout + run.stderr).split())


@unittest.skipUnless(ANSIBLE.exists(), "NOT SHOWN: this Python has no Ansible")
class Refusals(unittest.TestCase):
    def test_each_is_told_before_any_box_is_touched(self):
        with tempfile.TemporaryDirectory() as place, concurrent.futures.ThreadPoolExecutor(2) as pool:
            folder = pathlib.Path(place)
            for name in PACKAGES:
                (folder / f"footlight-{name}_1.0.0-1_amd64.deb").touch()
            runs = {what: pool.submit(said, folder, number, case) for number, (what, case) in enumerate(CASES.items())}
            for what, run in runs.items():
                code, text = run.result()
                with self.subTest(what):
                    self.assertNotEqual(code, 0)
                    self.assertIn(CASES[what][3], text)
                    self.assertNotRegex(text, r"TASK \[(footlight : )?(Look for the box|Bring)|unreachable=[1-9]")
                    self.assertNotIn("hush", text)


if __name__ == "__main__":
    unittest.main()
