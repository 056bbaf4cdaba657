"""The page of a trace: what it tells, and that no text of a trace is anything but text in it."""

from html.parser import HTMLParser

import pytest

from tests.cli.hostile import faults
from tests.contract.events import NOW, SECOND, payload, run_end, run_start, span_end
from tests.render.test_markdown import TEXTS, everywhere, traced
from trodo_cli.model.event import Event
from trodo_cli.render.page import DEPTH_LIMIT, POLICY, html_page

ATTRIBUTES = {"class", "style", "open", "lang", "charset", "name", "content", "http-equiv"}
MORE = {
    "close-pre": "</pre></details><script>alert(1)</script>", "attribute": "' onmouseover='alert(1)' x='",
    "double": '" onmouseover="alert(1)', "style": "</style><style>*{background:url(https://evil.invalid)}",
    "title": "</title><script>", "entity": "&lt;b&gt;&#x3C;", "cdata": "]]><![CDATA[<b>", "comment": "--><!--",
}  # fmt: skip


def page(*events: Event) -> str:
    return "\n".join(html_page(traced(*events), NOW + 60 * SECOND))


class Reader(HTMLParser):
    """Notes every element with its attributes, and every text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.texts: list[str] = []
        self.styles: list[str] = []
        self.open: list[str] = []
        self.depth = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attributes)))
        self.styles += [value or "" for name, value in attributes if name == "style"]
        if tag != "meta":
            self.open.append(tag)
        self.depth = max(self.depth, len(self.open))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize("name", [*TEXTS, *MORE])
def test_no_text_of_a_trace_is_markup(name: str) -> None:
    text = {**TEXTS, **MORE}[name]
    told = page(*everywhere(text))
    found, plain = Reader(told), Reader(page(*everywhere("plain")))
    assert {tag for tag, _ in found.elements} <= {tag for tag, _ in plain.elements}
    assert {name for _, names in found.elements for name in names} <= ATTRIBUTES
    assert found.open == []
    assert faults(told.encode(), terminal=False) == set()
    if text.strip() and "\n" not in text:
        assert [tag for tag, _ in found.elements if tag == "details"] == [
            tag for tag, _ in plain.elements if tag == "details"
        ]


def test_the_page_needs_nothing_and_may_do_nothing() -> None:
    told = page(*everywhere("plain"))
    tags = {tag for tag, _ in Reader(told).elements}
    assert tags & {"script", "link", "img", "iframe", "object", "base", "form", "a", "svg"} == set()
    assert f'content="{POLICY}"' in told
    assert POLICY.startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert "url(" not in told
    assert "@import" not in told
    assert "prefers-color-scheme: dark" in told


def test_a_page_tells_the_facts_what_went_wrong_and_every_span_with_its_bar() -> None:
    told = page(
        run_start("r", agent="worker"),
        span_end("r", "a", name="plan", ended_ns=NOW + SECOND // 2),
        span_end("r", "b", name="ask", kind="model", started_ns=NOW + SECOND // 2, cost=0.5,
                 payload=payload(input="how?", output="so")),
        span_end("r", "c", parent_id="a", name="search", status="error", error="no route",
                 payload=payload(input={"q": 1})),
        run_end("r", status="failed", error="no route"),
    )  # fmt: skip
    found = Reader(told)
    texts = [text.strip() for text in found.texts]
    for text in ("worker", "failed", "plan", "ask", "search", "1.0s", "$0.50", "What went wrong"):
        assert text in texts
    assert any("how?" in text for text in texts)
    assert found.styles == [
        "left:0.000%;width:100.000%", "left:0.000%;width:50.000%", "left:0.000%;width:100.000%",
        "left:50.000%;width:50.000%",
    ]  # fmt: skip


def test_a_deep_trace_stays_within_what_browsers_follow() -> None:
    chain = [span_end("r", f"{n:04}", parent_id=f"{n - 1:04}" if n else None) for n in range(1_500)]
    found = Reader(page(run_start("r"), *chain, run_end("r")))
    assert found.depth < 2 * DEPTH_LIMIT + 20
    assert found.open == []
    assert len(found.styles) == 1_501
