"""The project file: found from the working folder up, and not believed further than it should be."""

import os
from pathlib import Path

import pytest

from tests.config.conftest import Place, written
from trodo_cli import config
from trodo_cli.config import project
from trodo_cli.errors import InvalidInput


def test_a_path_is_meant_from_the_files_folder_on(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    file = place.project('target = "data/runs.db"')
    below = place.work / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert config.target() == (str(place.work / "data/runs.db"), str(file), None)


@pytest.mark.parametrize("target", ["memory:", "https://host", "/abs/runs.db"])
def test_another_target_is_taken_as_it_is(place: Place, target: str) -> None:
    place.project(f'target = "{target}"')
    assert config.target() == (target, "./trodo.toml", None)


def test_a_path_in_the_users_home_is_found_there(place: Place) -> None:
    place.project('target = "~/runs.db"')
    assert config.target().place == str(place.user / "runs.db")


def test_the_nearest_file_counts_and_one_that_says_nothing_does_not(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.project('target = "outer.db"')
    inner = place.work / "inner"
    place.project('other = "program"', inner)
    monkeypatch.chdir(inner)
    assert config.target().place == str(place.work / "outer.db")
    place.project('target = "inner.db"', inner)
    assert config.target().place == str(inner / "inner.db")


@pytest.mark.parametrize("mark", ["folder", "file"])
def test_the_search_ends_at_a_repository(place: Place, monkeypatch: pytest.MonkeyPatch, mark: str) -> None:
    place.project('target = "outer.db"')
    below = place.work / "repository" / "below"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert not config.target().is_default
    marker = below.parent / ".git"
    marker.mkdir() if mark == "folder" else marker.write_text("gitdir: elsewhere")
    assert config.target().is_default
    place.project('target = "own.db"', below.parent)
    assert config.target().place == str(below.parent / "own.db")


def test_the_search_ends_at_the_home_folder(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    home = place.work / "ann"
    below = home / "code"
    below.mkdir(parents=True)
    place.project('target = "of-all.db"')
    monkeypatch.chdir(below)
    assert not config.target().is_default
    linked = place.work / "link"
    linked.symlink_to(home)
    monkeypatch.setenv("HOME", str(linked))
    assert config.target().is_default
    place.project('target = "own.db"', home)
    assert config.target().place == str(home / "own.db")


@pytest.mark.parametrize("name", ["api_key", "api-key", "key"])
def test_a_key_in_it_is_refused_without_being_quoted(place: Place, name: str) -> None:
    place.project(f'target = "https://host"\n{name} = "hunter2"')
    with pytest.raises(InvalidInput) as refused:
        config.target()
    assert str(place.work / "trodo.toml") in refused.value.message
    assert "trodo config set api-key" in refused.value.hint
    assert "hunter2" not in refused.value.message + refused.value.hint


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('profile = "a"\ntarget = "b"', "a profile and a target"),
        ("target = 3", "`target`"),
        ('profile = ["a"]', "`profile`"),
        ('target = ""', "`target`"),
        ('\n\ntarget = "open', "line 3"),
        ("a = 1\nb = 2\n[", "line 3"),
        ('target = "a"\ntarget = "b"', "line 2"),
        ("x = " + "[" * 100_000, "trodo.toml"),
        ("x = " + "9" * 5_000, "trodo.toml"),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_wrong_in_it_is_named_with_file_and_line(place: Place, text: str, word: str) -> None:
    place.project(text)
    with pytest.raises(InvalidInput) as refused:
        config.target()
    assert str(place.work / "trodo.toml") in refused.value.message
    assert word in refused.value.message
    assert refused.value.hint


def test_bytes_that_are_no_text_are_named_with_their_line(place: Place) -> None:
    (place.work / "trodo.toml").write_bytes(b'a = "b"\n\nc = "\xff"')
    with pytest.raises(InvalidInput, match="line 3"):
        config.target()


def test_a_file_that_never_ends_is_refused_at_once(place: Place) -> None:
    file = place.work / "trodo.toml"
    for make in (
        lambda: os.mkfifo(file),
        lambda: file.symlink_to("/dev/zero"),
        lambda: file.mkdir(),
        lambda: written(file, "#" * 2 * 1024 * 1024),
    ):
        make()
        with pytest.raises(InvalidInput, match=r"trodo\.toml"):
            config.target()
        file.rmdir() if file.is_dir() else file.unlink()


def test_a_link_that_leads_nowhere_is_no_file(place: Place) -> None:
    (place.work / "trodo.toml").symlink_to("nowhere")
    assert config.target().is_default


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of another user")
def test_what_another_user_leaves_in_a_folder_open_to_all_is_not_followed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = place.work / "mine"
    below.mkdir()
    monkeypatch.chdir(below)
    left = place.project('target = "https://stranger"')
    os.chown(left, 12345, 12345)
    assert config.target().place == "https://stranger", "a checkout of another owner is followed"
    place.work.chmod(0o1777)
    assert config.target().is_default
    os.chown(left, os.geteuid(), -1)
    assert config.target().place == "https://stranger"


def test_the_file_in_use_is_told(place: Place) -> None:
    assert config.find_project() is None
    place.project('profile = "work"')
    assert config.find_project() == project.Project(Path(place.work / "trodo.toml"), "work", None)
