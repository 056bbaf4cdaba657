"""Trouble of our own stays our own: no output, no exception, no delay; nothing lost where it can be kept."""

import ast
import os
import shutil
from collections.abc import Callable

import apsw
import pytest

import trodo_cli as trodo
from tests.sdk.host import DEADLINE_SECONDS, Host, Recording, eventually, finished, names, next_line, tell
from trodo_cli.sdk.segment import segments_in

WORK = """
import trodo

@trodo.tool("add")
def add(a, b):
    return a + b

with trodo.wrap_agent("guest", input="in") as run:
    for number in range(20):
        with trodo.span(f"step{number}") as span:
            span.set_output(add(number, 1))
    run.set_output("out")
print("done", run.run_id)
"""


# -- targets and disks that do not work --------------------------------------------------------------


def test_an_unwritable_home_disturbs_nobody(host: Host) -> None:
    lines = host.run(WORK, TRODO_HOME="/proc/x")
    assert lines[0].startswith("done ")


def test_a_home_that_is_a_file_disturbs_nobody(host: Host) -> None:
    file = host.write("occupied", "mine")
    assert host.run(WORK, TRODO_HOME=str(file))[0].startswith("done ")
    assert file.read_text() == "mine"


def test_a_target_that_is_no_database_is_left_as_it_is_and_the_spool_keeps_everything(host: Host) -> None:
    file = host.write("notes.txt", "my notes\n" * 500)
    (line,) = host.run(WORK, TRODO_TARGET=str(file))
    assert file.read_text() == "my notes\n" * 500
    (trouble,) = host.drain().troubles
    assert "is not a trodo database" in trouble
    file.unlink()
    assert host.drain().troubles == []
    with_database = trodo.connect(str(file))
    try:
        spans = with_database.traces.get(line.split()[1]).spans
    finally:
        with_database.close()
    assert len(spans) == 41
    assert segments_in(host.spool) == []


@pytest.mark.parametrize(
    "target",
    ["/proc/x/y.db", "/", "https://127.0.0.1:1", "postgresql://nobody@127.0.0.1:1/x", "ftp://x", "\udcff"],
)
def test_a_target_that_cannot_be_opened_loses_nothing(host: Host, target: str) -> None:
    assert host.run(WORK, TRODO_TARGET=target)[0].startswith("done ")
    assert len(host.segments()) == 1
    host.drain()
    assert len(host.segments()) == 1


def test_the_end_of_a_program_does_not_wait_for_a_target_that_is_held_by_another(host: Host) -> None:
    host.run("import trodo\nwith trodo.wrap_agent('first'): pass")
    holder = apsw.Connection(str(host.database))
    holder.execute("BEGIN IMMEDIATE")
    lines = finished(host.start(WORK))
    holder.execute("ROLLBACK")
    holder.close()
    assert host.drain().troubles == []
    assert len(host.spans(lines[0].split()[1])) == 40


def test_the_end_of_a_program_does_not_wait_for_a_target_that_never_answers(host: Host) -> None:
    host.write(
        "blackhole.py",
        """
        import threading
        from trodo import *
        from trodo_cli.sdk import recorder
        recorder._open_sink = lambda target, given: threading.Event().wait()
        """,
    )
    lines = host.run("import blackhole" + WORK)
    assert host.runs() == []
    assert host.drain().troubles == []
    assert len(host.spans(lines[0].split()[1])) == 40


@pytest.mark.parametrize("limit", [0, 500, 20_000, 100_000])
def test_a_full_disk_disturbs_nobody(host: Host, limit: int) -> None:
    lines = host.run(
        f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        + WORK.replace("range(20)", "range(200)")
    )
    assert lines[0].startswith("done ")


def test_a_disk_that_has_room_again_gets_what_was_held_back(host: Host) -> None:
    lines = host.run(
        """
        import resource
        import trodo
        whole = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        with trodo.wrap_agent("squeezed") as run:
            with trodo.span("before"):
                pass
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, whole))
            for number in range(50):
                with trodo.span(f"during{number}", input="x" * 1_000):
                    pass
            resource.setrlimit(resource.RLIMIT_FSIZE, (whole, whole))
            with trodo.span("after"):
                pass
        print(run.run_id)
        """
    )
    assert host.drain().troubles == []
    spans = host.spans(lines[0])
    assert names(spans) == ["before", *(f"during{number}" for number in range(50)), "after"]
    assert {span.status for span in spans} == {"ok"}
    assert host.drops() == {}


