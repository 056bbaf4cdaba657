"""Host, origin, site, method and key of a request, and what it is answered: one table, tried whole."""

import socket
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from tests.contract.events import span_start
from tests.server.running import Answer, Raw
from tests.server.served import NORTH, Served, finished_run, lines, program, request, served
from tests.server.test_tenants import bad_keys, dump
from trodo_cli.model import ids
from trodo_cli.model.key import new_secret
from trodo_cli.server.gate import LOOPBACK_HOSTS

OK = 0

HOSTS: dict[str, tuple[int, tuple[str, ...]]] = {
    "localhost": (OK, ("host: localhost",)),
    "localhost and port": (OK, ("host: localhost:{port}",)),
    "localhost and another port": (OK, ("host: localhost:1",)),
    "in capitals": (OK, ("host: LOCALHOST:{port}",)),
    "127.0.0.1": (OK, ("host: 127.0.0.1:{port}",)),
    "another of 127/8": (OK, ("host: 127.9.9.9:{port}",)),
    "v6": (OK, ("host: [::1]:{port}",)),
    "v6 without port": (OK, ("host: [::1]",)),
    "v6 in long": (OK, ("host: [0:0:0:0:0:0:0:1]:{port}",)),
    "a foreign name": (403, ("host: evil.invalid",)),
    "a foreign name with our port": (403, ("host: evil.invalid:{port}",)),
    "a name that begins as ours": (403, ("host: localhost.evil.invalid:{port}",)),
    "an address that begins as ours": (403, ("host: 127.0.0.1.evil.invalid",)),
    "a name that ends as ours": (403, ("host: evil-localhost",)),
    "a dot at the end": (403, ("host: localhost.",)),
    "another address": (403, ("host: 192.0.2.1:{port}",)),
    "any address": (403, ("host: 0.0.0.0:{port}",)),
    "a short address": (403, ("host: 127.1:{port}",)),
    "an address as a number": (403, ("host: 2130706433:{port}",)),
    "another v6": (403, ("host: [::2]:{port}",)),
    "v4 in v6": (403, ("host: [::ffff:127.0.0.1]:{port}",)),
    "none": (400, ()),
    "empty": (400, ("host:",)),
    "two": (400, ("host: localhost", "host: localhost")),
    "two, one foreign": (400, ("host: localhost", "host: evil.invalid")),
    "a list": (400, ("host: localhost, evil.invalid",)),
    "with a user": (400, ("host: evil@localhost",)),
    "with a path": (400, ("host: localhost/evil",)),
    "no port after the colon": (400, ("host: localhost:",)),
    "no such port": (400, ("host: localhost:65536",)),
    "v6 without brackets": (400, ("host: ::1",)),
    "not ASCII": (400, ("host: l\xf6calhost",)),
}

ORIGINS: dict[str, tuple[int, tuple[str, ...]]] = {
    "no origin": (OK, ()),
    "our own": (OK, ("origin: http://{host}",)),
    "our own behind TLS": (OK, ("origin: https://{host}",)),
    "null": (403, ("origin: null",)),
    "empty": (403, ("origin:",)),
    "foreign": (403, ("origin: http://evil.invalid",)),
    "another port": (403, ("origin: http://localhost:3000",)),
    "begins as ours": (403, ("origin: http://{host}.evil.invalid",)),
    "another scheme": (403, ("origin: file://{host}",)),
    "two": (403, ("origin: http://{host}", "origin: http://evil.invalid")),
}

SITES: dict[str, tuple[int, tuple[str, ...]]] = {
    "says nothing": (OK, ()),
    "typed": (OK, ("sec-fetch-site: none",)),
    "same origin": (OK, ("sec-fetch-site: same-origin",)),
    "same site": (403, ("sec-fetch-site: same-site",)),
    "cross site": (403, ("sec-fetch-site: cross-site",)),
    "two": (403, ("sec-fetch-site: same-origin", "sec-fetch-site: cross-site")),
}

REQUESTS: dict[str, tuple[int, int]] = {
    "GET /runs/{run}": (401, 200),
    "HEAD /runs/{run}": (401, 200),
    "DELETE /runs/{run}": (401, 204),
    "POST /runs/{run}/cancel": (401, 200),
    "POST /v1/events": (401, 200),
    "OPTIONS /runs": (404, 404),
    "PUT /runs/{run}": (404, 404),
    "GET /nothing": (404, 404),
    "GET /health": (200, 200),
}
"""What is answered without a good key, and with one."""

KEYS = ("none", "unknown", "good")

