"""The stores under test, and a clock that tests move by hand."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.events import NOW
from tests.contract.reading import OWNER
from tests.server.hosting import hosted
from trodo_cli.client.base import Client
from trodo_cli.client.local import LocalClient
from trodo_cli.model import ids
from trodo_cli.stores.base import Store
from trodo_cli.stores.postgres import PostgresStore
from trodo_cli.stores.sqlite import SqliteStore
from trodo_cli.stores.store import TableStore

SERVED_FROM_POSTGRES = ("test_store_follow.py", "test_store_owners.py")
"""Where the server's own course over the database matters; for the others it is the same as over a file."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the hosted client over PostgreSQL where it would only take time."""
    config.hook.pytest_deselected(items=[item for item in items if _is_like_another(item)])
    items[:] = [item for item in items if not _is_like_another(item)]


def _is_like_another(item: pytest.Item) -> bool:
    asked = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    is_served = asked.get("client") == "hosted" and asked.get("store") == "postgres"
    return is_served and item.path.name not in SERVED_FROM_POSTGRES


class Clock:
    """The wall clock of the process; stands still until a test moves it."""

    def __init__(self) -> None:
        self.now_ns = NOW

    def advance(self, nanoseconds: int) -> None:
        self.now_ns += nanoseconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(ids, "now_ns", lambda: clock.now_ns)
    return clock


@pytest.fixture(params=["file", "memory", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "postgres":
        store: Store = PostgresStore(request.getfixturevalue("postgres"))
    else:
        store = SqliteStore(tmp_path / "trodo.db" if request.param == "file" else None)
    yield store
    store.close()


@pytest.fixture
def keeper(store: Store, clock: Clock) -> LocalClient:
    """The client of whoever runs the store, in this process."""
    return LocalClient(store, OWNER)


@pytest.fixture(params=["local", "hosted"])
def client(request: pytest.FixtureRequest, keeper: LocalClient) -> Iterator[Client]:
    """A client over the store: in this process, and through a server on a real port."""
    if request.param == "local":
        yield keeper
        return
    with hosted(keeper) as client:
        yield client


@pytest.fixture
def row_counts(store: TableStore) -> Callable[[], dict[str, int]]:
    """How many rows each table holds, read past the store: what is gone for readers must be gone."""

    def count() -> dict[str, int]:
        with store._database.read() as connection:
            tables = ["runs", "spans", "payloads", "run_payloads", "replaced", "wrapping", "drops", "keys"]
            return {
                name: connection.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0] for name in tables
            }

    return count