def test_the_files_of_the_spool_belong_to_the_user_alone(host: Host) -> None:
    host.run(
        "import os, trodo\nos.umask(0)\n"
        "with trodo.wrap_agent('a'), trodo.span('b'):\n    trodo.flush()\n    os._exit(0)"
    )
    for path in (host.home, host.spool):
        assert oct(path.stat().st_mode & 0o777) == "0o700"
    for path in [*host.spool.iterdir(), *host.home.glob("trodo.db*")]:
        assert (path.name, oct(path.stat().st_mode & 0o777)) == (path.name, "0o600")


def test_a_spool_that_is_deleted_under_a_program_does_not_stop_it_from_shipping(host: Host) -> None:
    process = host.start(
        """
        import trodo
        with trodo.wrap_agent("bold") as run:
            with trodo.span("before"):
                pass
            trodo.flush(60)
            print(run.run_id, flush=True)
            input()
        """
    )
    run_id = next_line(process)
    shutil.rmtree(host.spool)
    tell(process)
    finished(process)
    host.drain()
    assert host.run_of("bold").id == run_id


# -- wrong use ---------------------------------------------------------------------------------------


class Mute:
    """A value that cannot be printed."""

    def __str__(self) -> str:
        raise ValueError("no words")

    __repr__ = __str__


class Array:
    """Neither true nor false, as numpy's arrays."""

    def __bool__(self) -> bool:
        raise ValueError("ambiguous")

    __eq__ = None  # type: ignore[assignment]


class Dumps:
    def model_dump(self) -> object:
        raise ValueError("no dump")


def _block(block: object) -> None:
    with block:
        pass


WRONG_USES: dict[str, Callable[[], object]] = {
    "span name": lambda: _block(trodo.span(Mute())),
    "span name None": lambda: _block(trodo.span(None)),
    "span kind": lambda: _block(trodo.span("s", kind=Mute())),
    "span input": lambda: _block(trodo.span("s", input=10**5_000)),
    "span input mute": lambda: _block(trodo.span("s", input=Mute())),
    "span attributes list": lambda: _block(trodo.span("s", attributes=["a"])),
    "span attributes mute": lambda: _block(trodo.span("s", attributes=Mute())),
    "array": lambda: _block(trodo.span("s", input=Array(), attributes={"a": Array()})),
    "array of an agent": lambda: _block(trodo.wrap_agent("a", input=Array(), metadata={"a": Array()})),
    "array of a tool": lambda: trodo.tool("t", lambda given: given)(Array()),
    "array of a call": lambda: trodo.track_llm_call(prompt=Array(), completion=Array()),
    "set_attributes None": lambda: trodo.span("s").set_attributes(None),
    "set_attribute key": lambda: trodo.span("s").set_attribute(Mute(), 1),
    "set_error": lambda: trodo.span("s").set_error(
        Mute(), type=Mute(), status_code=Mute(), stack_trace=Mute()
    ),
    "set_llm": lambda: trodo.span("s").set_llm(model=Mute(), usage_details=Mute(), cost=Mute()),
    "agent name": lambda: _block(trodo.wrap_agent(Mute())),
    "agent metadata": lambda: _block(trodo.wrap_agent("a", metadata=["x"])),
    "agent metadata mute": lambda: _block(trodo.wrap_agent("a", metadata=Mute())),
    "agent user": lambda: _block(trodo.wrap_agent("a", user=Mute())),
    "agent ids": lambda: _block(trodo.wrap_agent("a", distinct_id=Mute(), conversation_id=Mute())),
    "agent parent": lambda: _block(trodo.wrap_agent("a", parent_run_id=Mute())),
    "agent input": lambda: _block(trodo.wrap_agent("a", input=10**5_000)),
    "run metadata": lambda: trodo.wrap_agent("a").set_metadata(7),
    "run error": lambda: trodo.wrap_agent("a").set_error_summary(Mute(), type=Mute()),
    "join number": lambda: _block(trodo.join_run(17)),
    "join mute": lambda: _block(trodo.join_run(Mute(), Mute())),
    "join name": lambda: _block(trodo.join_run("x", name=Mute())),
    "start": lambda: trodo.start_run(Mute(), run_id=Mute(), metadata=7),
    "end None": lambda: trodo.end_run(None),
    "end mute": lambda: trodo.end_run("x", status=Mute(), error_summary=Mute(), metadata=7),
    "usage dump": lambda: trodo.track_llm_call(usage=Dumps()),
    "usage list": lambda: trodo.track_llm_call(usage=[1, 2]),
    "usage slots": lambda: trodo.track_llm_call(usage=3.5),
    "usage mute": lambda: trodo.track_llm_call(usage_details=Mute()),
    "call metadata": lambda: trodo.track_llm_call(metadata=7),
    "call name": lambda: trodo.track_llm_call(name=Mute(), model=Mute()),
    "tool name": lambda: trodo.tool(Mute(), lambda: 1)(),
    "tool input": lambda: trodo.tool("t", lambda given: 1)(10**5_000),
    "llm usage": lambda: trodo.llm("m", lambda: Mute())(),
    "flush": lambda: trodo.flush("soon"),
    "init": lambda: trodo.init(7),
}


