"""`trodo runs start`: an agent at work, in a process of its own."""

import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from trodo_cli.cli.context import Context
from trodo_cli.cli.diagnostics import note
from trodo_cli.cli.limits import MaxMemory, MaxTime, limits_of, use_limits
from trodo_cli.cli.options import Agents, Json, Target
from trodo_cli.errors import InvalidInput, TrodoError

if TYPE_CHECKING:
    from collections.abc import Callable

Text = Optional[str]  # noqa: UP045 - Typer reads the annotation


def start_run(
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="Its id; `trodo agents list` shows them.")],
    input: Annotated[
        Text, typer.Option("--input", metavar="JSON", help="What it is given: JSON, @FILE, or - for stdin.")
    ] = None,
    session: Annotated[Text, typer.Option(help="The session it belongs to.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Tell what happens, one line an event.")] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return at once; the run goes on in the background.")
    ] = False,
    agents: Agents = None,
    max_time: MaxTime = None,
    max_memory: MaxMemory = None,
    json: Json = None,
    target: Target = None,
) -> None:
    """Start an agent, print the run's id, and stay until it has ended.

    The exit code is the run's result: 0 completed, 6 failed or lost, 7 cancelled.

    Ctrl-c, SIGTERM and SIGHUP ask the run to stop, a second one ends it by force. On a server it goes on by itself.
    """
    from trodo_cli.cli import output
    from trodo_cli.cli.records import EVENT_FIELDS, RUN_DETAIL_FIELDS

    if follow and detach:
        raise InvalidInput("--follow and --detach do not go together", "leave one of them out")
    fields = output.chosen(EVENT_FIELDS if follow else RUN_DETAIL_FIELDS, json) if json else None
    value = _read_input(input)
    context = Context(target, agents=agents, create=True)
    limits = limits_of(max_time, max_memory)
    if context.target.is_hosted:
        if max_time is not None or max_memory is not None:
            raise InvalidInput("a server has limits of its own", "leave out --max-time and --max-memory")
    elif detach:
        said = {"--session": session, "--max-time": max_time, "--max-memory": max_memory}
        output.write_text(_in_background(context, agent, value, said, agents))
        return
    else:
        use_limits(context.client, limits)
    _heed_signals()
    run = context.client.runs.start(agent_id=agent, input=value, session_id=session)
    if follow or json:
        note(f"run {run.id}")
    if not (follow or json):
        output.write_text(run.id)
    if not detach:
        raise typer.Exit(
            _stay(context, run.id, _follower(context, run.id, fields) if follow else None, fields)
        )


def _heed_signals() -> None:
    """An end of the terminal or of the session is a ctrl-c, unless whoever started us has said to ignore it."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def _stay(context: Context, run_id: str, follow: "Callable[[], int] | None", fields: Any) -> int:
    """Stay until the run has ended; what its result means for the shell."""
    from trodo_cli.cli import output
    from trodo_cli.cli.runs import ended_run
    from trodo_cli.cli.tail import RESULTS

    asked = 0
    while True:
        try:
            if follow is not None:
                return follow()
            run = ended_run(context, run_id)
            break
        except KeyboardInterrupt:
            asked += 1
            if context.target.is_hosted or asked > 2:
                note(f"{run_id} goes on; `trodo tail {run_id}` shows what becomes of it")
                raise
            _cancel(context, run_id, force=asked > 1)
    if fields is not None:
        output.write_json(output.record(run, fields))
    elif run.error:
        note(f"{run_id} {run.status}: {run.error}")
    return int(RESULTS[run.status])


def _cancel(context: Context, run_id: str, *, force: bool) -> None:
    from trodo_cli import config

    context.client.runs.cancel(run_id, by=config.user_name(), reason="ctrl-c", force=force)
    note("ending it by force" if force else "asked the run to stop; ctrl-c again ends it by force")


def _follower(context: Context, run_id: str, fields: Any) -> "Callable[[], int]":
    """Tells the run's events from where it stopped."""
    from trodo_cli.cli.tail import Following, follow_run

    following = Following(run_id, 0)
    return lambda: int(follow_run(context, following, fields, plain=False, payload=False))


def _in_background(
    context: Context, agent: str, value: Any, options: dict[str, Any], agents: list[str] | None
) -> str:
    """The same command as a process that outlives this one; the id of its run."""
    import tempfile
    from subprocess import PIPE, Popen

    import msgspec

    said = ["--target", context.target.place] if context.target.is_chosen else []
    said += [part for name, text in options.items() if text is not None for part in (name, str(text))]
    said += [part for place in agents or [] for part in ("--agents", place)]
    command = [sys.executable, "-m", "trodo_cli", "runs", "start", agent, *said]
    command += ["--input", "-"] if value is not msgspec.UNSET else []
    with tempfile.TemporaryFile() as words:
        process = Popen(command, stdin=PIPE, stdout=PIPE, stderr=words, start_new_session=True)
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError), process.stdin:
            process.stdin.write(b"" if value is msgspec.UNSET else msgspec.json.encode(value))
        with process.stdout:
            run_id = process.stdout.readline().decode().strip()
        if run_id:
            process.returncode = 0  # it is on its own from here; nobody waits for it
            return run_id
        code = process.wait()
        words.seek(0)
        for line in words.read().decode(errors="replace").splitlines():
            note(line)
    raise typer.Exit(code)


def _read_input(text: str | None) -> Any:
    """What the agent is given. Raises `InvalidInput` for what is no JSON."""
    import msgspec

    if text is None:
        return msgspec.UNSET
    data = _read_text(text)
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"--input is no JSON: {error}", "a text stands in quotes: --input '\"words\"'"
        ) from None


def _read_text(text: str) -> bytes:
    from trodo_cli.runner.limits import MAX_INPUT_BYTES

    if text == "-":
        return sys.stdin.buffer.read(MAX_INPUT_BYTES + 1)
    if not text.startswith("@"):
        return text.encode()
    try:
        with Path(text[1:]).expanduser().open("rb") as file:
            return file.read(MAX_INPUT_BYTES + 1)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no such path"
        raise TrodoError(f"--input: cannot read {text[1:]}: {reason}", "write --input @FILE") from None
