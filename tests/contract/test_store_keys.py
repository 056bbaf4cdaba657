"""API keys in a store: found by a digest, never readable, and ended for every process at once."""

from pathlib import Path

import pytest

from tests.contract.conftest import Clock
from tests.contract.events import NOW, SECOND
from tests.contract.reading import OWNER
from tests.stores.files import opened
from tests.stores.processes import finished, read_line, say, start
from trodo_cli.client.local import LocalClient
from trodo_cli.errors import InvalidInput, NotFound, TrodoError
from trodo_cli.model.key import Key, digest, is_secret, new_secret
from trodo_cli.stores.base import Store

DIGEST = digest("one secret")


def made(number: int = 1, **said: object) -> Key:
    """A key that differs from others by its number."""
    known = {"id": f"key_{number}", "owner": OWNER, "scopes": ("ingest", "read"), "created_ns": NOW}
    return Key(**{**known, **said})  # type: ignore[arg-type]


def add(store: Store, *keys: Key) -> list[bytes]:
    """Keep the keys; their digests."""
    for key in keys:
        store.add_key(key, digest(key.id))
    return [digest(key.id) for key in keys]


def listed_ids(store: Store, owner: str | None = None) -> list[str]:
    return [key.id for key in store.keys(owner)]


# -- the store ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["", "build machine", "é 名 \x1b[31m", "'; DROP TABLE keys; --"])
@pytest.mark.parametrize("scopes", [("read",), ("ingest", "read", "control")])
def test_a_key_is_found_by_its_digest_as_it_was_added(
    store: Store, scopes: tuple[str, ...], label: str
) -> None:
    key = made(scopes=scopes, label=label)
    store.add_key(key, DIGEST)
    assert store.key(DIGEST) == key
    assert store.keys(None) == [key]


@pytest.mark.parametrize(
    "unknown", [b"", b"\0" * 32, DIGEST[:-1], DIGEST + b"\0", DIGEST.hex().encode(), b"key_1", b"%"]
)
def test_any_other_digest_finds_nothing(store: Store, unknown: bytes) -> None:
    store.add_key(made(), DIGEST)
    assert store.key(unknown) is None


def test_a_revoked_key_is_not_found_from_the_next_lookup_on(store: Store) -> None:
    one, other = add(store, made(1), made(2))
    assert store.revoke_key("key_1", NOW + SECOND) == made(1, revoked_ns=NOW + SECOND)
    assert store.key(one) is None
    assert store.key(other) == made(2)


def test_a_revoked_key_stays_in_the_list_and_keeps_the_time_of_the_first_revocation(store: Store) -> None:
    add(store, made(1))
    store.revoke_key("key_1", NOW + 1)
    assert store.revoke_key("key_1", NOW + 2) == made(1, revoked_ns=NOW + 1)
    assert store.keys(OWNER) == [made(1, revoked_ns=NOW + 1)]


@pytest.mark.parametrize("key_id", ["", "key_", "key_11", "KEY_1", "%", "key_1\0", DIGEST.hex()])
def test_an_unknown_id_revokes_nothing(store: Store, key_id: str) -> None:
    add(store, made(1))
    assert store.revoke_key(key_id, NOW) is None
    assert store.keys(None) == [made(1)]


def test_keys_are_listed_newest_first_also_after_the_clock_stepped_back(store: Store) -> None:
    add(store, made(1), made(2, created_ns=NOW + 9), made(3, created_ns=NOW - 9), made(4))
    assert listed_ids(store) == ["key_4", "key_3", "key_2", "key_1"]


@pytest.mark.parametrize("owner", ["ad", "ADA", "ada2", "%", "", "ada "])
def test_the_list_of_an_owner_shows_only_that_owners_keys(store: Store, owner: str) -> None:
    add(store, made(1, owner="bob"), made(2), made(3, owner="bob"), made(4))
    assert listed_ids(store, "bob") == ["key_3", "key_1"]
    assert listed_ids(store, OWNER) == ["key_4", "key_2"]
    assert listed_ids(store, owner) == []


@pytest.mark.parametrize(("number", "of"), [(1, "another digest"), (2, "one secret")])
def test_neither_an_id_nor_a_digest_is_taken_twice(store: Store, number: int, of: str) -> None:
    store.add_key(made(1), DIGEST)
    with pytest.raises(TrodoError):
        store.add_key(made(number, owner="mallory"), digest(of))
    assert store.keys(None) == [made(1)]
    assert store.key(DIGEST) == made(1)


# -- the file ----------------------------------------------------------------------------------------


def test_keys_and_revocations_outlast_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "trodo.db"
    with opened(path) as store:
        one, other = add(store, made(1), made(2))
        store.revoke_key("key_1", NOW)
    with opened(path) as store:
        assert (store.key(one), store.key(other)) == (None, made(2))