@pytest.mark.parametrize("use", WRONG_USES.values(), ids=WRONG_USES)
def test_wrong_use_raises_nothing_and_spoils_nothing_around_it(
    recording: Recording, use: Callable[[], object]
) -> None:
    with trodo.wrap_agent("around") as run:
        with trodo.span("before"):
            pass
        use()
        with trodo.span("after"):
            pass
    spans = recording.spans(run.run_id)
    assert [name for name in names(spans) if name in ("before", "after")] == ["before", "after"]
    assert recording.run_of("around").status == "completed"


def test_a_block_that_was_left_twice_or_never_entered_does_nothing(recording: Recording) -> None:
    with trodo.wrap_agent("odd") as run:
        span = trodo.span("once")
        span.__exit__(None, None, None)
        with span:
            pass
        span.__exit__(None, None, None)
        trodo.wrap_agent("never").__exit__(None, None, None)
        trodo.join_run(run.run_id).__exit__(None, None, None)
    run.__exit__(None, None, None)
    assert names(recording.spans(run.run_id)) == ["once"]
    assert [row.agent for row in recording.runs()] == ["odd"]


# -- processes ---------------------------------------------------------------------------------------


def test_a_forked_child_records_into_the_run_and_neither_side_mixes_up_parents(host: Host) -> None:
    (run_id,) = host.run(
        """
        import os
        import trodo
        with trodo.wrap_agent("forks") as run:
            print(run.run_id, flush=True)
            for number in range(10):
                with trodo.span(f"fork{number}"):
                    child = os.fork()
                    who = "parent" if child else "child"
                    for count in range(5):
                        with trodo.span(f"{who}{number}-{count}", input={"pid": os.getpid()}):
                            pass
                    if not child:
                        os._exit(0)
                    assert os.waitpid(child, 0)[1] == 0
        """
    )
    assert host.drain().troubles == []
    spans = host.spans(run_id)
    by_id = {span.id: span for span in spans}
    parents = {span.name: by_id[span.parent_id].name for span in spans if span.parent_id}
    assert parents == {
        f"{who}{number}-{count}": f"fork{number}"
        for number in range(10)
        for count in range(5)
        for who in ("parent", "child")
    }
    assert len(spans) == 110
    assert {span.status for span in spans} == {"ok"}
    pids: dict[str, set[int]] = {}
    for span in spans:
        if span.parent_id:
            pids.setdefault(span.name.split("-")[0], set()).add(span.details.input["pid"])
    assert all(len(found) == 1 for found in pids.values())
    assert host.run_of("forks").status == "completed"


def test_a_forked_child_that_ends_by_itself_does_not_end_its_parents_run(host: Host) -> None:
    (run_id,) = host.run(
        """
        import os
        import sys
        import trodo
        with trodo.wrap_agent("split") as run, trodo.span("outer"):
            child = os.fork()
            if not child:
                with trodo.span("in-child"):
                    pass
                sys.exit(0)
            assert os.waitpid(child, 0)[1] == 0
            trodo.flush(60)
            assert trodo.connect().runs.get(run.run_id).status == "running"
        print(run.run_id)
        """
    )
    assert host.drain().troubles == []
    spans = host.spans(run_id)
    assert [(span.name, span.status) for span in spans] == [("outer", "ok"), ("in-child", "ok")]
    assert spans[1].parent_id == spans[0].id
    assert (host.run_of("split").status, len(host.runs())) == ("completed", 1)


