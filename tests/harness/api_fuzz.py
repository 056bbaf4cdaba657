"""Requests made up from the server's own OpenAPI document, and events of every shape; then everything stored is read.

No answer may be a 5xx or none at all, every refusal has a reason, and whatever was taken can be listed and shown in
our words and in those of agntz.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin
from urllib.parse import quote, unquote

import msgspec
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation

from tests.cli.hostile import HOSTILE
from tests.server.served import NATIVE, finished_run, lines, live_run, program
from trodo_cli.client import connect
from trodo_cli.client.base import RunFilter
from trodo_cli.model.event import Event, TraceDone
from trodo_cli.model.hearsay import Claim
from trodo_cli.model.run import Run

PATIENCE_SECONDS = 60
TURN = 20
"""How many requests of a kind are sent at a stretch."""

ONE_BY_ONE = 10
"""How many spans of a run are read by themselves too."""

EVERY_RUN, OPEN_RUNS = RunFilter(roots_only=False), RunFilter(roots_only=False, status="open")

STANDING = ("f1", "l1", "l2")
"""Runs that are always there: one that has ended, and two at work, one below the other."""

PLANTS = {
    "fails-beyond-ascii": """
from trodo_cli.server.call import Call
path = Call.path
Call.path = lambda call, name: path(call, name).encode("ascii").decode()
""",
    "drops-connections": """
from trodo_cli.server.connection import Connection
complete = Connection.on_headers_complete
def on_headers_complete(self):
    self.transport.abort() if b"%C3" in self.url else complete(self)
Connection.on_headers_complete = on_headers_complete
""",
    "stores-what-cannot-be-shown": """
from trodo_cli.wire import native
native._check_payload = lambda event: None
""",
}
"""Bugs, as Python that the server's process runs first."""

Operation = APIOperation[Any, Any, Any, Any]
Send = Callable[[Any], None]


class Fuzz:
    """Makes up requests for one server, and counts what they are answered."""

    def __init__(self, url: str, key: str) -> None:
        self._url, self._key = url, key
        self.answers: Counter[str] = Counter()
        """By operation and status."""
        self.events: Counter[str] = Counter()
        """How many events were `stored`, `known` and `refused`."""
        self.problems: list[str] = []
        self._session = _session(key)
        self._known: list[str] = []
        self._live: set[str] = set()

    @property
    def sent(self) -> int:
        return self.answers.total()

    def play(self, number: int, chance: int, is_over: Callable[[], bool] = lambda: False) -> None:
        """Send so many requests, unless time is over or something is wrong."""
        operations = self._operations()
        for turn in count():
            if self.sent >= number or self.problems or is_over():
                return
            self._learn()
            dice, operation = random.Random(f"{chance} {turn}"), operations[turn % len(operations)]
            self._try(_cases(operation), partial(self._send, dice), dice, number)
            self._try(EVENTS, self._publish, dice, number)

    def close(self) -> None:
        self._session.close()

    def _operations(self) -> list[Operation]:
        """What the document describes; keys are left to the test of tenants."""
        document = self._session.get(f"{self._url}/openapi.json", timeout=PATIENCE_SECONDS).json()
        del document["security"]
        schema = schemathesis.openapi.from_dict(document, config=schemathesis.Config())
        return [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]

    def _learn(self) -> None:
        """Which runs there are, so that some requests hit one, and which of them go on."""
        events = [*finished_run("f1"), *live_run("l1"), *live_run("l2", parent_id="l1")]
        self._session.post(f"{self._url}/v1/events", data=lines(*events), timeout=PATIENCE_SECONDS)
        with closing(connect(self._url, key_of=lambda: self._key)) as client:
            self._known = [run.id for run in client.runs.list(limit=200, wanted=EVERY_RUN).rows]
            self._live = {run.id for run in client.runs.list(limit=1_000, wanted=OPEN_RUNS).rows}

    def _try(self, cases: st.SearchStrategy[Any], send: Send, dice: random.Random, number: int) -> None:
        @seed(dice.getrandbits(64))
        @settings(
            max_examples=max(min(TURN, number - self.sent), 1),
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(cases)
        def one(case: Any) -> None:
            if self.sent < number and not self.problems:
                send(case)

        one()

    def _send(self, dice: random.Random, case: Any) -> None:
        self._aim(case, dice)
        said = case.as_transport_kwargs(
            self._url, {"accept": dice.choice(("*/*", NATIVE.partition(": ")[2]))}
        )
        self._ask(case.operation.label, case.as_curl_command, **said)

    def _aim(self, case: Any, dice: random.Random) -> None:
        """Let much that is about a run be about one that is there, and nothing wait without an end."""
        parts, is_deletion = case.path_parameters, case.operation.method.upper() == "DELETE"
        if "run" in parts and dice.random() < 0.5:
            run_id = dice.choice(self._known)
            parts["run"] = part("gone" if is_deletion and run_id in STANDING else run_id)
        if case.operation.path.endswith("/stream") and unquote(str(parts["run"])) in self._live:
            parts["run"] = "f1"
        if isinstance(case.body, dict) and isinstance(case.body.get("wait_seconds"), int | float):
            case.body["wait_seconds"] = min(case.body["wait_seconds"], 0)

    def _publish(self, events: list[Any]) -> None:
        body = "\n".join(map(json.dumps, events)).encode()
        url = f"{self._url}/v1/events"
        answer = self._ask("POST /v1/events", lambda: repr(body), method="POST", url=url, data=body)
        if answer is not None and answer.ok:
            self.events.update({name: answer.json()[name] for name in ("stored", "known", "refused")})

    def _ask(self, label: str, shown: Callable[[], str], **said: Any) -> requests.Response | None:
        try:
            answer = self._session.request(**said, timeout=PATIENCE_SECONDS)
        except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL):
            return None
        except requests.RequestException as error:
            self.problems.append(f"{label} was not answered: {type(error).__name__}; {shown()}")
            return None
        self.answers[f"{label} {answer.status_code}"] += 1
        if wrong := wrong_with(answer):
            self.problems.append(f"{label} {wrong}; {shown()}")
        return answer


