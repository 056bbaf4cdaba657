"""What the environment says of the terminal."""

import pytest

from trodo_cli.config import draws_signs


@pytest.mark.parametrize(
    ("encoding", "environment", "draws"),
    [
        ("utf-8", {}, True),
        ("UTF8", {"TERM": "xterm-256color", "LANG": "de_DE.UTF-8"}, True),
        ("utf-8", {"LC_ALL": "C.UTF-8", "LANG": "C"}, True),
        ("utf-8", {"LANG": "C"}, False),
        ("utf-8", {"LC_ALL": "POSIX", "LANG": "de_DE.UTF-8"}, False),
        ("utf-8", {"TERM": "linux"}, False),
        ("ascii", {}, False),
        ("iso8859-1", {}, False),
        (None, {}, False),
    ],
)
def test_signs_beyond_ascii_are_for_terminals_that_have_them(
    encoding: str | None, environment: dict[str, str], draws: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TERM", "LC_ALL", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert draws_signs(encoding) is draws
