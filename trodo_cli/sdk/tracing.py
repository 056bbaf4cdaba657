"""The functions of `import trodo`: runs, spans, joining, cancelling, flushing.

None of them raises into the host program, except `RunCancelled` in a run that was asked to stop.
"""

from typing import Any

from trodo_cli.model import ids
from trodo_cli.model.run import Run, RunStatus, canonical_status
from trodo_cli.sdk.context import here, innermost, use_telemetry
from trodo_cli.sdk.joined import JoinedRun
from trodo_cli.sdk.recorder import configure, quietly, recorder
from trodo_cli.sdk.run import RunHandle
from trodo_cli.sdk.span import SpanHandle
from trodo_cli.sdk.telemetry import read_telemetry
from trodo_cli.wire.values import text_of, text_or_none

FLUSH_SECONDS = 5.0


@quietly
def init(
    target: str | None = None,
    *,
    api_key: str | None = None,
    api_base: str | None = None,
    site_id: str | None = None,
    telemetry: Any = None,
    **_options: Any,
) -> None:
    """Say where runs are recorded: a path, `memory:`, or the URL of a server with the key to it.

    Without it they go to `TRODO_TARGET`, else to the file in the data folder; the key is `TRODO_API_KEY`. `api_base`
    and `site_id` are other words for `target` and `api_key`; the other options of the official SDK are taken and
    change nothing here.

    `telemetry` pipes every span into a tracer of OpenTelemetry besides: the tracer, or a `Telemetry` or mapping with
    `tracer`, `record_io=False`, `record_tool_io=False`, `base_attributes`.
    """
    use_telemetry(read_telemetry(telemetry))
    configure(target or api_base, api_key or site_id)


def wrap_agent(
    agent_name: str,
    *,
    distinct_id: Any = None,
    conversation_id: Any = None,
    parent_run_id: str | None = None,
    metadata: dict[str, Any] | None = None,
    user: dict[str, Any] | None = None,
    input: Any = None,
    telemetry: Any = None,
) -> RunHandle:
    """A run of an agent, as a `with` or `async with` block; gives a `RunHandle`.

    Inside another run it becomes a run below that one. `distinct_id` is the end user, `conversation_id`
    the session, `user` facts about the end user; `telemetry` as for `init`, for this run.
    """
    run = Run(
        id=ids.new_run_id(),
        agent=text_of(agent_name),
        user=text_or_none(distinct_id),
        session=text_or_none(conversation_id),
        parent_id=_known_id(parent_run_id),
    )
    handle = RunHandle(run, read_telemetry(telemetry))
    if metadata is not None:
        handle.set_metadata(metadata)
    if user is not None:
        handle.set_metadata(user=user)
    if input is not None:
        handle.set_input(input)
    return handle


def span(
    name: str, *, kind: str = "generic", input: Any = None, attributes: dict[str, Any] | None = None
) -> SpanHandle:
    """A piece of work inside the run at hand, as a `with` or `async with` block; gives a `SpanHandle`.

    `kind` is `agent`, `model` (or `llm`), `tool`, `retrieval`, `step`, `generic` or a word of your own.
    Outside a run it does nothing.
    """
    return SpanHandle(name, kind, input, attributes)


def join_run(
    run_id: str,
    parent_span_id: str | None = None,
    *,
    name: str | None = None,
    kind: str = "agent",
    input: Any = None,
    attributes: dict[str, Any] | None = None,
) -> JoinedRun:
    """Work on a run that another file, process or service owns, as a `with` or `async with` block.

    Makes no run: spans for an id that nobody announces are never shown. With a `name` the block is a
    span itself.
    """
    wrapper = SpanHandle(name, kind, input, attributes) if name is not None else None
    return JoinedRun(_known_id(run_id) or ids.new_run_id(), _known_id(parent_span_id), wrapper)


def start_run(
    agent_name: str,
    *,
    run_id: str | None = None,
    distinct_id: Any = None,
    conversation_id: Any = None,
    parent_run_id: str | None = None,
    metadata: dict[str, Any] | None = None,
    input: Any = None,
    user: dict[str, Any] | None = None,
) -> str:
    """Begin a run that no block surrounds; gives its id. Work on it with `join_run`."""
    handle = wrap_agent(
        agent_name,
        distinct_id=distinct_id,
        conversation_id=conversation_id,
        parent_run_id=parent_run_id,
        metadata=metadata,
        user=user,
        input=input,
    )
    return handle.begin(_known_id(run_id))


def end_run(
    run_id: str,
    *,
    output: Any = None,
    status: str = "ok",
    error_summary: str | None = None,
    metadata: dict[str, Any] | None = None,
) -> None:
    """End a run that `start_run` began, here or elsewhere. `status`: `ok`, `error`, `cancelled`."""
    known_id = _known_id(run_id)
    if known_id is None:
        return
    handle = RunHandle(Run(id=known_id, ended_ns=ids.now_ns(), status=_end_status(status, error_summary)))
    if error_summary is not None:
        handle.set_error_summary(error_summary)
    if output is not None:
        handle.set_output(output)
    if metadata is not None:
        handle.set_metadata(metadata)
    handle.finish()


def current_run_id() -> str | None:
    """The run that the code at hand belongs to, or None."""
    place = here()
    return place.run.id if place is not None else None


def current_span_id() -> str | None:
    """The span that the code at hand belongs to; the run's own root id directly below a run; or None."""
    place = here()
    if place is None:
        return None
    return innermost(place) or ids.root_span_id(place.run.id)


def check_cancelled() -> None:
    """Raise `RunCancelled` when the run at hand was asked to stop; for long work between two spans."""
    place = here()
    if place is not None:
        place.run.raise_if_cancelled()


def flush(timeout: float | None = None) -> bool:
    """Wait until all that was recorded so far is at the target; False when `timeout` seconds (5) went by first."""
    return bool(_flushed(FLUSH_SECONDS if timeout is None else timeout))


@quietly
def shutdown() -> None:
    """Flush and stop the background thread. Recording again starts it anew."""
    recorder().close(FLUSH_SECONDS)


@quietly
def _flushed(seconds: float) -> bool:
    return recorder().flush(seconds)


@quietly
def _canonical(text: Any) -> str:
    return ids.canonical_id(str(text))


def _known_id(text: Any) -> str | None:
    """A caller's id in its one spelling; None for none, or for one that is no id."""
    return _canonical(text) if text is not None else None


def _end_status(status: str, error_summary: str | None) -> RunStatus:
    """The run status behind a caller's own word."""
    match canonical_status(text_of(status)):
        case "failed":
            return "failed"
        case "cancelled":
            return "cancelled"
        case _:
            return "failed" if error_summary is not None else "completed"
