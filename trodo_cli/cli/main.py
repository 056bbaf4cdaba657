"""The root of the command line: which commands there are, and the one place where errors end."""

from typing import Annotated, Optional

import typer
from typer._click.exceptions import NoArgsIsHelpError, UsageError  # Typer has no public name for them

from trodo_cli.cli import (
    agents,
    backup,
    config,
    db,
    demo,
    doctor,
    keys,
    prune,
    runs,
    serve,
    spool,
    tail,
    trace,
)
from trodo_cli.cli.diagnostics import MEANINGS, ExitCode, note, report, usage
from trodo_cli.cli.options import Agents, ApiKey, Profile, Program, Target, settled_json
from trodo_cli.cli.output import OutputFailed, ReaderGone, silence, steady_streams
from trodo_cli.errors import InvalidInput, TrodoError

app = typer.Typer(
    name="trodo",
    cls=Program,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="The terminal for AI-agent runs: list them, open one's span tree, follow it live, stop it.\n\n"
    "`trodo` alone opens the explorer.",
)
app.add_typer(runs.app, name="runs")
app.add_typer(trace.app, name="trace")
app.add_typer(agents.app, name="agents")
app.add_typer(spool.app, name="spool")
app.add_typer(keys.app, name="keys")
app.add_typer(config.app, name="config")
app.add_typer(db.app, name="db")
app.command("prune")(prune.prune)
app.command("tail")(tail.tail)
app.command("serve")(serve.serve)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)


@app.callback()
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
    target: Target = None,  # noqa: ARG001 - kept for the command, see options
    api_key: ApiKey = None,  # noqa: ARG001
    profile: Profile = None,  # noqa: ARG001
    agents: Agents = None,
) -> None:
    if version:
        from trodo_cli import __version__
        from trodo_cli.cli.output import write_text

        write_text(f"trodo {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        _explore_or_help(context, agents)
    elif agents:
        raise InvalidInput("--agents before a command is for the explorer", "write it after the command")


def _explore_or_help(context: typer.Context, agents: list[str] | None) -> None:
    """`trodo` alone: the explorer for a person, help for anybody else."""
    from trodo_cli.cli.context import Context
    from trodo_cli.cli.explore import can_explore, explore
    from trodo_cli.cli.output import write_text

    surroundings = Context(None, agents=agents)
    if can_explore(surroundings):
        explore(surroundings)
    else:
        write_text(context.get_help())


@app.command("help")
def help_topic(
    topic: Annotated[Optional[str], typer.Argument(help="exit-codes")] = None,  # noqa: UP045 - Typer reads it
) -> None:
    """Help on a topic: exit-codes."""
    from trodo_cli.cli.output import write_text

    if topic != "exit-codes":
        raise TrodoError(f"no help on {topic!r}" if topic else "help on what?", "topics: exit-codes")
    for code, meaning in MEANINGS.items():
        write_text(f"{int(code):>3}  {meaning}")


def _path(arguments: list[str], error: UsageError) -> str:
    """The command whose help shows what was wrong."""
    if error.ctx is not None:
        return error.ctx.command_path
    program = typer.main.get_command(app)
    assert isinstance(program, Program)
    return program.path_of(arguments)


def run(arguments: list[str]) -> int:
    """Run one command line; gives the exit code. Whatever goes wrong ends here, in words."""
    steady_streams()
    try:
        result = app(args=settled_json(arguments), prog_name="trodo", standalone_mode=False)
        return int(result or 0)
    except TrodoError as error:
        return report(error)
    except typer.Exit as ended:
        return ended.exit_code
    except NoArgsIsHelpError:
        return ExitCode.OK
    except UsageError as error:
        return usage(error.format_message(), _path(arguments, error))
    except (KeyboardInterrupt, typer.Abort):
        return ExitCode.INTERRUPTED
    except ReaderGone:
        silence()
        return ExitCode.OK
    except OutputFailed as error:
        silence()
        note(f"trodo: {error}; what was recorded is not touched")
        return ExitCode.ERROR
