"""`trodo runs list|show|cancel|delete`, and how a run is named on the command line."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cli.made import HOUR, MILLISECOND, SECOND, payload, run, run_id, span
from tests.cli.program import WIDE, Cli, refused
from trodo_cli.model import ids
from trodo_cli.model.span import Usage

RUN_FIELDS = [
    "id", "agent", "status", "started_at", "ended_at", "duration_ms", "spans", "errors", "input_tokens",
    "output_tokens", "cost", "error", "error_type", "session", "user", "tags", "parent_id", "heartbeat_at",
    "cancel",
]  # fmt: skip
DETAIL_FIELDS = [*RUN_FIELDS, "input", "output", "metadata", "feedback", "last_seq"]

COMPLETED, FAILED, CANCELLED, LOST, CHILD = (run_id(number) for number in range(1, 6))

LONG_NAME = "an-agent-whose-name-is-far-longer-than-any-column-of-a-narrow-terminal-could-ever-be"


@pytest.fixture
def history(cli: Cli) -> Cli:
    """Five runs, the first the newest; the last one was started below the second."""
    call = span("call", kind="model", model="m-1", tool="t-1", cost=0.25, usage=Usage(input=1200, output=300))
    cli.publish(
        [
            *run(1, "writer", call, ago_ns=HOUR, took_ns=1500 * MILLISECOND, user="ann", session="s1",
                 tags=("prod", "env=eu"), payload=payload(input="a\tb\nc", output={"ok": True})),
            *run(2, "reader", span("look", status="error", error="boom"), ago_ns=2 * HOUR, status="failed",
                 took_ns=9 * SECOND, ended={"error": "boom\nat line 2", "error_type": "ValueError"}),
            *run(3, "writer", ago_ns=3 * HOUR, status="cancelled"),
            *run(4, LONG_NAME, ago_ns=50 * HOUR, status="running"),
            *run(5, "helper", ago_ns=2 * HOUR, parent_id=FAILED),
        ]
    )  # fmt: skip
    return cli


def listed(cli: Cli, *arguments: str) -> list[str]:
    """The ids of the runs that a list shows."""
    return [row["id"] for row in cli.ok("runs", "list", *arguments, "--json", "id").json]


# -- list ----------------------------------------------------------------------------------------------


def test_list_on_a_terminal_is_a_table_with_each_error_below_its_run(history: Cli) -> None:
    lines = history.shown("runs", "list", columns=WIDE)
    assert lines[0].split() == ["status", "agent", "id", "age", "time", "spans", "tokens", "cost"]
    assert [line.split()[1] for line in lines if line[0] not in "s "] == [
        "completed", "failed", "cancelled", "lost",
    ]  # fmt: skip
    assert lines[1].split() == [
        "✓", "completed", "writer", "b0000001", "1h", "1.5s", "1", "1.5k", "$0.25",
    ]  # fmt: skip
    assert lines[3].strip() == "ValueError: boom…"
    assert LONG_NAME in lines[5]


@pytest.mark.parametrize("columns", [80, 40, WIDE])
def test_no_line_of_a_table_is_wider_than_the_terminal(history: Cli, columns: int) -> None:
    lines = history.shown("runs", "list", columns=columns)
    assert max(map(len, lines)) <= columns
    assert len(lines) == 6


def test_on_a_narrow_terminal_only_the_name_of_the_agent_gives_way(history: Cli) -> None:
    lines = history.shown("runs", "list", columns=80)
    assert "b0000004" in lines[-1]
    assert LONG_NAME[:20] in lines[-1]
    assert LONG_NAME not in lines[-1]


def test_list_on_a_terminal_is_coloured_unless_the_user_asked_for_none(history: Cli) -> None:
    coloured = history.terminal("runs", "list").end()[1]
    plain = history.terminal("runs", "list", NO_COLOR="1").end()[1]
    assert b"\x1b[31m" in coloured
    assert b"\x1b" not in plain


def test_piped_list_holds_full_values_between_tabs_and_no_heading(history: Cli) -> None:
    done = history.ok("runs", "list")
    assert (len(done.rows), done.err) == (4, "")
    assert all(len(row) == len(RUN_FIELDS) for row in done.rows)
    first = dict(zip(RUN_FIELDS, done.rows[0], strict=True))
    assert (first["id"], first["tags"], first["duration_ms"]) == (COMPLETED, "prod,env=eu", "1500")
    assert dict(zip(RUN_FIELDS, done.rows[1], strict=True))["error"] == "boom␊at line 2"
    assert done.rows[3][1] == LONG_NAME


def test_json_alone_is_one_array_with_every_field_of_every_run(history: Cli) -> None:
    rows = history.ok("runs", "list", "--json").json
    assert [list(row) for row in rows] == [RUN_FIELDS] * 4
    assert rows[0]["tags"] == ["prod", "env=eu"]
    assert rows[1]["error"] == "boom\nat line 2"
    assert [row["status"] for row in rows] == ["completed", "failed", "cancelled", "lost"]
    assert (rows[0]["cost"], rows[0]["input_tokens"], rows[0]["output_tokens"]) == (0.25, 1200, 300)


def test_json_with_names_gives_those_fields_in_that_order(history: Cli) -> None:
    done = history.ok("runs", "list", "--json", "status,id")
    assert list(done.json[0].items()) == [("status", "completed"), ("id", COMPLETED)]


def test_json_is_the_same_on_a_terminal(history: Cli) -> None:
    code, sent = history.terminal("runs", "list", "--json").end()
    assert code == 0
    assert json.loads(sent) == history.ok("runs", "list", "--json").json


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ((), [COMPLETED, FAILED, CANCELLED, LOST]),
        (("--agent", "writer"), [COMPLETED, CANCELLED]),
        (("--status", "completed"), [COMPLETED]),
        (("--status", "ok"), [COMPLETED]),
        (("--status", "failed"), [FAILED]),
        (("--status", "error"), [FAILED]),
        (("--status", "cancelled"), [CANCELLED]),
        (("--status", "lost"), [LOST]),
        (("--status", "running"), []),
        (("--since", "150m"), [COMPLETED, FAILED]),
        (("--since", "1w", "--until", "2.5h"), [CANCELLED, LOST]),
        (("--until", "1d"), [LOST]),
        (("--model", "m-1"), [COMPLETED]),
        (("--model", "m"), []),
        (("--tool", "t-1"), [COMPLETED]),
        (("--user", "ann"), [COMPLETED]),
        (("--session", "s1"), [COMPLETED]),
        (("--tag", "prod"), [COMPLETED]),
        (("--tag", "prod", "--tag", "env=eu"), [COMPLETED]),
        (("--tag", "prod", "--tag", "env=us"), []),
        (("--min-cost", "0.25"), [COMPLETED]),
        (("--min-cost", "0.26"), []),
        (("--min-cost", "0"), [COMPLETED]),
        (("--min-duration", "1.5s"), [COMPLETED, FAILED, LOST]),
        (("--min-duration", "1501ms"), [FAILED, LOST]),
        (("--agent", "writer", "--status", "ok", "--since", "2h"), [COMPLETED]),
        (("--all",), [COMPLETED, CHILD, FAILED, CANCELLED, LOST]),
        (("--all", "--agent", "helper"), [CHILD]),
    ],
)
def test_each_filter_leaves_the_runs_that_fit(
    history: Cli, arguments: tuple[str, ...], wanted: list[str]
) -> None:
    assert sorted(listed(history, *arguments)) == sorted(wanted)


def test_since_takes_a_date(history: Cli) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    assert listed(history, "--since", yesterday) == [COMPLETED, FAILED, CANCELLED]
    assert listed(history, "--until", yesterday) == [LOST]


def test_pages_follow_each_other_without_gap_or_repeat_by_the_hint_on_stderr(cli: Cli) -> None:
    cli.publish([event for number in range(1, 8) for event in run(number, ago_ns=number * HOUR)])
    seen: list[list[str]] = []
    more: list[str] = []
    while True:
        done = cli.ok("runs", "list", "--limit", "3", *more, "--json", "id")
        seen.append([row["id"] for row in done.json])
        if not done.err:
            break
        assert done.err.startswith("more: the same with --cursor ")
        more = ["--cursor", done.err.split()[-1]]
    assert seen == [[run_id(n) for n in page] for page in ([1, 2, 3], [4, 5, 6], [7])]


def test_runs_of_the_same_instant_are_neither_lost_nor_repeated_between_pages(cli: Cli) -> None:
    moment = ids.now_ns() - HOUR
    cli.publish([event for number in range(1, 6) for event in run(number, started_ns=moment)])
    first = cli.ok("runs", "list", "--limit", "2", "--json", "id")
    second = cli.ok("runs", "list", "--limit", "5", "--cursor", first.err.split()[-1], "--json", "id")
    seen = [row["id"] for row in first.json + second.json]
    assert sorted(seen) == [run_id(number) for number in range(1, 6)]


def test_an_empty_store_says_how_to_fill_it_and_lists_nothing(cli: Cli) -> None:
    assert cli.ok("runs", "list").out == ""
    assert cli.ok("runs", "list", "--json").json == []
    assert cli.shown("runs", "list") == ["no runs yet; `trodo demo` makes a few"]
    assert cli.shown("runs", "list", "--agent", "nobody") == ["no runs of nobody"]


def test_a_list_without_rows_says_what_may_have_been_meant(history: Cli) -> None:
    assert history.shown("runs", "list", "--agent", "raeder") == ["no runs of raeder; did you mean reader?"]
    assert history.shown("runs", "list", "--agent", "reader", "--status", "lost") == ["no runs fit"]


def test_a_list_without_rows_names_all_only_when_it_would_show_some(cli: Cli) -> None:
    cli.publish([*run(1, "outer"), *run(2, "inner", parent_id=run_id(1))])
    assert cli.shown("runs", "list", "--agent", "inner") == [
        "no runs fit; --all looks at runs below another too"
    ]
    assert cli.shown("runs", "list", "--all", "--agent", "inn") == ["no runs of inn; did you mean inner?"]


# -- show ----------------------------------------------------------------------------------------------


def test_show_on_a_terminal_tells_what_is_known_and_nothing_else(history: Cli) -> None:
    text = "\n".join(history.shown("runs", "show", COMPLETED, columns=WIDE))
    for part in (
        COMPLETED,
        "✓ completed",
        "writer",
        "prod, env=eu",
        "1.5s",
        "1.2k→300",
        "$0.25",
        '"ok": true',
    ):
        assert part in text
    assert "error" not in text


def test_piped_show_is_a_name_and_a_full_value_a_line(history: Cli) -> None:
    rows = history.ok("runs", "show", COMPLETED).rows
    assert [name for name, _ in rows] == DETAIL_FIELDS
    assert dict(map(tuple, rows))["input"] == "a␉b␊c"


def test_show_as_json_is_one_object_with_every_field(history: Cli) -> None:
    found = history.ok("runs", "show", COMPLETED, "--json").json
    assert list(found) == DETAIL_FIELDS
    assert (found["input"], found["output"]) == ("a\tb\nc", {"ok": True})
    assert history.ok("runs", "show", FAILED, "--json", "error_type,status").json == {
        "error_type": "ValueError",
        "status": "failed",
    }


# -- which run -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "wanted"),
    [
        (COMPLETED, COMPLETED),
        (COMPLETED.upper(), COMPLETED),
        (f"{COMPLETED[:8]}-{COMPLETED[8:12]}-{COMPLETED[12:16]}-{COMPLETED[16:20]}-{COMPLETED[20:]}", COMPLETED),
        ("a0000002", FAILED),
        ("b0000003", CANCELLED),
        ("latest", COMPLETED),
        ("latest:reader", FAILED),
        ("@1", COMPLETED),
        ("@2", FAILED),
        ("@4", LOST),
    ],
)  # fmt: skip
def test_a_run_is_found_by(history: Cli, reference: str, wanted: str) -> None:
    assert history.ok("runs", "show", reference, "--json", "id").json == {"id": wanted}


def test_latest_may_follow_json(history: Cli) -> None:
    assert history.ok("runs", "show", "--json", "latest").json["id"] == COMPLETED


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("nothing-like-this", ["nothing-like-this", "trodo runs list"]),
        ("f" * 32, ["f" * 32, "trodo runs list"]),
        ("latest:nobody", ["nobody", "trodo runs list"]),
        ("@9", ["only 4 runs", "trodo runs list"]),
        ("@0", ["@0", "trodo runs list"]),
        ("%", ["%", "trodo runs list"]),
    ],
)
def test_a_run_that_is_not_there_is_named_with_a_next_step(
    history: Cli, reference: str, words: list[str]
) -> None:
    refused(history.run("runs", "show", reference), 3, *words)


@pytest.mark.parametrize(
    "command", [("runs", "cancel"), ("runs", "delete", "--yes"), ("trace", "show")], ids=" ".join
)
def test_every_command_names_a_run_that_is_not_there(history: Cli, command: tuple[str, ...]) -> None:
    refused(history.run(*command, "nobody"), 3, "nobody", "trodo runs list")


def test_a_reference_that_fits_several_runs_names_some(history: Cli) -> None:
    refused(history.run("runs", "show", "a000000"), 2, "a000000", COMPLETED, FAILED, "more of the id")


def test_a_whole_id_is_meant_even_when_others_begin_with_it(cli: Cli) -> None:
    cli.publish([*run(id="job"), *run(id="job-2")])
    assert cli.ok("runs", "show", "job", "--json", "id").json == {"id": "job"}
    assert cli.ok("runs", "show", "job-", "--json", "id").json == {"id": "job-2"}


def test_without_a_run_and_without_a_terminal_the_command_says_how_to_name_one(history: Cli) -> None:
    refused(history.run("runs", "show"), 2, "which run?", "latest")


@pytest.mark.parametrize(("answer", "wanted"), [("", COMPLETED), ("2", FAILED), ("b0000003", CANCELLED)])
def test_on_a_terminal_a_run_is_picked_from_a_list(history: Cli, answer: str, wanted: str) -> None:
    terminal = history.terminal("runs", "show", "--json", "id")
    terminal.expect("which run? [1]")
    terminal.type(answer)
    code, sent = terminal.end()
    assert code == 0
    assert f'{{"id":"{wanted}"}}' in sent.decode()
    assert "  2  failed" in sent.decode()


def test_leaving_the_picker_with_ctrl_d_picks_nothing(cli: Cli) -> None:
    cli.publish(run(1, ago_ns=0, status="running"), alive=True)
    terminal = cli.terminal("runs", "cancel")
    terminal.expect("which run? [1]")
    terminal.child.sendeof()
    code, sent = terminal.end()
    assert b"asked" not in sent
    assert code != 0


def test_ctrl_c_at_the_picker_leaves_with_130(history: Cli) -> None:
    terminal = history.terminal("runs", "show")
    terminal.expect("which run? [1]")
    terminal.child.sendintr()
    assert terminal.end()[0] == 130


def test_commands_on_an_empty_store_say_how_to_make_a_run(cli: Cli) -> None:
    for command in (("runs", "show"), ("runs", "cancel"), ("trace", "show")):
        refused(cli.run(*command, "latest"), 3, "no runs", "trodo demo")


# -- delete --------------------------------------------------------------------------------------------


def delete_on_terminal(cli: Cli, answer: str, *arguments: str) -> tuple[int, str]:
    terminal = cli.terminal("runs", "delete", *arguments)
    terminal.expect("[y/N]")
    terminal.type(answer)
    code, sent = terminal.end()
    return code, sent.decode()


@pytest.mark.parametrize("answer", ["", "n", "no", "what?"])
def test_delete_asks_and_takes_only_a_yes(history: Cli, answer: str) -> None:
    code, sent = delete_on_terminal(history, answer, "latest")
    assert code == 0
    assert f"delete writer {COMPLETED}? [y/N]" in sent
    assert "nothing was deleted" in sent
    assert COMPLETED in listed(history)


@pytest.mark.parametrize("answer", ["y", "YES"])
def test_delete_with_a_yes_removes_all_named_runs_and_no_other(history: Cli, answer: str) -> None:
    code, sent = delete_on_terminal(history, answer, "latest", "b0000003")
    assert (code, sent.count("deleted ")) == (0, 2)
    assert listed(history) == [FAILED, LOST]
    refused(history.run("trace", "show", COMPLETED), 3, COMPLETED)


def test_ctrl_d_at_the_question_deletes_nothing(history: Cli) -> None:
    terminal = history.terminal("runs", "delete", "latest")
    terminal.expect("[y/N]")
    terminal.child.sendeof()
    assert b"nothing was deleted" in terminal.end()[1]
    assert COMPLETED in listed(history)


def test_delete_without_a_terminal_needs_yes(history: Cli) -> None:
    refused(history.run("runs", "delete", "latest", input="y\n"), 2, "--yes")
    assert COMPLETED in listed(history)
    done = history.ok("runs", "delete", "latest", COMPLETED, "--yes")
    assert (done.out, done.err) == ("", f"deleted {COMPLETED}\n")
    assert COMPLETED not in listed(history)


def test_delete_refuses_a_run_at_work_without_force_and_touches_none(cli: Cli) -> None:
    cli.publish([*run(1, ago_ns=0, status="running"), *run(2)], alive=True)
    done = cli.run("runs", "delete", run_id(2), run_id(1), "--yes")
    refused(done, 2, run_id(1), "still running", f"trodo runs cancel {run_id(1)}", "--force")
    assert listed(cli) == [run_id(1), run_id(2)]
    cli.ok("runs", "delete", run_id(2), run_id(1), "--yes", "--force")
    assert listed(cli) == []


def test_delete_with_one_unknown_run_among_others_deletes_nothing(history: Cli) -> None:
    refused(history.run("runs", "delete", COMPLETED, "nobody", "--yes"), 3, "nobody")
    assert COMPLETED in listed(history)


def test_a_lost_run_can_be_deleted(history: Cli) -> None:
    history.ok("runs", "delete", LOST, "--yes")
    assert LOST not in listed(history)


# -- cancel --------------------------------------------------------------------------------------------


def cancel_record(cli: Cli, id: str) -> dict[str, Any]:
    found: dict[str, Any] = cli.ok("runs", "show", id, "--json", "cancel").json["cancel"]
    return found


def test_cancel_notes_who_asked_and_why_and_says_how_to_watch(cli: Cli) -> None:
    cli.publish(run(1, ago_ns=0, status="running"), alive=True)
    done = cli.ok("runs", "cancel", "latest", "--reason", "too slow")
    assert done.out == ""
    assert (
        done.err
        == f"asked {run_id(1)[-8:]} to stop; `trodo tail {run_id(1)[-8:]}` shows what becomes of it\n"
    )
    noted = cancel_record(cli, run_id(1))
    assert (noted["by"], noted["reason"], noted["delivered_at"]) == ("tester", "too slow", None)


def test_cancel_as_json_gives_the_run_on_stdout(cli: Cli) -> None:
    cli.publish(run(1, ago_ns=0, status="running"), alive=True)
    done = cli.ok("runs", "cancel", run_id(1), "--json", "id,status,cancel")
    assert (done.json["id"], done.json["status"]) == (run_id(1), "running")
    assert done.json["cancel"]["reason"] is None


def test_cancelling_twice_keeps_the_first_request(cli: Cli) -> None:
    cli.publish(run(1, ago_ns=0, status="running"), alive=True)
    cli.ok("runs", "cancel", "latest", "--reason", "first")
    cli.ok("runs", "cancel", "latest", "--reason", "second")
    assert cancel_record(cli, run_id(1))["reason"] == "first"


def test_cancel_reaches_every_open_run_below(cli: Cli) -> None:
    below = [
        run(2, parent_id=run_id(1), ago_ns=0, status="running"),
        run(3, parent_id=run_id(2), status="running"),
    ]
    cli.publish([*run(1, ago_ns=0, status="running"), *below[0], *below[1], *run(4)], alive=True)
    cli.ok("runs", "cancel", run_id(1), "--reason", "all of you")
    assert [cancel_record(cli, run_id(n))["reason"] for n in (1, 2, 3)] == ["all of you"] * 3
    assert cancel_record(cli, run_id(4)) is None


def test_cancelling_a_lost_run_says_that_nobody_may_hear_it(history: Cli) -> None:
    done = history.ok("runs", "cancel", LOST)
    assert "lost" in done.err
    assert LOST[-8:] in done.err
    assert cancel_record(history, LOST)["by"] == "tester"


@pytest.mark.parametrize(("id", "status"), [(COMPLETED, "completed"), (FAILED, "failed")])
def test_cancelling_a_run_that_has_ended_says_so_and_changes_nothing(
    history: Cli, id: str, status: str
) -> None:
    done = history.ok("runs", "cancel", id, "--wait")
    assert done.err == f"{id[-8:]} has already {status}; nothing to cancel\n"
    assert cancel_record(history, id) is None


def test_cancelling_a_cancelled_run_says_so_in_a_sentence(history: Cli) -> None:
    assert "already was" not in history.ok("runs", "cancel", CANCELLED).err
