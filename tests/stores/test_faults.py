"""Death in the middle of writing, and a disk that is full."""

import random
from pathlib import Path

from tests.contract.reading import OWNER, listed, numbers, run_of
from tests.stores.files import intact, opened
from tests.stores.processes import finished, read_line, start
from trodo_cli.errors import StorageFull, Unavailable

WRITE_AND_ACKNOWLEDGE = """
store = SqliteStore(path)
for count in range(100_000):
    append(store, run_start(f"{name}-{count}"), *[span_end(f"{name}-{count}", str(n)) for n in range(5)])
    print(count, flush=True)
"""


def test_what_a_killed_process_acknowledged_is_there_and_no_batch_is_torn(path: Path) -> None:
    chance = random.Random(7)
    acknowledged: list[str] = []
    for death in range(10):
        writer = start(WRITE_AND_ACKNOWLEDGE, path, str(death))
        acknowledged += [f"{death}-{read_line(writer)}" for _ in range(chance.randint(1, 40))]
        writer.kill()
        with writer:
            output, _ = writer.communicate()
        acknowledged += [f"{death}-{line}" for line in output.split("\n")[:-1]]
    with opened(path) as store:
        assert set(acknowledged) - set(listed(store)) == set()
        assert {run_of(store, run_id).totals.spans for run_id in listed(store)} == {5}
        assert {tuple(numbers(store, run_id)) for run_id in listed(store)} == {(1, 2, 3, 4, 5, 6)}
    assert intact(path)


FILL_THE_DISK = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

def limit_files(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

store = SqliteStore(path)
append(store, run_start("r"), span_end("r", "before"))
limit_files(max(os.path.getsize(f"{path}{end}") for end in ("", "-wal", "-shm")) + 100_000)
refused = 0
for count in range(3):
    try:
        append(store, run_start("big"), span_end("big", str(count), payload=payload(input="x" * 1_000_000)))
    except StorageFull:
        refused += 1
print(refused, numbers(store, "r"), store.run(OWNER, "big", NOW))
store.heartbeat(OWNER, ["r"], NOW)
limit_files(resource.RLIM_INFINITY)
append(store, span_end("r", "after", payload=payload(input="x" * 1_000_000)))
print(numbers(store, "r"))
os._exit(0)
"""


def test_a_full_disk_is_reported_reads_go_on_and_writing_recovers(path: Path) -> None:
    output = finished(start(FILL_THE_DISK, path))
    assert output.splitlines() == ["3 [1, 2] None", "[1, 2, 3]"]
    assert intact(path)
    with opened(path) as store:
        assert [span.id for span in store.spans(OWNER, "r", payload=False)] == ["before", "after"]
        assert listed(store) == ["r"]


def test_a_full_disk_while_a_file_is_made_is_reported(tmp_path: Path) -> None:
    program = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, resource.RLIM_INFINITY))
try:
    SqliteStore(path)
except StorageFull as error:
    print("full")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store = SqliteStore(path)
append(store, run_start("r"))
print(numbers(store, "r"))
"""
    assert finished(start(program, tmp_path / "trodo.db")).splitlines() == ["full", "[1]"]


def test_full_is_a_kind_of_unavailable() -> None:
    assert issubclass(StorageFull, Unavailable)
