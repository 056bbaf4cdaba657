"""What our own client asks a server for, and the answers that have no model of their own."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from trodo_cli.errors import InvalidInput
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.query.plan import RunFilter


class CancelRequest(msgspec.Struct, omit_defaults=True):
    """The body of a cancel, which may be empty."""

    reason: str | None = None
    by: str | None = None
    force: bool = False


class StartRequest(msgspec.Struct, rename="camel"):
    """The body that starts a run."""

    agent_id: str = ""
    input: Any = msgspec.UNSET
    session_id: str | None = None


Seconds = Annotated[int, msgspec.Meta(ge=60, le=31_536_000)]


class Retention(msgspec.Struct, rename="camel"):
    """How long a run is kept. Runs stay here until they are deleted or pruned, whatever the seconds say."""

    mode: Literal["session"] = "session"
    ttl_seconds: Seconds | None = None
    artifact_ttl_seconds: Seconds | None = None


class StartOrder(StartRequest):
    """What an agntz client may say besides.

    An agent has one version, `@latest`. A run does not end another one of its session. `content`, `context` and what
    is called back are refused.
    """

    retention: Retention | None = None
    content: Any = None
    context: Any = None
    callback_url: Any = None
    webhook_secret_name: Any = None

    def check(self) -> None:
        """Raises `InvalidInput` for what is not done here, so that nobody relies on it."""
        for field in msgspec.structs.fields(self):
            if field.name in _NOT_DONE and getattr(self, field.name):
                word = field.encode_name
                raise InvalidInput(
                    f"`{word}` is not taken here", "leave it out; an agent is given its `input`"
                )


_NOT_DONE = ("content", "context", "callback_url", "webhook_secret_name")


class Found(msgspec.Struct):
    """The run behind a reference."""

    id: str


class TraceRows(msgspec.Struct):
    """A trace as a store holds it: the run, its spans, and the runs directly below it."""

    run: Run
    spans: list[Span]
    children: list[Run] = []


def list_query(wanted: RunFilter, limit: int, cursor: str | None) -> dict[str, str]:
    """The query parameters of a list: the whole filter as one JSON text."""
    query = {"filter": msgspec.json.encode(wanted).decode(), "limit": str(limit)}
    return {**query, "cursor": cursor} if cursor is not None else query


def read_list_query(query: Mapping[str, str], default_limit: int) -> tuple[RunFilter, int, str | None]:
    """The filter, the limit and the cursor behind query parameters. Raises `InvalidInput`."""
    try:
        wanted = msgspec.json.decode(query.get("filter", "{}"), type=RunFilter)
        limit = int(query.get("limit", default_limit))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InvalidInput(f"the list was not asked for as it should be: {error}") from None
    return wanted, limit, query.get("cursor")
