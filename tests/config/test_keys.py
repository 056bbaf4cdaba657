"""Which key is sent where; above all, where none is."""

import io
import os
import traceback
from pathlib import Path

import pytest

from tests.config.conftest import Place
from trodo_cli import config
from trodo_cli.errors import InvalidInput

SECRET = "trodo_hunter2"
STRANGER = "https://stranger.example"
WORK = "https://work.example"
LOCAL = "http://127.0.0.1:4318"


@pytest.fixture
def environment_key(place: Place, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TRODO_API_KEY", SECRET)
    return SECRET


def source(target: config.Target, flag: str | None = None) -> str | None:
    """What said the key that is sent."""
    found = config.find_key(target, flag)
    assert config.api_key(target, flag) == (found.value if found else None)
    return found.source if found else None


def test_the_first_that_has_a_key_is_taken(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    config.set_target("local", LOCAL)
    target = config.target()
    assert config.api_key(target) is None
    config.write_server_key("127.0.0.1", 4318, "of-the-server")
    assert (config.api_key(target), source(target)) == ("of-the-server", "the server on this machine")
    config.secrets.store(LOCAL, LOCAL, "of-the-origin")
    assert config.api_key(target) == "of-the-origin"
    place_of_keys = config.secrets.store("local", LOCAL, "of-the-profile")
    assert config.api_key(target) == "of-the-profile"
    assert source(target) == f"stored for local in {place_of_keys}"
    monkeypatch.setenv("TRODO_API_KEY", "of-the-environment")
    assert (config.api_key(target), source(target)) == ("of-the-environment", "TRODO_API_KEY")
    assert (config.api_key(target, "of-the-flag"), source(target, "of-the-flag")) == (
        "of-the-flag",
        "--api-key",
    )


@pytest.mark.parametrize("named", ["runs.db", "memory:", "postgresql://host/runs"])
def test_what_is_no_server_gets_no_key(place: Place, environment_key: str, named: str) -> None:
    assert config.api_key(config.target(named)) is None
    assert config.api_key(config.target(named), "@nowhere") is None


# -- a project file that a stranger wrote -----------------------------------------------------------------


def test_a_url_that_only_a_project_file_names_is_not_sent_the_environments_key(
    place: Place, environment_key: str
) -> None:
    place.project(f'target = "{STRANGER}"')
    target = config.target()
    assert target.place == STRANGER
    assert config.api_key(target) is None
    assert config.is_withheld(target)


def test_nor_is_it_sent_the_key_of_a_flag(place: Place) -> None:
    place.project(f'target = "{STRANGER}"')
    with pytest.raises(InvalidInput) as refused:
        config.api_key(config.target(), SECRET)
    assert "./trodo.toml" in refused.value.message
    assert f"--target {STRANGER}" in refused.value.hint
    assert SECRET not in refused.value.message + refused.value.hint


def test_nor_a_key_that_is_stored_for_another_server(place: Place) -> None:
    config.set_target("work", WORK)
    config.secrets.store("work", WORK, SECRET)
    config.secrets.store(WORK, WORK, SECRET)
    place.project(f'target = "{STRANGER}"')
    assert config.api_key(config.target()) is None


@pytest.mark.parametrize(
    "near",
    [
        "http://work.example", "https://work.example:444", "https://work.example.stranger.example",
        "https://work.example@stranger.example", "https://stranger.example/https://work.example",
        "https://stranger.example#https://work.example", "https://xwork.example",
    ],
)  # fmt: skip
def test_nor_one_whose_origin_only_looks_alike(place: Place, environment_key: str, near: str) -> None:
    config.set_target("work", WORK)
    config.secrets.store("work", WORK, SECRET)
    place.project(f'target = "{near}"')
    assert config.api_key(config.target()) is None


@pytest.mark.parametrize(
    "near", [r"https://work.example\@stranger.example", "https://work.example @stranger.example"]
)
def test_nor_one_that_is_read_in_two_ways(place: Place, environment_key: str, near: str) -> None:
    config.set_target("work", WORK)
    place.project(f"target = '{near}'")
    with pytest.raises(InvalidInput, match="no URL"):
        config.api_key(config.target())


def test_the_key_of_a_server_here_goes_only_to_its_own_address(place: Place, environment_key: str) -> None:
    config.write_server_key("127.0.0.1", 4318, "of-the-server")
    place.project('target = "http://127.0.0.1:4319"')
    assert config.api_key(config.target()) is None
    place.project(f'target = "{LOCAL}"')
    assert config.api_key(config.target()) == "of-the-server"


def test_a_project_file_can_choose_among_the_users_own_profiles(place: Place, environment_key: str) -> None:
    config.set_target("work", WORK)
    place.project('profile = "work"')
    assert source(config.target()) == "TRODO_API_KEY"
    assert source(config.target(), "flag") == "--api-key"


def test_a_target_that_was_written_down_long_ago_is_no_word_of_the_user(
    place: Place, environment_key: str
) -> None:
    left = config.Target(STRANGER, "a recording")
    assert config.api_key(left) is None
    config.secrets.store(STRANGER, STRANGER, "for-it")
    assert config.api_key(left) == environment_key


# -- how the user says that a server is theirs -----------------------------------------------------------


@pytest.mark.parametrize("how", ["flag", "environment", "profile", "key"])
def test_a_url_that_the_user_names_too_is_sent_the_environments_key(
    place: Place, environment_key: str, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    place.project(f'target = "{STRANGER}/runs"')
    target = config.target(STRANGER if how == "flag" else None)
    assert how == "flag" or config.is_withheld(target)
    if how == "environment":
        monkeypatch.setenv("TRODO_TARGET", f"{STRANGER}:443/")
    elif how == "profile":
        config.set_target("other", f"{STRANGER}/elsewhere")
    elif how == "key":
        config.secrets.store(STRANGER, STRANGER, "stored")
    assert config.api_key(target) == environment_key
    assert not config.is_withheld(target)


def test_a_key_stored_for_exactly_that_origin_is_sent(place: Place) -> None:
    place.project(f'target = "{STRANGER}/runs"')
    config.secrets.store(STRANGER, STRANGER, SECRET)
    assert config.api_key(config.target()) == SECRET


def test_the_key_of_a_profile_is_not_sent_when_the_target_is_another(place: Place) -> None:
    config.set_target("work", WORK)
    config.secrets.store("work", WORK, SECRET)
    assert config.api_key(config.target(STRANGER, "work")) is None
    assert config.api_key(config.target(None, "work")) == SECRET
    config.set_target("work", STRANGER)
    assert config.api_key(config.target(None, "work")) is None


def test_a_bare_url_takes_the_key_of_its_only_profile_but_not_of_one_among_several(place: Place) -> None:
    config.set_target("reader", WORK)
    config.secrets.store("reader", WORK, "for-reading")
    assert config.api_key(config.target(WORK)) == "for-reading"
    config.set_target("admin", WORK)
    assert config.api_key(config.target(None, "admin")) is None
    config.secrets.store("admin", WORK, "for-all")
    assert config.api_key(config.target(None, "reader")) == "for-reading"
    assert config.api_key(config.target(None, "admin")) == "for-all"
    assert config.api_key(config.target(WORK)) is None


# -- how a key is written ---------------------------------------------------------------------------------


def test_a_flag_names_a_file_or_stdin(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    target = config.target(WORK)
    (place.work / "key").write_text(f"  {SECRET}\n\n")
    assert config.api_key(target, "@key") == SECRET
    assert config.api_key(target, f"@{place.work}/key") == SECRET
    assert config.api_key(target, f"@~/{place.work.name}/key") == SECRET
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{SECRET}\nthe next line\n"))
    assert config.api_key(target, "-") == SECRET
    assert config.api_key(target, SECRET) == SECRET


def test_a_pipe_can_stand_for_the_file(place: Place) -> None:
    reading, writing = os.pipe()
    os.write(writing, f"{SECRET}\n".encode())
    os.close(writing)
    try:
        assert config.api_key(config.target(WORK), f"@/dev/fd/{reading}") == SECRET
    finally:
        os.close(reading)


@pytest.mark.parametrize("file", ["@nowhere", "@", "@.", "@~nobody-of-this-name/key", "@a\0b"])
def test_a_file_that_cannot_be_read_is_named(place: Place, file: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        config.api_key(config.target(WORK), file)
    assert "--api-key" in refused.value.message
    assert refused.value.hint


NO_KEYS = [
    "hunter2 hunter2", "hunter2\nX-Admin: yes", "hunter2é", "hunter2\0", "hunter2\x7f", "hunter2\t2", "", "  ",
    "hunter2" * 1_000, "hunter2\udcff",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_KEYS, ids=ascii)
@pytest.mark.parametrize("how", ["flag", "environment", "file", "stdin", "stored"])
def test_what_can_be_no_key_is_refused_and_never_quoted(
    place: Place, monkeypatch: pytest.MonkeyPatch, how: str, text: str
) -> None:
    flag = None
    encoded = text.encode(errors="surrogateescape")
    if how == "flag":
        flag = text
    elif how == "environment":
        if "\0" in text or not text:
            return
        monkeypatch.setenv("TRODO_API_KEY", text)
    elif how == "file":
        (place.work / "key").write_bytes(encoded)
        flag = "@key"
    elif how == "stdin":
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(encoded), encoding="utf-8"))
        flag = "-"
    else:
        config.secrets.store("x", WORK, "replaced")
        if "\udcff" in text:
            return
        monkeypatch.setattr(config.secrets, "load", lambda *_: text)
    if how == "stdin" and "\n" in text:
        assert config.api_key(config.target(WORK), flag) == "hunter2"
        return
    with pytest.raises(InvalidInput) as refused:
        config.api_key(config.target(WORK), flag)
    told = "".join(traceback.format_exception(refused.value)).split("InvalidInput")[-1] + refused.value.hint
    assert "hunter2" not in told


def test_a_key_does_not_show_itself(place: Place, environment_key: str) -> None:
    found = config.find_key(config.target(WORK))
    assert found is not None
    assert environment_key not in f"{found!r} {found} {[found]}"
    assert not hasattr(found, "__dict__")


def test_a_key_is_never_in_what_is_known_of_a_target(place: Place) -> None:
    config.set_target("work", WORK)
    config.secrets.store("work", WORK, SECRET)
    assert SECRET not in repr(
        (config.target(), config.secrets.stored(), config.profiles(), config.find_project())
    )
    assert SECRET not in Path(config.user_file()).read_text()


# -- what a recording keeps of its key ----------------------------------------------------------------------


def test_a_recording_keeps_the_mark_of_the_key_that_it_would_be_sent_with(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mark(given: str | None = None) -> str | None:
        """The same whether the key is at hand or only known of."""
        found = config.recording_key(LOCAL, given)
        assert config.recording_mark(LOCAL, given) == (found.mark if found else None)
        return found.mark if found else None

    config.set_target("local", LOCAL)
    assert mark() is None
    config.write_server_key("127.0.0.1", 4318, "of-the-server")
    assert mark() == config.OWN_MARK
    config.write_server_key("127.0.0.1", 4318, "a-new-one")
    assert mark() == config.OWN_MARK
    config.secrets.store("local", LOCAL, "kept")
    kept = mark()
    assert kept not in (None, config.OWN_MARK)
    monkeypatch.setenv("TRODO_API_KEY", "kept")
    assert mark() == kept, "wherever the same key is found"
    monkeypatch.setenv("TRODO_API_KEY", "another")
    assert mark() not in (kept, None)
    assert mark("given") not in (mark(), kept)
    assert "kept" not in str(kept)


def test_a_recording_for_a_stranger_keeps_nothing_of_a_key_that_is_withheld(
    place: Place, environment_key: str
) -> None:
    assert config.recording_mark(STRANGER) is None
    assert config.recording_key(STRANGER) is None
    assert config.recording_mark("memory:") is None
