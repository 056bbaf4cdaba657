"""Who may ask at all: no other site in a browser, no foreign name; and the headers that every answer carries."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trodo_cli.server.errors import failure

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
"""The names of a server on loopback; `127.0.0.1` stands for all of 127.0.0.0/8."""

Headers = Iterable[tuple[bytes, bytes]]

_SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_HOST = re.compile(rb"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9_.-]{1,253}))(?::([0-9]{1,5}))?")
_OTHER_SITES = (b"cross-site", b"same-site")


class Gate:
    """ASGI middleware. `hosts` are the names, without port, that the server answers to; None for any."""

    def __init__(self, app: ASGIApp, *, hosts: frozenset[str] | None) -> None:
        self._app = app
        self._hosts = hosts if hosts is None else frozenset(map(_canonical, hosts))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": secured(message.get("headers", ()))}
            await send(message)

        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif reason := refusal(scope["headers"], self._hosts):
            status, message = reason
            code = "FORBIDDEN" if status == 403 else "BAD_REQUEST"
            await failure(status, message, code)(scope, receive, send_secured)
        else:
            await self._app(scope, receive, send_secured)


def refusal(headers: Headers, hosts: frozenset[str] | None) -> tuple[int, str] | None:
    """Why a request with these (lower-case) headers is turned away: status and words; None when it may come in."""
    said: dict[bytes, list[bytes]] = {b"host": [], b"origin": [], b"sec-fetch-site": []}
    for name, value in headers:
        if name in said:
            said[name].append(value)
    host = said[b"host"][0].lower() if len(said[b"host"]) == 1 else b""
    known = _name(host)
    if known is None:
        return 400, "a request names one host, as `name` or `name:port`"
    if hosts is not None and not _is_among(known, hosts):
        return 403, f"this server does not answer to the name {known}"
    if any(origin.lower() not in (b"http://" + host, b"https://" + host) for origin in said[b"origin"]):
        return 403, "requests from other origins are not answered"
    if any(site.strip().lower() in _OTHER_SITES for site in said[b"sec-fetch-site"]):
        return 403, "requests from other sites are not answered"
    return None


def secured(headers: Headers) -> list[tuple[bytes, bytes]]:
    """An answer's headers and those that every answer has; `no-store` unless it says itself what may be kept."""
    said = [*headers, *_SECURITY]
    if not any(name.lower() == b"cache-control" for name, _ in said):
        said.append((b"cache-control", b"no-store"))
    return said


def _name(host: bytes) -> str | None:
    """The name in a Host header, without port and brackets; None for what is no host."""
    match = _HOST.fullmatch(host)
    if match is None or int(match[3] or 0) > 65_535:
        return None
    if match[1] is None:
        return match[2].decode()
    try:
        return IPv6Address(match[1].decode()).compressed
    except ValueError:
        return None


def _is_among(name: str, hosts: frozenset[str]) -> bool:
    if name in hosts:
        return True
    try:
        return "127.0.0.1" in hosts and IPv4Address(name).is_loopback
    except ValueError:
        return False


def _canonical(name: str) -> str:
    """A name as people write it, in the spelling that requests are compared in."""
    name = name.lower()
    try:
        return IPv6Address(name.strip("[]")).compressed
    except ValueError:
        return name
