"""The program around the demo: its options, its exit codes, and what it is made of."""

import ast
import sys
from pathlib import Path

import pytest

import trodo_cli as trodo
from trodo_cli import demo
from trodo_cli.demo import __main__ as program
from trodo_cli.demo import history, live


def stopped(error: BaseException) -> object:
    """A piece of the demo that ends by an error."""

    def run(*_: object) -> None:
        raise error

    return run


@pytest.fixture(autouse=True)
def _unrecorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process of the tests records nothing, so it has nothing to flush."""
    monkeypatch.setattr(trodo, "flush", lambda: None)


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "soon", "86401"])
def test_seconds_that_make_no_sense_are_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        program.main(["--live", text])
    assert exit_info.value.code == 2
    assert "--live" in capsys.readouterr().err


def test_cancelled_run_ends_the_program_quietly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(live, "run", stopped(trodo.RunCancelled("r1", "enough", "me")))
    assert program.main(["--live", "1"]) == 0
    assert capsys.readouterr() == ("", "run r1 was cancelled by me: enough\n")


def test_interrupt_ends_the_program_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(live, "run", stopped(KeyboardInterrupt()))
    assert program.main(["--live", "1"]) == 130
    assert capsys.readouterr() == ("", "")


def test_trouble_with_the_target_is_told_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(history, "record", stopped(trodo.TrodoError("no room", "make some")))
    assert program.main([]) == 1
    assert capsys.readouterr() == ("", "no room\nmake some\n")


def test_demo_is_made_of_the_public_names_and_the_standard_library() -> None:
    assert demo.__file__ is not None
    for file in Path(demo.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            else:
                continue
            for module in modules:
                known = module in ("trodo_cli", "trodo_cli.demo") or module in sys.stdlib_module_names
                assert known or module.partition(".")[0] in sys.stdlib_module_names, f"{file.name}: {module}"
