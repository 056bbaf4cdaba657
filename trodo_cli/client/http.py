"""Requests to a server, and its refusals as our errors."""

import gzip
import ipaddress
import logging
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from trodo_cli.config.urls import is_request_url
from trodo_cli.errors import (
    Ambiguous,
    InvalidInput,
    NotFound,
    StorageFull,
    TrodoError,
    Unauthorized,
    Unavailable,
)

NATIVE = "application/vnd.trodo+json"
"""The media type of our own shapes; a server that does not speak them answers in those of agntz."""

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 20.0
FIRST_ANSWER_SECONDS = 5.0
"""For the question what a server is: one that is well answers it at once."""

SILENCE_SECONDS = 37.5
"""How long a stream may say nothing: two and a half of the server's heartbeats."""

GZIP_FROM_BYTES = 1_024
MAX_RETRY_AFTER_SECONDS = 300.0

Shape = TypeVar("Shape")
KeyOf = Callable[[], str | None]
"""Asked for the key when it is needed, and again when the server does not accept it: a local server has a new
one each time it starts."""


class TooLarge(InvalidInput):
    """The server takes it in smaller parts, if at all."""


_ERRORS: dict[int, type[TrodoError]] = {
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    409: Ambiguous,
    413: TooLarge,
    429: Unavailable,
    507: StorageFull,
}


class Http:
    """The connections to one server."""

    def __init__(self, url: str, key_of: KeyOf) -> None:
        self.url = _checked_url(url)
        self._key_of = key_of
        self._key = key_of()
        host = urlsplit(self.url).hostname or ""
        self._client = httpx.Client(
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=None),
            trust_env=not is_loopback(host),
        )
        self.is_closed = False
        self._streams: set[httpx.Response] = set()
        logging.getLogger("httpx").addFilter(_not_ours)

    def get(
        self, path: str, query: Mapping[str, str] | None = None, *, within_seconds: float = ANSWER_SECONDS
    ) -> httpx.Response:
        return self.request("GET", path, query=query, within_seconds=within_seconds)

    def post(
        self, path: str, body: Any, *, wait_seconds: float = 0.0, accept: str = NATIVE
    ) -> httpx.Response:
        """Send a value as JSON; the answer may take `wait_seconds` longer than others."""
        return self.request(
            "POST",
            path,
            content=msgspec.json.encode(body),
            headers={"content-type": "application/json", "accept": accept},
            within_seconds=ANSWER_SECONDS + wait_seconds,
        )

    def post_lines(self, path: str, lines: bytes, query: Mapping[str, str]) -> httpx.Response:
        """Send lines of JSON, compressed when that is worth it."""
        headers = {"content-type": "application/x-ndjson"}
        if len(lines) >= GZIP_FROM_BYTES:
            lines, headers["content-encoding"] = gzip.compress(lines, 1, mtime=0), "gzip"
        return self.request("POST", path, query=query, content=lines, headers=headers)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        within_seconds: float = ANSWER_SECONDS,
    ) -> httpx.Response:
        """One request. Raises the error that the answer stands for, `Unavailable` when there is none."""
        timeout = httpx.Timeout(within_seconds, connect=CONNECT_SECONDS)

        def sent() -> httpx.Response:
            with self._in_our_words():
                return self._client.request(
                    method,
                    self.url + path,
                    params=query,
                    content=content,
                    headers={**self._headers(NATIVE), **(headers or {})},
                    timeout=timeout,
                )

        response = sent()
        if response.status_code == 401 and self._has_new_key():
            response = sent()
        if not response.is_success:
            raise self.refusal(response)
        return response

    @contextmanager
    def stream(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        """An answer that goes on; raises as `request` does."""
        accept = f"{NATIVE}, text/event-stream"
        timeout = httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)
        with (
            self._in_our_words(),
            self._client.stream(
                "GET",
                self.url + path,
                params=query,
                headers={**self._headers(accept), **(headers or {})},
                timeout=timeout,
            ) as response,
        ):
            if not response.is_success:
                response.read()
                if response.status_code == 401 and self._has_new_key():
                    raise Unavailable(f"the server at {self.url} was started anew")
                raise self.refusal(response)
            self._streams.add(response)
            try:
                yield response
            finally:
                self._streams.discard(response)

    def refusal(self, response: httpx.Response) -> TrodoError:
        """The error that an answer stands for."""
        status, said = response.status_code, _said(response)
        if status in (401, 403):
            return self._unauthorized(status, said)
        kind = _ERRORS.get(status, Unavailable if status >= 500 else InvalidInput)
        error = kind(
            said.get("error") or f"the server at {self.url} answered HTTP {status}", said.get("hint", "")
        )
        if isinstance(error, Unavailable):
            error.retry_after_seconds = _retry_after(response)
        return error

    def close(self) -> None:
        """Close every connection, also under those who wait at one."""
        self.is_closed = True
        for response in list(self._streams):
            with suppress(OSError, AttributeError):
                response.extensions["network_stream"].get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self._client.close()

    def _unauthorized(self, status: int, said: dict[str, str]) -> Unauthorized:
        if status == 403:
            return Unauthorized(
                f"the server at {self.url} refuses: {said.get('error', 'forbidden')}",
                "make a key with that scope: `trodo keys create` on the server's machine",
            )
        if self._key is None:
            what = f"the server at {self.url} wants a key"
        else:
            what = f"the server at {self.url} does not know this key, or it was revoked"
        return Unauthorized(what, "set TRODO_API_KEY, or keep one with `trodo config set api-key`")

    def _headers(self, accept: str) -> dict[str, str]:
        headers = {"accept": accept}
        return {**headers, "authorization": f"Bearer {self._key}"} if self._key else headers

    def _has_new_key(self) -> bool:
        before, self._key = self._key, self._key_of()
        return self._key != before

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        try:
            yield
        except httpx.ConnectError:
            raise Unavailable(
                f"no server answers at {self.url}", "check --target; `trodo serve` starts a server"
            ) from None
        except httpx.TimeoutException:
            raise Unavailable(f"the server at {self.url} does not answer in time", "try again") from None
        except httpx.HTTPError as error:
            raise Unavailable(
                f"the connection to {self.url} broke: {type(error).__name__}", "try again"
            ) from None
        except (httpx.InvalidURL, RuntimeError) as error:
            raise Unavailable(f"the server at {self.url} cannot be asked: {error}") from None


