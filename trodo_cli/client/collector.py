"""Spans to an OpenTelemetry collector, ours or any other: OTLP over HTTP, in protobuf.

It is told nothing but the spans and the headers that the user names: no key of trodo's, and no redirect is followed.
"""

import gzip
from collections.abc import Mapping
from types import TracebackType
from urllib.parse import urlsplit

import msgspec

from trodo_cli.config.urls import is_request_url
from trodo_cli.errors import InvalidInput, NotFound, StorageFull, TrodoError, Unauthorized, Unavailable
from trodo_cli.wire.otlp.export import Export
from trodo_cli.wire.otlp.writing import write_protobuf

TRACES_PATH = "/v1/traces"
PROTOBUF = "application/x-protobuf"

BATCH_SPANS = 1_000
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 30.0
MAX_ANSWER_BYTES = 64 * 1024
MAX_TOLD_CHARACTERS = 300


class Pushed(msgspec.Struct):
    """What became of the spans."""

    taken: int = 0
    refused: int = 0
    told: list[str] = []
    """What the collector says of those that it refused, or warns of."""


class Answer(msgspec.Struct):
    status: int
    headers: Mapping[str, str]
    body: bytes


class Collector:
    """One place that takes spans. `headers` go with every request."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        import httpx

        from trodo_cli.client.http import is_loopback

        self.url = traces_url(url)
        ours = {"content-type": PROTOBUF, "content-encoding": "gzip", "accept": PROTOBUF}
        self._headers = {"accept-encoding": "identity", **headers, **ours}
        self._client = httpx.Client(
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            follow_redirects=False,
            trust_env=not is_loopback(urlsplit(self.url).hostname or ""),
        )

    def __enter__(self) -> "Collector":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def push(self, export: Export) -> Pushed:
        """Send the spans, some at a time. Raises what the first answer that is none of success stands for."""
        pushed = Pushed()
        for start in range(0, len(export.spans), BATCH_SPANS):
            self._send(Export(export.spans[start : start + BATCH_SPANS]), pushed)
        return pushed

    def _send(self, part: Export, pushed: Pushed) -> None:
        answer = self._asked(gzip.compress(write_protobuf(part), 6, mtime=0))
        if answer.status == 413 and len(part.spans) > 1:
            half = len(part.spans) // 2
            self._send(Export(part.spans[:half]), pushed)
            self._send(Export(part.spans[half:]), pushed)
            return
        if not 200 <= answer.status < 300:
            raise _refusal(self.url, answer)
        refused, told = _partial(answer)
        pushed.refused += min(max(refused, 0), len(part.spans))
        pushed.taken += len(part.spans) - min(max(refused, 0), len(part.spans))
        if told:
            pushed.told.append(told[:MAX_TOLD_CHARACTERS])

    def _asked(self, body: bytes) -> Answer:
        """One request; of a long answer only the begin is read. Raises `Unavailable`."""
        import httpx

        try:
            with self._client.stream("POST", self.url, content=body, headers=self._headers) as response:
                said = b""
                for piece in response.iter_bytes(MAX_ANSWER_BYTES):
                    said += piece
                    if len(said) >= MAX_ANSWER_BYTES:
                        break
                return Answer(response.status_code, response.headers, said[:MAX_ANSWER_BYTES])
        except httpx.ConnectError:
            raise Unavailable(f"no collector answers at {self.url}", "check the URL after --to") from None
        except httpx.TimeoutException:
            raise Unavailable(f"the collector at {self.url} does not answer in time", "try again") from None
        except httpx.HTTPError as error:
            what = type(error).__name__
            raise Unavailable(f"the connection to {self.url} broke: {what}", "try again") from None


def traces_url(url: str) -> str:
    """Where a collector takes spans: the URL itself if it ends so, else below it. Raises `InvalidInput`."""
    if not is_request_url(url):
        raise InvalidInput("--to is no URL of a collector", "write http://HOST:4318 or https://HOST")
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise InvalidInput("the URL after --to holds a user or password", "send it with --header NAME=@FILE")
    if parts.query or parts.fragment:
        raise InvalidInput(
            "the URL after --to has more than a path", "write http://HOST:4318 or https://HOST"
        )
    path = url.rstrip("/")
    return path if path.endswith(TRACES_PATH) else path + TRACES_PATH


def _partial(answer: Answer) -> tuple[int, str]:
    """How many spans were refused and why, as far as the answer says so."""
    return (
        _partial_json(answer.body) if _media(answer) == "application/json" else _partial_protobuf(answer.body)
    )


def _partial_protobuf(body: bytes) -> tuple[int, str]:
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    try:
        said = ExportTraceServiceResponse.FromString(body)
    except (DecodeError, UnicodeDecodeError):
        return 0, ""
    return _partial_success(said.partial_success.SerializeToString())


def _partial_success(body: bytes) -> tuple[int, str]:
    """A number and a text: of a partial success, or of the status that an error's body is in the same fields."""
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTracePartialSuccess

    try:
        said = ExportTracePartialSuccess.FromString(body)
    except (DecodeError, UnicodeDecodeError):
        return 0, ""
    return said.rejected_spans, said.error_message


class _PartialSuccess(msgspec.Struct, rename="camel"):
    rejected_spans: int = 0
    error_message: str = ""


class _Response(msgspec.Struct, rename="camel"):
    partial_success: _PartialSuccess | None = None


def _partial_json(body: bytes) -> tuple[int, str]:
    try:
        said = msgspec.convert(msgspec.json.decode(body), _Response, strict=False).partial_success
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return 0, ""
    return (said.rejected_spans, said.error_message) if said else (0, "")


def _refusal(url: str, answer: Answer) -> TrodoError:
    """The error that an answer stands for."""
    status = answer.status
    what = f"the collector at {url} answered HTTP {status}{_said(answer)}"
    if 300 <= status < 400:
        place = answer.headers.get("location", "")[:MAX_TOLD_CHARACTERS]
        return TrodoError(f"{what}: go to {place}", "redirects are not followed; name that URL with --to")
    if status in (401, 403):
        return Unauthorized(what, "send its key with --header 'authorization=Bearer @FILE'")
    if status == 404:
        return NotFound(what, "does it take OTLP over HTTP? its URL often ends with port 4318")
    if status == 507:
        return StorageFull(what, "it has no room left")
    if status == 429 or status >= 500:
        return Unavailable(what, "try again later")
    return TrodoError(what, "does it take OTLP in protobuf over HTTP?")


def _said(answer: Answer) -> str:
    """What an error's body tells, in brackets."""
    media = _media(answer)
    text = ""
    if media == "application/json":
        text = _message(answer.body)
    elif media == PROTOBUF:
        _, text = _partial_success(answer.body)
    elif media == "text/plain":
        text = answer.body.decode("utf-8", "replace").strip()
    return f" ({text[:MAX_TOLD_CHARACTERS]})" if text else ""


def _message(body: bytes) -> str:
    try:
        said = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    texts = (said.get("message"), said.get("error")) if isinstance(said, dict) else ()
    return next((text for text in texts if isinstance(text, str)), "")


def _media(answer: Answer) -> str:
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower()
