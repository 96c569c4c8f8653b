"""What was done, by whom, and how long it took: the table at the end."""

import json
import time
from contextlib import contextmanager


class Steps:
    """The steps of one course."""

    def __init__(self, course):
        self.course, self.rows, self.began = course, [], time.monotonic()

    def human(self, what):
        """Something that a person does; not timed, but counted."""
        self.rows.append(("you", None, what))
        self.tell()

    @contextmanager
    def machine(self, what):
        """Something that takes time. The block may add to what is told, in the list it is given."""
        notes, began = [], time.monotonic()
        print(f"    {self.course}: {what} ...", flush=True)
        yield notes
        self.rows.append(("", time.monotonic() - began, "; ".join([what, *notes])))
        self.tell()

    def tell(self):
        """The last row."""
        print(self.line(self.rows[-1]), flush=True)

    @staticmethod
    def line(row):
        """A row as text."""
        who, seconds, what = row
        took = "" if seconds is None else f"{seconds / 60:6.2f} min"
        return f"{who:<4}{took:>11}  {what}"

    def keep(self, place):
        """The same for programs to read, as JSON."""
        rows = [{"who": who or "machine", "seconds": seconds and round(seconds, 1), "what": what} for who, seconds, what in self.rows]
        place.write_text(json.dumps(rows, indent=1))

    def table(self):
        """All rows, and their sums."""
        humans = sum(who == "you" for who, _seconds, _what in self.rows)
        lines = [f"== {self.course}", *[self.line(row) for row in self.rows]]
        return "\n".join([*lines, self.line(("", time.monotonic() - self.began, f"in all; {humans} steps by a person"))])
