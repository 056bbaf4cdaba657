"""The user file: what is written there, and that the user's own words stay."""

import os
import stat
import tomllib
from pathlib import Path
from threading import Barrier, Thread

import pytest

from tests.config.conftest import Place
from trodo_cli import config
from trodo_cli.errors import InvalidInput, Unavailable

COMMENTED = """\
# my servers
profile = "work" # the usual one

[profiles.work]  # of the company
target = "https://trodo.example.com" # ask ops

[other]
kept = [1, 2]
"""


def test_the_first_profile_is_in_use_at_once_and_later_ones_are_not(place: Place) -> None:
    config.set_target("work", "https://a")
    config.set_target("home", "runs.db")
    assert config.target() == ("https://a", f"profile work ({config.user_file()})", "work")
    assert config.profiles() == {"work": "https://a", "home": str(place.work / "runs.db")}
    config.use_profile("home")
    assert config.target().profile == "home"
    assert config.stop_using_profile()
    assert not config.stop_using_profile()
    config.set_target("third", "https://c")
    assert config.target().is_default


def test_without_a_name_the_profile_that_is_in_use_is_changed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert config.profile_to_change(None) == "default"
    config.set_target("work", "https://a")
    assert config.profile_to_change(None) == "work"
    place.project('profile = "project"')
    assert config.profile_to_change(None) == "project"
    monkeypatch.setenv("TRODO_PROFILE", "environment")
    assert config.profile_to_change(None) == "environment"
    assert config.profile_to_change("flag") == "flag"


def test_a_profile_without_a_name_is_in_use_at_once(place: Place) -> None:
    place.settings('[profiles.other]\ntarget = "/other.db"')
    config.set_target("default", "/runs.db")
    assert config.target().profile == "default"


def test_what_the_user_wrote_beside_it_stays(place: Place) -> None:
    file = place.settings(COMMENTED)
    config.set_target("work", "https://b")
    config.set_target("home", "/runs.db")
    text = file.read_text()
    for kept in ("# my servers", "# the usual one", "# of the company", "# ask ops", "kept = [1, 2]"):
        assert kept in text
    assert config.remove_profile("home")
    assert file.read_text().rstrip() == COMMENTED.replace("trodo.example.com", "b").rstrip()


@pytest.mark.parametrize(
    "text",
    [
        "", "# only this", 'profiles.work.target = "x"', '[profiles]\nwork.target = "x"', "[other]\na = 1",
        '[profiles.a]\ntarget = "x"\n[other]\nz = 1\n[profiles.b]\ntarget = "y"', 'profile = "a"\r\n[profiles.a]\r\n'
        'target = "x"\r\n', '[profiles.work]\ntarget = "x"',
    ],
)  # fmt: skip
def test_however_the_file_is_laid_out_a_change_changes_what_is_meant(place: Place, text: str) -> None:
    file = place.settings(text)
    before = tomllib.loads(text)
    config.set_target("work", "https://a")
    config.use_profile("work")
    after = tomllib.loads(file.read_text())
    before.setdefault("profiles", {})["work"] = {"target": "https://a"}
    assert after == {**before, "profile": "work"}
    assert config.remove_profile("work")
    assert "work" not in config.profiles()
    assert config.target().is_default


def test_a_layout_that_cannot_be_changed_in_place_is_left_alone(place: Place) -> None:
    text = 'profiles = {work = {target = "x"}}\n'
    file = place.settings(text)
    with pytest.raises(InvalidInput, match=r"config\.toml"):
        config.set_target("home", "https://a")
    assert file.read_text() == text


def test_removing_the_profile_in_use_leaves_none_in_use(place: Place) -> None:
    config.set_target("work", "https://a")
    config.set_target("home", "https://b")
    assert config.remove_profile("work")
    assert not config.remove_profile("work")
    assert config.target().is_default
    assert config.profiles() == {"home": "https://b"}


