"""A span of the host program: a block, and the handle inside it."""

from typing import Any, Self

from trodo_cli.model import ids
from trodo_cli.model.event import SpanEnd, SpanStart, SpanUpdate
from trodo_cli.model.span import Span, SpanStatus, Usage, canonical_kind
from trodo_cli.sdk.block import Block
from trodo_cli.sdk.context import ActiveRun, Place, here, innermost, runs_around
from trodo_cli.sdk.details import (
    MAX_ERROR_CHARACTERS,
    MAX_STACK_CHARACTERS,
    Details,
    error_message,
    error_stack,
    is_cancel,
    is_clean_exit,
    settled,
)
from trodo_cli.sdk.recorder import quietly, recorder
from trodo_cli.sdk.telemetry import mirrored_span
from trodo_cli.wire.semconv import flattened, usage_fields, usage_of, whole_number
from trodo_cli.wire.values import json_value, text_of


class SpanHandle(Block):
    """A span, as a `with` or `async with` block and as the handle inside it.

    Outside a run it does nothing.
    """

    __slots__ = ("_details", "_held", "_pid", "_span", "_started", "span_id")

    def __init__(self, name: str, kind: str, input: Any, attributes: dict[str, Any] | None) -> None:
        self._span = Span(id="", name=text_of(name), kind=canonical_kind(text_of(kind)))
        self._details = Details()
        super().__init__()
        self.span_id: str | None = None
        self._held: list[ActiveRun] = []
        """The runs whose tasks wait for the end of this model call when they are cancelled."""
        if input is not None:
            self._details.input = json_value(input)
        if attributes is not None:
            self.set_attributes(attributes)

    def __enter__(self) -> Self:
        place = here()
        if place is None:
            return self
        place.run.raise_if_cancelled()
        self.open(place)
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if not self.step_out():
            return
        try:
            self._close(settled(error, self.run))
        finally:
            for run in self._held:
                run.calls.end(self)
        if error is None:
            self.run.raise_if_cancelled()

    @quietly
    def set_input(self, value: Any) -> None:
        """What the work was given; any value. Shown while the span is still open."""
        self._details.input = json_value(value)
        if self._token is not None:
            self._span.version += 1
            recorder().record(SpanUpdate(run_id=self.run.id, span=self._complete()))

    @quietly
    def set_output(self, value: Any) -> None:
        """What came of it; any value."""
        self._details.output = json_value(value)

    @quietly
    def set_attribute(self, key: str, value: Any) -> None:
        """A fact about the span, under a name of your choice."""
        self._details.note(key, value)

    @quietly
    def set_attributes(self, attributes: dict[str, Any]) -> None:
        """Several facts at once."""
        for key, value in dict(attributes).items():
            self._details.note(key, value)

    @quietly
    def set_tool(self, tool_name: str) -> None:
        """The function that is called; the span's own name can differ."""
        self._span.tool = text_of(tool_name)

    @quietly
    def set_level(self, level: str) -> None:
        """`debug`, `default`, `warning` or `error`; a warning does not make an error."""
        self._span.level = text_of(level)

    @quietly
    def set_llm(
        self,
        *,
        model: str | None = None,
        provider: str | None = None,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        cost: float | None = None,
        usage_details: Any = None,
        cost_details: dict[str, float] | None = None,
        cache_read_tokens: int | None = None,
        cache_write_tokens: int | None = None,
        temperature: float | None = None,
    ) -> None:
        """Facts about a model call; what is None stays as it was. `cost` in USD.

        `usage_details` is a provider's usage object; token counts given by name go before it.
        `cost_details` is the cost in USD by category.
        """
        span = self._span
        if model is not None:
            span.model = text_of(model)
        if provider is not None:
            span.provider = text_of(provider)
        if temperature is not None:
            self._details.note("temperature", temperature)
        if cost is not None:
            self._set_cost(cost)
        elif cost_details:
            self._set_cost_details(cost_details)
        if usage_details is not None:
            self._set_usage(usage_details)
        counts = (input_tokens, output_tokens, cache_read_tokens, cache_write_tokens)
        if counts != _NO_COUNTS:
            span.usage = _counted(span.usage or Usage(), counts)

    @quietly
    def set_error(
        self,
        message: str,
        *,
        type: str | None = None,
        status_code: Any = None,
        stack_trace: str | None = None,
    ) -> None:
        """Mark the span as failed, also when no exception leaves its block."""
        self._span.error = text_of(message)[:MAX_ERROR_CHARACTERS]
        self._span.error_type = None if type is None else text_of(type)
        self._span.status_code = None if status_code is None else text_of(status_code)
        if stack_trace:
            self._details.stack = text_of(stack_trace)[-MAX_STACK_CHARACTERS:]

    @quietly
    def _set_cost(self, cost: Any) -> None:
        self._span.cost = float(cost)

    @quietly
    def _set_usage(self, details: Any) -> None:
        self._details.note("usage_details", details)
        self._span.usage = usage_of(usage_fields(details)) or self._span.usage

    @quietly
    def _set_cost_details(self, details: dict[str, float]) -> None:
        self._details.note("cost_details", details)
        self._span.cost = float(sum(flattened(details).values()))

    @quietly
    def open(self, place: Place) -> None:
        """Begin below this place, also in a run that was asked to stop."""
        own, span = recorder(), self._span
        self.run, self.outer, self._pid = place.run, place, own.pid
        self.span_id = span.id = ids.new_span_id()
        span.parent_id, span.status, span.ended_ns = innermost(place), "running", None
        self._started = ids.monotonic_ns()
        span.started_ns = ids.now_ns()
        if place.run.telemetry is not None:
            self._mirror = mirrored_span(place.run.telemetry, span, self.run.id)
        self.step_in()
        if span.kind == "model":
            self._hold_runs()
        own.record(SpanStart(run_id=self.run.id, span=self._complete()))

    def _hold_runs(self) -> None:
        self._held = runs_around(self)
        for run in self._held:
            run.calls.begin(self)

    @quietly
    def _close(self, error: BaseException | None) -> None:
        own, span = recorder(), self._span
        if own.pid != self._pid:
            return
        span.ended_ns = span.started_ns + ids.monotonic_ns() - self._started
        if error is not None and span.error is None and not is_clean_exit(error):
            self.set_error(error_message(error), type=type(error).__name__, stack_trace=error_stack(error))
        span.status = _span_status(error, span, self.run)
        span.version += 1
        own.record(SpanEnd(run_id=self.run.id, span=self._complete()))
        if self._mirror is not None:
            self._mirror.end(span, self._details.attributes, error)

    def finished(self, started_ns: int, ended_ns: int) -> Span:
        """The span of work that was done elsewhere, in that time."""
        span = self._complete()
        span.id, span.started_ns, span.ended_ns = ids.new_span_id(), started_ns, ended_ns
        span.status = "ok" if span.error is None else "error"
        return span

    def _complete(self) -> Span:
        self._span.payload = self._details.payload()
        return self._span


def _span_status(error: BaseException | None, span: Span, run: ActiveRun) -> SpanStatus:
    if error is None or is_clean_exit(error):
        return "ok" if span.error is None else "error"
    return "cancelled" if is_cancel(error, run) else "error"


def _counted(usage: Usage, counts: tuple[Any, ...]) -> Usage:
    """The usage with those counts set that were told."""
    for field, count in zip(("input", "output", "cache_read", "cache_write"), counts, strict=True):
        if count is not None:
            setattr(usage, field, whole_number(count))
    return usage


_NO_COUNTS = (None, None, None, None)
