"""Writing from many threads and processes at once, and reading meanwhile."""

import threading
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from tests.contract.reading import listed, numbers, run_of
from tests.stores.files import PATIENCE_SECONDS, add_drop, count_drops, in_threads, intact, opened
from tests.stores.processes import ask_all, finished, let_go, start
from trodo_cli.errors import Unavailable
from trodo_cli.stores.database import Database

# -- writing from many threads -----------------------------------------------------------------------


def test_eight_threads_each_get_the_results_of_their_own_jobs(database: Database) -> None:
    results: dict[str, list[str]] = {str(number): [] for number in range(8)}

    def write(name: str) -> None:
        for count in range(50):
            results[name].append(database.write(answer(f"{name}/{count}")))
            database.write(add_drop(f"{name}/{count}"))

    in_threads(*[lambda name=name: write(name) for name in results])
    assert results == {name: [f"{name}/{count}" for count in range(50)] for name in results}
    assert count_drops(database) == 400


def answer(text: str) -> Callable[[apsw.Connection], str]:
    """A job that only answers."""
    return lambda _: text


class Crowd:
    """Seven writers that wait in the queue while an eighth holds the database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.results: list[int] = []
        self.errors: list[BaseException] = []
        self.commits = 0

    def run(self, *jobs: Callable[[apsw.Connection], int]) -> None:
        """Let the first job begin, the others queue up behind it, and wait for all."""
        begun = threading.Event()

        def first(connection: apsw.Connection) -> int:
            begun.set()
            while len(self.database._queue) < len(jobs) - 1:
                threading.Event().wait(0.001)
            connection.set_commit_hook(self._count)
            return jobs[0](connection)

        def after_the_first(job: Callable[[apsw.Connection], int]) -> None:
            assert begun.wait(PATIENCE_SECONDS)
            self._write(job)

        in_threads(lambda: self._write(first), *[lambda job=job: after_the_first(job) for job in jobs[1:]])

    def _write(self, job: Callable[[apsw.Connection], int]) -> None:
        try:
            self.results.append(self.database.write(job))
        except BaseException as error:
            self.errors.append(error)

    def _count(self) -> bool:
        self.commits += 1
        return False


def fail(connection: apsw.Connection) -> int:
    add_drop("never stored")(connection)
    raise ValueError("this job only")


def test_jobs_that_wait_together_are_committed_together(database: Database) -> None:
    crowd = Crowd(database)
    crowd.run(*[add_drop(str(number)) for number in range(8)])
    assert sorted(crowd.results) == list(range(1, 9))
    assert (crowd.commits, count_drops(database)) == (1, 8)


def test_a_job_that_fails_leaves_the_others_of_its_commit(database: Database) -> None:
    crowd = Crowd(database)
    crowd.run(add_drop("a"), add_drop("b"), fail, add_drop("c"), fail, add_drop("d"))
    assert (sorted(crowd.results), [str(error) for error in crowd.errors]) == (
        [1, 2, 3, 4],
        ["this job only"] * 2,
    )
    assert (crowd.commits, count_drops(database)) == (1, 4)


def test_a_failed_job_leaves_nothing_and_the_next_one_works(database: Database) -> None:
    with pytest.raises(ValueError, match="this job only"):
        database.write(fail)
    assert database.write(add_drop("next")) == 1


def test_a_commit_that_fails_fails_every_job_of_it_and_the_next_one_works(database: Database) -> None:
    crowd = Crowd(database)

    def break_commit(connection: apsw.Connection) -> int:
        connection.set_commit_hook(lambda: True)
        return 0

    crowd.run(add_drop("a"), break_commit, add_drop("b"))
    assert (crowd.results, len(crowd.errors), count_drops(database)) == ([], 3, 0)
    database._writer.set_commit_hook(None)
    assert database.write(add_drop("next")) == 1


# -- readers and other processes ---------------------------------------------------------------------


def test_a_reader_does_not_block_the_writer_and_sees_one_state(database: Database) -> None:
    database.write(add_drop("before"))
    with database.read() as connection:
        assert connection.execute("SELECT count(*) FROM drops").get == 1
        in_threads(lambda: database.write(add_drop("meanwhile")))
        assert connection.execute("SELECT count(*) FROM drops").get == 1
    assert count_drops(database) == 2


def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(Unavailable), database.read() as connection:
        connection.execute("DELETE FROM drops")


def test_the_change_mark_notices_another_process(path: Path, database: Database) -> None:
    mark = database.change_mark()
    assert database.change_mark() == mark
    finished(start("store = SqliteStore(path); append(store, run_start('r'))", path))
    assert database.change_mark() != mark


WRITE_TO_ONE_RUN = """
store = SqliteStore(path)
print("ready", flush=True)
sys.stdin.readline()
for count in range(100):
    append(store, run_start("shared"), span_end("shared", f"{name}/{count}"))
store.close()
"""


def test_two_processes_that_write_at_once_leave_no_gap_and_no_repeat(path: Path) -> None:
    writers = [start(WRITE_TO_ONE_RUN, path, name) for name in ("one", "two")]
    let_go(writers)
    for writer in writers:
        finished(writer)
    with opened(path) as store:
        assert numbers(store, "shared") == list(range(1, 202))
        assert run_of(store, "shared").totals.spans == 200
    assert intact(path)


def test_opening_a_new_file_waits_for_the_process_that_is_making_it(tmp_path: Path) -> None:
    maker = apsw.Connection(str(tmp_path / "new.db"))
    maker.execute("BEGIN IMMEDIATE")
    opened_files: list[Database] = []
    opener = threading.Thread(target=lambda: opened_files.append(Database(tmp_path / "new.db")), daemon=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading, "excepthook", lambda _: None)
        opener.start()
        opener.join(0.1)
        maker.execute("COMMIT")
        opener.join(PATIENCE_SECONDS)
    maker.close()
    assert len(opened_files) == 1
    opened_files[0].close()


OPEN_NEW_FILES = """
for line in sys.stdin:
    try:
        store = SqliteStore(path / line.strip())
        append(store, run_start(name))
        store.close()
        print("ok", flush=True)
    except TrodoError as error:
        print(error.message, flush=True)
"""


def test_processes_that_open_a_new_file_at_once_all_get_it(tmp_path: Path) -> None:
    openers = [start(OPEN_NEW_FILES, tmp_path, name) for name in ("one", "two", "three")]
    answers = [ask_all(openers, f"{number}.db") for number in range(100)]
    for opener in openers:
        finished(opener)
    assert {answer for line in answers for answer in line} == {"ok"}
    with opened(tmp_path / "99.db") as store:
        assert sorted(listed(store)) == ["one", "three", "two"]
