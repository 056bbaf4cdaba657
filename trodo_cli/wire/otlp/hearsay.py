"""What the spans of one trace say of their run, gathered into one announcement."""

from typing import Any, TypeVar

import msgspec

from trodo_cli.model.heard_run import hearsay_run
from trodo_cli.model.hearsay import FIRST, FOURTH, LAST, SECOND, THIRD, Claim, Claims, begun, better
from trodo_cli.model.ids import MAX_ID_LENGTH
from trodo_cli.model.payload import NO_PAYLOAD
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span
from trodo_cli.wire import conventions as names
from trodo_cli.wire.genai import SESSION, USER, agent_of, kind_of, metadata_of, opened, tags_of
from trodo_cli.wire.otlp.export import MAX_NS, OUR_SCOPE, ZERO_TRACE, OtlpSpan
from trodo_cli.wire.otlp.scopes import SCOPES, Habits
from trodo_cli.wire.values import json_value
from trodo_cli.wire.words import answer_of, question_of


class Hearsay:
    """Takes the spans of a trace, in any order."""

    def __init__(self) -> None:
        self._claims: Claims = {}
        self._values: dict[str, Any] = {}
        self._tags: set[str] = set()
        self._calls: list[Span] = []
        """Model calls below the top whose words were not looked at yet."""
        self._started_ns = 0

    def take(self, otlp: OtlpSpan, span: Span) -> None:
        """Hear what one span says."""
        said, is_root = otlp.attributes, otlp.parent_id is None
        first = begun(span.started_ns, span.id, is_root=is_root)
        self._started_ns = min(self._started_ns or span.started_ns, span.started_ns)
        self._tags.update(tags_of(said))
        self._claim_agent(otlp, span, is_root, first)
        noted = metadata_of(said)
        self._claim_part("attributes", first, noted or None)
        for name, field, keys in _WHO:
            self._claim(name, FIRST + first, field.text(said))
            self._claim(name, LAST + first, _text(noted, keys))
        self._claim("parent", first, _parent(otlp))
        if not span.is_open:
            self._claim("status", _status_source(otlp, span, is_root), _outcome(span))
        self._claim_exchange(otlp, span, is_root, first)

    def run(self, run_id: str) -> Run:
        """The announcement."""
        self._claim_words()
        said = {name: value for name, value in sorted(self._values.items()) if value is not None}
        texts = {name: msgspec.Raw(json_value(value)) for name, value in said.items()}
        payload = msgspec.Raw(msgspec.json.encode(texts)) if texts else NO_PAYLOAD
        tags = tuple(sorted(self._tags))
        return hearsay_run(run_id, self._claims, started_ns=self._started_ns, tags=tags, payload=payload)

    def _claim_agent(self, otlp: OtlpSpan, span: Span, is_root: bool, first: str) -> None:
        """The agent that a root or an agent's span names; else a workflow or the making of an agent, or a span."""
        said = otlp.attributes
        told, is_made = agent_of(said), is_root and said.get("gen_ai.operation.name") == _CREATION
        if told is not None and not (is_root or span.kind == "agent"):
            self._claim("agent", FOURTH + first, told)
        elif told is not None and is_made:
            self._claim("agent", SECOND + first, f"{_CREATION} {told}")
        elif told is not None:
            self._claim("agent", (FIRST if _is_an_agents(said) else SECOND) + first, told)
        elif span.kind == "agent":
            name = span.name.removeprefix("invoke_agent ").removesuffix(_habits(otlp).agent_suffix)
            self._claim("agent", THIRD + first, name or None)
        else:
            self._claim("agent", LAST + first, span.name or None)

    def _claim_exchange(self, otlp: OtlpSpan, span: Span, is_root: bool, first: str) -> None:
        """Input and output of the run: as it was said of the trace, or else of its topmost spans, or of its calls."""
        last = _ended(span)
        details = span.details if is_root or span.kind == "agent" else None
        is_ours = is_root and otlp.scope.name == OUR_SCOPE
        for name, key, order in (("input", names.RUN_INPUT, first), ("output", names.RUN_OUTPUT, last)):
            if (told := otlp.attributes.get(key)) is not None:
                self._claim_part(name, FIRST + order, opened(told))
            elif details is not None:
                rank = SECOND if is_root else THIRD
                self._claim_part(name, rank + order, getattr(details, name), is_known=is_ours)
        if details is None and span.kind == "model":
            self._calls.append(span)

    def _claim_words(self) -> None:
        """What the first model call was asked, and what the last one answered, which may be nothing."""
        calls, self._calls = self._calls, []
        for call in sorted(calls, key=_call_begun):
            if self._claim_question(call):
                break
        for call in sorted((call for call in calls if not call.is_open), key=_ended):
            if self._claim_answer(call):
                break

    def _claim_question(self, call: Span) -> bool:
        """Whether no call that began later needs to be looked at."""
        source = LAST + _call_begun(call)
        if not self._is_news("input", source):
            return True
        asked = question_of(_decoded(call, _Asked).input)
        self._claim_part("input", source, asked)
        return asked is not None

    def _claim_answer(self, call: Span) -> bool:
        """Whether no call that ended earlier needs to be looked at."""
        source = LAST + _ended(call)
        if not self._is_news("output", source):
            return True
        answer = answer_of(_decoded(call, _Answered).output)
        is_known = answer is not None or call.status != "ok"
        self._claim_part("output", source, answer or None, is_known=is_known)
        return is_known

    def _claim_part(self, name: str, source: str, value: Any, *, is_known: bool = False) -> None:
        """`is_known`: that there is none is said too."""
        if (value is not None or is_known) and self._claim(name, source, True):
            self._values[name] = value

    def _is_news(self, name: str, source: str) -> bool:
        """Whether nobody who knows better has said this."""
        claim = self._claims.get(name)
        return claim is None or source < claim.source

    def _claim(self, name: str, source: str, value: Any) -> bool:
        """Keep what is said if nobody knows better; whether it was kept."""
        if value is None:
            return False
        claim = Claim(source, value)
        stands = better(self._claims.get(name), claim)
        self._claims[name] = stands or claim
        return stands is claim


