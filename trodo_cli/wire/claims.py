"""Hearsay in canonical form: only claims that are known, each with a value of its kind."""

from typing import Any

from trodo_cli.errors import InvalidInput
from trodo_cli.model.heard_run import hearsay_run
from trodo_cli.model.hearsay import Claim
from trodo_cli.model.ids import MAX_ID_LENGTH, canonical_id
from trodo_cli.model.run import TERMINAL_STATUSES, Run
from trodo_cli.wire.values import storable_text

MAX_SOURCE_LENGTH = MAX_ID_LENGTH + 40

_TEXTS, _MARKS = (
    frozenset(("agent", "session", "user")),
    frozenset(("input", "output", "attributes", "part", "over")),
)


def settle_hearsay(run: Run) -> None:
    """Make the run what its claims say, in place. Raises `InvalidInput` for claims that make no sense."""
    claims = {name: _settled(name, claim) for name, claim in run.heard.items()}
    said = {name: getattr(run, name) for name in ("tags", "started_ns", "ended_ns", "patience_ns", "payload")}
    made = hearsay_run(run.id, claims, **said)
    for name in Run.__struct_fields__:
        setattr(run, name, getattr(made, name))


def _settled(name: str, claim: Claim) -> Claim:
    if len(claim.source) > MAX_SOURCE_LENGTH:
        raise InvalidInput(f"the source of a claim has more than {MAX_SOURCE_LENGTH} characters")
    return Claim(storable_text(claim.source), _value(name, claim.value))


def _value(name: str, value: Any) -> Any:
    if name in _MARKS:
        return True
    if name in _TEXTS and isinstance(value, str):
        return storable_text(value)
    parts = list(value) if isinstance(value, list | tuple) else []
    texts = [storable_text(part) if isinstance(part, str) else None for part in parts]
    if name == "parent" and len(texts) == 2 and texts[0]:
        return [canonical_id(texts[0]), texts[1]]
    if name == "status" and len(texts) == 3 and texts[0] in TERMINAL_STATUSES:
        return texts
    raise InvalidInput(f"spans cannot say this of their run: {name[:80]!r}")
