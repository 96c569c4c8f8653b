"""The roles are what they say: arguments and defaults agree, and the traps that were met once stay closed.

Run by `make ansible-check`; needs nothing but Python and what the virtual environment has.
"""

import pathlib
import re
import sys
import unittest

import yaml

HERE = pathlib.Path(__file__).resolve().parent.parent
ROLES = sorted(path for path in (HERE / "roles").iterdir() if path.is_dir())
# Variables that have no default: without them there is no installation.
REQUIRED = {"footlight_domain", "footlight_streams"}


def load(path):
    """A YAML file, or nothing."""
    return (yaml.safe_load(path.read_text()) if path.exists() else None) or {}


def tasks(path):
    """All tasks of a file, those within blocks too."""
    def flat(items):
        for item in items or []:
            yield item
            for part in ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks", "handlers"):
                yield from flat(item.get(part))
    return list(flat(load(path) or []))


def files():
    """Everything with tasks in it."""
    found = [path for role in ROLES for part in ("tasks", "handlers") for path in (role / part).glob("*.yml")]
    return found + sorted((HERE / "playbooks").glob("*.yml"))


def text(*parts):
    """A file of the roles."""
    return (HERE / "roles").joinpath(*parts).read_text()


class Arguments(unittest.TestCase):
    """Each role says which variables it has."""

    def test_every_role_has_what_a_role_needs(self):
        for role in ROLES:
            for part in ("README.md", "meta/main.yml", "meta/argument_specs.yml", "tasks/main.yml"):
                self.assertTrue((role / part).exists(), f"{role.name} has no {part}")

    def test_arguments_and_defaults_are_the_same(self):
        for role in ROLES:
            options = set(load(role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"])
            defaults = set(load(role / "defaults/main.yml"))
            self.assertEqual(options - REQUIRED, defaults - REQUIRED, role.name)

    def test_a_default_is_of_the_type_that_is_asked_for(self):
        kinds = {"str": str, "path": str, "int": int, "bool": bool, "list": list, "dict": dict}
        for role in ROLES:
            options = load(role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
            for name, default in load(role / "defaults/main.yml").items():
                self.assertIsInstance(default, kinds[options[name]["type"]], name)

    def test_every_variable_begins_with_its_role_and_is_explained(self):
        for role in ROLES:
            for name, option in load(role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"].items():
                self.assertTrue(name.startswith(role.name + "_"), name)
                self.assertTrue(option.get("description"), name)
            lines = (role / "defaults/main.yml").read_text().splitlines() if (role / "defaults/main.yml").exists() else []
            self.assertTrue(not lines or any(line.startswith("#") for line in lines), role.name)

    def test_all_roles_are_known_to_who_refuses_misspelt_variables(self):
        known = load(HERE / "roles/footlight/vars/main.yml")["footlight_roles"]
        self.assertEqual(sorted(known), [role.name for role in ROLES])


class Traps(unittest.TestCase):
    """What went wrong once on real machines. The numbers are those of the list in the tests of the lab."""

    def test_1_a_reload_of_the_tunnel_keeps_the_private_key(self):
        unit = text("tunnel", "templates", "reload.conf.j2")
        self.assertRegex(unit, r"(?m)^ExecReload=$")
        self.assertRegex(unit, r"ExecReload=.*syncconf.*footlight\.private|ExecReload=.*syncconf.*%i\.private")

    def test_2_nothing_reads_what_other_boxes_have_registered(self):
        for path in files() + list((HERE / "roles").glob("*/templates/*")):
            for line in path.read_text().splitlines():
                self.assertNotRegex(line, r"hostvars\[[^\]]*\]\.(?!get|keys)", f"{path}: {line}")

    def test_3_chrony_is_not_started_in_a_container(self):
        start = [task for task in tasks(HERE / "roles/common/tasks/time.yml") if "ansible.builtin.systemd_service" in task]
        self.assertTrue(start and all("virtualization_type" in str(task["when"]) for task in start))

    def test_4_the_firewall_is_looked_at_before_it_is_written_and_knows_protocols(self):
        todo = tasks(HERE / "roles/common/tasks/firewall.yml")
        self.assertIn("netbase", next(task["ansible.builtin.apt"]["name"] for task in todo if "ansible.builtin.apt" in task))
        self.assertIn("nft -c -f %s", str([task.get("ansible.builtin.template") for task in todo]))

    def test_5_python_apt_comes_before_everything(self):
        plays = load(HERE / "playbooks/site.yml")
        raw = [i for i, play in enumerate(plays) if "bootstrap" in str(play)]
        facts = [i for i, play in enumerate(plays) if "ansible.builtin.setup" in str(play)]
        self.assertTrue(raw and raw[0] <= facts[0])
        self.assertTrue(all(play.get("gather_facts") is False for play in plays), "a play gathers facts by itself")
        self.assertRegex(text("footlight", "tasks", "bootstrap.yml"), r"(?m)^ +apt-get install .*python3-apt$")

    def test_6_a_new_machine_has_its_lists_read_whatever_their_age(self):
        self.assertIn("else 0", text("footlight", "tasks", "lists.yml"))

    def test_7_the_group_is_made_by_the_name_that_is_installed(self):
        made = re.search(r"systemd-sysusers (\S+)", (HERE.parent / "packaging/scripts/common/postinst").read_text()).group(1)
        self.assertRegex((HERE.parent / "packaging/Cargo.toml").read_text(), rf'"[^"]*/{re.escape(made)}", "usr/lib/sysusers\.d/"')

    def test_8_and_12_nothing_stops_a_daemon_or_restarts_a_socket(self):
        for path in files():
            for task in tasks(path):
                unit = task.get("ansible.builtin.systemd_service") or {}
                where = f"{path}: {task.get('name')}"
                names = f"{unit.get('name', '')} {task.get('loop', '')}"
                if unit.get("state") == "restarted":
                    self.assertNotIn(".socket", names, where)
                if unit.get("state") == "stopped" and path.name != "remove.yml":
                    self.assertNotRegex(names, r"mux|distributor", where)
                self.assertNotRegex(str(task.get("ansible.builtin.command", "")), r"systemctl (stop|start)", where)

    def test_9_the_group_that_renders_is_there_before_the_transcoder(self):
        self.assertIn("g render", (HERE.parent / "systemd/sysusers.d/footlight.conf").read_text())
        plays = [play for play in load(HERE / "playbooks/site.yml") if "transcoder" in str(play.get("roles"))]
        self.assertEqual([role["role"] for role in plays[0]["roles"]], ["gpu", "transcoder"])

    def test_10_what_the_sandbox_refuses_is_an_error_and_no_death(self):
        for daemon in ("mux", "transcoder", "distributor"):
            unit = (HERE.parent / f"systemd/footlight-{daemon}.service").read_text()
            self.assertIn("SystemCallFilter=~@privileged @resources", unit)
            self.assertRegex(unit, r"(?m)^SystemCallErrorNumber=EPERM$")

    def test_13_no_unit_gives_up_starting(self):
        for daemon in ("mux", "transcoder", "distributor"):
            self.assertIn("StartLimitIntervalSec=0", (HERE.parent / f"systemd/footlight-{daemon}.service").read_text())
        self.assertIn("node_systemd_service_restart_total", text("monitoring", "files", "footlight.rules.yml"))

    def test_14_no_two_boxes_of_the_lab_have_one_key(self):
        self.assertRegex((HERE / "lab/machines/images.py").read_text(), r"for key in .*ssh_host_\*.*:\n\s+key\.unlink")
        self.assertIn('"ssh-keygen"', (HERE / "lab/machines/box.py").read_text())


class Manners(unittest.TestCase):
    """House rules that no linter knows."""

    def test_only_what_ansible_itself_brings_is_used(self):
        keywords = {"name", "when", "loop", "loop_control", "register", "vars", "tags", "notify", "changed_when", "failed_when", "block",
                    "rescue", "always", "become", "until", "retries", "delay", "no_log", "check_mode", "delegate_to", "run_once",
                    "ignore_unreachable", "listen", "environment", "async", "poll", "hosts", "gather_facts", "roles", "tasks",
                    "post_tasks", "pre_tasks", "handlers", "any_errors_fatal", "serial", "max_fail_percentage", "vars_prompt",
                    "ignore_errors", "diff", "order", "connection", "throttle"}
        for path in files():
            for task in tasks(path):
                for key in set(task) - keywords:
                    self.assertTrue(key.startswith("ansible.builtin."), f"{path}: {key}")

    def test_every_file_that_is_written_has_an_owner_and_a_mode(self):
        for path in files():
            for task in tasks(path):
                for module in ("copy", "template"):
                    written = task.get(f"ansible.builtin.{module}")
                    if written and "localhost" not in str(task.get("delegate_to")):
                        self.assertTrue({"owner", "group", "mode"} <= set(written), f"{path}: {task['name']}")

    def test_whoever_handles_a_secret_says_no_log(self):
        for path in files():
            for task in tasks(path):
                module = [key for key in task if key.startswith("ansible.builtin.") and not key.endswith(("import_role", "include_role", "import_tasks"))]
                body = str([task.get(key) for key in module]) + str(task.get("loop", ""))
                if re.search(r"footlight_secret\b|push_keys|cluster-secret'", body):
                    self.assertTrue(task.get("no_log"), f"{path}: {task['name']}")

    def test_a_changed_configuration_is_reloaded_and_a_restart_is_what_the_daemon_asks_for(self):
        for daemon in ("mux", "transcoder", "distributor"):
            again = f"{daemon.capitalize()} reads its configuration again"
            written = [task for task in tasks(HERE / f"roles/{daemon}/tasks/configure.yml") if task["name"] == "Write the configuration"]
            self.assertEqual([task["notify"] for task in written], [again])
            heard = [task for task in tasks(HERE / f"roles/{daemon}/handlers/main.yml") if task.get("listen") == again]
            states = [task["ansible.builtin.systemd_service"].get("state") for task in heard]
            self.assertEqual(states, ["reloaded", None, "restarted"], daemon)
            self.assertIn("'refused' in", str(heard[2]["when"]))

    def test_every_alert_says_what_to_do(self):
        rules = load(HERE / "roles/monitoring/files/footlight.rules.yml")["groups"][0]["rules"]
        for rule in rules:
            self.assertTrue(rule["annotations"]["summary"] and rule["annotations"]["description"], rule["alert"])
            self.assertIn(rule["labels"]["severity"], ("page", "ticket"))


if __name__ == "__main__":
    sys.exit(unittest.main())