_WHO = (("session", SESSION, ("session_id", "thread_id")), ("user", USER, ("user_id",)))
"""For whom a run is: in attributes of its own, or else among what was noted."""


def _text(noted: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    return next((text for key in keys if isinstance(text := noted.get(key), str) and text), None)


_CREATION = "create_agent"
"""What makes an agent and does none of its work; often a trace of its own."""

_WORKFLOW_NAMES = frozenset(names.AGENT["traceloop"])
_WORKFLOWS = (("traceloop.span.kind", "workflow"), ("gen_ai.operation.name", "invoke_workflow"))


def _is_an_agents(said: dict[str, Any]) -> bool:
    """Whether a span that names an agent does more than name the workflow it is in."""
    if _WORKFLOW_NAMES.isdisjoint(said):
        return True
    beside = {name: value for name, value in said.items() if name not in _WORKFLOW_NAMES}
    if agent_of(beside) is not None:
        return True
    return kind_of(dict(told for told in beside.items() if told not in _WORKFLOWS)) == "agent"


class _Asked(msgspec.Struct):
    input: Any = None


class _Answered(msgspec.Struct):
    output: Any = None


Part = TypeVar("Part")


def _decoded(span: Span, part: type[Part]) -> Part:
    """One part of a payload, the others of which may be large."""
    return msgspec.json.decode(bytes(span.payload) or b"{}", type=part)


_OUTCOMES = {"error": "failed", "cancelled": "cancelled"}


def _outcome(span: Span) -> tuple[str, str | None, str | None]:
    return (_OUTCOMES.get(span.status, "completed"), span.error, span.error_type)


def _status_source(otlp: OtlpSpan, span: Span, is_root: bool) -> str:
    """A root decides, of several one that failed; without a root the span that began first.

    Where roots are well whatever happened, the agent below them that ended last.
    """
    first, hides_failure = begun(span.started_ns, span.id, is_root=is_root), _habits(otlp).root_hides_failure
    if is_root and span.status == "error":
        return FIRST + first
    if is_root:
        return (FOURTH if hides_failure and span.status == "ok" else SECOND) + first
    if hides_failure and span.kind == "agent":
        return THIRD + _ended(span)
    return LAST + first


def _ended(span: Span) -> str:
    """The place of a span from the end of its trace: what ended last first, what is open behind all others."""
    return f"{MAX_NS - (span.ended_ns or 0):020d}{span.id}"


def _call_begun(span: Span) -> str:
    return begun(span.started_ns, span.id, is_root=False)


def _habits(otlp: OtlpSpan) -> Habits:
    return SCOPES.get(otlp.scope.name, _NO_HABITS)


_NO_HABITS = Habits()


def _parent(otlp: OtlpSpan) -> tuple[str, str | None] | None:
    """The run above: one that is named, or else the only other trace that a root has links to."""
    named = otlp.attributes.get(names.PARENT_RUN)
    if isinstance(named, str) and 0 < len(named) <= MAX_ID_LENGTH:
        return named, None
    linked = {link.trace_id for link in otlp.links if link.trace_id not in ("", ZERO_TRACE, otlp.trace_id)}
    if otlp.parent_id is not None or len(linked) != 1:
        return None
    return next((link.trace_id, link.span_id or None) for link in otlp.links if link.trace_id in linked)
