"""Which key a target is sent.

Order: `--api-key`, `TRODO_API_KEY`, the key stored for the profile or for the URL's origin, the key of a server
on this machine.

A repository that one has just cloned can hold a project file that names the URL of a stranger. So a URL that only
such a file names gets no key of the user's: neither the flag (refused in words) nor `TRODO_API_KEY` (left out, see
`is_withheld`). The user names an origin by `--target`, `TRODO_TARGET`, a profile of their own, or by storing a key
for exactly that origin. A stored key is bound to its origin and sent to no other, whoever names it. A project file
that names a profile changes nothing in this: the URL is the one in the user's own profile. The same holds for every
`Target` whose source is not the user's word, such as one that a recording was meant for long ago.

A recording that waits on disk keeps a mark of the key that it was meant to be sent with, and whoever ships it later
sends it with that key or not at all: with another one it would become another owner's. The key of a server on this
machine is a new one each time it starts, so its mark is that it is the server's own.
"""

import os
import sys
from pathlib import Path

from trodo_cli.config import secrets
from trodo_cli.config.profiles import profiles
from trodo_cli.config.secrets import checked_key, key_mark
from trodo_cli.config.servers import local_server_key
from trodo_cli.config.targets import Target, recording_target
from trodo_cli.config.urls import checked_origin, origin_of
from trodo_cli.errors import InvalidInput

MAX_BYTES = 64 * 1024

OWN_MARK = "own"
"""Of the key of a server on this machine."""


class FoundKey:
    """A key and what said so; it never shows itself."""

    __slots__ = ("mark", "source", "value")

    def __init__(self, value: str, source: str, mark: str | None = None) -> None:
        self.value = value
        self.source = source
        self.mark = mark or key_mark(value)
        """What it is known again by."""

    def __repr__(self) -> str:
        return f"FoundKey({self.source!r})"


def api_key(target: Target, flag: str | None = None) -> str | None:
    """The key to send to a target; None for one that takes none, or when there is none."""
    found = find_key(target, flag)
    return found.value if found else None


def find_key(target: Target, flag: str | None = None) -> FoundKey | None:
    """The key to send to a target. `flag` is what `--api-key` says: `KEY`, `@FILE`, or `-` for a line of stdin.

    Raises `InvalidInput`, which never quotes a key.
    """
    if not target.is_hosted:
        return None
    origin = checked_origin(target.place)
    if flag is not None:
        if not _is_users_own(target, origin):
            raise InvalidInput(
                f"the key was not sent: only {target.source} names {target.shown}",
                f"if you trust that server, add --target {target.shown}",
            )
        return FoundKey(_read_flag(flag), "--api-key")
    return _environment_key(target, origin) or _stored_key(target, origin) or _local_key(target)


def recording_key(place: str, given: str | None = None) -> FoundKey | None:
    """The key to send a recording with. `given` is that of a program which named the place itself, or nothing."""
    if given:
        return FoundKey(given, "the program")
    return find_key(recording_target(place, is_named=given is not None))


def recording_mark(place: str, given: str | None = None) -> str | None:
    """The mark of that key, None without one. The keyring, which may take its time, is not asked."""
    if given:
        return key_mark(given)
    target = recording_target(place, is_named=given is not None)
    if not target.is_hosted:
        return None
    origin = checked_origin(target.place)
    if key := _environment_key(target, origin):
        return key.mark
    names = _names(target, origin)
    if names:
        return secrets.mark_of(names[0], origin)
    return OWN_MARK if _local_key(target) else None


def is_withheld(target: Target) -> bool:
    """Whether there is a `TRODO_API_KEY` that this target is not sent, because only a project file names it."""
    return bool(
        target.is_hosted
        and os.environ.get("TRODO_API_KEY")
        and not _is_users_own(target, checked_origin(target.place))
    )


def _is_users_own(target: Target, origin: str) -> bool:
    """Whether the user named this origin, and not only a file that came with a project."""
    if target.is_chosen:
        return True
    named = [os.environ.get("TRODO_TARGET", ""), *profiles().values()]
    return origin in {origin_of(place) for place in named} | {stored.origin for stored in secrets.stored()}


def _stored_key(target: Target, origin: str) -> FoundKey | None:
    """The key of the target's profile, else of its origin, else of the only profile there is for that origin."""
    places = {stored.name: stored.place for stored in secrets.stored()}
    for name in _names(target, origin):
        key = secrets.load(name, origin)
        if key is not None:
            return FoundKey(
                checked_key(key, f"the key stored for {name}"), f"stored for {name} in {places[name]}"
            )
    return None


def _names(target: Target, origin: str) -> list[str]:
    """Under which names keys are stored that may be sent to a target, the one that is meant first."""
    known = [stored.name for stored in secrets.stored() if stored.origin == origin]
    others = [name for name in known if name != origin]
    wanted = [target.profile, origin] if target.profile else [origin, *(others if len(others) == 1 else [])]
    return [name for name in wanted if name in known]


def _environment_key(target: Target, origin: str) -> FoundKey | None:
    text = os.environ.get("TRODO_API_KEY")
    if not text or not _is_users_own(target, origin):
        return None
    return FoundKey(checked_key(text, "TRODO_API_KEY"), "TRODO_API_KEY")


def _local_key(target: Target) -> FoundKey | None:
    key = local_server_key(target.place)
    return FoundKey(key, "the server on this machine", OWN_MARK) if key else None


def _read_flag(flag: str) -> str:
    if flag == "-":
        return read_key_line()
    if flag.startswith("@"):
        return checked_key(read_key_file(flag[1:], "--api-key"), f"the key in {flag[1:]}")
    return checked_key(flag, "--api-key")


def read_key_line() -> str:
    """The key that stands in the next line of stdin. Raises `InvalidInput`."""
    try:
        line = sys.stdin.readline(MAX_BYTES)
    except UnicodeDecodeError:
        line = "\ufffd"
    return checked_key(line, "the key on stdin")


def read_key_file(name: str, option: str) -> str:
    """What stands in the file that `@FILE` of an option names. Raises `InvalidInput`."""
    path = Path(name)
    try:
        with open(path.expanduser(), "rb") as file:
            return file.read(MAX_BYTES).decode(errors="replace")
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no such path"
        raise InvalidInput(f"{option}: cannot read {path}: {reason}", f"write {option} @FILE") from None
