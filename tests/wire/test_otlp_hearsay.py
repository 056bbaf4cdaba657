"""What the spans of a trace say of their run: a few spans in, the run out, in whatever order and batches they come."""

import itertools
from typing import Any

import pytest

from tests.wire.otlp_made import agent, body, model, span
from trodo_cli.model.event import RunStart
from trodo_cli.model.heard_run import ended_hearsay, joined_hearsay
from trodo_cli.model.run import Run
from trodo_cli.wire.otlp.events import events_of
from trodo_cli.wire.otlp.export import Export
from trodo_cli.wire.otlp.text import read_json
from trodo_cli.wire.words import MAX_WORDS

FAILED, FINE = {"code": 2, "message": "boom"}, {"code": 1}


def heard(*spans: Any, scope: str = "") -> Run:
    """The run after its end, which is the same for every order of its spans and every place to part them."""
    return heard_from((spans, scope))


def heard_from(*told: tuple[tuple[Any, ...], str]) -> Run:
    """The same of spans by their libraries."""
    taken = [made for spans, scope in told for made in read_json(body(*spans, scope=scope)).spans]
    whole = announced(taken)
    for order in itertools.permutations(taken):
        for cut in range(1, len(order)):
            assert joined_hearsay(announced(order[:cut]), announced(order[cut:])) == whole
    return ended_hearsay(whole)


def announced(spans: Any) -> Run:
    run, *_ = events_of(Export(list(spans)))
    assert isinstance(run, RunStart)
    return run.run


# -- how it went -------------------------------------------------------------------------------------

HIDING = ("openinference.instrumentation.openai_agents", "opentelemetry.instrumentation.openai_agents")


def workflow(**said: Any) -> Any:
    return span(1, attributes={"openinference.span.kind": "AGENT"}, **{"status": FINE, **said})


@pytest.mark.parametrize("scope", HIDING)
def test_an_agent_that_failed_fails_the_run_below_a_root_that_is_always_well(scope: str) -> None:
    run = heard(workflow(), agent(2, 1, status=FAILED), span(3, 2, status=FINE), scope=scope)
    assert (run.status, run.error) == ("failed", "boom")


@pytest.mark.parametrize("scope", HIDING)
def test_of_several_agents_the_one_that_ended_last_tells_how_the_run_went(scope: str) -> None:
    caught = heard(workflow(), agent(2, 1, status=FAILED), agent(3, 1, status=FINE), scope=scope)
    assert (caught.status, caught.error) == ("completed", None)
    handed_on = heard(workflow(), agent(2, 1, status=FINE), agent(3, 1, status=FAILED), scope=scope)
    assert (handed_on.status, handed_on.error) == ("failed", "boom")


def test_a_model_call_that_failed_and_was_tried_again_fails_no_run() -> None:
    run = heard(workflow(), agent(2, 1), span(3, 2, status=FAILED), span(4, 2), scope=HIDING[0])
    assert run.status == "completed"


def test_a_root_that_failed_says_so_whoever_made_it() -> None:
    run = heard(workflow(status={"code": 2, "message": "top"}), agent(2, 1), scope=HIDING[0])
    assert (run.status, run.error) == ("failed", "top")


def test_the_root_of_somebody_else_around_such_agents_decides() -> None:
    inside = ((span(2, 1, status=FINE), agent(3, 2, status=FAILED)), HIDING[0])
    assert heard_from(((span(1),), "service"), inside).status == "completed"


@pytest.mark.parametrize("scope", ["", "other"])
def test_an_agent_that_failed_below_any_other_root_fails_no_run(scope: str) -> None:
    assert heard(workflow(), agent(2, 1, status=FAILED), scope=scope).status == "completed"


# -- whose run it is ---------------------------------------------------------------------------------


def named(number: int, parent: int | None = None, **said: Any) -> Any:
    """A span with these attributes, whose dots are underscores twice."""
    return span(number, parent, attributes={name.replace("__", "."): value for name, value in said.items()})


