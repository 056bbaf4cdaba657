"""Whatever text a trace holds, it reaches a terminal inert and JSON unchanged: every text in every view.

The views are called in one process, one after the other, by the program's own `main`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import trodo_cli
from tests.cli.hostile import HOSTILE, STORED, deeds, faults, stored
from tests.cli.made import payload, run, run_id, span
from tests.cli.program import DEADLINE_SECONDS, Cli, uncoloured
from trodo_cli.model import ids
from trodo_cli.model.event import CancelRequested
from trodo_cli.model.run import Cancel

RECORDER = """
    import trodo_cli as trodo
    from tests.cli.hostile import HOSTILE

    def record(text):
        with trodo.wrap_agent(text, distinct_id=text, conversation_id=text, input={text: text},
                              metadata={text: text, "tags": [text]}) as run:
            run.set_output([text])
            yield run.run_id
            with trodo.span(text, kind=text, input=text, attributes={text: text}) as call:
                call.set_llm(model=text, provider=text)
                call.set_tool(text)
                call.set_level(text)
                call.set_output({text: [text]})
                call.set_error(text, type=text, status_code=text, stack_trace=text)
            raise ValueError(text)

    for name, text in HOSTILE.items():
        try:
            for id in record(text):
                print(name, id, flush=True)
        except ValueError:
            pass
"""
"""Puts each text into every field that the SDK takes."""

CALLER = """
    import functools, json, sys, traceback
    from pathlib import Path
    import typer.main
    from trodo_cli.__main__ import main

    typer.main.get_command = functools.cache(typer.main.get_command)  # most of the time, and always the same
    for number, arguments in enumerate(json.loads(Path(sys.argv[1]).read_text())):
        sys.argv = ["trodo", *arguments]
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        except Exception:
            sys.stderr.write(ascii(traceback.format_exc()) + "\\n")
            code = 99
        sys.stderr.flush()
        sys.stdout.write(f"=== {number} {int(code)} ===\\n")
        sys.stdout.flush()
"""
"""Calls the program once for each command line in a file, and tells each exit code."""

MAX_TAG_CHARACTERS = 200

Arguments = tuple[str, ...]


@dataclass
class Recorded:
    """A store full of hostile runs: of each text one that failed, one that was cancelled, one that is lost."""

    cli: Cli
    failed: dict[str, str]
    cancelled: dict[str, str]
    lost: dict[str, str]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    cli = Cli(tmp_path_factory.mktemp("hostile"))
    agent = cli.agent(RECORDER)
    done = agent.end()
    assert (done.code, done.err) == (0, "")
    failed = {line.split()[0]: line.split()[1] for line in done.lines}
    cancelled = {name: run_id(number) for number, name in enumerate(HOSTILE)}
    lost = {name: run_id(number + 1000) for number, name in enumerate(HOSTILE)}
    events = [event for number, name in enumerate(HOSTILE) for event in published(number, stored(name))]
    cli.publish(events)
    yield Recorded(cli, failed, cancelled, lost)
    cli.close()


def published(number: int, text: str) -> list[Any]:
    """A cancelled run and a lost one, with the text wherever a producer of any kind can put it."""
    said = {"user": text, "session": text, "tags": (text,), "parent_span_id": text}
    cancel = Cancel(requested_ns=ids.now_ns(), by=text, reason=text)
    moments = [{"name": text, "at_ns": 1, "attributes": {text: text}}]
    work = {"kind": text, "model": text, "tool": text, "error": text, "level": text,
            "payload": payload(input=text, attributes={text: text}, events=moments, stack=text)}  # fmt: skip
    asked = [CancelRequested(run_id=run_id(number), cancel=cancel)]
    opened = [
        span(f"{text[:150]}-open", text, status="running", kind=text),
        span("below", text, status="running", parent=f"{text[:150]}-open"),
        span("orphan", text, parent=text[:200]),
    ]
    return [
        *run(number, text, span("work", text, status="cancelled", **work), status="cancelled", **said),
        *asked,
        *run(number + 1000, text, *opened, status="running", **said),
    ]


def views(recorded: Recorded, name: str) -> Iterator[tuple[int, Arguments]]:
    """Every view of the runs of one text as text, and the exit code it ends with."""
    failed, cancelled, lost = recorded.failed[name], recorded.cancelled[name], recorded.lost[name]
    yield 0, ("runs", "show", failed)
    yield 0, ("runs", "show", cancelled)
    yield 0, ("trace", "show", failed)
    yield 0, ("trace", "show", failed, "--full", "--waterfall")
    yield 0, ("trace", "show", cancelled, "--full")
    yield 0, ("trace", "show", lost)
    yield 6, ("tail", failed, "--since", "0")
    yield 7, ("tail", cancelled, "--since", "0")
    yield 6, ("tail", lost, "--since", "0")


def called(
    cli: Cli, commands: list[Arguments], *, columns: int = 0, tabs: bool = False, **environment: str
) -> list[tuple[int, bytes]]:
    """The exit code and all output of each command: piped, or on a terminal of so many columns."""
    script, lines = cli.folder / "caller.py", cli.folder / "commands.json"
    script.write_text("\n".join(line[4:] for line in CALLER.splitlines()))
    lines.write_text(json.dumps(commands))
    if columns:
        code, sent = cli.terminal_python(str(script), str(lines), columns=columns, **environment).end()
        assert code == 0, sent[-500:]
        assert deeds(sent, columns) <= ({"tab"} if tabs else set())
        end = b" ===\r\n"
    else:
        sent, end = piped(cli, str(script), str(lines)), b" ===\n"
    found: list[tuple[int, bytes]] = []
    parts = sent.split(end)
    assert (len(parts), parts[-1]) == (len(commands) + 1, b""), parts[-1][-500:]
    for number, part in enumerate(parts[:-1]):
        output, _, told = part.rpartition(b"=== ")
        assert told.split()[0] == str(number).encode()
        found.append((int(told.split()[1]), output))
    return found


def piped(cli: Cli, *arguments: str) -> bytes:
    """Every byte of Python's stdout and stderr, in one pipe."""
    process = subprocess.run(
        [sys.executable, *arguments],
        env=cli.environment,
        cwd=cli.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=DEADLINE_SECONDS,
    )
    return process.stdout


