"""`trodo keys`: a key is shown once and alone, listed without its secret, and ended at once."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.hostile import HOSTILE
from tests.cli.program import DEADLINE_SECONDS, Cli, refused
from trodo_cli.model.key import digest, is_secret
from trodo_cli.stores.sqlite import SqliteStore

FIELDS = ["id", "owner", "scopes", "label", "created_at", "state"]


def create(cli: Cli, *arguments: str, owner: str = "ada") -> tuple[str, str]:
    """A new key: its id and its secret."""
    done = cli.ok("keys", "create", "--owner", owner, *arguments)
    return done.err.partition(":")[0], done.out.removesuffix("\n")


def found(path: Path, secret: str) -> str | None:
    """Whose key this is, for a process that looks now."""
    store = SqliteStore(path, create=False)
    key = store.key(digest(secret))
    store.close()
    return key.owner if key else None


# -- create ------------------------------------------------------------------------------------------


def test_the_secret_stands_alone_on_stdout_and_what_it_is_for_on_stderr(cli: Cli) -> None:
    done = cli.ok("keys", "create", "--owner", "ada@x.test", "--scope", "control,read")
    secret = done.out.removesuffix("\n")
    assert is_secret(secret)
    assert done.out == f"{secret}\n"
    assert secret not in done.err
    assert done.err.startswith("key_")
    for word in ("ada@x.test", "read, control", "once"):
        assert word in done.err
    assert found(cli.database, secret) == "ada@x.test"


def test_a_key_is_for_all_scopes_unless_some_are_named(cli: Cli) -> None:
    create(cli)
    create(cli, "--scope", "read")
    rows = cli.ok("keys", "list", "--json", "scopes").json
    assert rows == [{"scopes": ["read"]}, {"scopes": ["ingest", "read", "control"]}]


def test_a_database_that_is_not_there_yet_is_made_for_its_owner_alone(cli: Cli) -> None:
    path = cli.folder / "new folder" / "server.db"
    _, secret = create(cli, "--target", str(path))
    assert found(path, secret) == "ada"
    assert path.stat().st_mode & 0o777 == 0o600
    assert not cli.home.exists()


def test_the_target_of_the_environment_is_made_too(cli: Cli) -> None:
    path = cli.folder / "server.db"
    done = cli.ok("keys", "create", "--owner", "ada", TRODO_TARGET=str(path))
    assert found(path, done.lines[0]) == "ada"


def test_the_secret_is_in_no_file(cli: Cli) -> None:
    _, secret = create(cli, "--label", "build")
    for path in cli.home.rglob("*"):
        if path.is_file():
            assert secret[6:-6].encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--owner", "a b"), ["'a b'", "1 to 64"]),
        (("--owner", ""), ["''", "1 to 64"]),
        (("--owner", "-x"), ["-x", "letter or digit"]),
        (("--owner", "ada", "--scope", "read,admin"), ["admin", "scopes: ingest, read, control, metrics"]),
        (("--owner", "ada", "--scope", ""), ["no scope", "scopes: ingest, read, control, metrics"]),
        ((), ["--owner", "trodo keys create --help"]),
    ],
)
def test_a_bad_owner_or_scope_is_refused_before_anything_is_made(
    cli: Cli, arguments: tuple[str, ...], words: list[str]
) -> None:
    refused(cli.run("keys", "create", *arguments), 2, *words)
    assert not cli.home.exists()


def test_a_key_that_could_not_be_shown_can_still_be_revoked_by_the_id_that_was_told(cli: Cli) -> None:
    with open("/dev/full", "wb") as full:
        process = subprocess.run(
            [sys.executable, "-m", "trodo_cli", "keys", "create", "--owner", "ada"],
            env=cli.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=DEADLINE_SECONDS,
        )
    assert process.returncode == 1
    cli.ok("keys", "revoke", process.stderr.partition(":")[0])


# -- list --------------------------------------------------------------------------------------------


def test_keys_are_listed_newest_first_with_all_that_may_be_told(cli: Cli) -> None:
    first, _ = create(cli, "--label", "build machine", "--scope", "ingest")
    second, _ = create(cli, owner="bob")
    cli.ok("keys", "revoke", first)
    rows = cli.ok("keys", "list", "--json").json
    assert [list(row) for row in rows] == [FIELDS, FIELDS]
    assert [(row["id"], row["owner"], row["label"], row["state"]) for row in rows] == [
        (second, "bob", "", "active"),
        (first, "ada", "build machine", "revoked"),
    ]
    assert rows[1]["scopes"] == ["ingest"]
    assert rows[1]["created_at"].endswith("Z")
    assert cli.ok("keys", "list").rows[1] == [
        first,
        "ada",
        "ingest",
        "build machine",
        rows[1]["created_at"],
        "revoked",
    ]


def test_the_list_of_an_owner_shows_only_that_owners_keys(cli: Cli) -> None:
    mine, _ = create(cli)
    create(cli, owner="adam")
    assert cli.ok("keys", "list", "--owner", "ada", "--json", "id").json == [{"id": mine}]
    nobody = cli.ok("keys", "list", "--owner", "ad")
    assert nobody.out == ""
    assert "no keys of ad" in nobody.err


def test_no_view_tells_a_secret_or_its_digest(cli: Cli) -> None:
    id, secret = create(cli)
    shown = [cli.ok("keys", "list"), cli.ok("keys", "list", "--json"), cli.ok("keys", "revoke", id)]
    texts = [text for done in shown for text in (done.out, done.err)]
    texts += cli.shown("keys", "list", columns=200)
    assert any(id in text for text in texts)
    for text in texts:
        assert secret[6:20] not in text
        assert digest(secret).hex()[:8] not in text


def test_on_a_terminal_keys_stand_in_columns(cli: Cli) -> None:
    ids = [create(cli, owner=owner)[0] for owner in ("a", "much-longer")]
    lines = cli.shown("keys", "list", columns=120)
    assert [line.split()[:2] for line in lines] == [[ids[1], "much-longer"], [ids[0], "a"]]
    assert len({line.index("ingest") for line in lines}) == 1


def test_an_empty_list_names_the_next_step(cli: Cli) -> None:
    done = cli.ok("keys", "list")
    assert done.out == ""
    assert "trodo keys create --owner" in done.err
    assert cli.ok("keys", "list", "--json").json == []


def test_an_unknown_field_lists_the_fields(cli: Cli) -> None:
    refused(cli.run("keys", "list", "--json", "secret"), 2, "secret", f"fields: {', '.join(FIELDS)}")


def test_a_label_reaches_a_terminal_inert(cli: Cli) -> None:
    create(cli, "--label", HOSTILE["osc0-title"])
    assert "\x1b]" not in "".join(cli.shown("keys", "list", columns=200))
    assert "\x07" not in cli.ok("keys", "list").out


# -- revoke ------------------------------------------------------------------------------------------


def test_a_revoked_key_is_refused_at_once_by_a_process_that_has_the_store_open(cli: Cli) -> None:
    id, secret = create(cli)
    kept, other = create(cli)
    store = SqliteStore(cli.database)
    assert store.key(digest(secret)) is not None
    done = cli.ok("keys", "revoke", id)
    assert store.key(digest(secret)) is None
    assert store.key(digest(other)) is not None
    store.close()
    assert done.out == ""
    for word in (id, "ada", "refused from now on"):
        assert word in done.err
    assert kept not in done.err


def test_revoking_again_changes_nothing(cli: Cli) -> None:
    id, _ = create(cli)
    cli.ok("keys", "revoke", id)
    with cli.reading() as client:
        before = client.keys.list()
    cli.ok("keys", "revoke", id, id)
    with cli.reading() as client:
        assert client.keys.list() == before


def test_an_unknown_id_keeps_no_other_from_being_revoked(cli: Cli) -> None:
    pairs = [create(cli) for _ in range(2)]
    done = cli.run("keys", "revoke", pairs[0][0], "key_nothing", pairs[1][0])
    assert (done.code, done.out) == (3, "")
    assert "no key key_nothing" in done.err
    assert "trodo keys list" in done.err
    assert [found(cli.database, secret) for _, secret in pairs] == [None, None]


def test_a_secret_in_place_of_an_id_is_refused_and_not_repeated(cli: Cli) -> None:
    _, secret = create(cli)
    done = cli.run("keys", "revoke", secret)
    refused(done, 2, "not the id", "trodo keys list")
    assert secret[6:20] not in done.err
    assert found(cli.database, secret) == "ada"


def test_without_an_id_nothing_is_revoked(cli: Cli) -> None:
    refused(cli.run("keys", "revoke"), 2, "KEY_ID", "trodo keys revoke --help")


# -- targets -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("list",), ("revoke", "key_1")], ids=" ".join)
def test_a_file_that_is_not_there_is_named_and_not_made(cli: Cli, command: tuple[str, ...]) -> None:
    missing = cli.folder / "missing.db"
    refused(cli.run("keys", *command, "--target", str(missing)), 3, str(missing), "--target")
    assert not missing.exists()


def test_keys_of_one_target_are_unknown_at_another(cli: Cli) -> None:
    id, secret = create(cli, "--target", str(cli.folder / "one.db"))
    create(cli, "--target", str(cli.folder / "other.db"))
    assert found(cli.folder / "other.db", secret) is None
    assert cli.run("keys", "revoke", id, "--target", str(cli.folder / "other.db")).code == 3
    assert found(cli.folder / "one.db", secret) == "ada"


@pytest.mark.parametrize("command", [("create",), ("list",), ("revoke",), ()], ids=" ".join)
def test_help_explains_every_command_and_touches_nothing(cli: Cli, command: tuple[str, ...]) -> None:
    done = cli.ok("keys", *command, "--help")
    assert f"Usage: {' '.join(('trodo', 'keys', *command))}" in done.out
    assert not cli.home.exists()