def test_forks_amid_the_work_of_threads_lose_nothing_and_hang_nowhere(host: Host) -> None:
    (run_id,) = host.run(
        """
        import contextvars
        import os
        import threading
        import trodo
        stop = threading.Event()
        counts = [0] * 3
        def work(index):
            while not stop.is_set():
                with trodo.span(f"thread{index}"):
                    counts[index] += 1
                stop.wait(0.0005)
        with trodo.wrap_agent("busy") as run:
            threads = [
                threading.Thread(target=contextvars.copy_context().run, args=(work, index)) for index in range(3)
            ]
            for thread in threads:
                thread.start()
            for number in range(30):
                child = os.fork()
                if not child:
                    with trodo.span(f"child{number}"):
                        pass
                    os._exit(0)
                assert os.waitpid(child, 0)[1] == 0
            stop.set()
            for thread in threads:
                thread.join()
            with trodo.span("counts", input=counts):
                pass
        print(run.run_id)
        """
    )
    assert host.drain().troubles == []
    spans = host.spans(run_id)
    told = names(spans)
    counts = next(span for span in spans if span.name == "counts").details.input
    assert [told.count(f"thread{index}") for index in range(3)] == counts
    assert [told.count(f"child{number}") for number in range(30)] == [1] * 30
    assert {(span.status, span.parent_id) for span in spans} == {("ok", None)}


def test_a_child_that_is_forked_right_after_the_first_span_can_ship_by_itself(host: Host) -> None:
    for _ in range(5):
        host.run(
            """
            import os
            import trodo
            from trodo_cli.sdk.recorder import recorder
            with trodo.wrap_agent("first"):
                child = os.fork()
                if not child:
                    with trodo.span("child"):
                        pass
                    os._exit(0 if recorder().flush(20) else 9)
                assert os.waitpid(child, 0)[1] == 0, "the child could not ship"
            """
        )
    assert [names(host.spans(run.id)) for run in host.runs()] == [["child"]] * 5


def test_a_child_that_is_forked_while_its_parent_ships_can_ship_by_itself(host: Host) -> None:
    (run_id,) = host.run(
        """
        import contextvars
        import os
        import threading
        import trodo
        from trodo_cli.sdk.recorder import recorder
        trodo.connect().close()
        stop = threading.Event()
        def work():
            while not stop.is_set():
                with trodo.span("thread"):
                    pass
                stop.wait(0.0005)
        with trodo.wrap_agent("busy") as run:
            thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True)
            thread.start()
            for number in range(25):
                child = os.fork()
                if not child:
                    with trodo.span(f"child{number}"):
                        pass
                    os._exit(0 if recorder().flush(30) else 9)
                assert os.waitpid(child, 0)[1] == 0, f"child {number} could not ship"
            stop.set()
            thread.join()
        print(run.run_id)
        """
    )
    told = names(host.spans(run_id))
    assert [told.count(f"child{number}") for number in range(25)] == [1] * 25


