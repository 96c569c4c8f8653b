"""From bare machines to a show, by an example's inventory; then whatever a venue's machines go through in a season.

One box, three, or a festival: the same course, of which a box by itself has no tunnels.
"""

from contextlib import contextmanager

from rehearsal import certificate, doors, tunnels
from rehearsal.boxes import Wrong
from rehearsal.inventory import PLATFORM_KEY, fill, lab_variables
from rehearsal.playbook import Controller
from rehearsal.show import Show

THREE = {"mux1": ["mux"], "transcoder1": ["transcoder"], "distributor1": ["distributor"]}
FESTIVAL = {f"{group}{number}": [group] for group, count in (("mux", 2), ("transcoder", 2), ("distributor", 4)) for number in range(1, count + 1)}


class Venue:
    """One installation: its boxes with their groups, by one example."""

    def __init__(self, boxes, groups, example, stream="stage"):
        self.boxes, self.groups, self.example, self.stream = boxes, groups, example, stream
        self.controller = None

    def of(self, group):
        """The boxes of a group."""
        return [name for name, groups in self.groups.items() if group in groups]

    def ready(self, packages, logs):
        """What the person at the controller writes."""
        names = [("venue", "onebox")] if self.example == "one-box" else [(f"{group}-{n}", f"{group}{n}") for group in
                                                                        ("mux", "transcoder", "distributor") for n in range(1, 5)]
        inventory = fill(self.boxes, self.example, logs / "hosts.yml", names)
        self.controller = Controller(self.boxes, inventory, lab_variables(self.boxes, packages, logs / "lab.json"), logs)

    @contextmanager
    def on_air(self, steps, packages, logs, rehearse=True):
        """From bare machines to the first picture; the show goes on as long as the block."""
        self.ready(packages, logs)
        if rehearse:
            with steps.machine("site.yml --check on bare machines"):
                self.controller.must("site.yml", "--check")
            # What --check itself has installed is away again.
            self.boxes.anew()
        steps.human("ansible-core is put on this computer, the release unpacked")
        steps.human(f"examples/{self.example}.yml is copied; addresses, domain and mail are filled in")
        steps.human("ansible-playbook -i hosts.yml playbooks/site.yml")
        with steps.machine("site.yml on bare machines"):
            first = self.controller.must("site.yml")
        if PLATFORM_KEY in first.text:
            raise Wrong("a platform's key was printed")
        if self.stream not in first.keys():
            raise Wrong(f"no key of {self.stream} was printed")
        steps.human("server and stream key are pasted into OBS, which begins to stream")
        with Show(self.boxes, *first.keys()[self.stream], self.stream) as show:
            with steps.machine("the first picture is seen over verified HTTPS"):
                show.number()
            yield show

    def settled(self, steps):
        """Nothing more is to be done, whichever way one asks."""
        for options in ((), ("--check",), *[("--limit", name) for name in self.boxes.names]):
            with steps.machine(f"site.yml {' '.join(options)} again".replace("  ", " ")):
                again = self.controller.must("site.yml", *options)
                if again.changes() or any(changed for _ok, changed, *_ in again.recap.values()):
                    raise Wrong(f"{again.what} changed {again.changes()}")

    def seen(self, steps, show, logs):
        """What a viewer, a passer-by and a listener on the wire see of it."""
        with steps.machine("ffmpeg plays it"):
            show.plays()
        with steps.machine("hls.js in Chromium plays it") as notes:
            took = show.plays_in_browser(logs)
            notes.append("NOT SHOWN: no Chromium, or tests/browser is not installed" if took is None else f"first picture {took} ms after the playlist")
        with steps.machine("certificates by ACME") as notes:
            for name in self.of("distributor"):
                notes.append(certificate.look(self.boxes, name, "live.venue.test"))
                if len(self.of("distributor")) > 1:
                    certificate.look(self.boxes, name, f"{name}.live.venue.test")
        with steps.machine("only what must be open is") as notes:
            notes.append(f"{doors.look(self.boxes, self.groups)} ports tried on both networks of each box")
        if len(self.boxes.names) > 1:
            self.private(steps, show)

    def private(self, steps, show):
        """What is between the boxes is nobody else's."""
        with steps.machine("no clear text between the boxes") as notes, show.watched():
            for group, pattern in tunnels.SAID.items():
                notes.append(f"{tunnels.clear_text(self.boxes, self.of(group)[0], pattern, 'pub')} packets of WireGuard, {pattern} in none")
        with steps.machine("every tunnel shook hands") as notes:
            notes.append(f"{tunnels.handshakes(self.boxes)} ends")
        with steps.machine("and after a reload does so again"):
            tunnels.reload(self.boxes)
            tunnels.handshakes(self.boxes)

    def verified(self, steps):
        """verify.yml is of the same opinion."""
        with steps.machine("verify.yml"):
            verdict = self.controller.must("verify.yml")
            if "NOT SHOWN" in verdict.text:
                raise Wrong("verify.yml has sent no test show")

    def survives(self, steps, show, names=None):
        """Each box is rebooted, and loses its power, and the show comes back by itself."""
        for name in names or self.boxes.names:
            for what in ("rebooted", "without power for a moment"):
                with steps.machine(f"{name} {what}, and the show goes on"):
                    before = show.number()
                    if what == "rebooted":
                        self.boxes.reboot(name)
                    else:
                        self.boxes.word("cut", name)
                        self.boxes.word("boot", name)
                    show.number(after=before + 3)
                    show.plays()


def one_box(steps, boxes, packages, logs):
    """One machine does everything."""
    whole(Venue(boxes, {"onebox": ["mux", "transcoder", "distributor"]}, "one-box"), steps, packages, logs)


def three_boxes(steps, boxes, packages, logs):
    """A machine for each."""
    whole(Venue(boxes, THREE, "three-boxes"), steps, packages, logs)


def whole(venue, steps, packages, logs):
    """From bare to a show, and through all that may happen to a machine."""
    with venue.on_air(steps, packages, logs) as show:
        venue.settled(steps)
        venue.seen(steps, show, logs)
        venue.verified(steps)
        venue.survives(steps, show)
        venue.verified(steps)


def festival(steps, boxes, packages, logs):
    """Two mux, two transcoders, four distributors: whichever of the latter is lost, the audience does not notice."""
    venue = Venue(boxes, FESTIVAL, "festival", "main-stage")
    with venue.on_air(steps, packages, logs) as show:
        venue.settled(steps)
        venue.seen(steps, show, logs)
        venue.verified(steps)
        for name in ("transcoder1", "transcoder2", "distributor1"):
            with steps.machine(f"{name} without power, and the show goes on without it"):
                boxes.word("cut", name)
                for other in venue.of("distributor"):
                    if other != name:
                        show.number(after=show.number(host=f"{other}.live.venue.test") + 3, host=f"{other}.live.venue.test")
                boxes.word("boot", name)
        venue.verified(steps)