@pytest.mark.parametrize("columns", [0, 80, 300], ids=["piped", "80 columns", "300 columns"])
def test_no_text_reaches_the_output_alive_in_any_view(recorded: Recorded, columns: int) -> None:
    asked = [(name, *view) for name in HOSTILE for view in views(recorded, name)]
    asked += [("all", 0, ("runs", "list", "--all", "--limit", "1000"))]
    done = called(recorded.cli, [arguments for _, _, arguments in asked], columns=columns)
    wrong = [
        (name, arguments, code, found)
        for (name, wanted, arguments), (code, output) in zip(asked, done, strict=True)
        if (found := faults(output, terminal=bool(columns))) or code != wanted
    ]
    assert wrong == []


def test_on_a_terminal_every_colour_is_our_own(recorded: Recorded) -> None:
    """Without colours the same text is shown: no escape sequence came out of a trace."""
    commands = [arguments for name in HOSTILE for _, arguments in list(views(recorded, name))[::2]]
    coloured = called(recorded.cli, commands, columns=100)
    plain = called(recorded.cli, commands, columns=100, NO_COLOR="1")
    assert [arguments for arguments, (_, sent) in zip(commands, plain, strict=True) if b"\x1b" in sent] == []
    assert [
        (arguments, plain[at][1])
        for at, arguments in enumerate(commands)
        if uncoloured(coloured[at][1]) != plain[at][1].decode() and "ago" not in plain[at][1].decode()
    ] == []


