"""The report in Markdown: what it tells, and that no text of a trace is markup in it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.cli.hostile import HOSTILE, faults, stored
from tests.contract.events import NOW, SECOND, payload, run_end, run_start, span_end, span_start
from trodo_cli.model.event import CancelRequested, Event, FeedbackGiven
from trodo_cli.model.run import Cancel, Feedback
from trodo_cli.model.span import Usage
from trodo_cli.model.trace import Trace
from trodo_cli.render.markdown import markdown_report

MARKUP = {
    "link": "[x](https://evil.invalid)",
    "image": "![x](https://evil.invalid/x.png)",
    "auto": "<https://evil.invalid>",
    "bare": "https://evil.invalid www.evil.invalid a@evil.invalid",
    "tag": "<img src=x onerror=alert(1)>",
    "heading": "# owned\n## owned\nowned\n=====",
    "fence": "```\n# out\n``` ~~~\n````text\n",
    "ticks": "`",
    "ends": "``` a ``",
    "cell": "a | b \\| c \\\\| d",
    "quote": "> out\n\nout",
    "list": "- out\n1. out",
    "entity": "&lt;script&gt; &#60;b&#62;",
    "reference": "[x]: https://evil.invalid\n\n[x]",
    "rule": "***\n---",
    "spaces": "  ",
    "empty": "",
    "backslash": "a\\",
    "html-block": "\n\n<div onclick=x>\n\n",
    "comment": "<!--",
    "footnote": "[^1]\n[^1]: out",
    "math": "$x$ $$y$$",
}
TEXTS = {**{name: stored(name) for name in HOSTILE}, **MARKUP}

ALLOWED = {"h2", "h3", "p", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "blockquote", "code", ""}
"""Elements that the report itself is made of."""


def traced(*events: Event) -> Trace:
    trace = Trace("r")
    for event in events:
        trace.apply(event)
    return trace


def report(*events: Event) -> str:
    return "\n".join(markdown_report(traced(*events), NOW + 60 * SECOND))


def everywhere(text: str) -> list[Event]:
    """A run with a text wherever a producer can put one."""
    chat = payload(input=[{"role": text, "content": text}], output=text, attributes={text: text}, stack=text)
    said = {
        "agent": text,
        "session": text,
        "user": text,
        "tags": (text, text),
        "error": text,
        "error_type": text,
    }
    work = {"name": text, "kind": "model", "model": text, "provider": text, "tool": text, "payload": chat}
    failed = {"status": "error", "error": text, "error_type": text}
    return [
        run_start("r", **{name: value for name, value in said.items() if "error" not in name}, payload=chat),
        span_end("r", "a", **work, **failed),
        span_end("r", "b", parent_id="a", **work),
        span_end("r", "c", **{**work, "kind": text or "own"}, **failed),
        span_start("r", "d", name=text),
        CancelRequested(run_id="r", cancel=Cancel(requested_ns=NOW, by=text, reason=text)),
        FeedbackGiven(
            run_id="r", feedback=(Feedback(at_ns=NOW, satisfaction=text, comment=text, user=text),)
        ),
        run_end("r", status="failed", **said, payload=chat),
    ]


def elements(markdown: str) -> list[Any]:
    """What a reader makes of it that knows tables, bare links and raw HTML."""
    tokens = MarkdownIt("gfm-like", {"html": True, "linkify": True}).parse(markdown)
    return [inner for token in tokens for inner in (token, *(token.children or ()))]


def shape(markdown: str) -> list[str]:
    """The elements in order, without what is in them."""
    return [element.type for element in elements(markdown)]


@pytest.mark.parametrize("name", TEXTS)
def test_no_text_of_a_trace_is_markup(name: str) -> None:
    markdown = report(*everywhere(TEXTS[name]))
    found = elements(markdown)
    assert {element.tag for element in found} <= ALLOWED
    assert not [
        element for element in found if element.type in ("html_inline", "html_block", "link_open", "image")
    ]
    headings = [found[at + 1].content for at, one in enumerate(found) if one.type == "heading_open"]
    assert headings[1:] == ["What went wrong", "Trace", "Model calls"][: len(headings) - 1]
    assert len(headings) > 2
    assert faults(markdown.encode(), terminal=False) == set()


@given(st.text(alphabet="`~|\\<>[]()!#*_-=&; \nab", max_size=30))
def test_every_text_makes_the_same_document(text: str) -> None:
    plain = shape(report(*everywhere("plain")))
    lines = text.count("\n")
    if text.strip() and not lines:
        assert shape(report(*everywhere(text))) == plain
    found = elements(report(*everywhere(text)))
    assert {element.tag for element in found} <= ALLOWED
    rows = [
        len([1 for one in found[at:] if one.type == "td_open"])
        for at, one in enumerate(found)
        if one.type == "tbody_open"
    ]
    assert rows[0] == 2 * len([1 for one in found if one.type == "tr_open"][1:])


def test_a_report_tells_the_verdict_the_facts_what_failed_and_the_tree() -> None:
    asked = payload(input=[{"role": "user", "content": "where is it?"}], output="tomorrow")
    markdown = report(
        run_start("r", agent="worker", session="s"),
        span_end("r", "a", name="plan"),
        span_end("r", "b", parent_id="a", name="ask", kind="model", model="m", cost=0.5,
                 usage=Usage(input=10, output=5), payload=asked),
        span_end("r", "c", parent_id="a", name="search", kind="tool", status="error", error="no route",
                 error_type="OSError", payload=payload(input={"q": 1}, stack="line 1\nline 2")),
        run_end("r", status="failed", error="no route"),
    )  # fmt: skip
    lines = markdown.split("\n")
    assert lines[0] == "## ✗ failed `worker`"
    for row in (
        "| time | 1.0s |",
        "| spans | 3, 1 error |",
        "| tokens | 10→5 |",
        "| cost | $0.50 |",
        "| session | `s` |",
    ):
        assert row in lines
    assert lines.index("### What went wrong") < lines.index("### Trace") < lines.index("### Model calls")
    assert "`worker` › `plan` › `search`" in lines
    assert "OSError\nno route" in markdown
    assert "line 1\nline 2" in markdown
    assert [line for line in lines if line.lstrip().startswith("- ")] == [
        "- ✗ ◆ `worker` 1.0s · 10→5 · $0.50 · `error: no route`",
        "  - ✓ · `plan` 1.0s",
        "    - ✓ ✦ `ask` 1.0s · `m` · 10→5 · $0.50",
        "    - ✗ ⚙ `search` 1.0s · `OSError: no route`",
    ]
    assert "> user\n>   where is it?" in markdown
    assert ">   tomorrow" in markdown


def test_a_long_trace_and_a_long_message_are_shortened_and_what_is_left_out_is_counted() -> None:
    asked = payload(input="\n".join(map(str, range(100))), output="x")
    calls = [
        span_end("r", f"{number:03}", name="ask", kind="model", payload=asked if number < 30 else payload())
        for number in range(300)
    ]
    markdown = report(run_start("r"), *calls, run_end("r"))
    assert "- … 101 more rows" in markdown
    assert len(markdown) < 60_000
    assert "… 280 more calls" in markdown
