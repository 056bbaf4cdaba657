"""The key that a server on this machine leaves to its own user."""

import os
import stat
from pathlib import Path

import pytest

from tests.config.conftest import Place
from trodo_cli import config
from trodo_cli.errors import InvalidInput

KEY = "trodo_local_0123"


def test_a_server_that_leaves_its_key_is_found_by_its_url(place: Place) -> None:
    path = config.write_server_key("127.0.0.1", 4318, KEY)
    assert path == config.server_key_file("127.0.0.1", 4318) == place.home / "servers" / "127.0.0.1_4318.key"
    for url in (
        "http://127.0.0.1:4318",
        "http://127.0.0.1:4318/runs",
        "http://localhost:4318/",
        "http://LocalHost:4318",
    ):
        assert config.local_server_key(url) == KEY


def test_localhost_is_looked_for_at_both_addresses(place: Place) -> None:
    file = config.write_server_key("::1", 4318, "six")
    assert file.name == "--1_4318.key"
    assert config.local_server_key("http://localhost:4318") == "six"
    assert config.local_server_key("http://[::1]:4318") == "six"
    assert config.local_server_key("http://127.0.0.1:4318") is None
    config.write_server_key("127.0.0.1", 4318, "four")
    assert config.local_server_key("http://localhost:4318") == "four"
    assert config.local_server_key("http://[::1]:4318") == "six"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:4319", "http://127.0.0.2:4318", "http://127.0.0.1", "http://0.0.0.0:4318",
        "http://host:4318", "http://127.0.0.1:4318@host", "http://localhost:4318@host/", "http://127.0.0.1.host:4318",
        "nothing", "http://../x:4318", "http://127.0.0.1_4318.key/..",
    ],
)  # fmt: skip
def test_no_other_url_gets_it(place: Place, url: str) -> None:
    config.write_server_key("127.0.0.1", 4318, KEY)
    assert config.local_server_key(url) is None


@pytest.mark.parametrize("umask", [0, 0o022, 0o777])
def test_it_is_its_users_alone_under_any_umask(place: Place, umask: int) -> None:
    before = os.umask(umask)
    try:
        path = config.write_server_key("127.0.0.1", 4318, KEY)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == stat.S_IMODE(place.home.stat().st_mode) == 0o700


def test_it_is_its_users_alone_from_the_first_byte(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []
    opened = os.open

    def watched(path: Path, flags: int, mode: int = 0o777, **more: int) -> int:
        descriptor = opened(path, flags, mode, **more)
        if flags & os.O_CREAT:
            assert flags & os.O_EXCL
            modes.append(os.fstat(descriptor).st_mode & 0o777)
        return descriptor

    monkeypatch.setattr(os, "open", watched)
    before = os.umask(0)
    try:
        config.write_server_key("127.0.0.1", 4318, KEY)
    finally:
        os.umask(before)
    assert modes == [0o600]


def test_an_old_one_gives_way_whatever_it_is(place: Place) -> None:
    elsewhere = place.user / "elsewhere"
    elsewhere.write_text("kept")
    path = config.write_server_key("127.0.0.1", 4318, "old")
    path.chmod(0o644)
    assert config.write_server_key("127.0.0.1", 4318, "new").read_text() == "new\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.unlink()
    path.symlink_to(elsewhere)
    config.write_server_key("127.0.0.1", 4318, "newer")
    assert config.local_server_key("http://127.0.0.1:4318") == "newer"
    assert elsewhere.read_text() == "kept"
    assert [file.name for file in path.parent.iterdir()] == [path.name], "a draft was left"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o666, 0o601])
def test_one_that_others_can_reach_is_passed_over(place: Place, mode: int) -> None:
    config.write_server_key("127.0.0.1", 4318, KEY).chmod(mode)
    assert config.local_server_key("http://127.0.0.1:4318") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of another user")
def test_one_of_another_user_is_passed_over(place: Place) -> None:
    os.chown(config.write_server_key("127.0.0.1", 4318, KEY), 12345, 12345)
    assert config.local_server_key("http://127.0.0.1:4318") is None


@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"\xff\xfe", b"k\x00y", b"x" * 5_000, b"a\nb"])
def test_one_that_holds_no_key_is_passed_over(place: Place, content: bytes) -> None:
    config.write_server_key("127.0.0.1", 4318, KEY).write_bytes(content)
    assert config.local_server_key("http://127.0.0.1:4318") is None


def test_what_is_no_file_is_passed_over(place: Place) -> None:
    path = config.server_key_file("127.0.0.1", 4318)
    path.parent.mkdir(parents=True)
    for make in (
        lambda: path.mkdir(mode=0o700),
        lambda: os.mkfifo(path, 0o600),
        lambda: path.symlink_to(path),
    ):
        make()
        assert config.local_server_key("http://127.0.0.1:4318") is None
        path.rmdir() if path.is_dir() else path.unlink()


def test_a_key_that_is_none_is_not_written_and_not_quoted(place: Place) -> None:
    with pytest.raises(InvalidInput) as refused:
        config.write_server_key("127.0.0.1", 4318, "hunter2 hunter2")
    assert "hunter2" not in str(refused.value) + refused.value.hint
    assert not config.server_key_file("127.0.0.1", 4318).exists()
