"""Who may ask: Host, Origin and Sec-Fetch-Site as a table, for the function and for a server on a real port."""

from collections.abc import Iterator
from itertools import product

import pytest
from starlette.types import Receive, Scope, Send

from tests.server.running import Raw, Running, answer, ask, running
from trodo_cli.errors import Unavailable
from trodo_cli.server.gate import LOOPBACK_HOSTS, Gate, refusal

ALLOWED = LOOPBACK_HOSTS | {"Trodo.Internal", "[2001:DB8:0::5]"}

HOSTS = {
    "localhost": 200,
    "localhost:4318": 200,
    "LocalHost:4318": 200,
    "127.0.0.1": 200,
    "127.0.0.1:4318": 200,
    "127.9.8.7:80": 200,
    "[::1]": 200,
    "[::1]:4318": 200,
    "[0:0:0:0:0:0:0:1]:4318": 200,
    "trodo.internal:4318": 200,
    "[2001:db8::5]:4318": 200,
    "evil.example": 403,
    "evil.example:4318": 403,
    "localhost.evil.example": 403,
    "127.0.0.1.evil.example": 403,
    "evil-localhost": 403,
    "localhost.": 403,
    "foo.localhost": 403,
    "127.1": 403,
    "127.0.0.256": 403,
    "2130706433": 403,
    "0.0.0.0:4318": 403,
    "192.168.0.10": 403,
    "169.254.169.254": 403,
    "[::]": 403,
    "[::ffff:127.0.0.1]": 403,
    "[fe80::1]:4318": 403,
    "": 400,
    ":4318": 400,
    "localhost:": 400,
    "localhost:x": 400,
    "localhost:99999": 400,
    "localhost:4318:4318": 400,
    "::1": 400,
    "[::1": 400,
    "[::1]4318": 400,
    "[:::1]": 400,
    "[localhost]": 400,
    "[fe80::1%25lo]": 400,
    "user@localhost": 400,
    "localhost/runs": 400,
    "localhost, evil.example": 400,
    "localhost evil.example": 400,
    "http://localhost": 400,
    "l\xf6calhost": 400,
    "a" * 300: 400,
}
"""What a Host header alone leads to, on a loopback server that may also be called `trodo.internal`."""

ORIGINS = {
    None: 200,
    "http://{host}": 200,
    "https://{host}": 200,
    "null": 403,
    "": 403,
    "{host}": 403,
    "ftp://{host}": 403,
    "http://{host}/": 403,
    "http://{host}1": 403,
    "http://{host}.evil.example": 403,
    "http://evil.example": 403,
    "http://evil.example?{host}": 403,
    "chrome-extension://abcdefgh": 403,
}
SITES = {None: 200, "none": 200, "same-origin": 200, "same-site": 403, "cross-site": 403, "Cross-Site": 403}

Case = tuple[list[str], int]


def cases(host: str) -> Iterator[Case]:
    """Header lines with this Host, and what they lead to: the Host is judged first."""
    for (origin, by_origin), (site, by_site) in product(ORIGINS.items(), SITES.items()):
        lines = [f"Host: {host}"]
        if origin is not None:
            lines.append(f"Origin: {origin.format(host=host)}")
        if site is not None:
            lines.append(f"Sec-Fetch-Site: {site}")
        yield lines, HOSTS[host] if HOSTS[host] != 200 else max(by_origin, by_site)


def headers(lines: list[str]) -> list[tuple[bytes, bytes]]:
    """As uvicorn hands them on."""
    parts = [line.encode("latin-1").partition(b": ") for line in lines]
    return [(name.lower(), value) for name, _, value in parts]