def read_json(response: httpx.Response, shape: type[Shape]) -> Shape:
    """The body of an answer. Raises `Unavailable` when it is not what a server of this version says."""
    try:
        return msgspec.json.decode(response.content, type=shape)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Unavailable(f"the server's answer cannot be read: {error}", "is it a trodo server?") from None


def part(text: str) -> str:
    """A text as one part of a path, whatever is in it."""
    return text.replace(".", "%2E") if text in (".", "..") else quote(text, safe="")


def is_loopback(host: str) -> bool:
    """Whether a host's name can only mean this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _checked_url(url: str) -> str:
    """The URL without a slash at its end. Raises `InvalidInput`; a password in it is not repeated."""
    if not is_request_url(url):
        raise InvalidInput("the target is no URL of a server", "write http://HOST:PORT or https://HOST")
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise InvalidInput("a target's URL holds no user or password", "give the key with TRODO_API_KEY")
    if parts.query or parts.fragment:
        raise InvalidInput(f"the target {url} has more than a path", "write http://HOST:PORT or https://HOST")
    return url.rstrip("/")


def _said(response: httpx.Response) -> dict[str, str]:
    """What an error's body says, when it is JSON at all."""
    try:
        said = msgspec.json.decode(response.content)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return {}
    items = said.items() if isinstance(said, dict) else ()
    return {name: text for name, text in items if isinstance(text, str)}


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("retry-after", "")
    return min(float(text), MAX_RETRY_AFTER_SECONDS) if text.isascii() and text.isdigit() else None


def _not_ours(record: logging.LogRecord) -> bool:
    """Keeps what our background threads request out of the host program's log."""
    return not (record.threadName or "").startswith("trodo-")
