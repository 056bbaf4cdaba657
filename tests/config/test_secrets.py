"""Stored keys: in the keyring when there is one that keeps them, else in a file for the user alone."""

import os
import stat
import sys
import tomllib
from collections.abc import Callable, Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend

from tests.config import keyrings
from tests.config.conftest import Place
from trodo_cli import config
from trodo_cli.config import keyring as ours
from trodo_cli.errors import InvalidInput

ORIGIN = "https://a.example"
KEY = "trodo_hunter2"

Use = Callable[[KeyringBackend], None]


@pytest.fixture
def use(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Use]:
    """Make a keyring the one of the system."""
    monkeypatch.delenv("TRODO_KEYRING")
    folder = place.user / "keyring"
    folder.mkdir()
    monkeypatch.setenv("KEYRING_FOLDER", str(folder))
    keyrings.Hanging.released.clear()
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyrings.Hanging.released.set()
    keyring.set_keyring(before)


def in_files(place: Place) -> str:
    """All that our own files hold."""
    return "".join(path.read_text() for path in place.home.rglob("*") if path.is_file())


def test_a_keyring_keeps_the_key_and_our_file_only_knows_of_it(place: Place, use: Use) -> None:
    use(keyrings.Keeping())
    assert config.secrets.store("work", ORIGIN, KEY) == "keyrings Keeping"
    assert KEY not in in_files(place)
    assert config.secrets.load("work", ORIGIN) == KEY
    assert config.secrets.stored() == [("work", ORIGIN, "keyrings Keeping")]
    keyring.set_keyring(keyrings.Raising())
    assert config.secrets.mark_of("work", ORIGIN) == config.secrets.key_mark(KEY), "the keyring is not asked"
    keyring.set_keyring(keyrings.Keeping())
    assert config.secrets.forget("work")
    assert config.secrets.load("work", ORIGIN) is None
    assert list((place.user / "keyring").iterdir()) == []
    assert not config.secrets.forget("work")


@pytest.mark.parametrize(
    "kind",
    [
        keyrings.Refusing,
        keyrings.Forgetting,
        keyrings.Plain,
        keyrings.Lying,
        keyrings.Raising,
        keyrings.Hanging,
    ],
)
def test_without_a_keyring_that_keeps_it_the_key_is_in_a_file_of_the_users_alone(
    place: Place, use: Use, monkeypatch: pytest.MonkeyPatch, kind: type[KeyringBackend]
) -> None:
    monkeypatch.setattr(ours, "WAIT_SECONDS", 0.2)
    use(kind())
    file = config.credentials_file()
    assert config.secrets.store("work", ORIGIN, KEY) == str(file)
    assert config.secrets.load("work", ORIGIN) == KEY
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert config.secrets.stored() == [("work", ORIGIN, str(file))]
    assert config.secrets.forget("work")
    assert KEY not in in_files(place)


@pytest.mark.parametrize("kind", [keyrings.Refusing, keyrings.Raising, keyrings.Hanging])
def test_a_keyring_that_fails_later_is_as_good_as_none(
    place: Place, use: Use, monkeypatch: pytest.MonkeyPatch, kind: type[KeyringBackend]
) -> None:
    use(keyrings.Keeping())
    config.secrets.store("work", ORIGIN, KEY)
    monkeypatch.setattr(ours, "WAIT_SECONDS", 0.2)
    use(kind())
    assert config.secrets.load("work", ORIGIN) is None
    assert config.secrets.forget("work")
    assert config.secrets.stored() == []


def test_a_keyring_that_cannot_be_imported_is_none(
    place: Place, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert config.secrets.store("work", ORIGIN, KEY) == str(config.credentials_file())


def test_a_keyring_that_is_turned_off_is_not_asked(
    place: Place, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(keyrings.Keeping())
    config.secrets.store("work", ORIGIN, KEY)
    monkeypatch.setenv("TRODO_KEYRING", "0")
    assert config.secrets.load("work", ORIGIN) is None
    assert config.secrets.store("work", ORIGIN, "newer") == str(config.credentials_file())
    monkeypatch.delenv("TRODO_KEYRING")
    assert config.secrets.load("work", ORIGIN) == "newer", "an older one in the keyring is not in the way"


def test_a_key_is_replaced_wherever_the_older_one_was(
    place: Place, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(keyrings.Refusing())
    config.secrets.store("work", ORIGIN, KEY)
    use(keyrings.Keeping())
    config.secrets.store("work", ORIGIN, "newer")
    assert config.secrets.load("work", ORIGIN) == "newer"
    assert KEY not in in_files(place)


def test_two_homes_do_not_share_a_key(place: Place, use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    use(keyrings.Keeping())
    config.secrets.store("work", ORIGIN, KEY)
    monkeypatch.setenv("TRODO_HOME", str(place.user / "other"))
    assert config.secrets.load("work", ORIGIN) is None
    config.secrets.store("work", ORIGIN, "other")
    monkeypatch.setenv("TRODO_HOME", str(place.home))
    assert config.secrets.load("work", ORIGIN) == KEY


def test_a_key_is_bound_to_its_origin(place: Place) -> None:
    config.secrets.store("work", ORIGIN, KEY)
    for other in ("http://a.example", "https://b.example", "https://a.example:444"):
        assert config.secrets.load("work", other) is None
    assert config.secrets.load("home", ORIGIN) is None


def test_names_of_all_kinds_have_their_own_key(place: Place) -> None:
    names = ["work", "a.b", ORIGIN, "http://[::1]:4318"]
    for number, name in enumerate(names):
        config.secrets.store(name, ORIGIN, f"key{number}")
    assert [config.secrets.load(name, ORIGIN) for name in names] == ["key0", "key1", "key2", "key3"]
    assert list(tomllib.loads(config.credentials_file().read_text())) == names
    config.secrets.forget("a.b")
    assert [stored.name for stored in config.secrets.stored()] == ["work", ORIGIN, "http://[::1]:4318"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o602])
def test_a_file_that_others_can_reach_is_refused_with_the_way_to_mend_it(place: Place, mode: int) -> None:
    config.secrets.store("work", ORIGIN, KEY)
    file = config.credentials_file()
    file.chmod(mode)
    for use_it in (
        lambda: config.secrets.load("work", ORIGIN),
        lambda: config.secrets.store("work", ORIGIN, "newer"),
        lambda: config.secrets.stored(),
    ):
        with pytest.raises(InvalidInput) as refused:
            use_it()
        assert str(file) in refused.value.message
        assert f"chmod 600 {file}" in refused.value.hint
    os.chmod(file, 0o600)
    assert config.secrets.load("work", ORIGIN) == KEY


@pytest.mark.parametrize(
    "text",
    [
        f'work = "{KEY}"', f'[work]\nkey = "{KEY}"', f'[work]\norigin = "{ORIGIN}"',
        f'[work]\norigin = 3\nkey = "{KEY}"', f'[work]\norigin = "{ORIGIN}"\nkey = "{KEY}"\nkeyring = "x"',
        f'[work]\norigin = "{ORIGIN}"\nkey = "{KEY}', f'key = {KEY}',
    ],
)  # fmt: skip
def test_a_broken_file_is_named_and_nothing_in_it_quoted(place: Place, text: str) -> None:
    place.home.mkdir()
    file = config.credentials_file()
    file.touch(0o600)
    file.write_text(text)
    with pytest.raises(InvalidInput) as refused:
        config.secrets.load("work", ORIGIN)
    assert str(file) in refused.value.message
    assert "hunter2" not in refused.value.message + refused.value.hint
