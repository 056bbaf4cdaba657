"""What is recorded when it has happened already: a tool call, a model call, what somebody says of a run."""

from typing import Any

from trodo_cli.model import ids
from trodo_cli.model.event import FeedbackGiven, RunEnd, RunStart, SpanEnd
from trodo_cli.model.run import Feedback, Run
from trodo_cli.sdk.context import here
from trodo_cli.sdk.recorder import quietly, recorder
from trodo_cli.sdk.span import SpanHandle
from trodo_cli.wire.values import plain_value, text_of, text_or_none


def track_mcp(
    *,
    tool: str,
    distinct_id: Any,
    input: Any = None,
    output: Any = None,
    error: str | None = None,
    duration_ms: float | None = None,
    session_id: Any = None,
    client_label: str | None = None,
    attributes: dict[str, Any] | None = None,
    agent_name: str = "MCP",
    **_options: Any,
) -> str:
    """Record one tool call of an MCP server, which has just ended, as a run of its own; gives the id of its span.

    `distinct_id` is the end user, `session_id` the MCP session.
    """
    handle = SpanHandle(f"tool.{text_of(tool)}", "tool", {"tool": tool, "params": input}, attributes)
    handle.set_tool(tool)
    if client_label is not None:
        handle.set_attribute("mcp_client_label", client_label)
    if output is not None:
        handle.set_output(output)
    if error is not None:
        handle.set_error(error)
    run = Run(
        id=ids.new_run_id(),
        agent=text_of(agent_name),
        user=text_or_none(distinct_id),
        session=text_or_none(session_id),
    )
    return _recorded_call(run, handle, duration_ms) or ids.new_span_id()


@quietly
def _recorded_call(run: Run, handle: SpanHandle, duration_ms: float | None) -> str:
    ended_ns = ids.now_ns()
    span = handle.finished(ended_ns - round(max(duration_ms or 0.0, 0.0) * 1e6), ended_ns)
    run.started_ns = span.started_ns
    end = Run(
        id=run.id, status="completed" if span.error is None else "failed", ended_ns=ended_ns, error=span.error
    )
    for event in (
        RunStart(run_id=run.id, run=run),
        SpanEnd(run_id=run.id, span=span),
        RunEnd(run_id=run.id, run=end),
    ):
        recorder().record(event)
    return span.id


@quietly
def feedback(
    run_id: str,
    *,
    satisfaction: str | None = None,
    rating: float | None = None,
    comment: str | None = None,
    distinct_id: Any = None,
    metadata: dict[str, Any] | None = None,
) -> None:
    """What somebody says of a run, also long after its end. `satisfaction`: `positive` or `negative`."""
    given = Feedback(
        at_ns=ids.now_ns(),
        satisfaction=text_or_none(satisfaction),
        rating=None if rating is None else float(rating),
        comment=text_or_none(comment),
        user=text_or_none(distinct_id),
        attributes=plain_value(dict(metadata or {})),
    )
    known_id = ids.canonical_id(str(run_id))
    recorder().record(FeedbackGiven(run_id=known_id, feedback=(given,)))


def track_llm_call(
    *,
    model: str | None = None,
    provider: str | None = None,
    input_tokens: int | None = None,
    output_tokens: int | None = None,
    cache_read_tokens: int | None = None,
    cache_write_tokens: int | None = None,
    usage_details: dict[str, Any] | None = None,
    usage: Any = None,
    cost_details: dict[str, float] | None = None,
    prompt: Any = None,
    completion: Any = None,
    temperature: float | None = None,
    cost: float | None = None,
    name: str | None = None,
    metadata: dict[str, Any] | None = None,
) -> None:
    """Record a model call that has already happened, as one span; also in a run that was asked to stop.

    `usage` is the provider's usage object, `cost` in USD.
    """
    place = here()
    if place is None:
        return
    handle = SpanHandle(
        "llm" if name is None and model is None else name or model or "", "model", prompt, metadata
    )
    handle.open(place)
    handle.set_llm(
        model=model,
        provider=provider,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cost=cost,
        usage_details=usage_details if usage is None else usage,
        cost_details=cost_details,
        cache_read_tokens=cache_read_tokens,
        cache_write_tokens=cache_write_tokens,
        temperature=temperature,
    )
    if completion is not None:
        handle.set_output(completion)
    handle.__exit__(None, None, None)
