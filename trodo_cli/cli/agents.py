"""`trodo agents list|show`: what `trodo runs start` can start."""

from typing import TYPE_CHECKING, Annotated

import typer

from trodo_cli.cli.context import Context
from trodo_cli.cli.diagnostics import ExitCode, note
from trodo_cli.cli.options import Agents, Json, Target

if TYPE_CHECKING:
    from trodo_cli.cli.output import Fields

app = typer.Typer(no_args_is_help=True, help="List and show agents that can be started.")


@app.command("list")
def list_agents(agents: Agents = None, json: Json = None, target: Target = None) -> None:
    """List agents: those that --agents or the project's trodo.toml names, or those of the server.

    Sources that cannot be used are told; when there is nothing else, the exit code is 1.
    """
    from trodo_cli.cli import output

    fields = output.chosen(_DETAIL_FIELDS, json) if json else _FIELDS
    context = Context(target, agents=agents, create=True)
    rows = context.client.agents.list()
    broken = context.client.agents.broken()
    for source in broken:
        note(f"trodo: {source.source}: {source.error}")
    if json:
        output.write_json_rows(rows, fields)
    elif not context.is_terminal:
        output.write_tab_separated(rows, fields)
    elif rows:
        output.write_columns(rows, fields)
    elif not broken:
        place = "the server: trodo serve --agents" if context.target.is_hosted else "--agents"
        note(f"no agents; name where they are with {place}, or `agents` in the project's trodo.toml")
    if broken and not rows:
        raise typer.Exit(ExitCode.ERROR)


@app.command("show")
def show_agent(
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="Its id.")],
    agents: Agents = None,
    json: Json = None,
    target: Target = None,
) -> None:
    """Show one agent: what it is for, what it takes and what it gives, as JSON Schema."""
    from trodo_cli.cli import output

    fields = output.chosen(_DETAIL_FIELDS, json) if json else _DETAIL_FIELDS
    context = Context(target, agents=agents, create=True)
    found = context.client.agents.get(agent)
    if json:
        output.write_json(output.record(found, fields))
        return
    if not context.is_terminal:
        output.write_pairs(found, fields)
        return
    from trodo_cli.render.detail import agent_detail

    options = [word for place in agents or () for word in ("--agents", place)]
    lines = agent_detail(found, context.glyphs, width=context.width, options=options)
    output.write_lines(lines, colour=context.colour)


_FIELDS: "Fields" = {
    "id": lambda agent: agent.id,
    "kind": lambda agent: agent.kind,
    "source": lambda agent: agent.source,
    "description": lambda agent: agent.description.partition("\n")[0],
}
_DETAIL_FIELDS: "Fields" = {
    "id": lambda agent: agent.id,
    "kind": lambda agent: agent.kind,
    "source": lambda agent: agent.source,
    "description": lambda agent: agent.description,
    "input": lambda agent: agent.input,
    "output": lambda agent: agent.output,
}
