"""`trodo prune`: runs that are too old to be kept."""

from typing import Annotated, Optional

import typer

from trodo_cli.cli.context import Context
from trodo_cli.cli.diagnostics import note
from trodo_cli.cli.options import Target
from trodo_cli.errors import InvalidInput


def prune(
    older_than: Annotated[
        str, typer.Option(metavar="AGE", help="How long ago they were last heard of, as 90d.")
    ],
    owner: Annotated[
        Optional[str],  # noqa: UP045 - Typer reads the annotation
        typer.Option(metavar="NAME", help="Only runs of this owner; else of all."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    target: Target = None,
) -> None:
    """Remove runs that were last heard of so long ago, with their spans, for good.

    Nothing is removed unless somebody asks for it. Runs on a server are pruned where the server keeps them.
    """
    from trodo_cli.cli.diagnostics import ask
    from trodo_cli.client.local import LocalClient
    from trodo_cli.model.ids import now_ns
    from trodo_cli.query.times import read_duration

    before_ns = now_ns() - read_duration(older_than, "--older-than")
    context = Context(target)
    if context.target.is_hosted:
        raise InvalidInput(
            f"{context.target.shown} is a server", "name what it keeps its runs in with --target"
        )
    whose = f"of {owner}" if owner else "of every owner"
    if not yes:
        if not context.is_interactive:
            raise InvalidInput("this removes runs for good", "say --yes if that is meant")
        answer = ask(f"remove the runs {whose} last heard of {older_than} ago or earlier? [y/N]")
        if (answer or "").lower() not in ("y", "yes"):
            note("nothing was removed")
            return
    client = context.client
    assert isinstance(client, LocalClient)
    note(f"removed {client.hub.store.prune(before_ns, owner)} runs")
