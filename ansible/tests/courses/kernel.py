"""What a container cannot show: a box with a kernel of its own, which does everything, and a second one that watches over it.

The machine is emulated, so all of this takes its time; nothing here is about speed.
"""

from rehearsal import tunnels
from rehearsal.boxes import Wrong
from rehearsal.inventory import lab_variables
from rehearsal.playbook import Controller
from rehearsal.show import Show

BOXES = ["vm1", "watch1"]
INVENTORY = """all:
  vars: {{ ansible_user: root }}
  children:
    mux: {{ hosts: {{ vm1: {{ ansible_host: {vm1} }} }} }}
    transcoder: {{ hosts: {{ vm1: {{}} }} }}
    distributor: {{ hosts: {{ vm1: {{}} }} }}
    monitoring: {{ hosts: {{ watch1: {{ ansible_host: {watch1} }} }} }}
"""
# How long the first picture and a reboot may take there, in seconds.
PATIENCE = 110
REBOOTED = 400
CONNECT = "python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", 1935), 3)'"
# What is asked of the machine, which must agree.
QUESTIONS = {
    "it is a machine": "systemd-detect-virt --vm; ! systemd-detect-virt --container",
    "WireGuard is the kernel's": "ip -d link show footlight | grep -w wireguard; ! pgrep -x wireguard-go",
    "chrony is at the clock": "systemctl is-active chrony; chronyc -n tracking; ! journalctl -b -u chrony | grep 'Disabled control of system clock'",
    "memory is limited": "! systemd-run --quiet --collect --wait -p MemoryMax=30M -p MemorySwapMax=0 python3 -c 'bytearray(100 << 20)'",
    "and not where it should not be": "systemd-run --quiet --collect --wait -p MemoryMax=300M python3 -c 'bytearray(100 << 20)'",
    "addresses are denied": f"! systemd-run --quiet --collect --wait -p IPAddressDeny=any {CONNECT}",
    "and not where they should not be": f"systemd-run --quiet --collect --wait {CONNECT}",
    "the kernel has the settings of the role": "sysctl -p /etc/sysctl.d/*footlight*.conf",
    "nothing has failed": "test -z \"$(systemctl --failed --no-legend --plain)\"",
}


def course(steps, boxes, packages, logs):
    """From bare to a show, a look at what the kernel does, and a reboot."""
    inventory = logs / "hosts.yml"
    inventory.write_text(INVENTORY.format(**{name: boxes.address(name) for name in BOXES}))
    variables = lab_variables(
        boxes, packages, logs / "lab.json", footlight_domain="live.venue.test", footlight_acme_agree_to_terms=True,
        footlight_streams=[{"name": "stage"}], distributor_host="live.venue.test", transcoder_ladder=[{"height": 144, "bitrate": "100k"}],
        transcoder_settings={"encoder": {"order": ["x264"], "preset": "superfast", "exam": False}})
    controller = Controller(boxes, inventory, variables, logs)
    with steps.machine("site.yml on a bare machine with a kernel of its own"):
        first = controller.must("site.yml")
    with steps.machine("site.yml again"):
        again = controller.must("site.yml")
        if again.changes():
            raise Wrong(f"{again.what} changed {again.changes()}")
    agreed(steps, boxes, "")
    with Show(boxes, *first.keys()["stage"], "stage") as show:
        with steps.machine("a show is seen over verified HTTPS"):
            before = show.number(deadline=PATIENCE)
        with steps.machine("a reboot, and the show goes on"):
            boxes.reboot("vm1", REBOOTED)
            show.number(after=before + 3, deadline=PATIENCE)
        agreed(steps, boxes, "after the reboot ")


def agreed(steps, boxes, when):
    """The machine is asked everything."""
    for what, question in QUESTIONS.items():
        with steps.machine(f"{when}{what}"):
            boxes.on("vm1", question)
    with steps.machine(f"{when}its tunnel shakes hands"):
        tunnels.handshakes(boxes)
