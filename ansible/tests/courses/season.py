"""What a season brings, during a show: a changed key, encoders under TLS, new keys, a machine that is lost; and the end of it."""

import subprocess

from rehearsal import doors
from rehearsal.boxes import Wrong
from rehearsal.inventory import PLATFORM_KEY

from .venue import THREE, Venue

# On a box: all that has to do with us. What apt and dpkg keep books of, the journal, and what the lab wrote are not ours to clear.
LEFT = """
find / -xdev -iname '*footlight*' ! -path '/proc/*' ! -path '/var/lib/dpkg/*' ! -path '/var/lib/apt/*' ! -path '/var/cache/apt/*' ! -path '/var/log/*'
grep -rIl -i footlight /etc /usr/local /root --exclude=hosts --exclude=ssh_host_* --exclude=*- || true
getent passwd | grep -i footlight || true
getent group | grep -i footlight || true
nft list ruleset | grep -i footlight || true
ip -o link show dev footlight 2>/dev/null || true
pgrep -fa ^/usr/bin/footlight || true
systemctl list-units --all --no-legend --plain '*footlight*' | grep -v not-found || true
"""


def course(steps, boxes, packages, logs):
    """A season of three boxes."""
    venue = Venue(boxes, THREE, "three-boxes")
    before = {name: boxes.on(name, LEFT) for name in boxes.names}
    with venue.on_air(steps, packages, logs, rehearse=False) as show:
        changes(steps, venue, show, logs)
        lost(steps, venue, show, logs)
    removed(steps, venue, before)


def changes(steps, venue, show, logs):
    """What is changed while the show is on."""
    boxes, controller = venue.boxes, venue.controller
    with steps.machine("a platform's new key: mux takes it over, and is not restarted"):
        daemon, encoder = boxes.pid("mux1", "mux"), show.connection()
        changed = controller.must("site.yml", "-e", f"vault_youtube_key={PLATFORM_KEY}-2")
        if not any("platforms' keys" in change for change in changed.changes()):
            raise Wrong(f"the key was not written: {changed.changes()}")
        same(show, encoder, boxes.pid("mux1", "mux") == daemon)
    with steps.machine("rotate-keys.yml: who is on the air stays, and the new key is good too"):
        rotated = controller.must("rotate-keys.yml")
        new = rotated.rotated()
        if "stage" not in new:
            raise Wrong(f"no new key of stage was shown; shown were {sorted(new)}")
        same(show, encoder, boxes.pid("mux1", "mux") == daemon)
    with steps.machine("site.yml with a certificate for mux: 1936 is open, and what comes in by RTMPS is seen"):
        certificate, key = own_certificate(logs, "mux1.venue.test")
        controller.say(mux_certificate=str(certificate), mux_certificate_key=str(key))
        controller.must("site.yml")
        same(show, encoder, True)
        doors.look(boxes, venue.groups, rtmps=True)
        again = controller.must("site.yml")
        if again.changes():
            raise Wrong(f"again: {again.changes()}")
    # The new key takes the show over: whoever comes last is a backup, until the first is gone.
    show.moves("rtmps://mux1.venue.test:1936/live", new["stage"][1])
    with steps.machine("by RTMPS, with the new key"):
        show.goes_on()


def same(show, encoder, same_daemon):
    """The encoder's connection and the daemon are the same, and the show goes on."""
    if not same_daemon:
        raise Wrong("the daemon was restarted")
    if show.connection() != encoder:
        raise Wrong("the encoder had to come back")
    show.goes_on()


def lost(steps, venue, show, logs):
    """Each box is lost with all that was on it, and comes back from the backup."""
    boxes, controller = venue.boxes, venue.controller
    kept = logs / "backup"
    with steps.machine("backup.yml") as notes:
        controller.must("backup.yml", "-e", f"backup_to={kept}")
        notes.append(", ".join(f"{file.name} {file.stat().st_size // 1024} KiB" for file in sorted(kept.iterdir())))
        open_to_others = [file.name for file in kept.iterdir() if file.stat().st_mode & 0o077]
        if open_to_others:
            raise Wrong(f"{open_to_others} can be read by others")
    with steps.machine("restore.yml refuses a box that is alive"):
        refused(controller.play("restore.yml", "--limit", "mux1", "-e", f"restore_from={kept}"), "a backup is older than what it knows")
    for name in boxes.names:
        before = show.number()
        boxes.word("replace", name)
        with steps.machine(f"{name} is lost: restore.yml on a bare machine under its name, and the show goes on"):
            controller.must("restore.yml", "--limit", name, "-e", f"restore_from={kept}")
            show.number(after=before + 3)
            show.plays()
    with steps.machine("site.yml has nothing more to do"):
        again = controller.must("site.yml")
        if [change for change in again.changes() if "certificate" not in change]:
            raise Wrong(f"after the restores: {again.changes()}")
    venue.verified(steps)


def removed(steps, venue, before):
    """All of it is taken off."""
    boxes, controller = venue.boxes, venue.controller
    with steps.machine("remove.yml without being sure is refused"):
        refused(controller.play("remove.yml"), "if you mean it: -e remove_confirmed=true")
    with steps.machine("remove.yml leaves nothing: no file, group, rule, port, process"):
        controller.must("remove.yml", "-e", "remove_confirmed=true", "-e", "remove_data=true")
        for name in boxes.names:
            left = sorted(set(boxes.on(name, LEFT).splitlines()) - set(before[name].splitlines()))
            if left:
                raise Wrong(f"on {name} is left: {left}")
            listens = doors.listening(boxes, name) - {22}
            if listens:
                raise Wrong(f"on {name} something still listens at {listens}")
    with steps.machine("and once more: nothing to do"):
        controller.must("remove.yml", "-e", "remove_confirmed=true", "-e", "remove_data=true")


def refused(outcome, sentence):
    """A run that must not succeed, and say why."""
    if outcome.code == 0 or not outcome.says(sentence):
        raise Wrong(f"{outcome.what} was to say {sentence!r}, and said:\n{outcome.ends()}")


def own_certificate(logs, name):
    """A certificate as an operator may have one, and its key."""
    certificate, key = logs / "own.pem", logs / "own-key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName=DNS:{name}", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key
