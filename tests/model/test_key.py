"""API keys: secrets that show a slip, their digests, and the names of owners and scopes."""

import random
import re
import string
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trodo_cli.errors import InvalidInput
from trodo_cli.model import ids
from trodo_cli.model.key import SCOPES, digest, is_secret, new_key_id, new_secret, owner_name, read_scopes

MALFORMED = 10_000
URL_SAFE = string.ascii_letters + string.digits + "-_"
BASE_62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def test_a_secret_is_a_prefix_256_random_bits_and_a_checksum(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(ids, "random_bytes", lambda count: asked.append(count) or b"\xfb" * count)
    secret = new_secret()
    assert asked == [32]
    assert secret[:49] == "trodo_" + "-_v7" * 10 + "-_s"
    number = 0
    for digit in secret[49:]:
        number = number * 62 + BASE_62.index(digit)
    assert (len(secret), number) == (55, zlib.crc32(secret[:49].encode()))


def test_secrets_differ_whatever_a_host_does_to_its_own_randomness() -> None:
    made = set()
    for _ in range(1_000):
        random.seed(1)
        made.add(new_secret())
    assert len(made) == 1_000
    assert all(is_secret(secret) and re.fullmatch("trodo_[A-Za-z0-9_-]{49}", secret) for secret in made)


def test_a_change_of_any_character_shows() -> None:
    secret = new_secret()
    for place, character in enumerate(secret):
        others = [other for other in URL_SAFE if other != character]
        assert not any(is_secret(secret[:place] + other + secret[place + 1 :]) for other in others)


def test_ten_thousand_malformed_secrets_are_refused_without_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(1)
    monkeypatch.setattr(ids, "random_bytes", chance.randbytes)
    tried = [text for _ in range(MALFORMED // 10) for text in spoilt(new_secret(), chance)]
    assert len(tried) == MALFORMED
    assert [text for text in tried if is_secret(text)] == []


def spoilt(secret: str, chance: random.Random) -> Iterator[str]:
    """Ten texts that were a secret once, or look a little like one."""
    place = chance.randrange(len(secret) - 1)
    yield secret[:place]
    yield secret[: place + 1] + secret[place:]
    yield secret[:place] + chr(chance.randrange(0x110000)) + secret[place:]
    yield secret[:place] + chance.choice("\0\n \x85\ud800é٣￿+/=%") + secret[place + 1 :]
    yield secret + chance.choice(["\n", "\0", " ", "=", "A", secret])
    yield chance.choice(["Bearer ", " ", "\n", "t", "\ufeff"]) + secret
    yield secret.swapcase()
    yield secret[6:]
    yield "trodo_" + "".join(chance.choices(URL_SAFE, k=49))
    yield "".join(chr(chance.randrange(0x110000)) for _ in range(chance.randrange(60)))


@given(st.one_of(st.text(), st.binary(), st.integers(), st.none(), st.lists(st.text())))
@settings(max_examples=200, deadline=None)
def test_anything_may_be_asked_whether_it_is_a_secret(anything: object) -> None:
    assert is_secret(anything) is False


def test_the_bytes_of_a_secret_are_no_secret() -> None:
    secret = new_secret()
    assert is_secret(secret)
    assert not is_secret(secret.encode())


def test_a_digest_is_the_sha_256_of_the_secret() -> None:
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest("abc").hex() == known


def test_key_ids_are_short_and_differ() -> None:
    made = {new_key_id() for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(re.fullmatch("key_[a-z2-7]{10}", key_id) for key_id in made)


@pytest.mark.parametrize("name", ["a", "7", "ada", "Ada.B-c_d@e", "ada@x.test", "a" * 64, "0..@"])
def test_an_owner_may_be_called_so(name: str) -> None:
    assert owner_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", " ", ".a", "-a", "_a", "@a", "a b", "a/b", "a\n", "a\0", "é", "a٣", "\ud800", "a" * 65, "a,b", "../a"],
)  # fmt: skip
def test_an_owner_may_not_be_called_so_and_hears_what_is_allowed(name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        owner_name(name)
    assert "1 to 64" in refused.value.hint
    assert ". _ - @" in refused.value.hint


@pytest.mark.parametrize(
    ("text", "scopes"),
    [
        ("read", ("read",)),
        ("ingest,read,control,metrics", SCOPES),
        ("control,read", ("read", "control")),
        ("read,read", ("read",)),
        (" read , ingest,", ("ingest", "read")),
    ],
)
def test_scopes_are_read_once_each_and_in_one_order(text: str, scopes: tuple[str, ...]) -> None:
    assert read_scopes(text) == scopes


@pytest.mark.parametrize(
    "text", ["", ",", " ", "admin", "read,admin", "READ", "read;control", "read control"]
)
def test_unknown_or_no_scopes_are_refused_naming_those_there_are(text: str) -> None:
    with pytest.raises(InvalidInput, match="scope") as refused:
        read_scopes(text)
    assert refused.value.hint == "scopes: ingest, read, control, metrics"