def test_what_a_forked_child_ships_after_its_parent_has_ended_is_kept(host: Host) -> None:
    marker = host.folder / "parent-ended"
    process = host.start(
        f"""
        import os
        import time
        import trodo
        with trodo.wrap_agent("parent") as run:
            trodo.flush(60)
            heard, told = os.pipe()
            if not os.fork():
                os.close(1)
                os.close(2)
                with trodo.span("early"):
                    pass
                trodo.flush(60)
                os.write(told, b"x")
                while not os.path.exists({str(marker)!r}):
                    time.sleep(0.01)
                for number in range(10):
                    with trodo.span(f"late{{number}}"):
                        pass
                trodo.flush(60)
                trodo.shutdown()
                open({str(marker)!r} + "2", "w").close()
                os._exit(0)
            os.read(heard, 1)
        print(run.run_id)
        """
    )
    (run_id,) = finished(process)
    marker.touch()
    eventually((host.folder / "parent-ended2").exists)
    assert host.drain().troubles == []
    assert names(host.spans(run_id)) == ["early", *(f"late{number}" for number in range(10))]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_of_multiprocessing_record_into_the_run_they_join(host: Host, method: str) -> None:
    (run_id,) = host.run(
        f"""
        import multiprocessing
        import trodo

        def work(run_id, parent_id, number):
            with trodo.join_run(run_id, parent_id), trodo.span(f"job{{number}}"):
                with trodo.span(f"inner{{number}}"):
                    return number

        if __name__ == "__main__":
            with trodo.wrap_agent("pool") as run, trodo.span("fan-out") as span:
                with multiprocessing.get_context("{method}").Pool(2) as pool:
                    jobs = [(run.run_id, span.span_id, number) for number in range(6)]
                    assert pool.starmap(work, jobs) == list(range(6))
                    pool.close()
                    pool.join()
            print(run.run_id)
        """
    )
    assert host.drain().troubles == []
    spans = host.spans(run_id)
    by_id = {span.id: span.name for span in spans}
    parents = {span.name: by_id.get(span.parent_id or "") for span in spans}
    jobs = {f"job{number}": "fan-out" for number in range(6)}
    assert parents == {"fan-out": None, **jobs, **{f"inner{number}": f"job{number}" for number in range(6)}}
    assert {span.status for span in spans} == {"ok"}


def test_a_fork_that_python_does_not_see_is_noticed(host: Host) -> None:
    (run_id,) = host.run(
        """
        import ctypes
        import os
        import trodo
        from trodo_cli.sdk.recorder import recorder
        fork = ctypes.PyDLL(None).fork
        with trodo.wrap_agent("server") as run:
            recorder()._shipper.stop(60)  # a thread at work would hold locks of the interpreter's own
            for number in range(5):
                child = fork()
                who = "parent" if child else "child"
                with trodo.span(f"{who}{number}"):
                    pass
                if not child:
                    os._exit(0)
                assert os.waitpid(child, 0)[1] == 0
        print(run.run_id)
        """
    )
    assert host.drain().troubles == []
    told = {f"{who}{number}" for number in range(5) for who in ("parent", "child")}
    spans = host.spans(run_id)
    assert (set(names(spans)), len(spans)) == (told, 10)


def test_leaving_a_joined_block_in_a_forked_child_raises_nothing(host: Host) -> None:
    (run_id,) = host.run(
        """
        import asyncio
        import os
        import trodo

        async def main(run_id):
            async with trodo.join_run(run_id, name="service"):
                child = os.fork()
                async with trodo.span("child" if not child else "parent"):
                    pass
            if not child:
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0

        run_id = trodo.start_run("owner")
        asyncio.run(main(run_id))
        trodo.end_run(run_id)
        print(run_id)
        """
    )
    assert host.drain().troubles == []
    spans = host.spans(run_id)
    assert sorted((span.name, span.status) for span in spans) == [
        ("child", "ok"),
        ("parent", "ok"),
        ("service", "ok"),
    ]


def test_a_seeded_host_gets_other_ids_every_time(host: Host) -> None:
    program = """
        import os
        import random
        import trodo
        random.seed(7)
        with trodo.wrap_agent("seeded") as run:
            print(run.run_id)
            for _ in range(3):
                random.seed(7)
                with trodo.span("s") as span:
                    print(span.span_id, flush=True)
            if not os.fork():
                with trodo.span("s") as span:
                    print(span.span_id, flush=True)
                os._exit(0)
            os.wait()
            with trodo.span("s") as span:
                print(span.span_id)
        """
    said = [*host.run(program), *host.run(program)]
    assert len(said) == len(set(said)) == 12


def test_a_span_at_the_very_end_of_a_program_is_kept(host: Host) -> None:
    (run_id,) = host.run(
        """
        import atexit
        import threading
        atexit.register(lambda: late("registered-before"))
        import trodo
        run_id = trodo.start_run("ends")
        def late(name):
            with trodo.join_run(run_id), trodo.span(name):
                pass
        atexit.register(late, "registered-after")
        def straggle():
            threading.main_thread().join()
            late("in-a-thread")
        threading.Thread(target=straggle).start()
        print(run_id)
        """
    )
    assert host.drain().troubles == []
    spans = host.spans(run_id)
    assert {(span.name, span.status) for span in spans} == {
        ("registered-before", "ok"),
        ("registered-after", "ok"),
        ("in-a-thread", "ok"),
    }


