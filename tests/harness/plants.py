"""Known bugs, one or more for each gate: put into the product in its own process, where the gate must find them."""

import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

SERVER, FOLLOWER = "trodo_cli", "tests.harness.following"
"""The module whose process gets the bug."""


REPLICAS = ("--store", "postgres", "--replicas", "2")


class Plant(NamedTuple):
    """A bug, and the kinds of failure that it may be found as."""

    what: str
    module: str
    put_in: Callable[[], None]
    found_as: frozenset[str]
    options: tuple[str, ...] = ()
    """What the gate must be asked for beside it."""
    tries: int = 1
    """How often the gate may be run until it is found: whether two servers meet is up to them."""


def _put(place: Any, name: str, bug: object) -> None:
    """Replace a part of the product."""
    setattr(place, name, bug)


def _resume(distance: int) -> None:
    """The follower takes another number for the last one it knows, and then whatever it is told."""
    from trodo_cli.client.sse import Follower, frames
    from trodo_cli.wire.native import told_event

    def one_connection(self: Any) -> Iterator[Any]:
        since = max(self._after + distance, 0) if self._after else 0
        with self._http.stream(self._path, {**self._query, "since": str(since)}) as response:
            self._tell("live")
            for data in frames(response):
                event = told_event(data.encode())
                self._after = event.seq or self._after
                self._backoff.worked()
                yield event

    _put(Follower, "_one_connection", one_connection)


def _tell_too_much() -> None:
    """The server sends payloads to those who want none."""
    from trodo_cli.server import stream

    _put(stream, "wants_payload", lambda _call: True)


def _leave_one_out() -> None:
    """The server never tells one of the events, whoever asks and however often."""
    from trodo_cli.client.local_traces import LocalTraces

    news = LocalTraces.news

    def leaving(*arguments: Any, **named: Any) -> list[Any]:
        return [event for event in news(*arguments, **named) if event.seq != 100]

    _put(LocalTraces, "news", leaving)


def _acknowledge_early() -> None:
    """The answer goes out before anything is stored."""
    from trodo_cli.server import ingest
    from trodo_cli.server.limits import check_lines
    from trodo_cli.wire.receipt import Receipt

    taken = ingest._taken

    def early(call: Any, body: bytes) -> Receipt:
        threading.Timer(0.02, taken, (call, body)).start()
        return Receipt(sum(1 for _ in check_lines(body)), 0)

    _put(ingest, "_taken", early)


def _store_one_by_one() -> None:
    """Every event of a batch is a transaction of its own, with a rest between two."""
    from trodo_cli.client.intake import Intake
    from trodo_cli.wire.receipt import Receipt

    def into(self: Intake, store: Any, *, alive: bool) -> Receipt:
        stored = known = 0
        for _, event in self.events:
            appended = store.publish([event], alive=alive)
            stored, known = stored + appended.stored, known + appended.known
            threading.Event().wait(0.002)
        return Receipt(stored, known)

    _put(Intake, "into", into)


def _number_from_memory() -> None:
    """A new process counts every run from 1 again."""
    from trodo_cli.stores.ledger import Ledger

    counts: Counter[str] = Counter()

    def next_seq(self: Ledger) -> int:
        counts[self.row.id] += 1
        self.row.last_seq = counts[self.row.id]
        return self.row.last_seq

    _put(Ledger, "_next_seq", next_seq)


def _store_again() -> None:
    """What is known already is stored once more; answers take a while, so that some get lost."""
    from trodo_cli.server import ingest
    from trodo_cli.stores import ledger

    taken = ingest._taken

    def slowly(call: Any, body: bytes) -> Any:
        receipt = taken(call, body)
        threading.Event().wait(0.03)
        return receipt

    _put(ledger, "newer_span", lambda _one, other: other)
    _put(ingest, "_taken", slowly)


def _hold_no_row() -> None:
    """Two servers change the same run at the same time."""
    from trodo_cli.stores.postgres_tables import PostgresTables

    load_run = PostgresTables.load_run

    def carelessly(self: Any, *arguments: Any, hold: bool = False, **named: Any) -> Any:
        return load_run(self, *arguments, **named)

    _put(PostgresTables, "load_run", carelessly)


def _leave_streams_open() -> None:
    """Nobody tells the streams that the server ends, which waits for them."""
    from trodo_cli.server import serving
    from trodo_cli.server.service import Service

    _put(Service, "stop", lambda _self: None)
    _put(serving, "SHUTDOWN_SECONDS", 3_600.0)


def _cut_streams_off() -> None:
    """Nobody tells the streams that the server ends, which does not wait."""
    from trodo_cli.server import serving
    from trodo_cli.server.service import Service

    _put(Service, "stop", lambda _self: None)
    _put(serving, "SHUTDOWN_SECONDS", 0.1)


def _end_badly() -> None:
    from trodo_cli.server import serving

    serve = serving.serve

    def serving_badly(*arguments: Any, **named: Any) -> None:
        serve(*arguments, **named)
        raise SystemExit(3)

    _put(serving, "serve", serving_badly)