FLOW: dict[str, Any] = {"traceloop__span__kind": "workflow", "traceloop__workflow__name": "flow"}
OUTRIGHT: dict[str, Any] = {"gen_ai__operation__name": "invoke_agent", "gen_ai__agent__name": "expert"}


@pytest.mark.parametrize(
    "root",
    [
        FLOW,
        {"gen_ai__operation__name": "invoke_workflow", "gen_ai__workflow__name": "flow"},
    ],
)
def test_the_name_of_a_workflow_gives_way_to_that_of_the_first_agent_in_it(root: dict[str, Any]) -> None:
    first, second = named(2, 1, **OUTRIGHT), agent(3, 1)
    assert heard(named(1, **root), first, second).agent == "expert"
    assert heard(named(1, **root), named(2, 1, openinference__span__kind="AGENT")).agent == "flow"
    assert heard(named(1, **root), named(2, 1, agent__name="of a step")).agent == "flow"


@pytest.mark.parametrize(
    ("root", "name"),
    [
        ({**FLOW, "gen_ai__agent__name": "top"}, "top"),
        ({**FLOW, "traceloop__span__kind": "agent", "traceloop__entity__name": "top"}, "top"),
        ({**FLOW, "traceloop__entity__name": "top"}, "top"),
        ({**FLOW, "gen_ai__operation__name": "invoke_agent"}, "flow"),
        ({**FLOW, "openinference__span__kind": "AGENT"}, "flow"),
        ({"langfuse__trace__name": "trace"}, "trace"),
    ],
)
def test_a_root_that_says_more_than_its_workflow_gives_way_to_none(root: dict[str, Any], name: str) -> None:
    assert heard(named(1, **root), named(2, 1, **OUTRIGHT)).agent == name


@pytest.mark.parametrize(
    ("scope", "name"),
    [("openinference.instrumentation.smolagents", "weather"), ("other", "weather.run"), ("", "weather.run")],
)
def test_the_span_of_an_agent_is_called_like_it_but_for_what_its_library_puts_behind(
    scope: str, name: str
) -> None:
    said = {"openinference.span.kind": "AGENT"}
    made = span(1, attributes=said, name="weather.run"), span(2, 1, attributes=said, name="helper.run")
    assert heard(*made, scope=scope).agent == name


CREATION: dict[str, Any] = {"gen_ai__operation__name": "create_agent", "gen_ai__agent__name": "expert"}


def test_the_making_of_an_agent_is_no_run_of_it() -> None:
    assert heard(named(1, **CREATION)).agent == "create_agent expert"


def test_who_makes_an_agent_and_lets_it_work_has_a_run_of_it() -> None:
    assert heard(named(1, **CREATION), named(2, **OUTRIGHT)).agent == "expert"
    assert heard(span(1), named(2, 1, **CREATION), named(3, 1, **OUTRIGHT)).agent == "expert"


# -- for whom ----------------------------------------------------------------------------------------


NOTED: dict[str, Any] = {"metadata": '{"user_id":"ada","session_id":"s","thread_id":"t"}'}


def test_user_and_session_are_taken_from_the_metadata_where_nobody_says_them() -> None:
    run = heard(named(1, **NOTED), named(2, 1, metadata='{"user_id":"bob"}'))
    assert (run.user, run.session) == ("ada", "s")
    assert heard(named(1, metadata='{"thread_id":"t","session_id":""}')).session == "t"


def test_whatever_is_said_outright_anywhere_wins_over_the_metadata() -> None:
    outright = named(2, 1, user__id="eve", session__id="said")
    run = heard(named(1, **NOTED), outright, named(3, 2))
    assert (run.user, run.session) == ("eve", "said")