def test_recording_goes_on_after_a_shutdown(recording: Recording) -> None:
    with trodo.wrap_agent("twice") as run:
        with trodo.span("before"):
            pass
        trodo.shutdown()
        with trodo.span("after"):
            pass
    assert names(recording.spans(run.run_id)) == ["before", "after"]
    assert recording.run_of("twice").status == "completed"


def test_naming_another_target_moves_only_what_comes_after(recording: Recording) -> None:
    other = recording.folder / "other.db"
    with trodo.wrap_agent("here"):
        pass
    trodo.init(str(other))
    with trodo.wrap_agent("there"):
        pass
    trodo.flush(DEADLINE_SECONDS)
    client = trodo.connect(str(other))
    try:
        assert [row.agent for row in client.runs.list().rows] == ["there"]
    finally:
        client.close()
    assert [row.agent for row in recording.runs()] == ["here"]


# -- the name `trodo` --------------------------------------------------------------------------------


def test_importing_trodo_costs_no_output_and_no_files(host: Host) -> None:
    assert host.run("import trodo\nimport trodo_cli\ntrodo.wrap_agent, trodo.span, dir(trodo)") == []
    assert not host.home.exists()


def test_every_public_name_is_found_under_both_names(host: Host) -> None:
    (line,) = host.run(
        """
        import trodo
        import trodo_cli
        from trodo import *
        assert trodo.__all__ == trodo_cli.__all__
        print([name for name in trodo.__all__ if getattr(trodo, name) is not getattr(trodo_cli, name)])
        """
    )
    assert ast.literal_eval(line) == []


@pytest.mark.parametrize("beside", [True, False], ids=["in-the-same-folder", "earlier-on-the-path"])
def test_an_installed_package_of_the_name_trodo_wins_and_ours_still_works(host: Host, beside: bool) -> None:
    folder = host.beside if beside else host.folder / "vendor"
    (folder / "trodo").mkdir(parents=True)
    (folder / "trodo" / "__init__.py").write_text("official = True\n")
    path = os.pathsep.join((str(folder), host.environment["PYTHONPATH"]))
    (line,) = host.run(
        """
        import trodo
        import trodo_cli
        assert trodo.official
        with trodo_cli.wrap_agent("ours") as run:
            print(run.run_id)
        """,
        PYTHONPATH=path,
    )
    assert host.run_of("ours").id == line


def test_a_logging_host_hears_of_trouble_in_its_log_and_nowhere_else(host: Host) -> None:
    file = host.write("notes.txt", "mine")
    log = host.folder / "host.log"
    host.run(
        f"import logging\nlogging.basicConfig(filename={str(log)!r})\n" + WORK + "\ntrodo.flush(0.2)\n",
        TRODO_TARGET=str(file),
    )
    assert "trodo cannot ship to" in log.read_text()


def test_a_python_without_our_dependencies_of_the_command_line_can_record(host: Host) -> None:
    (line,) = host.run(
        WORK + "\nimport sys\nprint(sorted({'rich', 'typer', 'textual', 'asyncio'} & set(sys.modules)))"
    )[1:]
    assert ast.literal_eval(line) == []


def test_a_child_that_outlives_its_parent_ships_its_own(host: Host) -> None:
    marker = host.folder / "go"
    process = host.start(
        f"""
        import os
        import time
        import trodo
        with trodo.wrap_agent("parent") as run:
            if not os.fork():
                os.close(1)
                os.close(2)
                while not os.path.exists({str(marker)!r}):
                    time.sleep(0.01)
                with trodo.span("orphan"):
                    pass
                trodo.flush(60)
                os._exit(0)
        print(run.run_id)
        """
    )
    (run_id,) = finished(process)
    assert host.run_of("parent").status == "completed"
    marker.touch()
    assert eventually(lambda: names(host.spans(run_id))) == ["orphan"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may enter every folder")
def test_a_host_without_the_right_to_enter_the_home_is_not_disturbed(host: Host) -> None:
    host.home.mkdir(mode=0o000)
    assert host.run(WORK)[0].startswith("done ")
