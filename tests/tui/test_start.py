"""An agent is started from the list of runs: chosen, given its input, followed, stopped."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from textual.filter import LineFilter
from textual.widgets import Input

from tests.cli.hostile import faults
from tests.runner.conftest import home as home
from tests.runner.conftest import local as local
from tests.runner.conftest import recording as recording
from tests.runner.conftest import stage as stage
from tests.runner.stage import Stage
from tests.tui.exploring import Exploring, stored
from trodo_cli.client.local import LocalClient
from trodo_cli.client.starter import LocalAgents
from trodo_cli.errors import InvalidInput
from trodo_cli.model.agent import Agent
from trodo_cli.render.form import Field, Form
from trodo_cli.render.safe import safe_line
from trodo_cli.render.theme import UNICODE
from trodo_cli.tui.app import Explorer
from trodo_cli.tui.screens.start import StartScreen

ORDERS = """
import trodo

@trodo.agent("order", description="Buys what is missing.")
def order(item: str, count: int, *, gift: bool = False, level: str = "low") -> dict:
    return {"item": item, "count": count, "gift": gift, "level": level}

@trodo.agent("nothing")
def nothing() -> str:
    return "done"
"""


def explore(stage: Stage, story: Callable[[Exploring], Awaitable[None]], *, height: int = 40) -> None:
    """Tell a story of an explorer over the stage's store."""

    async def told() -> None:
        app = Explorer(stage.client, UNICODE, by="tester")
        async with app.run_test(size=(110, height), notifications=True) as pilot:
            await story(Exploring(stage.local, pilot, app))

    asyncio.run(told())


async def chosen(it: Exploring, agent: str, *texts: str) -> None:
    """The agent's form, with the cursor in its first field."""
    await it.shows("no runs yet")
    await it.press("s")
    await it.shows("start an agent", "> ")
    await it.press(*agent)
    await it.shows(f"> {agent}", *texts)
    await it.press("enter")


def test_an_agent_is_chosen_given_its_input_and_followed_to_its_end(stage: Stage) -> None:
    async def story(it: Exploring) -> None:
        await chosen(it, "editor", "Makes it shorter.", "input * text")
        await it.press(*"draft", "enter")
        await it.shows("gpt-5.4-mini", "running", "following")
        await asyncio.to_thread(stage.open, "editor")
        await it.shows("✓ completed  editor")
        (run,) = stage.every_run()
        assert stage.ended(run.id).details.input == "draft"

    explore(stage, story)


def test_a_flat_object_is_one_field_a_property_and_what_does_not_fit_is_told_in_place(stage: Stage) -> None:
    stage.write("orders.py", ORDERS)

    async def story(it: Exploring) -> None:
        await chosen(it, "order", "item * text", "count * integer", "gift true or false", "level text")
        await it.press(*"tea", "tab", *"many", "enter")
        await it.shows("the input of order does not fit: `count`", "many")
        assert isinstance(it.app.screen, StartScreen)
        assert stage.every_run() == []
        await it.press(*["backspace"] * 4, "3", "down", *["backspace"] * 5, *"true", "enter")
        await it.shows("✓ completed  order")
        (run,) = stage.every_run()
        wanted = {"item": "tea", "count": 3, "gift": True, "level": "low"}
        assert stage.ended(run.id).details.output == wanted

    explore(stage, story)


def test_what_is_required_and_left_empty_is_told(local: Stage) -> None:
    local.write("orders.py", ORDERS)

    async def story(it: Exploring) -> None:
        await chosen(it, "order", "item * text")
        await it.press("enter")
        await it.shows('"item" is a required property')
        await it.press("escape")
        await it.shows("no runs yet")
        assert local.every_run() == []

    explore(local, story)


def test_a_list_is_typed_as_json(local: Stage) -> None:
    async def story(it: Exploring) -> None:
        await chosen(it, "writer", "input * JSON", ": []")
        await it.press("backspace", "enter")
        await it.shows("this is no JSON")
        await it.press(*'"a note"]', "enter")
        await it.shows("claude-sonnet-4-6", "running")
        local.open("writer")
        await it.shows("✓ completed  writer")
        assert local.every_run()[0].status == "completed"

    explore(local, story)


def test_an_agent_that_takes_nothing_starts_at_once(local: Stage) -> None:
    local.write("orders.py", ORDERS)

    async def story(it: Exploring) -> None:
        await chosen(it, "nothing")
        await it.shows("✓ completed  nothing")

    explore(local, story)


def test_arrows_choose_and_a_short_terminal_has_room_for_it(local: Stage) -> None:
    async def story(it: Exploring) -> None:
        await it.shows("no runs yet")
        await it.press("s")
        first = (await it.shows("start an agent", "enter starts")).split("> ")[1].split()[0]
        await it.press("down", "down", "up")
        second = it.screen.split("> ")[1].split()[0]
        assert [first, second] == [agent.id for agent in local.client.agents.list()[:2]]
        await it.press(*"nobody", "enter")
        await it.shows("no agent fits")

    explore(local, story, height=20)


def test_a_started_run_is_cancelled_as_any(stage: Stage) -> None:
    async def story(it: Exploring) -> None:
        await chosen(it, "editor")
        await it.press(*"draft", "enter")
        await it.shows("gpt-5.4-mini", "running")
        await asyncio.to_thread(stage.reached, "editor")
        await it.press("c")
        await it.shows("Ask to stop: editor")
        await it.press("enter")
        await it.shows("cancel requested by tester")
        (run,) = stage.every_run()
        await asyncio.to_thread(stage.heard, run.id)
        stage.open("editor")
        await it.shows("⊘ cancelled  editor")

    explore(stage, story)