@pytest.mark.parametrize("columns", [0, 80], ids=["piped", "terminal"])
def test_json_is_inert_and_equals_what_was_stored(recorded: Recorded, columns: int) -> None:
    commands: list[Arguments] = [
        command
        for name in HOSTILE
        for command in (
            ("runs", "show", recorded.failed[name], "--json"),
            ("trace", "show", recorded.failed[name], "--json"),
            ("tail", recorded.failed[name], "--json", "--payload"),
            ("runs", "show", recorded.cancelled[name], "--json"),
            ("trace", "show", recorded.cancelled[name], "--json"),
        )
    ]
    commands.append(("runs", "list", "--all", "--limit", "1000", "--json"))
    done = called(recorded.cli, commands, columns=columns)
    assert [
        (arguments, code, found)
        for arguments, (code, output) in zip(commands, done, strict=True)
        if (found := faults(output, terminal=bool(columns), json=True)) or code != 6 * ("tail" in arguments)
    ] == []
    outputs = iter(output for _, output in done)
    for name in HOSTILE:
        text = stored(name)
        check_run(loaded(next(outputs)), text)
        check_spans(loaded(next(outputs))["spans"], text)
        check_events([loaded(line) for line in next(outputs).splitlines()], text)
        check_cancel(loaded(next(outputs)), text)
        work = loaded(next(outputs))["spans"][1]
        assert work["events"] == [{"name": text, "at_ns": 1, "attributes": {text: text}}]
    rows = {row["id"]: row for row in loaded(next(outputs))}
    assert {name: rows[id]["agent"] for name, id in recorded.failed.items()} == {
        name: stored(name) for name in HOSTILE
    }


def loaded(output: bytes) -> Any:
    """JSON, with NUL as its picture: a payload may keep it as it is."""
    return json.loads(output.replace(b"\\u0000", "\u2400".encode()))


def check_run(found: dict[str, Any], text: str) -> None:
    told = [found[key] for key in ("agent", "user", "session", "error")]
    assert told == [text] * 4
    assert (text in found["tags"]) == (len(text) <= MAX_TAG_CHARACTERS)
    assert found["metadata"] == {"tags": [text], text: text}
    assert (found["input"], found["output"]) == ({text: text}, [text])


def check_spans(found: list[dict[str, Any]], text: str) -> None:
    told = ("name", "kind", "model", "provider", "tool", "level", "error", "error_type", "status_code")
    _, call = found
    assert {key: call[key] for key in told} == dict.fromkeys(told, text)
    assert (call["input"], call["output"], call["attributes"]) == (text, {text: [text]}, {text: text})
    assert call["stack"] == text


def check_events(found: list[dict[str, Any]], text: str) -> None:
    kinds = [event["type"] for event in found]
    assert (kinds[0], kinds[-2:]) == ("run-start", ["run-end", "trace-done"])
    (ended,) = [event["span"] for event in found if event["type"] == "span-end"]
    check_spans([{}, ended], text)


def check_cancel(found: dict[str, Any], text: str) -> None:
    assert (found["cancel"]["by"], found["cancel"]["reason"]) == (text, text)


@pytest.mark.parametrize("columns", [0, 80], ids=["piped", "terminal"])
def test_doctor_shows_the_newest_run_inert(recorded: Recorded, columns: int, tmp_path: Path) -> None:
    targets = [str(tmp_path / f"{name}.db") for name in HOSTILE]
    for name, target in zip(HOSTILE, targets, strict=True):
        client = trodo_cli.connect(target)
        client.publish(run(1, stored(name), id=stored(name)[:200]))
        client.close()
    commands = [("doctor", "--target", target, *json_) for target in targets for json_ in ((), ("--json",))]
    done = called(recorded.cli, commands, columns=columns, tabs=True)
    assert {code for code, _ in done} == {0}
    assert [faults(output, terminal=bool(columns), json=True, tabs=True) for _, output in done] == [
        set() for _ in commands
    ]


@pytest.mark.parametrize("command", [("doctor",), ("spool", "status")], ids=" ".join)
def test_on_a_terminal_nothing_is_written_between_tabs(cli: Cli, command: Arguments) -> None:
    cli.spool.mkdir(parents=True)
    work = f"""
        import trodo_cli, os
        trodo_cli.init({str(cli.folder)!r})  # a folder is no target
        trodo_cli.start_run("worker")
        os._exit(0)
    """
    cli.agent(work).end()
    assert list(cli.spool.glob("*.seg"))
    assert b"\t" not in cli.terminal(*command).end()[1]


