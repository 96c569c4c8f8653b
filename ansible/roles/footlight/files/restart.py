"""Restarts a daemon and looks, on its box, whether it is well. Where it is not, the program before is back at once.

    python3 - DAEMON ADDRESS:PORT PROGRAM-BEFORE

On the box and not from the computer that upgrades it: who watches a show has a second and a half in hand, which a look from afar
takes already. Ansible puts the packages right afterwards. Exit 0 when it is well, 1 when it was undone, with a sentence.
"""

import os
import shutil
import subprocess
import sys
import time
import urllib.request

# Longer than a daemon lets those finish whom it serves.
STOP_SECONDS = 30
# A daemon has started after a tenth of a second. One that has not by then, on however slow a box, hangs.
START_SECONDS = 5
# What it waits for, such as another box.
READY_SECONDS = 15
LOOK_SECONDS = 0.02


def systemctl(*words):
    """What systemd says."""
    return subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False).stdout


def look(unit):
    """What systemd knows of the unit."""
    lines = systemctl("show", "--property=ActiveState,SubState,NRestarts,MainPID", unit).splitlines()
    return dict(line.split("=", 1) for line in lines)


def ready(probe):
    """Whether it says so itself."""
    try:
        with urllib.request.urlopen(probe, timeout=1) as answer:
            return answer.status == 200
    except OSError:
        return False


def restart(unit, probe):
    """Nothing when it is well, else what is wrong."""
    before, began, limits = look(unit), {}, {"stop": STOP_SECONDS, "start": START_SECONDS, "be ready": READY_SECONDS}
    systemctl("reset-failed", unit)
    systemctl("restart", "--no-block", unit)
    while True:
        now = look(unit)
        if now["ActiveState"] == "failed" or now["SubState"] == "auto-restart" or now["NRestarts"] not in ("0", before["NRestarts"]):
            return "it ended by itself"
        if now["MainPID"] == before["MainPID"] or now["SubState"].startswith("stop"):
            stage = "stop"
        elif now["ActiveState"] != "active":
            stage = "start"
        elif ready(probe):
            return None
        else:
            stage = "be ready"
        # What is slow in one is not held against the next.
        if time.monotonic() - began.setdefault(stage, time.monotonic()) > limits[stage]:
            return f"it did not {stage} within {limits[stage]} s"
        time.sleep(LOOK_SECONDS)


def main(daemon, admin, before):
    unit, program = f"footlight-{daemon}.service", f"/usr/bin/footlight-{daemon}"
    wrong = restart(unit, f"http://{admin}/ready")
    if not wrong:
        return 0
    # The file that runs is not written to; it is another one of the same name.
    shutil.copy2(before, program + ".before")
    os.rename(program + ".before", program)
    again = restart(unit, f"http://{admin}/ready")
    print(f"{wrong}; the program before {'is back' if not again else 'does not run either: ' + again}")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