CHANGING = ("POST", "DELETE", "PUT")


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@pytest.fixture(scope="module", params=["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
def address(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def local(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server as `trodo serve` starts it on a loopback address."""
    path = tmp_path_factory.mktemp("matrix") / "trodo.db"
    with served(path, hosts=LOOPBACK_HOSTS, host=address) as server:
        yield server


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_with_every_origin_request_and_key(local: Served, address: str, host: str) -> None:
    check(local, address, product([host], ORIGINS, ["says nothing"], REQUESTS, KEYS))


@pytest.mark.parametrize("site", SITES)
def test_a_site_with_every_request_and_key(local: Served, address: str, site: str) -> None:
    check(local, address, product(["localhost"], ["no origin", "our own"], [site], REQUESTS, KEYS))


def check(server: Served, address: str, cases: Iterator[tuple[str, str, str, str, str]]) -> None:
    """Try the cases that are refused, then the others; what is refused changes nothing."""
    run_id = ids.new_run_id()
    server.publish(*finished_run(run_id))
    found = [(case, expected(*case)) for case in cases]
    before = dump(server)
    with Raw(server.port, address) as raw:
        for case, status in [(case, status) for case, status in found if status >= 300]:
            answer = asked_as(raw, server, run_id, *case)
            assert answer.status == status, (case, answer)
        assert dump(server) == before
        for case, status in [(case, status) for case, status in found if status < 300]:
            server.publish(*finished_run(run_id))
            assert asked_as(raw, server, run_id, *case).status == status, case


def expected(host: str, origin: str, site: str, asked: str, key: str) -> int:
    refusals = (HOSTS[host][0], ORIGINS[origin][0], SITES[site][0])
    return next((status for status in refusals if status), REQUESTS[asked][key == "good"])


def asked_as(
    raw: Raw, server: Served, run_id: str, host: str, origin: str, site: str, asked: str, key: str
) -> Answer:
    """What a case is answered, whatever that is with the headers that every answer has."""
    method, _, path = asked.format(run=run_id).partition(" ")
    hosts = [line.format(port=server.port) for line in HOSTS[host][1]]
    named = hosts[0].partition(": ")[2] if hosts else "localhost"
    headers = [*hosts, *(line.format(host=named) for line in (*ORIGINS[origin][1], *SITES[site][1]))]
    if key != "none":
        headers.append(f"authorization: Bearer {server.secret(NORTH) if key == 'good' else new_secret()}")
    body = b""
    if method in CHANGING:
        body = lines(span_start(run_id, "more"))
        headers.append("content-type: text/plain")
    if method == "OPTIONS":
        headers += ["access-control-request-method: POST", "access-control-request-headers: authorization"]
    sent = request(method, path, *headers, body=body)
    raw.send(sent if hosts else sent.replace(b"host: localhost\r\n", b""))
    answer = head_of(raw) if method == "HEAD" else raw.answer()
    assert not [name for name, _ in answer.headers if name.startswith("access-control-")]
    assert (answer["x-content-type-options"], answer["cache-control"]) == ("nosniff", "no-store")
    return answer


def head_of(raw: Raw) -> Answer:
    """The answer to a HEAD request, which says how long a body would be and has none."""
    head = [line.decode().rstrip() for line in iter(raw.line, b"\r\n")]
    headers = [(name.lower(), value) for name, _, value in (line.partition(": ") for line in head[1:])]
    return Answer(int(head[0].split()[1]), headers, b"")


@needs_ipv6
def test_the_program_answers_on_ipv6_and_its_key_is_found(tmp_path: Path) -> None:
    with program(tmp_path, "--host", "::1") as serving:
        assert serving.url == f"http://[::1]:{serving.port}"
        serving.cli.publish(finished_run("a" * 32))
        done = serving.cli.ok("runs", "list", "--target", serving.url)
        assert [row[0] for row in done.rows] == ["a" * 32]


def test_no_key_is_in_an_answer_or_a_log_or_the_process_list_or_a_file(tmp_path: Path) -> None:
    with program(tmp_path) as serving:
        good, gone = (serving.cli.ok("keys", "create", "--owner", NORTH) for _ in range(2))
        serving.cli.ok("keys", "revoke", gone.err.removeprefix("trodo: ").partition(":")[0])
        secrets = [serving.key, good.lines[0], gone.lines[0], new_secret()]
        told = [answer for secret in secrets for answer in answers_to(serving.port, secret)]
        told.append(Path(f"/proc/{serving.pid}/cmdline").read_bytes())
        done = serving.stop()
    assert done.code == 0
    told += [done.out.encode(), done.err.encode()]
    told += [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    told += [str(file).encode() for file in tmp_path.rglob("*")]
    for secret in secrets:
        assert [text for text in told if secret[6:40].encode() in text] == []


def answers_to(port: int, secret: str) -> Iterator[bytes]:
    """All that is answered to who shows a key, as it should be shown and in other ways."""
    shown = [row[2:] for row in bad_keys(secret, secret).values() if len("".join(row[2:])) < 10_000]
    with Raw(port) as raw:
        for headers in [(f"authorization: Bearer {secret}",), *shown]:
            for method, path in (
                ("GET", "/runs"),
                ("GET", "/nothing"),
                ("POST", "/v1/events"),
                ("POST", "/runs"),
            ):
                answer = raw.send(request(method, path, *headers, body=b'{"type": 1}')).answer()
                yield repr(answer.headers).encode() + answer.body
