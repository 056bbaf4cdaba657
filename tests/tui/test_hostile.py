"""Every hostile text in every field and every view of the explorer, on a real terminal."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.hostile import HOSTILE, faults, stored
from tests.cli.program import Cli
from tests.shared import alone, shared_folder
from tests.tui.hostile import copies, deeds, shown_faults
from tests.tui.journey import Journey
from tests.tui.seat import SEQUENCE
from trodo_cli.render.safe import safe_line

AT_ONCE = 6
"""Texts that one explorer shows, one after the other."""

HARMLESS = [
    "harmless words",
    '{"a": ["b", 1, null, true]}',
    "# one\n\n- `two` **three** [four](five)\nsix\t7",
]
"""What other texts can look like that do nothing."""

MODES = (7, 25, 1000, 1003, 1004, 1006, 1015, 1049, 2004)
"""Line wrap, cursor, mouse, focus, alternate screen, bracketed paste."""

PILE = "a pile of combining marks"


CELLS = 24
"""What the narrowest column shows of a text."""


def together() -> list[list[str]]:
    """The names of texts that are shown as one: no more than are seen whole, of printable ones four."""
    cells = {name: len(safe_line(stored(name))) for name in HOSTILE}
    printable = [name for name in HOSTILE if stored(name).isprintable() and cells[name] <= 100]
    joined = [printable[at : at + 4] for at in range(0, len(printable), 4)]
    packed: list[list[str]] = []
    for name in sorted(HOSTILE.keys() - set(printable), key=lambda name: (-cells[name], name)):
        for names in packed:
            if sum(cells[each] + 1 for each in names) + cells[name] <= CELLS:
                names.append(name)
                break
        else:
            packed.append([name])
    return packed + joined


TOGETHER = together()
GROUPS = [TOGETHER[at :: -(-len(TOGETHER) // AT_ONCE)] for at in range(-(-len(TOGETHER) // AT_ONCE))]


def joined(names: list[str]) -> str:
    return " ".join(stored(name) for name in names)


NASTY = [
    ["osc52-bel", "csi-8bit"],
    ["clear-screen", "bidi-override"],
    ["alternate-screen"],
    ["line-separators"],
]


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    cli = Cli(tmp_path)
    yield cli
    cli.close()


@pytest.fixture(scope="session")
def own_deeds(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What the explorer does to a terminal when no text wants anything; seen by the first process that asks."""
    shared = shared_folder(tmp_path_factory)
    seen = shared / "own-deeds.json"
    with alone(shared / "own-deeds.lock"):
        if not seen.exists():
            seen.write_text(json.dumps(sorted(harmless_deeds(tmp_path_factory.mktemp("harmless")))))
    return set(json.loads(seen.read_text()))


def harmless_deeds(folder: Path) -> set[str]:
    cli = Cli(folder)
    try:
        return deeds(Journey(cli, HARMLESS).go())
    finally:
        cli.close()


def test_what_the_explorer_does_of_itself_is_known(own_deeds: set[str]) -> None:
    """Colours of the sixteen and no others, the modes of Textual, and nothing that asks or keeps."""
    colours = {deed for deed in own_deeds if deed.startswith("colour")}
    assert colours <= {
        f"colour {number}"
        for number in (0, 1, 2, 3, 4, 7, 39, 49, *range(30, 38), *range(40, 48), *range(90, 98))
    }
    assert own_deeds - colours <= {
        *(f"CSI ?{mode}{way}" for mode in MODES for way in "hl"),
        *("CSI ?1016l", "CSI ?2026$p", "CSI ?2048$p", "CSI >25u", "CSI <u"),
        *("H of 2", "OSC 22;default", "copy", r"'\r'", r"'\n'"),
    }


@pytest.mark.parametrize(
    "group", GROUPS, ids=lambda group: ", ".join(name for names in group for name in names)
)
def test_no_hostile_text_acts_in_any_view_and_what_was_removed_is_seen(
    cli: Cli, own_deeds: set[str], group: list[list[str]]
) -> None:
    texts = [joined(names) for names in group]
    journey = Journey(cli, texts)
    sent = journey.go()
    assert deeds(sent) - own_deeds == set()
    assert shown_faults(sent) == set()
    painted = SEQUENCE.sub(b"", sent).decode()
    shown = {name: safe_line(stored(name))[:10] for names in group for name in names}
    assert [name for name, text in shown.items() if text not in painted] == []
    check_copies(copies(sent), 2 * len(texts))
    paged = journey.paged.read_bytes()
    assert faults(paged, terminal=False) == set()
    assert b"marker-stack" in paged
    with cli.reading() as client:
        reasons = [
            run.cancel.reason for run in client.runs.list().rows if run.status == "running" and run.cancel
        ]
    assert len(reasons) == len(texts)
    assert [reason for reason in reasons if not (reason or "").isprintable()] == []


def check_copies(found: list[str], count: int) -> None:
    """Nothing that a shell would run on its own, or a terminal act on."""
    assert len(found) == count
    for text in found:
        assert faults(text.encode(), terminal=False) == set()
        assert not text.endswith("\n")


UNSAFE = """
    from trodo_cli.render import safe
    safe.safe_line = safe.safe_block = lambda text: text
"""
"""The first filter forgotten everywhere."""

UNGUARDED = (
    UNSAFE
    + """
    from textual.app import App
    from trodo_cli.tui import app, guard
    guard.inert = guard.inert_block = app.inert_block = lambda text: text
"""
)
"""The second one too."""

START = """
    from trodo_cli.__main__ import main
    main()
"""


def planted(cli: Cli, fault: str) -> Journey:
    """A journey past the worst texts with an explorer that has a fault."""
    script = cli.folder / "planted.py"
    script.write_text("".join(f"{line.removeprefix('    ')}\n" for line in (fault + START).splitlines()))
    return Journey(cli, [joined(names) for names in NASTY], (str(script),))


def test_without_the_first_filter_the_second_one_holds(cli: Cli, own_deeds: set[str]) -> None:
    journey = planted(cli, UNSAFE)
    sent = journey.go()
    assert deeds(sent) - own_deeds == set()
    assert shown_faults(sent) - {PILE} == set()
    assert "a␛]52;c;cm0gLXJmIH4=␇z".encode() in sent
    check_copies(copies(sent), 2 * len(NASTY))


def test_without_both_filters_these_tests_fail(cli: Cli, own_deeds: set[str]) -> None:
    seat = planted(cli, UNGUARDED).seat
    seat.until(lambda: {"CSI 2J", "CSI 3J"} <= deeds(seat.complete) - own_deeds, "what the texts do")
    seat.until(lambda: copies(seat.complete), "a copy that nobody asked for")
    assert set(copies(seat.complete)) == {"rm -rf ~"}
    seat.until(lambda: {r"'\x9b'", r"'\u202e'"} <= shown_faults(seat.complete), "characters of the texts")
