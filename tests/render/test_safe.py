"""Text of a trace on a terminal: nothing acts, nothing hides."""

import json
import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trodo_cli.render.safe import guarded, is_safe, json_escaped, safe_block, safe_line
from trodo_cli.render.theme import ROLES, SGR_CODES, ansi

HOSTILE = [
    "\x1b]52;c;aGk=\x07",
    "\x1b]52;c;aGk=\x1b\\",
    "\x1b]8;;file:///etc/passwd\x1b\\click\x1b]8;;\x1b\\",
    "\x1b]0;title\x07\x1b[21t",
    "\x1bP$qm\x1b\\",
    "\x1b[c\x1b[6n\x1b[>0q",
    "\x1b[2J\x1b[3J\x1b[H",
    "\x1b[?1049l\x1b[?1003l",
    "\x1b[201~\rrm -rf ~\r",
    "\x1b",
    "\x1b[\x1b[31m31m",
    "\x9b31m",
    "\x9d0;x\x9c",
    "ERROR\rOK   ",
    "secret\b\b\b\x7f\x7f",
    "a\0b",
    "\x0e\x0f\x05",
    "\u202eexe.gnp\u2066\u2069",
    "a\u200bb\u200dc\ufeff\u00ad",
    "\U000e0041\U000e0042",
    "\u115f\u1160\u3164\uffa0",
    "a\u2028b\u2029c\x85d\x0be\x1cf",
    "\ud800",
    "\ufffe\U0010ffff\ue000",
    "x" + "\U000e0100\U000e0148\U000e0169",
]

any_text = st.text(alphabet=st.characters(codec=None, categories=None), max_size=60)


@given(any_text)
@example("".join(HOSTILE))
def test_a_safe_line_holds_printable_characters_only(text: str) -> None:
    line = safe_line(text)
    assert line.isprintable()
    assert is_safe(line)


@given(any_text)
def test_a_safe_block_holds_printable_characters_and_line_breaks_only(text: str) -> None:
    block = safe_block(text)
    assert all(character.isprintable() or character == "\n" for character in block)
    assert is_safe(block)


@given(any_text)
def test_making_text_safe_twice_changes_nothing_more(text: str) -> None:
    assert safe_line(safe_line(text)) == safe_line(text)
    assert safe_block(safe_block(text)) == safe_block(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_inert_and_not_silently_gone(text: str) -> None:
    line = safe_line(text)
    assert is_safe(line)
    assert len(line) >= len(text)
    assert line != text


def test_every_single_character_ends_up_safe() -> None:
    unsafe = [point for point in range(0x110000) if not safe_line(chr(point)).isprintable()]
    assert unsafe == []


def test_no_letter_or_digit_is_among_what_has_to_be_replaced() -> None:
    replaced = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs", "Mn", "Me"}
    found = [
        p for p in range(0x110000) if re.match(r"\w", chr(p)) and unicodedata.category(chr(p)) in replaced
    ]
    assert found == []


@pytest.mark.parametrize(
    "text", ["plain", "Zürich", "固体電池", "مرحبا", "שלום", "✓ done 🎉", "é", "ﷺ", "[/]", "⚠️"]
)
def test_ordinary_text_of_any_script_stays_as_it_is(text: str) -> None:
    assert safe_line(text) == text
    assert safe_block(text) == text


@pytest.mark.parametrize(
    ("text", "line", "block"),
    [
        ("a\nb\tc", "a␊b␉c", "a\nb   c"),
        ("a\r\nb", "a␍␊b", "a\nb"),
        ("\x1b[31m", "␛[31m", "␛[31m"),
        ("\x7f\x9b", "␡<U+009B>", "␡<U+009B>"),
        ("\u202e", "<U+202E>", "<U+202E>"),
        ("\U000e0041", "<U+E0041>", "<U+E0041>"),
        ("1\u00a0000", "1 000", "1 000"),
    ],
)
def test_what_was_removed_is_shown(text: str, line: str, block: str) -> None:
    assert safe_line(text) == line
    assert safe_block(text) == block


def test_a_pile_of_marks_is_cut_and_counted() -> None:
    assert safe_line("e" + "\u0301" * 600 + "!") == "e" + "\u0301" * 4 + "<+596 marks>!"
    assert safe_line("e" + "\u0301" * 4) == "e" + "\u0301" * 4
    assert not is_safe("e" + "\u0301" * 5)


@given(st.recursive(any_text | st.integers() | st.none(), lambda inner: st.dictionaries(any_text, inner)))
def test_escaped_json_means_the_same_and_is_inert(value: object) -> None:
    document = json.dumps(value, ensure_ascii=False, indent=1)
    escaped = json_escaped(document)
    assert json.loads(escaped) == value
    assert all(
        character.isprintable() or unicodedata.category(character) in ("Zs", "Cc") for character in escaped
    )
    assert not re.search("[\x7f-\x9f]", escaped)


def test_json_without_anything_to_escape_is_left_alone() -> None:
    document = '{"name": "Zürich", "at": "固体 電池"}'
    assert json_escaped(document) == document


@given(st.recursive(any_text | st.none(), lambda inner: st.dictionaries(any_text, inner)))
def test_escaped_json_means_the_same_behind_the_last_filter(value: object) -> None:
    escaped = json_escaped(json.dumps(value, ensure_ascii=False))
    assert json.loads(guarded(escaped)) == value


def test_json_above_the_basic_plane_is_escaped_as_a_pair() -> None:
    assert json_escaped('"\U000e0041\x7f\x9b"') == '"\\udb40\\udc41\\u007f\\u009b"'


@given(any_text)
@example("\x1b[0m\x1b[31m\x1b[1;36m")
@example("\x1b[8m\x1b[48;5;1m\x1b[0;0H\x1b[m")
@example("\x1b[3\x1b[31m1m")
def test_guarded_output_holds_no_escape_but_our_colours(text: str) -> None:
    output = guarded(text)
    without_colours = re.sub(r"\x1b\[([0-9]+)(;[0-9]+)*m", "", output)
    assert all(character.isprintable() or character in "\n\t" for character in without_colours)
    codes = {code for sequence in re.findall(r"\x1b\[([0-9;]+)m", output) for code in sequence.split(";")}
    assert codes <= SGR_CODES


def test_the_guard_lets_every_role_of_the_theme_pass() -> None:
    for role in ROLES:
        assert guarded(ansi([("text", role)], True)) == ansi([("text", role)], True)


@pytest.mark.parametrize(
    "text", ["\x1b[8mhidden", "\x1b[30;40mblack", "\x1b[38;5;16mx", "\x1b[2J", "\x1b]0;t\x07"]
)
def test_the_guard_stops_what_hides_or_drives(text: str) -> None:
    assert "\x1b" not in guarded(text)
    assert guarded(text).startswith("␛")