class Reader:
    """Lists and shows every run there is, as our client does and as that of agntz does."""

    def __init__(self, url: str, key: str) -> None:
        self._url, self._client = url, connect(url, key_of=lambda: key)
        self._session = _session(key)
        self.shown: Counter[str] = Counter()
        self.problems: list[str] = []

    def read(self) -> None:
        listed: list[str] = []
        self._attempt(lambda _: listed.extend(self._listed()), "our list")
        self._attempt(lambda _: self._compare(listed), "the list of agntz")
        for run_id in listed:
            self._attempt(self._show, run_id)
            self._attempt(self._show_to_agntz, run_id)
        self._attempt(lambda _: self._client.drops(), "the count of drops")

    def close(self) -> None:
        self._client.close()
        self._session.close()

    def _attempt(self, read: Callable[[str], Any], name: str) -> None:
        try:
            read(name)
        except Exception as error:
            self.problems.append(f"{name!a} cannot be read: {type(error).__name__} {error}")

    def _compare(self, listed: list[str]) -> None:
        also = list(self._listed_by_agntz())
        assert listed == also, f"it has {len(also)} runs, ours has {len(listed)}, not all alike"

    def _listed(self) -> Iterator[str]:
        cursor = None
        while True:
            page = self._client.runs.list(limit=500, cursor=cursor, wanted=EVERY_RUN)
            yield from (run.id for run in page.rows)
            if (cursor := page.cursor) is None:
                return

    def _listed_by_agntz(self) -> Iterator[str]:
        cursor = ""
        while cursor is not None:
            page = json.loads(self._got(f"/runs?rootsOnly=false&limit=200&cursor={cursor}").content)
            yield from (run["id"] for run in page["rows"])
            cursor = page.get("cursor")

    def _show(self, run_id: str) -> None:
        run = self._client.runs.get(run_id)
        self.shown["runs"] += bool(str(run.details))
        if run.traceless:
            return
        for number, span in enumerate(self._client.traces.get(run_id).own):
            self.shown["spans"] += bool(str((span.details, span.duration_ms)))
            assert number >= ONE_BY_ONE or self._client.traces.span(run_id, span.id) == span
        if run.is_terminal:
            *events, last = self._client.traces.stream(run_id)
            self.shown["events"] += len(events)
            assert isinstance(last, TraceDone)

    def _show_to_agntz(self, run_id: str) -> None:
        run = json.loads(self._got(f"/runs/{part(run_id)}").content)
        self._got(f"/traces/{part(run_id)}", or_missing=True)
        if run["status"] in ("completed", "failed", "cancelled"):
            for kind in ("runs", "traces"):
                told = self._got(f"/{kind}/{part(run_id)}/stream", or_missing=True)
                assert told.content.isascii()

    def _got(self, target: str, *, or_missing: bool = False) -> requests.Response:
        answer = self._session.get(self._url + target, timeout=PATIENCE_SECONDS)
        is_well = answer.status_code == 200 or (or_missing and answer.status_code == 404)
        assert is_well, f"{target} is answered {answer.status_code} {answer.text[:200]}"
        return answer


def wrong_with(answer: requests.Response) -> str:
    """What no answer may be: a failure of the server, or a refusal without a reason."""
    if answer.status_code >= 500:
        return f"was answered {answer.status_code} {answer.text[:200]}"
    if answer.status_code < 400 or (answer.status_code, answer.text) == (404, "404 Not Found"):
        return ""
    try:
        has_reason = bool(answer.json()["error"])
    except (ValueError, LookupError, TypeError):
        has_reason = False
    return "" if has_reason else f"was refused with {answer.status_code} and no reason: {answer.text[:200]}"