@pytest.mark.parametrize("name", ["", " ", "a b", "a/b", "https://a", "-a", "é", "x" * 65, "a\n"])
def test_a_name_that_could_be_mistaken_is_refused(place: Place, name: str) -> None:
    with pytest.raises(InvalidInput, match="no name for a profile"):
        config.set_target(name, "https://a")
    assert not config.user_file().exists()


@pytest.mark.parametrize(
    "url", ["https://", "http://a b", "http://a:99999", r"https://good\@evil", "https://a:b:c"]
)
def test_a_url_that_is_none_is_refused(place: Place, url: str) -> None:
    with pytest.raises(InvalidInput, match="no URL"):
        config.set_target("work", url)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("profile = 3", "`profile`"),
        ('profile = "work"\nprofiles = 3', "no table"),
        ('profile = "work"\n[profiles]\nwork = 3', "no table"),
        ('profile = "work"\n[profiles.work]', "no target"),
        ('profile = "work"\n[profiles.work]\ntarget = 3', "no target"),
        ('profile = "work"\n[profiles.work]\ntarget = "a"\napi_key = "hunter2"', "`api_key`"),
        ('api_key = "hunter2"\nprofile = "work"', "`api_key`"),
        ('profile = "work"\n[profiles.work\n', "line 2"),
    ],
)
def test_a_broken_file_is_named(place: Place, text: str, word: str) -> None:
    file = place.settings(text)
    with pytest.raises(InvalidInput) as refused:
        config.target()
    assert str(file) in refused.value.message
    assert word in refused.value.message
    assert "hunter2" not in refused.value.message + refused.value.hint


def test_a_profile_that_is_not_whole_is_no_trouble_to_others_and_can_be_mended(place: Place) -> None:
    place.settings('profile = "work"\n[profiles.work]\ntarget = "/runs.db"\n[profiles.half]\n')
    assert config.target().place == "/runs.db"
    config.set_target("half", "/half.db")
    assert config.target(None, "half").place == "/half.db"


def test_a_broken_file_is_not_written_over(place: Place) -> None:
    file = place.settings("broken [")
    for change in (
        lambda: config.set_target("a", "/a.db"),
        lambda: config.use_profile("a"),
        lambda: config.remove_profile("a"),
    ):
        with pytest.raises(InvalidInput, match="line 1"):
            change()
    assert file.read_text() == "broken ["


@pytest.mark.parametrize("umask", [0, 0o022, 0o777])
def test_file_and_folder_are_the_users_alone_under_any_umask(place: Place, umask: int) -> None:
    before = os.umask(umask)
    try:
        config.set_target("work", "https://a")
        config.set_target("home", "https://b")
    finally:
        os.umask(before)
    assert stat.S_IMODE(config.user_file().stat().st_mode) == 0o600
    assert stat.S_IMODE(place.home.stat().st_mode) == 0o700
    assert [path.name for path in place.home.iterdir()] == ["config.toml"]


def test_a_link_to_the_file_stays_a_link(place: Place) -> None:
    dotfiles = place.user / "dotfiles"
    dotfiles.mkdir()
    real = dotfiles / "trodo.toml"
    real.write_text(COMMENTED)
    place.home.mkdir()
    config.user_file().symlink_to(real)
    config.set_target("home", "/runs.db")
    assert config.user_file().is_symlink()
    assert "[profiles.home]" in real.read_text()


def test_changes_at_the_same_time_are_all_kept(place: Place) -> None:
    barrier = Barrier(8)

    def change(number: int) -> None:
        barrier.wait()
        for turn in range(5):
            config.set_target(f"p{number}-{turn}", f"/{number}.db")

    threads = [Thread(target=change, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(config.profiles()) == 40


def test_a_folder_that_cannot_be_made_is_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    file = place.user / "file"
    file.write_text("kept")
    monkeypatch.setenv("TRODO_HOME", str(file / "below"))
    with pytest.raises(Unavailable) as refused:
        config.set_target("work", "https://a")
    assert str(file) in refused.value.message
    assert "TRODO_HOME" in refused.value.hint
    assert Path(file).read_text() == "kept"
