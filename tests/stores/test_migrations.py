"""A file of an earlier schema is brought up to date when it is opened, with all that it held."""

from pathlib import Path

import apsw
import pytest

from tests.contract.events import cancel_request, payload, run_end, run_start, span_end, span_start
from tests.contract.reading import OWNER, append, dump, events_of, listed, run_of
from tests.stores.files import intact, make_file, opened
from trodo_cli.errors import Unavailable
from trodo_cli.model.key import Key, digest
from trodo_cli.stores import opening
from trodo_cli.stores.schema import APPLICATION_ID, MIGRATIONS
from trodo_cli.stores.sqlite import SqliteStore


def fill(store: SqliteStore) -> None:
    """A little of everything that the first schema could hold."""
    append(store, run_start("r", agent="worker", tags=("t",), payload=payload(input="asked")))
    append(store, span_start("r", "a"), span_end("r", "a", cost=0.5, payload=payload(output="out")))
    append(store, run_start("child", parent_id="r"), cancel_request("r"), span_start("early", "a"))
    append(store, run_end("r", payload=payload(output="answered")))
    append(store, run_start("r"), owner="bob")
    store.record_drops(OWNER, {"full": 3}, 1)


def held(store: SqliteStore) -> object:
    """All that can be read from it."""
    events = {run_id: events_of(store, run_id) for run_id in listed(store)}
    return dump(store), dump(store, "bob"), events, store.drops(OWNER)


def older_copy(path: Path, version: int) -> Path:
    """The content of a database, in a new file as the version of this schema wrote it."""
    older = path.with_name("older.db")
    marks = [f"PRAGMA application_id = {APPLICATION_ID}", f"PRAGMA user_version = {version}"]
    make_file(older, *MIGRATIONS[:version], *marks, "PRAGMA journal_mode = WAL")
    connection = apsw.Connection(str(older))
    connection.execute("ATTACH ? AS newer", (str(path),))
    tables = "SELECT name FROM main.sqlite_schema WHERE type = 'table'"
    for (table,) in connection.execute(tables).fetchall():
        rows = connection.execute("SELECT name FROM pragma_table_info(?, 'main')", (table,)).fetchall()
        columns = ", ".join(str(name) for (name,) in rows)
        connection.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM newer.{table}")
    connection.close()
    return older


@pytest.fixture
def older(path: Path) -> tuple[Path, object]:
    """A file of the first schema, and all that it holds."""
    with opened(path) as store:
        fill(store)
        before = held(store)
    return older_copy(path, 1), before


def test_a_file_of_the_first_schema_keeps_its_data(older: tuple[Path, object]) -> None:
    path, before = older
    with opened(path) as store:
        assert held(store) == before
        assert not run_of(store, "r").traceless
    with opened(path) as store:
        assert held(store) == before
    assert intact(path)


def test_a_file_of_the_first_schema_takes_keys_and_deletes_traces(older: tuple[Path, object]) -> None:
    path, _ = older
    key = Key(id="key_1", owner=OWNER, scopes=("read",), created_ns=1)
    with opened(path) as store:
        store.add_key(key, digest("s"))
        assert store.delete_trace(OWNER, "r")
    with opened(path) as store:
        assert (store.key(digest("s")), store.spans(OWNER, "r", payload=True)) == (key, [])


def test_a_migration_that_fails_leaves_the_file_as_it_was(
    older: tuple[Path, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, before = older
    broken = (*MIGRATIONS[:1], MIGRATIONS[1] + "; SELECT no_such_function()")
    with monkeypatch.context() as patch:
        patch.setattr(opening, "MIGRATIONS", broken)
        with pytest.raises(Unavailable):
            SqliteStore(path)
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    assert connection.execute("PRAGMA user_version").get == 1
    assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'keys'").get == 0
    connection.close()
    with opened(path) as store:
        assert held(store) == before
