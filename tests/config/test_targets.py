"""Which target is in force, and what is said of it."""

import os
from pathlib import Path

import pytest

from tests.config.conftest import Place
from trodo_cli import config
from trodo_cli.errors import InvalidInput

PROFILES = """
[profiles.flag]
target = "/flag.db"
[profiles.environment]
target = "/environment.db"
[profiles.project]
target = "/project.db"
[profiles.user]
target = "/user.db"
"""

ORDER = [
    ("--target", "/named.db", "--target", None),
    ("--profile", "/flag.db", "profile flag (--profile)", "flag"),
    ("TRODO_TARGET", "/said.db", "TRODO_TARGET", None),
    ("TRODO_PROFILE", "/environment.db", "profile environment (TRODO_PROFILE)", "environment"),
    ("project", "/project.db", "profile project (./trodo.toml)", "project"),
    ("user", "/user.db", "profile user ({home}/config.toml)", "user"),
    ("nothing", "{home}/trodo.db", "default", None),
]


@pytest.mark.parametrize("first", range(len(ORDER)), ids=[name for name, *_ in ORDER])
def test_the_first_that_names_a_target_is_the_one_in_force(
    place: Place, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    said = {name for name, *_ in ORDER[first:]}
    place.settings(('profile = "user"\n' if "user" in said else "") + PROFILES)
    if "project" in said:
        place.project('profile = "project"')
    if "TRODO_TARGET" in said:
        monkeypatch.setenv("TRODO_TARGET", "/said.db")
    if "TRODO_PROFILE" in said:
        monkeypatch.setenv("TRODO_PROFILE", "environment")
    found = config.target(
        "/named.db" if "--target" in said else None, "flag" if "--profile" in said else None
    )
    _, where, source, profile = ORDER[first]
    assert found == (where.format(home=place.home), source.format(home=place.home), profile)
    assert found.is_default == (source == "default")


def test_what_comes_later_is_not_read(place: Place) -> None:
    place.settings("broken [")
    place.project("broken [")
    assert config.target("/named.db").place == "/named.db"


def test_a_home_of_ours_moves_the_settings_too(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    other = place.user / "other"
    monkeypatch.setenv("TRODO_HOME", str(other))
    config.set_target("work", "/runs.db")
    assert (other / "config.toml").exists()
    assert config.target().place == "/runs.db"
    monkeypatch.setenv("TRODO_HOME", str(place.home))
    assert config.target().is_default


def test_without_a_home_of_ours_the_settings_are_in_the_platforms_place(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRODO_HOME")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert place.user in config.user_file().parents
    assert config.user_file().name == "config.toml"
    assert "trodo" in config.user_file().parts


def test_a_path_means_the_same_after_a_change_of_folder(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.set_target("here", "runs.db")
    for found in (config.target("runs.db"), config.target(None, "here")):
        monkeypatch.chdir("/")
        assert found.place == str(place.work / "runs.db")
    assert config.target("~/runs.db").place == str(place.user / "runs.db")
    assert config.target("memory:").place == "memory:"


@pytest.mark.parametrize("place_named", ["http://a", "https://a:1/b", "HTTPS://A", "Http://a"])
def test_a_url_of_a_server_is_hosted(place: Place, place_named: str) -> None:
    assert config.target(place_named).is_hosted


@pytest.mark.parametrize("place_named", ["runs.db", "memory:", "postgresql://a/b", "./http:/a"])
def test_nothing_else_is_hosted(place: Place, place_named: str) -> None:
    assert not config.target(place_named).is_hosted


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:hunter2@db/runs", "postgresql://ann:hun@ter2@db/runs", "postgresql://:hunter2@db/runs",
        "https://ann:hunter2@host", "postgresql://db/runs?user=ann&password=hunter2&sslmode=require",
        "postgresql://ann:hun/ter2@db/runs", "postgresql://ann:hun@/ter2@db/runs",
        "postgresql://db/runs?sslpassword=hunter2", "https://host/x?API_KEY=hunter2#end",
    ],
)  # fmt: skip
def test_a_password_is_not_shown(place: Place, url: str) -> None:
    shown = config.target(url).shown
    assert not {"hunter2", "ter2", "hun@"} & {part for part in ("hunter2", "ter2", "hun@") if part in shown}
    assert shown.startswith(url.split("://")[0])


@pytest.mark.parametrize(
    "words",
    ["host=db user=ann password=hunter2", "PASSWORD = hunter2", "postgresql:/ann:hunter2@db", "postgres:x"],
)
def test_other_ways_to_name_a_database_are_no_file_with_a_password_in_its_name(
    place: Place, words: str
) -> None:
    with pytest.raises(InvalidInput, match="neither a URL of PostgreSQL nor the path") as refusal:
        config.target(words)
    assert "hunter2" not in refusal.value.message + refusal.value.hint
    assert config.target(f"./{words}").place.endswith(words)


@pytest.mark.parametrize("url", ["http://host:4318/a@b", "https://ann@host/x?limit=5", "/a:b@c.db"])
def test_what_is_no_password_is_shown(place: Place, url: str) -> None:
    assert config.target(url).shown == url


@pytest.mark.parametrize(
    "ask",
    [
        lambda monkeypatch, place: config.target(None, "gone"),
        lambda monkeypatch, place: (monkeypatch.setenv("TRODO_PROFILE", "gone"), config.target()),
        lambda monkeypatch, place: (place.project('profile = "gone"'), config.target()),
        lambda monkeypatch, place: (place.settings('profile = "gone"\n' + PROFILES), config.target()),
        lambda monkeypatch, place: config.use_profile("gone"),
    ],
    ids=["--profile", "TRODO_PROFILE", "project file", "user file", "use"],
)
def test_a_profile_that_does_not_exist_names_those_that_do(
    place: Place, monkeypatch: pytest.MonkeyPatch, ask: object
) -> None:
    place.settings(PROFILES)
    with pytest.raises(InvalidInput) as refused:
        ask(monkeypatch, place)  # type: ignore[operator]
    assert "'gone'" in refused.value.message
    assert "environment" in refused.value.hint


def test_settings_that_are_empty_are_as_good_as_none(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRODO_TARGET", "TRODO_PROFILE"):
        monkeypatch.setenv(name, "")
    place.settings("")
    place.project("")
    assert config.target("", "").is_default


def test_a_working_folder_that_was_deleted_is_no_trouble(place: Place) -> None:
    gone = place.work / "gone"
    gone.mkdir()
    os.chdir(gone)
    Path(gone).rmdir()
    assert config.target().is_default