@pytest.mark.parametrize("noted", ['{"user_id":7}', '{"user_id":null}', "user_id", '["user_id"]', ""])
def test_metadata_without_such_texts_says_nothing(noted: str) -> None:
    assert heard(named(1, metadata=noted)).user is None


# -- what was asked and answered ---------------------------------------------------------------------


def call(number: int, parent: int | None = None, asked: Any = None, answered: Any = None, **said: Any) -> Any:
    """A model call with its messages."""
    told = {"gen_ai.input.messages": asked, "gen_ai.output.messages": answered}
    attributes = {name: value for name, value in told.items() if value is not None}
    return model(number, parent, attributes=attributes, **said)


def words(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


QUESTION = [words("system", "Be brief."), words("user", "Earlier?"), words("user", "Weather?")]
LOOKING = [{"role": "assistant", "parts": [{"type": "tool_call", "id": "c", "name": "look"}]}]
RESULT = {"role": "user", "parts": [{"type": "tool_call_response", "id": "c", "response": "sun"}]}
ANSWER = [words("assistant", "Sunny.")]


def exchange(run: Run) -> tuple[Any, Any]:
    return run.details.input, run.details.output


def test_a_silent_run_was_asked_what_its_first_call_was_and_answers_what_the_last_one_does() -> None:
    first, last = call(2, 1, QUESTION, LOOKING), call(4, 1, [*QUESTION, RESULT], ANSWER)
    assert exchange(heard(agent(1), first, span(3, 1), last)) == ("Weather?", "Sunny.")
    assert exchange(heard(span(1), first, last)) == ("Weather?", "Sunny.")


def test_what_an_agent_says_itself_wins_over_its_calls() -> None:
    inner = agent(2, 1, attributes={"input.value": "asked", "output.value": "told"})
    assert exchange(heard(span(1), inner, call(3, 2, QUESTION, ANSWER))) == ("asked", "told")
    asked = agent(1, attributes={"input.value": "asked"})
    assert exchange(heard(asked, call(2, 1, QUESTION, ANSWER))) == ("asked", "Sunny.")


def test_a_run_whose_last_call_wanted_a_tool_has_no_answer() -> None:
    run = heard(agent(1), call(2, 1, QUESTION, ANSWER), call(3, 1, QUESTION, LOOKING))
    assert exchange(run) == ("Weather?", None)


@pytest.mark.parametrize("asked", [QUESTION, None])
def test_a_run_whose_last_call_failed_has_no_answer(asked: Any) -> None:
    run = heard(agent(1), call(2, 1, QUESTION, ANSWER), call(3, 1, asked, status=FAILED))
    assert exchange(run) == ("Weather?", None)


def test_an_embedding_after_the_last_answer_is_no_answer() -> None:
    vector = span(3, 1, attributes={"gen_ai.operation.name": "embeddings", "output.value": [0.5, 0.25]})
    assert exchange(heard(agent(1), call(2, 1, QUESTION, ANSWER), vector)) == ("Weather?", "Sunny.")


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"role": "human", "content": "Weather?"}, "Weather?"),
        ({"role": "user", "content": [{"type": "input_text", "text": "Wea"}, {"type": "x"}, "ther?"]}, "Wea\nther?"),
        ({"role": "user", "content": [{"text": "Weather?"}]}, "Weather?"),
        ({"role": "user", "parts": [{"type": "reasoning", "content": "hm"}]}, None),
        ({"role": ["user"], "content": {"type": []}}, None),
        ("Weather?", None),
    ],
)  # fmt: skip
def test_words_are_found_in_whatever_shape_a_message_has(message: Any, text: str | None) -> None:
    assert heard(agent(1), call(2, 1, [message])).details.input == text


def test_of_very_long_words_the_run_has_the_beginning() -> None:
    long = "x" * (MAX_WORDS + 1)
    run = heard(agent(1), call(2, 1, [words("user", long)], [words("assistant", long)]))
    assert exchange(run) == (long[:-1], long[:-1])
