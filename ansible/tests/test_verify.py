"""What a look at an installation finds: every red line says where, and what to do; where nothing is wrong there is none."""

import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "plugins/filter"))
import verify  # noqa: E402

MEDIA = """#EXTM3U
#EXT-X-TARGETDURATION:3
#EXTINF:2.0,
100.m4s
#EXT-X-GAP
#EXTINF:2.0,
101.m4s
#EXTINF:2.02,
102.m4s?x=1
#EXT-X-PART:DURATION=0.5,URI="103.0.m4s"
"""


class Findings(unittest.TestCase):
    def test_a_closed_door_and_an_open_one_are_told_apart(self):
        door = {"port": 443, "open": True}
        self.assertEqual(verify.opened([{"item": door, "state": "started"}], "d1"), [])
        self.assertIn("port 443 of d1 cannot be reached", verify.opened([{"item": door, "msg": "Timeout"}], "d1")[0])
        private = {"port": 9103, "open": False}
        self.assertEqual(verify.opened([{"item": private, "msg": "Timeout"}], "d1"), [])
        self.assertIn("is private", verify.opened([{"item": private, "state": "started"}], "d1")[0])

    def test_each_box_is_tried_at_its_own_ports(self):
        tried = {one["port"]: one["open"] for one in verify.ports({"groups": ["mux"]})}
        self.assertEqual(tried, {1935: True, 9100: False, 9101: False})

    def test_who_speaks_to_whom(self):
        found = {
            "m": {"groups": ["mux"], "inner": "10.0.0.1"}, "t": {"groups": ["transcoder"], "inner": "10.0.0.2"},
            "d": {"groups": ["distributor"], "inner": "10.0.0.3"}, "e": {"groups": ["distributor"], "inner": "10.0.0.4"},
        }
        self.assertEqual([(one["address"], one["port"]) for one in verify.talks(found, "m")], [("10.0.0.2", 1945)])
        told = sorted(verify.talks(found, "d"), key=lambda one: one["address"])
        self.assertEqual([(one["address"], one["port"]) for one in told], [("10.0.0.2", 8080), ("10.0.0.4", 8090)])
        self.assertEqual(verify.talks(found, "t"), [])

    def test_a_tunnel_that_is_silent_is_told(self):
        self.assertEqual(verify.silent(["abcdefghijk=\t1000"], 1100), [])
        self.assertIn("last used 300 s ago", verify.silent(["abcdefghijk=\t1000"], 1300)[0])
        self.assertIn("last used never", verify.silent(["abcdefghijk=\t0"], 1300)[0])

    def test_units_and_readiness(self):
        self.assertEqual(verify.inactive([{"item": "x.service", "status": {"ActiveState": "active"}}]), [])
        self.assertIn("journalctl -xeu x.service", verify.inactive([{"item": "x.service", "status": {"ActiveState": "failed"}}])[0])
        self.assertEqual(verify.not_ready([{"item": "mux", "status": 200}]), [])
        self.assertIn("no certificate", verify.not_ready([{"item": "distributor", "status": 503, "content": "no certificate\n"}])[0])

    def test_what_a_doctor_says_must_be_put_right_is_told(self):
        report = {"name": "footlight-mux", "host": "m", "findings": [
            {"verdict": "ok", "subject": "x", "sentence": "well"},
            {"verdict": "failure", "subject": "[rtmp]", "sentence": "port 1935 is taken by nginx", "remedy": "stop it"},
            {"verdict": "failure", "subject": "", "sentence": "no room", "remedy": "make some"}]}
        told = verify.ailing([{"rc": 2, "stdout": json.dumps(report)}, {"rc": 64, "stdout": ""}, {"msg": "gone"}, {"stdout": "?"}])
        self.assertEqual(told, ["footlight-mux on m: [rtmp]: port 1935 is taken by nginx. stop it",
                                "footlight-mux on m: no room. make some"])

    def test_a_bad_certificate_is_not_taken_for_a_closed_door(self):
        self.assertEqual(verify.uncertified([{"item": "x", "status": 404}]), [])
        bad = verify.uncertified([{"item": "x", "status": -1, "msg": "certificate verify failed: self-signed"}])
        self.assertIn("not one that browsers trust", bad[0])
        self.assertIn("does not answer", verify.uncertified([{"item": "x", "status": -1, "msg": "refused"}])[0])

    def test_a_name_that_leads_nowhere_is_told(self):
        self.assertIn("add a record", verify.astray([{"item": "live.example", "rc": 2}], "d1")[0])

    def test_of_a_playlist_what_can_be_seen_counts(self):
        self.assertEqual(verify.seconds(MEDIA), 4.0)
        self.assertEqual(verify.newest_segment(MEDIA, "https://x/live/s/480p/media.m3u8?v=1"), "https://x/live/s/480p/102.m4s?x=1")
        self.assertEqual(verify.first_playlist("#EXTM3U\n480p/media.m3u8?v=1\n", "https://x/live/s"), "https://x/live/s/480p/media.m3u8?v=1")


if __name__ == "__main__":
    unittest.main()