@pytest.mark.parametrize("columns", [0, 80], ids=["piped", "terminal"])
def test_ids_of_foreign_runs_and_spans_are_inert_too(cli: Cli, columns: int) -> None:
    texts = [stored(name)[:200] for name in HOSTILE]
    for text in texts:
        below = {"parent_id": text, "parent_span_id": text}
        spans = [span(text, text), span("child", text, parent=text)]
        cli.publish([*run(1, "foreign", *spans, id=text), *run(2, "child", id=f"c-{text[:190]}", **below)])
    commands: list[Arguments] = [("runs", "list", "--all"), ("runs", "list", "--all", "--json")]
    commands += [("trace", "show", "--full", "--", text) for text in texts]
    commands += [("runs", "show", "--", f"c-{text[:190]}") for text in texts]
    done = called(cli, commands, columns=columns)
    assert [
        (arguments, code, found)
        for arguments, (code, output) in zip(commands, done, strict=True)
        if (found := faults(output, terminal=bool(columns), json="--json" in arguments)) or code
    ] == []


@pytest.mark.parametrize("columns", [0, 80], ids=["piped", "terminal"])
def test_what_a_person_typed_is_quoted_inert_in_errors(cli: Cli, columns: int) -> None:
    cli.publish(run(1))
    texts = [text for name, text in HOSTILE.items() if name not in STORED and name != "option"]
    commands: list[Arguments] = [
        command
        for text in texts
        for command in (
            ("runs", "show", "--", text),
            ("tail", "--since", "0", "--", text),
            ("runs", "list", f"--status={text}"),
            ("runs", "list", f"--since={text}"),
            ("runs", "list", f"--min-cost={text}"),
            ("runs", "list", f"--cursor={text}"),
            ("runs", "list", f"--json={text}"),
            ("runs", "list", f"--target={text}"),
            ("runs", "list", f"--{text}"),
            ("help", "--", text),
            ("runs", text),
        )
    ]
    done = called(cli, commands, columns=columns)
    assert [
        (arguments, code, output)
        for arguments, (code, output) in zip(commands, done, strict=True)
        if faults(output, terminal=bool(columns)) or code not in (1, 2, 3, 5)
    ] == []


@pytest.mark.parametrize("name", ["osc52-bel", "own-colour", "forged-lines", "bidi-override"])
def test_a_question_shows_a_hostile_name_inert(recorded: Recorded, name: str) -> None:
    terminal = recorded.cli.terminal("runs", "delete", recorded.failed[name], columns=300)
    terminal.expect("[y/N]")
    terminal.type("n")
    code, sent = terminal.end()
    assert (code, faults(sent, terminal=True), deeds(sent, 300)) == (0, set(), set())
    assert sent.count(b"\r\n") == 2  # the answer and our word: the name made no line of its own


def test_the_reason_of_a_cancel_request_is_kept_and_shown_inert(cli: Cli) -> None:
    texts = [text for name, text in HOSTILE.items() if name not in STORED]
    numbered = list(enumerate(texts))
    cli.publish([event for at, _ in numbered for event in run(at, status="running", ago_ns=0)], alive=True)
    commands = [
        ("runs", "cancel", run_id(at), f"--reason={text}", "--json", "cancel") for at, text in numbered
    ]
    done = called(cli, commands)
    assert [sorted(faults(output, terminal=False, json=True)) for _, output in done] == [[]] * len(texts)
    assert [loaded(output.splitlines()[-1])["cancel"]["reason"] for _, output in done] == texts


@pytest.mark.parametrize("name", ["osc52-bel", "bidi-override", "line-separators"])
def test_the_name_of_the_user_is_shown_inert(cli: Cli, name: str) -> None:
    cli.publish(run(1, status="running", ago_ns=0), alive=True)
    cli.ok("runs", "cancel", "latest", USER=HOSTILE[name])
    assert cli.ok("runs", "show", "latest", "--json", "cancel").json["cancel"]["by"] == HOSTILE[name]
    assert faults(cli.ok("trace", "show", "latest").out.encode(), terminal=False) == set()


@pytest.mark.parametrize("command", [("doctor",), ("runs", "list"), ("spool", "status")], ids=" ".join)
def test_the_name_of_a_folder_is_shown_inert(cli: Cli, command: Arguments) -> None:
    home = os.path.join(str(cli.folder), HOSTILE["osc0-title"], HOSTILE["bidi-override"])
    done = cli.run(*command, TRODO_HOME=home)
    assert faults((done.out + done.err).encode(), terminal=False) == set()