def test_where_nothing_can_be_started_it_says_what_to_do(stage: Stage) -> None:
    for file in (stage.folder / "agents").glob("*.py"):
        file.unlink()

    async def story(it: Exploring) -> None:
        await it.shows("no runs yet")
        await it.press("s")
        await it.shows("no agents to start", "trodo.toml", "trodo serve --agents")

    explore(stage, story)


def test_a_file_that_cannot_be_used_is_told_beside_the_others(local: Stage) -> None:
    local.write("broken.py", "raise RuntimeError('not today')")

    async def story(it: Exploring) -> None:
        await it.shows("no runs yet")
        await it.press("s")
        await it.shows("start an agent", "editor", "not today")

    explore(local, story)


HOSTILE = "\x1b]52;c;aGk=\x07[red]\u202eevil\x9b2J\x7f"


def test_what_an_agent_says_of_itself_cannot_drive_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    part = {"type": "string", "title": HOSTILE, "default": HOSTILE}
    flat = {"type": "object", "properties": {HOSTILE: part, "kind": {"enum": [HOSTILE]}}}
    deep = {"type": "array", "default": [HOSTILE]}
    agents = [
        Agent(id=HOSTILE + str(at), description=HOSTILE, input=input) for at, input in enumerate((flat, deep))
    ]

    class Unguarded(Explorer):
        """Without the second filter, which would hide what the first one missed."""

        def get_line_filters(self) -> list[LineFilter]:
            return []

    async def told(client: LocalClient) -> None:
        async with Unguarded(client, UNICODE).run_test(size=(110, 40)) as pilot:
            it = Exploring(client, pilot, pilot.app)  # type: ignore[arg-type]
            await it.shows("no runs yet")
            await it.press("s")
            await it.shows("start an agent", safe_line(HOSTILE), "kind")
            assert not faults(it.screen.encode(), terminal=False)
            await it.press("down")
            await it.shows("JSON", "\\u202e")
            assert not faults(it.screen.encode(), terminal=False)
            assert not any("\x7f" in field.value for field in pilot.app.screen.query(Input))

    with stored([]) as client:
        monkeypatch.setattr(LocalAgents, "list", lambda _: agents)
        asyncio.run(told(client))


# -- the form, by itself ---------------------------------------------------------------------------


def test_fields_show_their_kind_their_default_and_whether_they_must_be_filled() -> None:
    nullable = {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}
    level = {"enum": ["low", 3], "default": "low"}
    form = Form(
        {
            "$ref": "#/$defs/Input",
            "$defs": {
                "Input": {
                    "type": "object",
                    "properties": {
                        "a": {"type": "string"},
                        "b": nullable,
                        "c": level,
                        "d": {"type": "number", "default": 0.5},
                    },
                    "required": ["a"],
                }
            },
        }
    )
    assert form.fields == [
        Field("a", "text", True),
        Field("b", "integer"),
        Field("c", "low | 3", False, "low", ("low", 3)),
        Field("d", "number", False, "0.5"),
    ]
    assert form.value(["3", "", "3", "x"]) == {"a": "3", "c": 3, "d": "x"}


def test_what_is_no_scalar_is_json_beside_the_others() -> None:
    point = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
    tags = {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}], "default": None}
    properties = {"mode": {"enum": ["x", "y"]}, "at": point, "tags": tags, "more": {"default": [1]}}
    form = Form({"type": "object", "properties": properties, "required": ["mode", "at"]})
    assert form.fields == [
        Field("mode", "x | y", True, "", ("x", "y")),
        Field("at", "JSON", True, '{"x": 0}'),
        Field("tags", "JSON"),
        Field("more", "JSON", False, "[1]"),
    ]
    assert form.value(["x", '{"x": 5}', '["a"]', ""]) == {"mode": "x", "at": {"x": 5}, "tags": ["a"]}


@pytest.mark.parametrize(
    ("schema", "skeleton"),
    [
        ({}, ""),
        ({"type": "array"}, "[]"),
        ({"type": "object", "properties": {"": {"type": "array"}}, "required": [""]}, '{"": []}'),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}]}}}, "null"),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}, "null"),
        ({"type": "array", "default": [1]}, "[1]"),
    ],
)
def test_all_else_is_one_field_of_json(schema: dict[str, Any], skeleton: str) -> None:
    (field,) = Form(schema).fields
    assert (field.kind, field.begin) == ("JSON", skeleton)
    assert Form(schema).value([""]) is msgspec.UNSET
    with pytest.raises(InvalidInput, match="this is no JSON"):
        Form(schema).value(["{"])


def test_a_skeleton_of_a_schema_that_holds_itself_ends() -> None:
    names = [f"n{at}" for at in range(3)]
    node = {
        "type": "object",
        "properties": {name: {"$ref": "#/$defs/Node"} for name in names},
        "required": names,
    }
    fields = Form({"$ref": "#/$defs/Node", "$defs": {"Node": node}}).fields
    assert [field.name for field in fields] == names
    assert set(msgspec.json.decode(fields[0].begin)) == set(names)
