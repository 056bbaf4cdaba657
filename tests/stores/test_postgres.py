"""PostgreSQL when something is wrong with it, and what it must not be asked."""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.contract.events import NOW, run_start, span_end
from tests.contract.reading import OWNER, append, numbers, run_of
from tests.postgres import PostgresServer, empty, new_place, new_server
from trodo_cli.client import connect
from trodo_cli.client.local import LocalClient
from trodo_cli.errors import InvalidInput, StorageFull, StoreUnavailable, TrodoError, Unavailable
from trodo_cli.query.plan import RunFilter
from trodo_cli.stores.base import Store
from trodo_cli.stores.postgres import PostgresStore
from trodo_cli.stores.postgres_schema import MIGRATIONS

DEADLINE_SECONDS = 60.0


@contextmanager
def opened(url: str) -> Iterator[PostgresStore]:
    store = PostgresStore(url)
    yield store
    store.close()


@pytest.fixture
def store(postgres: str) -> Iterator[PostgresStore]:
    with opened(postgres) as store:
        yield store


@pytest.fixture
def fresh(postgres_server: str) -> str:
    """The URL of a place that no other test uses."""
    return new_place(postgres_server)


def executed(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def in_time(work: Callable[[], Any]) -> Any:
    """The result of something that may be unavailable for a while."""
    until = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            return work()
        except Unavailable:
            assert time.monotonic() < until
            time.sleep(0.05)


def on_writing_a_run(url: str, body: str, timing: str = "") -> None:
    """Let PostgreSQL do something whenever a run is written."""
    executed(
        url,
        f"CREATE OR REPLACE FUNCTION fault() RETURNS trigger AS $$ BEGIN {body}; RETURN NEW; END $$ LANGUAGE plpgsql",
        f"CREATE CONSTRAINT TRIGGER fault AFTER UPDATE ON runs {timing} FOR EACH ROW EXECUTE FUNCTION fault()",
    )


def no_longer(url: str) -> None:
    executed(url, "DROP TRIGGER fault ON runs")


# -- the database goes and comes -----------------------------------------------------------------------


def test_who_has_it_open_goes_on_after_the_database_was_away() -> None:
    with new_server() as server, opened(new_place(server.url)) as store:
        append(store, run_start("r"))
        mark = store.change_mark()
        server.stop()
        for work in (lambda: append(store, span_end("r", "a")), lambda: store.run(OWNER, "r", NOW)):
            with pytest.raises(Unavailable):
                work()
        server.start()
        in_time(lambda: append(store, span_end("r", "a")))
        assert numbers(store, "r") == [1, 2]
        assert store.change_mark() != mark


def test_a_database_that_is_away_cannot_be_opened_and_its_password_is_not_told(tmp_path: Any) -> None:
    with pytest.raises(Unavailable) as refusal:
        connect(f"postgresql://ada:geheim@/db?host={tmp_path}&sslpassword=geheim")
    assert "geheim" not in f"{refusal.value.message} {refusal.value.hint} {refusal.value!r}"
    assert str(tmp_path) in refusal.value.message


@pytest.mark.parametrize("rest", [":geheim@host:port/db", ":geheim@host/db?nonsense=1", ":geheim%zz@host/db"])
def test_an_url_that_cannot_be_read_is_refused_without_repeating_it(rest: str) -> None:
    with pytest.raises(TrodoError) as refusal:
        connect(f"postgresql://ada{rest}")
    assert "geheim" not in f"{refusal.value.message} {refusal.value.hint}"


# -- a commit of which nobody hears ---------------------------------------------------------------------


def test_a_batch_whose_connection_dies_at_the_commit_is_stored_once_when_it_is_sent_again(fresh: str) -> None:
    with opened(fresh) as store:
        on_writing_a_run(
            fresh, "PERFORM pg_terminate_backend(pg_backend_pid())", "DEFERRABLE INITIALLY DEFERRED"
        )
        with pytest.raises(Unavailable):
            append(store, run_start("r"), span_end("r", "a"))
        no_longer(fresh)
        assert in_time(lambda: append(store, run_start("r"), span_end("r", "a"))).stored == 2
        assert numbers(store, "r") == [1, 2]


def test_a_batch_whose_answer_is_lost_after_the_commit_is_known_when_it_is_sent_again(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = psycopg.Connection.transaction

    @contextmanager
    def and_then_nothing(connection: Any, *arguments: Any, **named: Any) -> Iterator[Any]:
        with commit(connection, *arguments, **named) as transaction:
            yield transaction
        if not connection.read_only:
            raise psycopg.OperationalError("the connection was lost")

    with monkeypatch.context() as patch:
        patch.setattr(psycopg.Connection, "transaction", and_then_nothing)
        with pytest.raises(Unavailable):
            append(store, run_start("r"), span_end("r", "a"))
    again = append(store, run_start("r"), span_end("r", "a"))
    assert (again.stored, again.known) == (0, 2)
    assert numbers(store, "r") == [1, 2]


@pytest.mark.parametrize(
    ("code", "kind"),
    [("53100", StorageFull), *((code, StoreUnavailable) for code in ("57014", "55P03", "25006", "53200"))],
)
def test_what_the_database_refuses_is_said_in_our_words_and_nothing_is_stored(
    fresh: str, code: str, kind: type[TrodoError]
) -> None:
    with opened(fresh) as store:
        on_writing_a_run(fresh, f"RAISE EXCEPTION 'no' USING ERRCODE = '{code}'")
        with pytest.raises(kind) as refusal:
            append(store, run_start("r"), span_end("r", "a"))
        assert type(refusal.value) is kind
        no_longer(fresh)
        assert store.run(OWNER, "r", NOW) is None
        assert append(store, run_start("r")).stored == 1


def test_a_circle_of_locks_is_settled_by_trying_again(fresh: str) -> None:
    with opened(fresh) as store:
        executed(fresh, "CREATE SEQUENCE tries")
        body = "IF nextval('tries') < 3 THEN RAISE EXCEPTION 'no' USING ERRCODE = '40P01'; END IF"
        on_writing_a_run(fresh, body)
        assert append(store, run_start("r")).stored == 1
        assert numbers(store, "r") == [1]


# -- forks --------------------------------------------------------------------------------------------


def _append_in_child(store: PostgresStore) -> None:
    append(store, span_end("r", "child"))
    store.close()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_process_that_was_forked_has_connections_of_its_own(store: PostgresStore) -> None:
    append(store, run_start("r"))
    child = multiprocessing.get_context("fork").Process(target=_append_in_child, args=(store,))
    child.start()
    child.join(DEADLINE_SECONDS)
    assert child.exitcode == 0
    append(store, span_end("r", "parent"))
    assert numbers(store, "r") == [1, 2, 3]


# -- texts ----------------------------------------------------------------------------------------------

HOSTILE = ["\0", "a\0b", "\ud800", "x" * 20_000, "%", "\\", "'; DROP TABLE runs; --"]


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_is_asked_for_finds_nothing(store: Store, text: str) -> None:
    append(store, run_start("r"), span_end("r", "a"))
    assert store.run(OWNER, text, NOW) is None
    assert store.span(OWNER, "r", text) is None
    assert store.spans(OWNER, text, payload=True) == []
    assert store.find_runs(OWNER, text, 5) == []
    assert store.events_after(OWNER, text, 0, 5, payload=True) == []
    assert store.asked_to_stop(OWNER, [text]) == []
    assert store.heartbeat(OWNER, [text], NOW) == {}
    assert not store.delete_run(OWNER, text)
    assert not store.delete_trace(OWNER, text)
    assert store.keys(text) == []
    assert store.revoke_key(text, NOW) is None
    fields = ("agent", "status", "user", "session", "model", "tool", "parent_id")
    filters = [RunFilter(**{field: text}) for field in fields] + [RunFilter(tags=(text,))]
    for wanted in filters:
        assert store.list_runs(OWNER, wanted, 5, None, NOW).rows == []
    assert store.list_runs(text, RunFilter(), 5, None, NOW).rows == []
    assert run_of(store, "r").last_seq == 2


# -- the schema -------------------------------------------------------------------------------------------


def test_a_newer_schema_is_refused_and_left_as_it_is(fresh: str) -> None:
    with opened(fresh):
        executed(fresh, "UPDATE schema_version SET version = 99")
    with pytest.raises(InvalidInput, match="newer trodo"):
        PostgresStore(fresh)
    executed(fresh, f"UPDATE schema_version SET version = {len(MIGRATIONS)}")
    with opened(fresh):
        pass


def test_a_database_without_our_tables_is_only_made_when_that_is_meant(fresh: str) -> None:
    with pytest.raises(InvalidInput, match="holds no runs yet"):
        PostgresStore(fresh, create=False)
    with opened(fresh) as store:
        append(store, run_start("r"))
    client = connect(fresh, create=False)
    assert isinstance(client, LocalClient)
    client.close()


def test_servers_that_start_at_once_make_the_tables_once(fresh: str) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(4) as pool:
        pool.map(_opened_and_closed, [fresh] * 4)


def _opened_and_closed(url: str) -> None:
    with opened(url):
        pass


def test_a_server_of_these_tests_is_gone_afterwards() -> None:
    with new_server() as server:
        assert isinstance(server, PostgresServer)
        url = new_place(server.url)
        with opened(url):
            pass
        empty(url)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)


# -- old runs ------------------------------------------------------------------------------------------------

WEEK = 7 * 24 * 3600 * 10**9


def partitions(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT relid::regclass::text FROM pg_partition_tree('spans') WHERE isleaf")
        return {name for (name,) in rows.fetchall()}


def test_weeks_of_which_nothing_is_left_are_dropped_as_a_whole(fresh: str) -> None:
    with opened(fresh) as store:
        for weeks in (9, 8, 0):
            append(store, run_start(f"r{weeks}"), span_end(f"r{weeks}", "a"), now_ns=NOW - weeks * WEEK)
        store.heartbeat(OWNER, ["r8"], NOW)
        before = partitions(fresh)
        assert store.prune(NOW - WEEK, None) == 1
        week = NOW // WEEK
        assert before - partitions(fresh) == {f"spans_w{week - 9}", f"spans_w{week - 7}"}
        assert store.prune(NOW - WEEK, None) == 0
        assert [len(store.spans(OWNER, run_id, payload=True)) for run_id in ("r9", "r8", "r0")] == [0, 1, 1]
