"""Origins: one spelling for one server, and none where two readers of a URL could differ."""

import ipaddress
import string

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trodo_cli.config.urls import loopback_of, origin_of


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://a.example", "https://a.example"),
        ("HTTPS://A.Example/", "https://a.example"),
        ("https://a.example:443/x?y#z", "https://a.example"),
        ("http://a.example:80", "http://a.example"),
        ("https://a.example:80", "https://a.example:80"),
        ("http://ann:secret@a.example:4318/x@y", "http://a.example:4318"),
        ("http://[::1]:4318", "http://[::1]:4318"),
        ("http://[0:0:0:0:0:0:0:1]", "http://[::1]"),
        ("http://a?b", "http://a"),
        ("https://a.example:00443", "https://a.example"),
    ],
)
def test_one_server_has_one_origin(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    "url",
    [
        "", "a", "ftp://a", "https:a", "https://", "https:///a", "https://@", "https://:1", "https://a:", "https://a:x",
        "https://a:0", "https://a:65536", "https://a:1:2", r"https://good\@evil", "https://good @evil",
        "https://go\tod", "https://a\n", "https://a/\nb", "https://[::1", "https://[::g]", "https://[1.2.3.4]x",
        "https://a\u2100b", "https://a%2fb",
    ],
)  # fmt: skip
def test_what_can_be_read_in_two_ways_has_none(url: str) -> None:
    assert origin_of(url) is None


@given(st.text(alphabet=string.ascii_lowercase + "@:/?#\\.[]%1 ", max_size=20))
@settings(max_examples=500, deadline=None)
def test_who_sends_the_request_reads_the_same_host(rest: str) -> None:
    url = f"https://{rest}"
    if (origin := origin_of(url)) is None:
        return
    sent = httpx.Request("GET", url).url
    host = f"[{sent.host}]" if ":" in sent.host else sent.host
    assert origin == f"https://{host}" + (f":{sent.port}" if sent.port else "")


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://localhost:4318", ("localhost", 4318)),
        ("http://LOCALHOST", ("localhost", 80)),
        ("https://127.0.0.1/x", ("127.0.0.1", 443)),
        ("http://127.8.9.10:1", ("127.8.9.10", 1)),
        ("http://[::1]:4318", ("::1", 4318)),
        ("http://[0::0:1]:4318", ("::1", 4318)),
        ("http://0.0.0.0:4318", None),
        ("http://128.0.0.1:4318", None),
        ("http://localhost.example:4318", None),
        ("http://127.0.0.1.example:4318", None),
        ("http://127.1:4318", None),
        ("http://[::2]:4318", None),
        ("http://localhost:4318@stranger", None),
        ("http://stranger/?@localhost:4318", None),
    ],
)
def test_only_this_machine_is_loopback(url: str, found: tuple[str, int] | None) -> None:
    assert loopback_of(url) == found


def test_every_address_of_the_loopback_net_is_loopback() -> None:
    net = ipaddress.ip_network("127.0.0.0/8")
    for number in range(0, net.num_addresses, 1 << 20):
        address = net[number]
        assert loopback_of(f"http://{address}:1") == (str(address), 1)
