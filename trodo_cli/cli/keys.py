"""`trodo keys create|list|revoke`: who may use a server that keeps its runs at this target."""

from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from trodo_cli.cli.context import Context
from trodo_cli.cli.diagnostics import ExitCode, note, report
from trodo_cli.cli.options import Json, Target
from trodo_cli.errors import NotFound

if TYPE_CHECKING:
    from trodo_cli.cli.output import Fields
    from trodo_cli.model.key import Key

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke the API keys of a server.")

Text = Optional[str]  # noqa: UP045 - Typer reads the annotation


@app.command("create")
def create_key(
    owner: Annotated[str, typer.Option(metavar="NAME", help="Whose runs the key opens.")],
    scope: Annotated[
        str,
        typer.Option(
            metavar="SCOPES",
            help="What it may, with commas: ingest (send events), read, control (start, cancel, delete), "
            "metrics (GET /metrics).",
        ),
    ] = "ingest,read,control",
    label: Annotated[str, typer.Option(metavar="TEXT", help="What it is for.", show_default=False)] = "",
    target: Target = None,
) -> None:
    """Make a key and print it, this one time.

    Only its digest is stored.
    """
    from trodo_cli.cli.output import write_text
    from trodo_cli.client import connect
    from trodo_cli.model.key import owner_name, read_scopes

    name, scopes = owner_name(owner), read_scopes(scope)
    with closing(connect(Context(target).target.place)) as client:
        key, secret = client.keys.create(name, scopes, label)
    note(f"{key.id}: {key.owner} may {', '.join(key.scopes)}")
    note("the key is shown this once; programs take it from TRODO_API_KEY")
    write_text(secret)


@app.command("list")
def list_keys(
    owner: Annotated[Text, typer.Option(metavar="NAME", help="Keys of this owner.")] = None,
    json: Json = None,
    target: Target = None,
) -> None:
    """List keys, newest first, the revoked ones too."""
    from trodo_cli.cli import output

    fields = output.chosen(_FIELDS, json) if json else _FIELDS
    context = Context(target)
    rows = context.client.keys.list(owner)
    if json:
        output.write_json_rows(rows, fields)
    elif not rows:
        note(f"no keys{f' of {owner}' if owner else ''} yet; `trodo keys create --owner NAME` makes one")
    elif context.is_terminal:
        output.write_columns(rows, fields)
    else:
        output.write_tab_separated(rows, fields)


@app.command("revoke")
def revoke_keys(
    keys: Annotated[
        list[str], typer.Argument(metavar="KEY_ID…", help="Ids as `trodo keys list` shows them.")
    ],
    target: Target = None,
) -> None:
    """End keys for good: every server on this target refuses them at once.

    An unknown id does not keep the others from being revoked.
    """
    client = Context(target).client
    code = ExitCode.OK
    for key_id in dict.fromkeys(keys):
        try:
            key = client.keys.revoke(key_id)
            note(f"revoked {key.id}: whoever shows this key of {key.owner} is refused from now on")
        except NotFound as error:
            code = report(error)
    raise typer.Exit(code)


def _created(key: "Key") -> str:
    from trodo_cli.render.format import iso

    return iso(key.created_ns)


_FIELDS: "Fields" = {
    "id": lambda key: key.id,
    "owner": lambda key: key.owner,
    "scopes": lambda key: key.scopes,
    "label": lambda key: key.label,
    "created_at": _created,
    "state": lambda key: "active" if key.revoked_ns is None else "revoked",
}
