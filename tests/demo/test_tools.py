"""The demo's tools tell what is true of the packages installed here; outside a run they just work."""

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from trodo_cli.demo import tools


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package of known content on the import path."""
    folder = tmp_path / "tiny_demo-1.2.dist-info"
    folder.mkdir()
    (tmp_path / "tiny_demo.py").write_text("# a comment\n\nx = 1\ny = 2  # kept\n")
    (folder / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: tiny-demo\nVersion: 1.2\nSummary: Zyzzyva spotting.\n"
        "License: MIT\n  and more text\nRequires-Dist: msgspec>=0.1\nRequires-Dist: nowhere-to-be-found\n"
        "Requires-Dist: rich; extra == 'colours'\n"
    )
    (folder / "RECORD").write_text("tiny_demo.py,,\ntiny_demo-1.2.dist-info/METADATA,,\nremoved.py,,\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    return "tiny-demo"


def test_metadata_is_what_the_package_says(installed: str) -> None:
    facts = tools.read_metadata(installed)
    assert facts == tools.PackageFacts(
        "tiny-demo", "1.2", "Zyzzyva spotting.", "MIT", ["msgspec", "nowhere-to-be-found"]
    )
    assert str(facts).splitlines() == [
        "tiny-demo 1.2 says of itself: Zyzzyva spotting.",
        "The licence of tiny-demo is MIT, and it needs msgspec, nowhere-to-be-found.",
    ]


def test_code_is_counted_without_blank_lines_comments_and_missing_files(installed: str) -> None:
    facts = tools.measure_code(installed)
    assert (facts.files, facts.modules, facts.code_lines) == (2, 1, 2)
    assert facts.size_bytes > 0
    assert "2 lines in 1 Python modules" in str(facts)


def test_requirements_are_those_that_are_installed_without_extras(installed: str) -> None:
    assert tools.list_requirements(installed) == ["msgspec"]


def test_unknown_package_needs_nothing_and_has_no_metadata() -> None:
    assert tools.list_requirements("not-installed-here") == []
    with pytest.raises(PackageNotFoundError):
        tools.read_metadata("not-installed-here")


def test_packages_are_listed_once_each(installed: str) -> None:
    names = tools.list_packages()
    assert installed in names
    assert len(names) == len(set(names))


def test_search_ranks_by_shared_words(installed: str) -> None:
    hits = tools.search_packages("zyzzyva spotting")
    assert hits[0] == tools.Hit("tiny-demo", "Zyzzyva spotting.", 2)
    assert str(hits[0]) == "tiny-demo: Zyzzyva spotting."
    assert tools.search_packages("qqqqq") == []


def test_version_is_the_installed_one() -> None:
    assert tools.read_metadata("msgspec").version == version("msgspec")
