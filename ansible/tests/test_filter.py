"""What an inventory means: the filter plugin, without Ansible."""

import pathlib
import sys
import tomllib
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "plugins/filter"))
import footlight  # noqa: E402

GROUPS = {"all": ["a", "b", "c"], "mux": ["a"], "transcoder": ["b"], "distributor": ["c"]}
VARS = {"a": {"ansible_host": "192.0.2.1"}, "b": {"ansible_host": "192.0.2.2"}, "c": {"ansible_host": "192.0.2.3"}}
NETWORK = "10.86.0.0/16"
KNOWN = ["footlight_domain", "footlight_streams", "mux_settings", "distributor_egress"]


def boxes(groups=None, hostvars=None, tunnel=True):
    return footlight.boxes(groups or GROUPS, hostvars or VARS, NETWORK, tunnel)


class Boxes(unittest.TestCase):
    def test_one_box_speaks_to_itself(self):
        found = boxes({"mux": ["a"], "transcoder": ["a"], "distributor": ["a"]})
        self.assertEqual(found["a"]["inner"], "127.0.0.1")

    def test_several_speak_in_the_tunnel_and_a_new_one_moves_nobody(self):
        before = {host: box["inner"] for host, box in boxes().items()}
        self.assertTrue(all(address.startswith("10.86.") for address in before.values()))
        more = boxes({**GROUPS, "distributor": ["0-new", "c"]}, {**VARS, "0-new": {}})
        self.assertEqual(before, {host: more[host]["inner"] for host in before})

    def test_without_a_tunnel_they_speak_on_the_private_network(self):
        hostvars = {**VARS, "b": {"ansible_host": "192.0.2.2", "footlight_private_address": "10.0.0.2"}}
        self.assertEqual(boxes(None, hostvars, False)["b"]["inner"], "10.0.0.2")

    def test_lists_are_the_same_on_every_box(self):
        self.assertEqual(
            footlight.members(boxes({"transcoder": ["b", "a"]}), "transcoder", 1945),
            footlight.members(boxes({"transcoder": ["a", "b"]}), "transcoder", 1945),
        )

    def test_a_name_that_the_daemons_do_not_allow_is_made_one(self):
        self.assertEqual(footlight.box_name("Mux-1.Venue.example"), "mux-1-venue-example")


class Refusals(unittest.TestCase):
    def test_a_slip_of_the_pen_is_told_with_what_was_meant(self):
        told = footlight.misspelt(["footlight_domian", "footligt_streams", "domain", "distributor_egres"], KNOWN, ["footlight", "mux", "distributor"])
        self.assertEqual(len(told), 4)
        for sentence, meant in zip(told, ("distributor_egress", "footlight_domain", "footlight_domain", "footlight_streams")):
            self.assertTrue(meant in sentence or "domain" in sentence, sentence)

    def test_what_is_somebody_elses_is_left_alone(self):
        self.assertEqual(footlight.misspelt(["ansible_host", "inventory_hostname", "vault_youtube_key", "my_town"], KNOWN, ["footlight"]), [])

    def faults(self, groups=None, hostvars=None, streams=({"name": "stage"},)):
        groups, hostvars = groups or GROUPS, hostvars or VARS
        return footlight.inventory_faults(groups, hostvars, boxes(groups, hostvars), list(streams))

    def test_a_sound_inventory_has_no_faults(self):
        self.assertEqual(self.faults(), [])

    def test_a_misnamed_group_is_told(self):
        groups = {"all": ["a", "b", "c"], "mux": ["a"], "transcoders": ["b"], "distributor": ["c"]}
        told = self.faults(groups)
        self.assertIn("b is in none of the groups", told[0])
        self.assertIn("did you mean transcoder?", told[0])
        self.assertIn("the group transcoder has no box", told[1])

    def test_two_boxes_at_one_address_of_the_tunnel_are_told(self):
        hostvars = {host: {**own, "footlight_tunnel_address": "10.86.0.9"} for host, own in VARS.items()}
        self.assertIn("give one a footlight_tunnel_address", self.faults(hostvars=hostvars)[0])

    def test_a_box_that_others_cannot_reach_is_told(self):
        self.assertIn("where no other box reaches it", self.faults(hostvars={**VARS, "b": {"ansible_host": "127.0.0.1"}})[0])

    def test_streams_are_looked_at(self):
        for stream, told in (
            ({"name": "Stage One"}, "a name is 1 to 64"),
            ({"name": "stage", "mux": "b"}, "is no box of the group mux"),
            ({"name": "stage", "push": [{"name": "y", "url": "http://x/y", "key": "k"}]}, "url is rtmp://"),
            ({"name": "stage", "push": [{"name": "y", "url": "rtmp://x/y", "key": ""}]}, "put the platform's stream key"),
        ):
            self.assertIn(told, " ".join(self.faults(streams=[stream])))
        self.assertIn("is there twice", self.faults(streams=[{"name": "a"}, {"name": "a"}])[0])


class Toml(unittest.TestCase):
    def test_what_is_written_is_what_was_meant(self):
        meant = {
            "level": 'a "quoted"\\ word', "cluster": {"secret": {"file": "/x"}}, "rtmps": {}, "ladder": {"rungs": [{"height": 720, "bitrate": "2800k"}]},
            "stream": [{"name": "a", "publish": [{"sha256": "00"}], "push": [{"name": "y", "key": {"file": "/k"}, "codecs": ["avc"]}]}, {"name": "b"}],
            "recording": {"record": True, "keep": {"days": 90}}, "limits": {"egress": None, "requests": 5},
        }
        read = tomllib.loads(footlight.to_toml(meant))
        del meant["limits"]["egress"]
        self.assertEqual(read, meant)

    def test_a_targets_key_is_in_a_file_and_not_in_the_configuration(self):
        streams = [{"name": "stage", "push": [{"name": "youtube", "url": "rtmp://x/y", "key": "hush"}]}]
        self.assertNotIn("hush", footlight.to_toml({"stream": footlight.mux_streams(streams, "soundcheck")}))
        self.assertEqual(footlight.push_keys(streams), [{"path": "/etc/footlight/push-stage-youtube", "key": "hush"}])


class Packages(unittest.TestCase):
    FILES = ["/p/footlight-mux_0.9.0-1_amd64.deb", "/p/footlight-mux_0.10.0-1_amd64.deb", "/p/footlight-transcoder_1.0.0_amd64.deb"]

    def test_the_newest_is_taken_or_the_one_that_is_named(self):
        self.assertIn("0.10.0", footlight.package_of("mux", self.FILES, ""))
        self.assertIn("0.9.0", footlight.package_of("mux", self.FILES, "0.9.0"))
        self.assertEqual(footlight.package_of("mux", self.FILES, "0.8.0"), "")
        self.assertEqual(footlight.package_of("distributor", self.FILES, ""), "")

    def test_of_each_package_the_two_that_came_last_are_kept(self):
        found = [{"path": f"/k/footlight-{name}_{i}.0.0_amd64.deb", "ctime": i} for name in ("mux", "common") for i in (1, 3, 2)]
        self.assertEqual(sorted(footlight.superfluous(found, 2)), ["/k/footlight-common_1.0.0_amd64.deb", "/k/footlight-mux_1.0.0_amd64.deb"])


class Shows(unittest.TestCase):
    def test_what_can_be_played_now_is_waited_for(self):
        streams = {"on": {"playable": True, "ended": False}, "over": {"playable": True, "ended": True}, "begins": {"playable": False}, "waits": {}}
        self.assertEqual(footlight.playable(streams), ["on"])


if __name__ == "__main__":
    unittest.main()