def test_a_digest_and_never_the_secret_is_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "trodo.db"
    with opened(path) as store:
        keeper = LocalClient(store, OWNER)
        _, secret = keeper.keys.create(OWNER, ("read",))
        keeper.keys.create(OWNER, ("read",))
        in_use = on_disk(path)
        assert store.key(digest(secret)) is not None
    assert {*in_use} == {"trodo.db", "trodo.db-wal", "trodo.db-shm"}
    for content in (b"".join(in_use.values()), b"".join(on_disk(path).values())):
        assert digest(secret) in content
        for part in (secret, secret[6:-6], secret[-12:], secret[:18]):
            assert part.encode() not in content


def on_disk(path: Path) -> dict[str, bytes]:
    """What the database and the files beside it hold right now."""
    return {each.name: each.read_bytes() for each in path.parent.iterdir()}


WATCH = """
store = SqliteStore(path)
for line in sys.stdin:
    what, _, value = line.strip().partition(" ")
    found = store.key(bytes.fromhex(value)) if what == "look" else store.revoke_key(value, NOW)
    print(found and found.id, flush=True)
store.close()
"""
"""Looks keys up and revokes them for as long as it is asked to."""


def test_a_revocation_is_seen_by_the_next_lookup_of_another_process(tmp_path: Path) -> None:
    path = tmp_path / "trodo.db"
    with opened(path) as store:
        one, other = add(store, made(1), made(2))
        process = start(WATCH, path)
        say(process, f"look {one.hex()}")
        assert read_line(process) == "key_1"
        assert store.key(other) == made(2)
        store.revoke_key("key_1", NOW)
        say(process, f"look {one.hex()}")
        assert read_line(process) == "None"
        say(process, "revoke key_2")
        assert read_line(process) == "key_2"
        assert store.key(other) is None
        assert finished(process) == ""


# -- the client --------------------------------------------------------------------------------------


def test_a_new_key_is_for_its_owner_and_scopes_and_its_secret_finds_it(
    keeper: LocalClient, store: Store, clock: Clock
) -> None:
    clock.advance(SECOND)
    key, secret = keeper.keys.create("bob", ("control", "read"), "build machine")
    assert is_secret(secret)
    assert store.key(digest(secret)) == key
    assert (key.owner, key.scopes, key.label) == ("bob", ("read", "control"), "build machine")
    assert (key.created_ns, key.revoked_ns) == (NOW + SECOND, None)
    assert secret not in repr(key)


def test_no_two_keys_are_alike(keeper: LocalClient) -> None:
    pairs = [keeper.keys.create(OWNER, ("read",)) for _ in range(20)]
    assert len({key.id for key, _ in pairs}) == len({secret for _, secret in pairs}) == 20


@pytest.mark.parametrize(
    ("owner", "scopes"), [("", ("read",)), ("a b", ("read",)), (OWNER, ()), (OWNER, ("read", "admin"))]
)
def test_a_bad_owner_or_scope_makes_no_key(keeper: LocalClient, owner: str, scopes: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput):
        keeper.keys.create(owner, scopes)
    assert keeper.keys.list() == []


def test_whoever_runs_the_store_lists_all_keys_or_those_of_one_owner(
    keeper: LocalClient, store: Store
) -> None:
    made_keys = [keeper.keys.create(owner, ("read",))[0] for owner in ("bob", OWNER, "bob")]
    assert keeper.keys.list() == made_keys[::-1]
    assert keeper.keys.list("bob") == [made_keys[2], made_keys[0]]
    assert LocalClient(store, "carol").keys.list(OWNER) == [made_keys[1]]


def test_revoking_by_the_client_ends_the_key_now(keeper: LocalClient, store: Store, clock: Clock) -> None:
    key, secret = keeper.keys.create(OWNER, ("read",))
    clock.advance(SECOND)
    assert keeper.keys.revoke(key.id).revoked_ns == NOW + SECOND
    assert store.key(digest(secret)) is None


def test_an_unknown_key_cannot_be_revoked(keeper: LocalClient) -> None:
    with pytest.raises(NotFound, match="no key key_nothing") as refused:
        keeper.keys.revoke("key_nothing")
    assert "trodo keys list" in refused.value.hint


@pytest.mark.parametrize("spoil", [str, lambda secret: secret[:-1], lambda secret: secret + "\n"])
def test_a_secret_in_place_of_an_id_is_refused_and_not_repeated(keeper: LocalClient, spoil: object) -> None:
    secret = new_secret()
    assert callable(spoil)
    with pytest.raises(InvalidInput) as refused:
        keeper.keys.revoke(spoil(secret))
    assert secret[:20] not in refused.value.message + refused.value.hint
