"""`trodo trace export` and `trodo trace import`: files of every kind, both ways, whole or in words why not."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.hostile import HOSTILE, faults, stored
from tests.cli.made import SECOND, payload, run, run_id, span
from tests.cli.program import Cli, Done, refused
from tests.server.served import program
from tests.wire.otlp_made import TRACE, agent, body, model
from tests.wire.test_otlp_golden import as_protobuf
from trodo_cli.model import ids
from trodo_cli.model.event import CancelRequested, FeedbackGiven
from trodo_cli.model.run import Cancel, Feedback
from trodo_cli.model.span import Usage

WHOLE = body(agent(1), model(2, 1))
FAILED = {"code": 2, "message": "boom"}


@pytest.fixture
def worked(cli: Cli) -> Cli:
    """A run that failed, was asked to stop and was judged."""
    ask = {"kind": "model", "model": "m", "cost": 0.5, "usage": Usage(input=7, output=2)}
    events = run(
        1, "worker", span("plan", kind="agent"),
        span("ask", parent="plan", payload=payload(input="a\u00a0b\u3000c\u009b", output=[1, None]), **ask),
        span("look", status="error", error="no", error_type="E", payload=payload(stack="line")),
        status="failed", session="s", user="ada", tags=("t",), payload=payload(input={"q": 1}),
        ended={"error": "no", "error_type": "E", "payload": payload(output="none")},
    )  # fmt: skip
    now_ns = ids.now_ns()
    asked = Cancel(requested_ns=now_ns, by="ada", reason="why", delivered_ns=now_ns + 1)
    judged = Feedback(at_ns=now_ns, satisfaction="negative", rating=2.0, comment="slow")
    more = [
        CancelRequested(run_id=run_id(1), cancel=asked),
        FeedbackGiven(run_id=run_id(1), feedback=(judged,)),
    ]
    cli.publish([*events, *more])
    return cli


def file_of(cli: Cli, name: str, data: bytes) -> str:
    (cli.folder / name).write_bytes(data)
    return str(cli.folder / name)


def imported(cli: Cli, data: bytes, *arguments: str) -> Done:
    return cli.run("trace", "import", file_of(cli, "runs.data", data), *arguments)


def statuses(cli: Cli, *arguments: str) -> dict[str, str]:
    rows = cli.ok("runs", "list", "--all", "--json", "id,status", *arguments).json
    return {row["id"]: row["status"] for row in rows}


def told(cli: Cli, *arguments: str) -> Any:
    """All of the newest run but what a store adds."""
    trace = cli.ok("trace", "show", "latest", "--json", *arguments).json
    for name in ("heartbeat_at", "last_seq"):
        trace["summary"].pop(name)
    return trace


# -- both ways ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["otlp", "ndjson"])
@pytest.mark.parametrize("place", ["file", "pipe"])
def test_what_is_exported_comes_again_in_another_store(worked: Cli, form: str, place: str) -> None:
    here, there = str(worked.folder / "out"), str(worked.folder / "there.db")
    if place == "file":
        assert worked.ok("trace", "export", "latest", "--format", form, "--output", here).out == ""
        done = worked.ok("trace", "import", here, "--target", there)
    else:
        Path(here).write_text(text := worked.ok("trace", "export", "latest", "--format", form).out)
        done = worked.run("trace", "import", "-", "--target", there, input=text)
        assert done.code == 0, done
    assert done.lines == [run_id(1)]
    assert "refused" not in done.err
    again = worked.ok("trace", "export", "latest", "--format", form, "--target", there).out
    assert again == Path(here).read_text()
    assert statuses(worked, "--target", there) == {run_id(1): "failed"}


def test_a_trace_imported_from_its_events_is_equal_in_every_field(worked: Cli) -> None:
    there = str(worked.folder / "there.db")
    worked.ok("trace", "export", "latest", "--format", "ndjson", "--output", "out")
    worked.ok("trace", "import", "out", "--target", there)
    assert told(worked, "--target", there) == told(worked)
    assert told(worked)["summary"]["cancel"]["reason"] == "why"
    assert told(worked)["summary"]["feedback"][0]["comment"] == "slow"


def test_an_import_tells_what_was_stored_and_what_was_known(cli: Cli) -> None:
    done = imported(cli, WHOLE)
    assert (done.code, done.lines, done.err) == (0, [TRACE], "3 events stored, 0 known already\n")
    assert imported(cli, WHOLE).err == "0 events stored, 3 known already\n"


@pytest.mark.parametrize(
    "data",
    [
        WHOLE,
        json.dumps(json.loads(WHOLE), indent=2).encode(),
        b"\n" + body(agent(1)) + b"\n\n" + body(model(2, 1)) + b"\n",
        as_protobuf(WHOLE),
        b"\xef\xbb\xbf" + WHOLE,
    ],
    ids=["one-line", "many-lines", "a-request-a-line", "protobuf", "byte-order-mark"],
)
def test_otlp_is_known_by_its_content_and_its_run_is_over(cli: Cli, data: bytes) -> None:
    assert imported(cli, data).code == 0
    assert statuses(cli) == {TRACE: "completed"}
    assert len(told(cli)["spans"]) == 3


def test_an_imported_run_went_as_its_root_did_and_one_without_a_root_is_over_too(cli: Cli) -> None:
    imported(cli, body(agent(1, status=FAILED), model(2, 1)) + b"\n" + body(model(5, 4, trace="ab" * 16)))
    assert statuses(cli) == {TRACE: "failed", "ab" * 16: "completed"}


def test_an_imported_run_of_which_a_span_is_open_gives_no_sign_of_life(cli: Cli) -> None:
    mark = {"logfire.span_type": "pending_span", "logfire.pending_parent_id": "0" * 16}
    imported(cli, body(model(2, 1), model(3, 1, attributes=mark)))
    assert statuses(cli) == {TRACE: "lost"}


def test_files_of_one_trace_are_one_run(cli: Cli) -> None:
    one, other = file_of(cli, "one", body(model(2, 1))), file_of(cli, "other", as_protobuf(body(agent(1))))
    assert cli.ok("trace", "import", one, other).lines == [TRACE]
    assert told(cli)["summary"]["agent"] == "agent"


def test_an_import_into_a_server_ends_the_run_at_once(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    with program(tmp_path / "server") as serving:
        where = {"TRODO_TARGET": serving.url, "TRODO_API_KEY": serving.key}
        done = cli.ok("trace", "import", file_of(cli, "runs", WHOLE), **where)
        assert done.lines == [TRACE]
        assert cli.ok("runs", "list", "--json", "status", **where).json == [{"status": "completed"}]
        exported = cli.ok("trace", "export", "latest", **where).out
    assert imported(cli, exported.encode()).lines == [TRACE]
    assert cli.ok("trace", "export", "latest").out == exported


def test_an_export_that_comes_back_to_where_it_is_from_changes_nothing(worked: Cli) -> None:
    before = told(worked)
    exported = worked.ok("trace", "export", "latest").out
    joined = json.loads(body(model(7, trace=run_id(1), parentSpanId="ab" * 8)))["resourceSpans"]
    done = imported(worked, exported.encode())
    assert (done.lines, done.err) == ([run_id(1)], "0 events stored, 4 known already\n")
    assert told(worked) == before
    both = {"resourceSpans": [*json.loads(exported)["resourceSpans"], *joined]}
    assert "known already" in imported(worked, json.dumps(both).encode()).err
    assert len(told(worked)["spans"]) == len(before["spans"]) + 1


# -- what cannot be read -----------------------------------------------------------------------------


def test_lines_that_are_no_events_are_refused_with_their_numbers_and_the_others_stored(worked: Cli) -> None:
    lines = worked.ok("trace", "export", "latest", "--format", "ndjson").out.splitlines()
    lines[2:2] = ["", "{broken", '{"type": "span-end"}']
    done = worked.run("trace", "import", "-", "--target", "there.db", input="\n".join(lines))
    assert (done.code, done.lines) == (1, [run_id(1)])
    assert "refused stdin:4: not an event" in done.err
    assert "refused stdin:5: not an event" in done.err
    assert f"{len(lines) - 3} events stored, 0 known already, 2 refused" in done.err
    assert told(worked, "--target", "there.db") == told(worked)


def test_of_many_refused_lines_the_first_are_told_and_the_others_counted(cli: Cli) -> None:
    done = imported(cli, b'{"type": "no"}\n' * 1_200)
    assert done.code == 1
    assert [int(number) for number in re.findall(r"runs\.data:(\d+):", done.err)] == [*range(1, 11)]
    assert "and 1,190 more" in done.err


def test_requests_and_spans_that_are_none_are_refused_by_line(cli: Cli) -> None:
    wrong = body(model(2, 1, spanId="12"))
    done = imported(
        cli, b"\n".join([body(agent(1)), b'{"resourceLogs": []}', b'{"resourceSpans": [}', wrong])
    )
    assert (done.code, done.lines) == (1, [TRACE])
    for number, what in ((2, "no resourceSpans"), (3, "JSON is malformed"), (4, "the span id must be 16")):
        assert re.search(rf"runs\.data:{number}: .*{what}", done.err), done
    assert "2 events stored, 0 known already, 3 refused" in done.err


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", ["runs.data is empty"]),
        (b" \n\n", ["runs.data is empty"]),
        (b"hello", ["runs.data holds neither"]),
        (b"[1]", ["runs.data holds neither"]),
        (b'{"a": 1}', ["runs.data holds neither"]),
        (b"\x7fELF\x02\x01\x01\x00" * 30, ["runs.data: not an OTLP trace export in protobuf"]),
        (b'{\n "resourceSpans": [\n  {"a" 1}\n ]\n}', ["runs.data:3: ", "malformed"]),
        (b'{"resourceSpans": ' + b"[" * 5_000, ["runs.data:1"]),
        (b"\xff\xfe{\x00}\x00", ["runs.data"]),
    ],
)
def test_a_file_of_something_else_is_refused_by_its_name_and_line(
    cli: Cli, data: bytes, words: list[str]
) -> None:
    done = imported(cli, data)
    assert (done.code in (1, 2), done.out) == (True, ""), done
    for word in words:
        assert word in done.err


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_file_that_cannot_be_read_is_named(cli: Cli, name: str) -> None:
    refused(cli.run("trace", "import", name), 2, f"cannot read {name}")


# -- files -------------------------------------------------------------------------------------------


def test_an_existing_file_is_replaced_whole_and_keeps_its_mode(worked: Cli) -> None:
    place, link = worked.folder / "out", worked.folder / "link"
    place.write_text("before" * 100_000)
    place.chmod(0o640)
    link.symlink_to(place)
    worked.ok("trace", "export", "latest", "--output", str(link))
    assert "resourceSpans" in json.loads(place.read_text())
    assert (place.stat().st_mode & 0o777, link.is_symlink()) == (0o640, True)
    assert sorted(path.name for path in worked.folder.iterdir()) == ["home", "link", "out"]


def test_an_export_that_cannot_be_written_leaves_what_was_there(worked: Cli) -> None:
    place = worked.folder / "out"
    place.write_text("before")
    limit = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)); import signal;"
    main = "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); from trodo_cli.cli.output import write_file;"
    done = worked.python(
        "-c",
        f"{limit} {main}\ntry:\n    write_file('out', ['x' * 60] * 9)\nexcept Exception as e:\n    print(repr(e))",
    )
    assert "cannot write out" in done.out
    assert place.read_text() == "before"
    assert sorted(path.name for path in worked.folder.iterdir()) == ["home", "out"]


def test_what_is_no_regular_file_is_written_to_and_not_replaced(worked: Cli) -> None:
    assert "resourceSpans" in json.loads(worked.ok("trace", "export", "latest", "-o", "/dev/stdout").out)
    os.mkfifo(worked.folder / "fifo")
    reader = worked.start("trace", "import", "fifo", "--target", "there.db")
    worked.ok("trace", "export", "latest", "-o", "fifo")
    assert reader.end().code == 0
    assert (worked.folder / "fifo").is_fifo()


@pytest.mark.parametrize("place", ["missing/out", "home"])
def test_a_place_that_takes_no_file_is_named(worked: Cli, place: str) -> None:
    refused(
        worked.run("trace", "export", "latest", "--output", place), 1, f"cannot write {place}", "--output"
    )


def test_a_run_that_is_not_there_writes_nothing(worked: Cli) -> None:
    refused(worked.run("trace", "export", "nobody", "--output", "out"), 3, "nobody")
    assert not (worked.folder / "out").exists()


# -- other forms -------------------------------------------------------------------------------------


def test_each_form_is_what_its_readers_expect(worked: Cli) -> None:
    chrome = worked.ok("trace", "export", "latest", "--format", "chrome").json
    assert {event["name"] for event in chrome["traceEvents"] if event["ph"] == "X"} == {
        "worker", "plan", "ask", "look",
    }  # fmt: skip
    assert worked.ok("trace", "export", "latest", "--format", "markdown").lines[0] == "## ✗ failed `worker`"
    assert worked.ok("trace", "export", "latest", "--format", "html").lines[0] == "<!doctype html>"


def test_a_form_that_there_is_not_is_refused(worked: Cli) -> None:
    refused(worked.run("trace", "export", "latest", "--format", "pdf"), 2, "pdf")


@pytest.mark.parametrize("form", ["otlp", "ndjson", "chrome", "markdown", "html"])
def test_hostile_text_drives_no_terminal_and_json_means_the_same(cli: Cli, form: str) -> None:
    spans = [span(f"s{number}", stored(name), at_ns=number * SECOND) for number, name in enumerate(HOSTILE)]
    cli.publish(run(1, "worker", *spans))
    done = cli.ok("trace", "export", "latest", "--format", form)
    assert faults(done.out.encode(), terminal=False, json=form in ("otlp", "ndjson", "chrome")) == set()
    if form == "chrome":
        names = [event["name"] for event in done.json["traceEvents"] if event["ph"] == "X"]
        assert {stored(name) for name in HOSTILE} <= set(names)