def part(text: str) -> str:
    """An id as a part of a path."""
    return quote(text, safe="").replace(".", "%2E")


def _session(key: str) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.headers["authorization"] = f"Bearer {key}"
    return session


@schemathesis.serializer("application/x-ndjson")
def _as_line(_context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def _cases(operation: Operation) -> st.SearchStrategy[Any]:
    """Requests as the document allows them, and others."""
    return st.one_of(
        operation.as_strategy(GenerationMode.POSITIVE), operation.as_strategy(GenerationMode.NEGATIVE)
    )


TEXTS = st.text(max_size=40) | st.sampled_from(sorted(HOSTILE.values()))
NAMES = st.sampled_from([*STANDING, "a", "b"]) | TEXTS
INTEGERS = st.integers(0, 2**62) | st.integers(-(2**63), 2**63 - 1) | st.integers()
JSON = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
NOTES = st.dictionaries(TEXTS, JSON, max_size=3)
MOMENTS = st.lists(
    st.fixed_dictionaries({}, optional={"name": JSON, "at_ns": JSON, "attributes": JSON}), max_size=3
)
PAYLOADS = JSON | st.fixed_dictionaries(
    {}, optional={"input": JSON, "output": JSON, "attributes": NOTES, "events": MOMENTS, "stack": TEXTS}
)
HEARSAY = st.just({}) | st.dictionaries(
    st.sampled_from(["agent", "session", "user", "parent", "status", "input", "over"]) | TEXTS,
    st.tuples(TEXTS, JSON | st.tuples(st.sampled_from(["completed", "failed"]), TEXTS, st.none())),
    max_size=4,
)
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    int: INTEGERS,
    float: st.floats(),
    tuple[str, ...]: st.lists(TEXTS, max_size=3),
    msgspec.Raw: PAYLOADS,
    NoneType: st.none(),
    dict[str, Claim]: HEARSAY,
}
BY_NAME = {"id": NAMES, "run_id": NAMES, "parent_id": NAMES}
OF_THE_STORE = {*Run.__struct_fields__[Run.__struct_fields__.index("owner") :]}


def told(kind: Any) -> st.SearchStrategy[Any]:
    """Anything of a type, as JSON that a producer may send."""
    if kind in BY_TYPE:
        return BY_TYPE[kind]
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    if get_origin(kind) in (Union, UnionType):
        return st.one_of([told(part) for part in get_args(kind)])
    said = {
        field.name: BY_NAME[field.name] if field.name in BY_NAME else told(field.type)
        for field in msgspec.structs.fields(kind)
        if field.name not in OF_THE_STORE
    }
    tag = kind.__struct_config__.tag
    return st.fixed_dictionaries({**said, "type": st.just(tag)} if tag else said)


EVENTS = st.lists(st.one_of([told(kind) for kind in get_args(Event) if kind is not TraceDone]), max_size=5)
"""Whole batches of events, each as its type says."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.harness api_fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--max-seconds", type=float, default=480, help="more is a failure")
    parser.add_argument("--plant", choices=PLANTS, help="a bug to put in; the gate must fail")
    asked = parser.parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="trodo-harness-") as folder:
        problems = _played(asked, Path(folder), began)
    for problem in problems[:5]:
        print(f"api_fuzz FAILED: {problem[:2_000]}")
    print(f"  {time.monotonic() - began:.1f} s, seed {asked.seed}")
    return 1 if problems else 0


def _played(asked: argparse.Namespace, folder: Path, began: float) -> list[str]:
    def is_over() -> bool:
        return bool(time.monotonic() - began > asked.max_seconds)

    with program(folder, plant=PLANTS.get(asked.plant, "")) as serving:
        with closing(Fuzz(serving.url, serving.key)) as fuzz:
            fuzz.play(asked.requests, asked.seed, is_over)
        spent = time.monotonic() - began
        with closing(Reader(serving.url, serving.key)) as reader:
            reader.read()
        done = serving.stop()
    statuses = Counter(answer.rpartition(" ")[2] for answer in fuzz.answers.elements())
    print(
        f"api_fuzz: {fuzz.sent} requests, {fuzz.sent / spent:.0f}/s; answers {dict(sorted(statuses.items()))}"
    )
    print(f"  events {dict(fuzz.events)}; then shown {dict(reader.shown)}")
    problems = [*fuzz.problems, *reader.problems]
    if fuzz.sent < asked.requests and not problems:
        problems.append(f"{asked.requests} requests were not sent in {asked.max_seconds:g} s")
    if done.code or "Error" in done.err:
        problems.append(f"the server ended with {done.code} and said: {done.err[-1_000:]}")
    return problems


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