def status(lines: list[str], hosts: frozenset[str] | None) -> int:
    """What the policy alone says."""
    reason = refusal(headers(lines), hosts)
    return reason[0] if reason else 200


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Knows one path, with an opinion of its own about what may be kept."""
    if scope["method"] == "OPTIONS":
        await answer(send, 405, b"")
    elif scope["path"] == "/kept":
        kept = [(b"Cache-Control", b"max-age=60"), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 200, "headers": kept})
        await send({"type": "http.response.body"})
    else:
        await answer(send, 200, b"in")


@pytest.fixture(scope="module", params=["127.0.0.1", "::1"])
def address(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def server(address: str) -> Iterator[Running]:
    """A loopback server."""
    try:
        with running(Gate(app, hosts=ALLOWED), address) as server:
            yield server
    except Unavailable:
        pytest.skip(f"this machine has no {address}")


@pytest.mark.parametrize("host", HOSTS)
def test_the_policy_agrees_with_the_table(host: str) -> None:
    hosts = frozenset({"localhost", "127.0.0.1", "::1", "trodo.internal", "2001:db8::5"})
    assert [case for case in cases(host) if status(case[0], hosts) != case[1]] == []


@pytest.mark.parametrize("host", HOSTS)
def test_a_real_server_agrees_with_the_table(server: Running, address: str, host: str) -> None:
    with Raw(server.port, address) as raw:
        wrong = []
        for lines, expected in cases(host):
            head = "\r\n".join(["GET / HTTP/1.1", *lines, "", ""])
            told = raw.send(head.encode("latin-1")).answer()
            if told.status != expected or (told.body == b"in") != (expected == 200):
                wrong.append((lines, expected, told))
        assert wrong == []


@pytest.mark.parametrize("host", HOSTS)
def test_a_server_for_all_accepts_every_name_but_no_other_origin(host: str) -> None:
    for lines, expected in cases(host):
        if HOSTS[host] == 403:
            continue
        assert status(lines, None) == expected
    assert status([f"Host: {host}"], None) == (400 if HOSTS[host] == 400 else 200)
    assert status([f"Host: {host}", "Origin: null"], None) == (400 if HOSTS[host] == 400 else 403)


def test_a_server_that_was_not_told_so_is_not_called_127() -> None:
    assert status(["Host: 127.0.0.1"], frozenset({"trodo.internal"})) == 403
    assert status(["Host: 127.0.0.2"], frozenset({"trodo.internal"})) == 403


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], 400),
        (["Host: localhost", "Host: localhost"], 400),
        (["Host: localhost", "Host: evil.example"], 400),
        (["Host: localhost", "Origin: http://localhost", "Origin: http://evil.example"], 403),
        (["Host: localhost", "Origin: http://localhost", "Origin: https://localhost"], 200),
        (["Host: localhost", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"], 403),
        (["Host: localhost", "X-Forwarded-Host: evil.example"], 200),
        (["Host: evil.example", "X-Forwarded-Host: localhost"], 403),
    ],
)
def test_headers_that_come_twice_or_not_at_all(
    server: Running, address: str, lines: list[str], expected: int
) -> None:
    assert ask(server.port, "GET / HTTP/1.1", *lines, host=address).status == expected


def test_a_refusal_says_why_in_the_one_shape_of_errors(server: Running, address: str) -> None:
    told = ask(server.port, "GET / HTTP/1.1", "Host: evil.example", host=address)
    assert told["content-type"] == "application/json"
    assert told.json == {
        "error": "this server does not answer to the name evil.example",
        "code": "FORBIDDEN",
    }


ANSWERS = {
    "in": ("GET / HTTP/1.1", "Host: localhost"),
    "kept": ("GET /kept HTTP/1.1", "Host: localhost"),
    "no host": ("GET / HTTP/1.1",),
    "foreign host": ("GET / HTTP/1.1", "Host: evil.example"),
    "other origin": ("GET / HTTP/1.1", "Host: localhost", "Origin: null"),
    "same origin": ("GET / HTTP/1.1", "Host: localhost", "Origin: http://localhost"),
    "preflight": (
        "OPTIONS / HTTP/1.1",
        "Host: localhost",
        "Origin: http://localhost",
        "Access-Control-Request-Method: DELETE",
    ),
    "foreign preflight": ("OPTIONS / HTTP/1.1", "Host: localhost", "Origin: http://evil.example"),
    "no HTTP": ("GET /", "Host: localhost"),
}


@pytest.mark.parametrize("lines", ANSWERS.values(), ids=ANSWERS)
def test_every_answer_is_secured_and_none_opens_the_server_to_others(
    server: Running, address: str, lines: tuple[str, ...]
) -> None:
    told = ask(server.port, *lines, host=address)
    assert told["x-content-type-options"] == "nosniff"
    assert told["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert told["referrer-policy"] == "no-referrer"
    assert told["cross-origin-resource-policy"] == "same-origin"
    assert told["cache-control"] == ("max-age=60" if "/kept" in lines[0] else "no-store")
    assert not [name for name, _ in told.headers if name.startswith("access-control-")]
    assert not told.all("server")
    assert not told.all("date")


def test_options_is_for_the_application_to_answer(server: Running, address: str) -> None:
    assert ask(server.port, "OPTIONS / HTTP/1.1", "Host: localhost", host=address).status == 405
