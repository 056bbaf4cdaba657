"""URLs of servers, as far as a key depends on them."""

import re
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from trodo_cli.errors import InvalidInput

_SERVER = r"(https?)://(?:[^/?#@\\\s]*@)?(\[[0-9a-f:.]+\]|[\w.-]+)(?::([0-9]{1,5}))?(?:[/?#].*)?"
_PORTS = {"http": 80, "https": 443}
_PASSWORD = r"(://[^/@:]*):[^/]*@"
_PASSWORD_OF_DATABASE = r"(?i)^(postgres(?:ql)?:/*[^:@/]*):.*@"
"""Also one in which `/` and `@` stand as they are."""
_PASSWORD_IN_QUERY = r"(?i)((?:^|[?&\s])(?:\w*password|\w*key|token)=)[^&#\s]*"


def is_url(place: str) -> bool:
    """Whether a target is a server."""
    return place.lower().startswith(("http://", "https://"))


def is_request_url(text: str) -> bool:
    """Whether requests can be sent to it: HTTP, a host, a port that is one, nothing that readers see differently."""
    try:
        parts = urlsplit(text)
        is_no_port = parts.port == 0
    except ValueError:
        return False
    names_host = bool(parts.hostname) and parts.scheme in ("http", "https") and not is_no_port
    return names_host and text.isascii() and text.isprintable() and not {" ", "\\"} & set(text)


def without_password(place: str) -> str:
    """A target as it may be shown."""
    bare = re.sub(_PASSWORD, r"\1:***@", re.sub(_PASSWORD_OF_DATABASE, r"\1:***@", place))
    return re.sub(_PASSWORD_IN_QUERY, r"\1***", bare)


def checked_origin(place: str) -> str:
    """The origin of a server's URL. Raises `InvalidInput` when there is any doubt what it is."""
    origin = origin_of(place)
    if origin is None:
        raise InvalidInput(
            f"{without_password(place)} is no URL of a server", "write it as https://HOST or http://HOST:PORT"
        )
    return origin


def origin_of(place: str) -> str | None:
    """Scheme, host and port of a server's URL, in one spelling: `https://example.com`, `http://[::1]:4318`.

    None for what is no such URL beyond doubt, so that no two readers of it see different hosts.
    """
    parts = _parts(place)
    if parts is None:
        return None
    scheme, host, port = parts
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" + ("" if port == _PORTS[scheme] else f":{port}")


def loopback_of(place: str) -> tuple[str, int] | None:
    """Host and port of a server's URL on this machine: `localhost`, 127.0.0.0/8 or `::1`; else None."""
    parts = _parts(place)
    if parts is None:
        return None
    _, host, port = parts
    try:
        is_here = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        is_here = False
    return (host, port) if is_here else None


def _parts(place: str) -> tuple[str, str, int] | None:
    found = re.fullmatch(_SERVER, place, re.IGNORECASE)
    if found is None:
        return None
    scheme, host = found[1].lower(), found[2].lower().strip("[]")
    port = int(found[3] or _PORTS[scheme])
    if found[2].startswith("["):
        try:
            host = str(IPv6Address(host))
        except ValueError:
            return None
    return (scheme, host, port) if 0 < port < 65536 else None
