"""A way through every view of the explorer, past every run of some texts."""

import re
import sys
from pathlib import Path

from tests.cli.program import Cli
from tests.tui.hostile import KINDS, copies, recorded
from tests.tui.seat import Seat

COLUMNS, ROWS = 130, 26

TABS = ("marker-chat", "marker-input", "marker-output", "marker-attribute", "marker-event", "marker-stack")
"""A word in each tab of the failed span, behind the overview."""

LIST = "status       agent"
"""The names of the columns."""

LIST_HAS_KEYS = "all runs"
"""In the footer when no field has them."""

PAGER = "import sys; open(sys.argv[1], 'ab').write(sys.stdin.buffer.read() + b'\\n')"
"""A pager that keeps what it is given."""


class Journey:
    """One explorer over the runs of some texts, beginning at the list."""

    def __init__(self, cli: Cli, texts: list[str], start: tuple[str, ...] = ("-m", "trodo_cli")) -> None:
        for number, text in enumerate(texts):
            cli.publish(recorded(number, text), alive=True)
        self.texts = texts
        self.paged = cli.folder / "paged"
        script = cli.folder / "pager.py"
        script.write_text(PAGER)
        child = cli.terminal_python(
            *start,
            columns=COLUMNS,
            PAGER=f"{sys.executable} {script} {self.paged}",
            USER=texts[-1].replace("\0", ""),
        ).child
        child.setwinsize(ROWS, COLUMNS)
        self.seat = Seat(child)

    def go(self) -> bytes:
        """All of it, to the end; what was sent to the terminal."""
        self.seat.paints(LIST, f"{len(self.texts) * KINDS} runs", "live")
        self.question_about_several()
        for number, text in enumerate(self.texts):
            self.failed_run(number, text)
            self.cancelled_run()
            self.open_run(number, text)
        self.rest_of_the_list()
        self.press("q")
        assert self.seat.end() == 0
        self.seat.check_given_back()
        return bytes(self.seat.sent)

    def press(self, key: str, *wanted: str) -> None:
        """Press a key and wait for what it paints."""
        self.seat.press(key)
        self.seat.paints(*wanted)

    def failed_run(self, number: int, text: str) -> None:
        self.press("enter", "marker-last", "ended")
        self.press("j", "Chat", "Attributes")
        self.copy()
        for marker in TABS:
            self.press("tab", marker)
            self.seat.press("J")
        self.copy()
        self.press("o")
        self.seat.until(lambda: b"\x1b[?1049h" in self.seat.new, "the pager was left")
        self.seat.paints("marker-last")
        self.seat.press("w", "j", "j")
        self.press("/", "search names")
        self.paste(text)
        self.press(f" none-{number}", f"none-{number}")
        self.press("enter", "nothing fits", f"none-{number}'")
        self.seat.press("backspace")
        self.press("backspace", LIST)

    def cancelled_run(self) -> None:
        self.seat.press("j")
        self.press("enter", "cancel requested", "ended")
        self.press("backspace", LIST)

    def open_run(self, number: int, text: str) -> None:
        self.seat.press("j")
        self.press("c", "Ask to stop", "escape leaves it running")
        self.seat.press(f"reason-{number} ")
        self.paste(text)
        self.press("enter", f": reason-{number}")
        self.press("enter", "cancel requested", "following")
        self.press("backspace", LIST)
        self.seat.press("j")

    def question_about_several(self) -> None:
        """First of all, since to know that something is gone takes a screen, with all that was sent."""
        self.seat.press("space", "space", "space")
        self.press("c", "Ask to stop")
        self.seat.press("ctrl+c")
        self.seat.no_longer_shows("Ask to stop")
        self.seat.press("g", "space", "space", "space", "g")

    def rest_of_the_list(self) -> None:
        self.press("?", "esc closes")
        self.press("?", LIST)
        self.press("/", "status:failed agent:writer")
        self.press("nope:1 ", "nope:1")
        self.paste(next(text for text in self.texts if not {'"', "\\"} & set(text)))
        self.press("enter", "is no filter")
        self.press("escape", LIST_HAS_KEYS)

    def copy(self) -> None:
        self.press("y")
        self.seat.until(lambda: copies(self.seat.new), "copied")

    def paste(self, text: str) -> None:
        """As a terminal does it, which keeps all but the control characters of ASCII."""
        kept = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", "", text)
        self.seat.child.send(b"\x1b[200~" + kept.encode() + b"\x1b[201~")


def paged(path: Path) -> bytes:
    """All that the pager was given."""
    return path.read_bytes() if path.exists() else b""
