"""What is shown of an error, wherever its stack was put."""

import json
from typing import Any

import pytest

from tests.wire.otlp_made import body, pairs, span
from trodo_cli.wire.native import write_event
from trodo_cli.wire.otlp.events import events_of
from trodo_cli.wire.otlp.text import read_json

STACK = "Traceback (most recent call last):\n  File x\nValueError: no city"


def failed(message: str, attributes: dict[str, Any] | None = None, /, **raised: str) -> tuple[str, Any]:
    """Error and stack of a span with this status and an exception event of these values."""
    moment = {
        "name": "exception",
        "attributes": pairs({f"exception.{name}": v for name, v in raised.items()}),
    }
    made = span(
        1,
        status={"code": 2, "message": message},
        attributes=attributes or {},
        events=[moment] if raised else [],
    )
    told = json.loads(write_event(events_of(read_json(body(made)))[1]))["span"]
    return told["error"], told["payload"].get("stack")


@pytest.mark.parametrize(
    ("message", "raised", "shown"),
    [
        (f"ValueError('no city'){STACK}", {"message": "no city", "stacktrace": "all"}, ("no city", "all")),
        (f"ValueError('no city'){STACK}", {"type": "ValueError"}, ("ValueError('no city')", STACK)),
        (f"ValueError('no city'){STACK}", {}, ("ValueError('no city')", STACK)),
        (f"{STACK}\n", {}, ("ValueError: no city", f"{STACK}\n")),
        ("two\nlines", {"message": "no city"}, ("two\nlines", None)),
        ("", {"message": "no city", "stacktrace": "all"}, ("no city", "all")),
        ("", {"type": "ValueError"}, ("ValueError", None)),
    ],
)
def test_an_error_is_told_without_its_stack(
    message: str, raised: dict[str, str], shown: tuple[str, str]
) -> None:
    assert failed(message, **raised) == shown


def test_an_error_that_speaks_of_a_stack_itself_is_told_whole() -> None:
    assert failed(f"it printed: {STACK}", message=f"it printed: {STACK}") == (f"it printed: {STACK}", None)


def test_what_langfuse_says_of_an_error_has_no_stack_either() -> None:
    said = {"langfuse.observation.status_message": f"no city {STACK}"}
    assert failed("", said)[0] == "no city"