def _answer_from(distance: int) -> None:
    """The server takes the number that a stream goes on after for another one."""
    from trodo_cli.server import stream

    asked_after = stream._asked_after
    _put(stream, "_asked_after", lambda call: (after := asked_after(call)) and max(after + distance, 0))


def _forget() -> None:
    """A new runner does not ask what dead ones have left."""
    from trodo_cli.runner.runner import Runner

    _put(Runner, "_settle_left", lambda _self: None)


def _end_again() -> None:
    """A run that has ended is ended once more, and the later end is said to be the earlier one."""
    from trodo_cli.model.event import RunEnd
    from trodo_cli.model.run import Run
    from trodo_cli.runner import settle

    once = settle.settle

    def again(hub: Any, records: Any, folder: Any, report: Any) -> None:
        run_id = folder.start.run_id
        once(hub, records, folder, report)
        end = Run(id=run_id, status="failed", ended_ns=1, error="again")
        hub.publish(folder.start.owner, [RunEnd(run_id=run_id, run=end)], alive=False)

    _put(settle, "settle", again)


def _be_patient() -> None:
    """Nobody is ended by force."""
    from trodo_cli.runner.process import Process

    _put(Process, "stop", lambda _self: None)


def _copy_the_file() -> None:
    from trodo_cli.stores import backup

    def copied(source: Path, target: Path) -> None:
        shutil.copyfile(source, target)
        target.chmod(0o600)

    _put(backup, "back_up", copied)


def _let_others_read() -> None:
    from trodo_cli.stores import backup

    back_up = backup.back_up

    def readable(source: Path, target: Path) -> None:
        back_up(source, target)
        target.chmod(0o644)

    _put(backup, "back_up", readable)


def _replace_what_is_in_use() -> None:
    from trodo_cli.stores import backup

    restore = backup.restore
    _put(backup, "restore", lambda copy, target, **_: restore(copy, target, replace=True))


def _kinds(*kinds: str) -> frozenset[str]:
    return frozenset(kinds)


PLANTS: dict[str, dict[str, Plant]] = {
    "sse_cut": {
        "resumes-early": Plant(
            "the follower asks for an event that it has, and keeps it twice",
            FOLLOWER, lambda: _resume(-1), _kinds("repeat")),
        "resumes-late": Plant(
            "the follower leaves one event out when it comes back", FOLLOWER, lambda: _resume(1), _kinds("gap")),
        "leaves-one-out": Plant(
            "the server leaves out an event", SERVER, _leave_one_out, _kinds("program", "gap")),
        "holds-no-row": Plant(
            "servers change a run without keeping others from it", SERVER, _hold_no_row,
            _kinds("numbers", "gap", "repeat", "lost", "different", "unknown", "program", "time"),
            (*REPLICAS, "--batch", "2", "--writers", "6", "--max-seconds", "15"), 4),
        "tells-too-much": Plant(
            "the server sends payloads to the light follower", SERVER, _tell_too_much, _kinds("payload")),
    },
    "kill_server": {
        "acknowledges-early": Plant(
            "the server answers before it stores", SERVER, _acknowledge_early, _kinds("lost")),
        "stores-one-by-one": Plant(
            "every event of a batch is stored by itself", SERVER, _store_one_by_one, _kinds("torn")),
        "numbers-from-memory": Plant(
            "a new process numbers from 1 again", SERVER, _number_from_memory,
            _kinds("numbers", "lost", "torn", "refused", "repeat")),
        "stores-again": Plant(
            "a batch that is sent again is stored again", SERVER, _store_again,
            _kinds("unknown", "repeat", "torn")),
    },
    "rolling": {
        "leaves-streams-open": Plant(
            "the server waits for streams that nobody ends", SERVER, _leave_streams_open, _kinds("exit")),
        "cuts-streams-off": Plant(
            "the server ends without a last chunk", SERVER, _cut_streams_off, _kinds("broken")),
        "ends-badly": Plant("the server's exit code is not 0", SERVER, _end_badly, _kinds("exit")),
        "answers-late": Plant(
            "the server leaves out the event after the one it is asked for", SERVER,
            lambda: _answer_from(1), _kinds("gap", "program")),
        "answers-early": Plant(
            "the server repeats the event it is asked for", SERVER,
            lambda: _answer_from(-1), _kinds("repeat")),
    },
    "cancel": {
        "forgets": Plant(
            "a new server does not settle what the killed one left", SERVER, _forget,
            _kinds("open")),
        "ends-again": Plant(
            "a run that has ended is ended once more, by an earlier clock", SERVER, _end_again,
            _kinds("ends", "status")),
        "is-patient": Plant("force ends nobody", SERVER, _be_patient, _kinds("open")),
    },
    "backup": {
        "copies-the-file": Plant(
            "the database is copied as a file, without its log", SERVER, _copy_the_file,
            _kinds("lost", "damaged", "crash", "torn")),
        "lets-others-read": Plant("the copy is for everybody", SERVER, _let_others_read, _kinds("mode")),
        "replaces-what-is-in-use": Plant(
            "a store in use is replaced without a word", SERVER, _replace_what_is_in_use, _kinds("restored")),
    },
}  # fmt: skip
"""By gate and name."""
