"""`trodo config list|get|set|unset|use|path`: where trodo looks, and what says so."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trodo_cli import config
from trodo_cli.cli.context import Context
from trodo_cli.cli.diagnostics import note
from trodo_cli.cli.options import Json, Target, given
from trodo_cli.errors import InvalidInput, NotFound, TrodoError

if TYPE_CHECKING:
    from trodo_cli.cli.output import Fields

app = typer.Typer(no_args_is_help=True, help="See and change where trodo looks: targets, profiles and keys.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="target, api-key or profile.")]

Setting = tuple[str, str | None, str]
"""A name, its value, and what said so."""

_FIELDS: "Fields" = {"name": lambda row: row[0], "value": lambda row: row[1], "source": lambda row: row[2]}


@app.command("list")
def list_settings(json: Json = None, target: Target = None) -> None:
    """List what is in force and why, then every profile. Keys are never shown."""
    from trodo_cli.cli import output

    fields = output.chosen(_FIELDS, json) if json else _FIELDS
    context = Context(target)
    rows = [*_in_force(context), *_profiles()]
    if json:
        output.write_json_rows(rows, fields)
    else:
        _write(rows, fields, context.is_terminal)


@app.command("get")
def get_setting(name: Name, target: Target = None) -> None:
    """Print one setting that is in force; of a key only what said so."""
    from trodo_cli.cli.output import write_text

    _checked_name(name)
    context = Context(target)
    if name == "api-key":
        found = context.key and f"set ({context.key.source})"
    else:
        found = context.target.profile if name == "profile" else context.target.shown
    if not found:
        raise NotFound(f"no {name} is in force", "`trodo config list` shows what is")
    write_text(found)


@app.command("set")
def set_setting(
    name: Name,
    value: Annotated[
        list[str] | None, typer.Argument(metavar="VALUE", help="None for a key: it is asked for.")
    ] = None,
    target: Target = None,
) -> None:
    """Set the target of a profile, the key to it, or the profile in use.

    `--profile NAME` says which profile is meant; it is made when it is missing. A key is read from stdin, or asked for
    on a terminal.
    """
    if _checked_name(name) == "api-key":
        _set_key(value, Context(target))
    elif not value or len(value) != 1:
        raise InvalidInput(f"set {name} to what?", f"`trodo config set {name} VALUE`")
    elif name == "profile":
        use_profile(value[0])
    else:
        profile = config.profile_to_change(given("profile"))
        changed = config.set_target(profile, value[0])
        note(f"the target of profile {profile} is {changed.shown}")
        _tell_of_other_key(changed)
        _tell_target()


@app.command("unset")
def unset_setting(name: Name, target: Target = None) -> None:
    """Take back a key, the choice of a profile or, by its target, a whole profile with its key."""
    if _checked_name(name) == "api-key":
        holder, origin = _key_holder(Context(target))
        _checked_gone(config.secrets.forget(holder), f"no key is stored for {holder}")
        note(f"the key for {_called(holder, origin)} is gone")
        return
    if name == "profile":
        _checked_gone(config.stop_using_profile(), "no profile is in use")
    else:
        profile = config.profile_to_change(given("profile"))
        _checked_gone(config.remove_profile(profile), f"no profile {profile!r}")
        with_key = " with its key" if config.secrets.forget(profile) else ""
        note(f"profile {profile} is gone{with_key}")
    _tell_target()


@app.command("use")
def use_profile(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="As `trodo config list` shows it.")],
) -> None:
    """Use a profile from now on; `default` is none, unless one is called so."""
    if profile == config.FIRST_PROFILE and profile not in config.profiles():
        config.stop_using_profile()
    else:
        config.use_profile(profile)
    _tell_target()


@app.command("path")
def show_paths() -> None:
    """Print where the files are: the user's settings, the keys, and the project's settings when there are some."""
    rows: list[Setting] = [
        ("settings", str(config.user_file()), ""),
        ("keys", str(config.credentials_file()), ""),
    ]
    if project := config.find_project():
        rows.append(("project", str(project.path), ""))
    fields = {name: value for name, value in _FIELDS.items() if name != "source"}
    _write(rows, fields, sys.stdout.isatty())


def _in_force(context: Context) -> Iterator[Setting]:
    yield "target", context.target.shown, context.target.source
    yield "profile", context.target.profile, context.target.source if context.target.profile else ""
    yield "api-key", "set" if context.key else None, context.key.source if context.key else ""


def _profiles() -> Iterator[Setting]:
    keys = {stored.name: stored for stored in config.secrets.stored()}
    for name, place in config.profiles().items():
        yield f"profiles.{name}.target", config.without_password(place), str(config.user_file())
        if key := keys.pop(name, None):
            yield f"profiles.{name}.api-key", f"set for {key.origin}", key.place
    for key in keys.values():
        yield f"keys.{key.name}", f"set for {key.origin}", key.place


def _set_key(values: list[str] | None, context: Context) -> None:
    if values:
        raise InvalidInput(
            "a key is no argument: other users and the shell's history would see it",
            "give none and type it when asked, or pipe it: `trodo config set api-key < FILE`",
        )
    holder, origin = _key_holder(context)
    place = config.secrets.store(holder, origin, _asked_key())
    note(f"the key for {_called(holder, origin)} is stored in {place}")


def _key_holder(context: Context) -> tuple[str, str]:
    """What a stored key belongs to, a profile or an origin, and the origin it is for."""
    target = context.target
    if not target.is_hosted:
        raise InvalidInput(
            f"{target.shown} ({target.source}) takes no key",
            "name a server: `trodo config set target URL` first, or add --target URL",
        )
    if not target.is_chosen:
        raise InvalidInput(
            f"only {target.source} names {target.shown}",
            f"if you trust that server, add --target {target.shown}",
        )
    origin = config.checked_origin(target.place)
    return target.profile or origin, origin


def _called(holder: str, origin: str) -> str:
    return origin if holder == origin else f"profile {holder} ({origin})"


def _asked_key() -> str:
    """A key from a pipe, or typed at the terminal, which does not show it."""
    if not sys.stdin.isatty():
        return config.read_key_line()
    from getpass import getpass

    note("the key (it is not shown):")
    try:
        return config.secrets.checked_key(getpass(""), "the key")
    except EOFError:
        raise KeyboardInterrupt from None


def _checked_name(name: str) -> str:
    """The name of a setting. What follows a `=` is not quoted: it may be a key."""
    if name not in ("target", "api-key", "profile"):
        raise InvalidInput(
            f"no setting {name.partition('=')[0]!r}",
            "settings: target, api-key, profile; as in `trodo config set target WHERE`",
        )
    return name


def _checked_gone(was_there: bool, otherwise: str) -> None:
    if not was_there:
        raise NotFound(otherwise, "`trodo config list` shows what there is")


def _tell_of_other_key(changed: config.Target) -> None:
    """A key that was stored for another server is not sent to this one."""
    for stored in config.secrets.stored():
        if stored.name == changed.profile and stored.origin != config.origin_of(changed.place):
            note(
                f"its key is for {stored.origin}; `trodo config set api-key --profile {stored.name}` stores another"
            )


def _tell_target() -> None:
    """Say what is in force after a change: something else may go before it."""
    try:
        target = config.target()
        note(f"in force here: {target.shown} ({target.source})")
    except TrodoError as error:
        note(f"trodo: {error.message}; {error.hint}")


def _write(rows: list[Any], fields: "Fields", for_people: bool) -> None:
    from trodo_cli.cli import output

    (output.write_columns if for_people else output.write_tab_separated)(rows, fields)
