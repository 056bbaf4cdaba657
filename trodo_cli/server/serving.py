"""A server from its socket to its last answer."""

import asyncio
import ctypes
import errno
import resource
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from ipaddress import ip_address

import uvicorn
from starlette.types import ASGIApp

from trodo_cli.errors import InvalidInput, Unavailable
from trodo_cli.server.connection import Connection

BACKLOG = 2_048
SHUTDOWN_SECONDS = 1.2
"""How long open requests may take to end."""

OPEN_FILES = 16_384
"""Every connection is one; many systems allow a few hundred unless asked."""

LARGE_BLOCK_BYTES = 256 * 1024
_M_MMAP_THRESHOLD = -3
"""As in malloc.h."""

_REASONS = {
    errno.EADDRINUSE: "another program listens there",
    errno.EADDRNOTAVAIL: "it is no address of this machine",
    errno.EACCES: "the system does not permit it",
    errno.EPERM: "the system does not permit it",
}


def serve(
    app: ASGIApp,
    sockets: list[socket.socket],
    *,
    on_started: Callable[[], None],
    on_stopping: Callable[[], None],
    on_hangup: Callable[[], None] | None = None,
    on_refused: Callable[[int], None] = lambda _status: None,
    lifeline: int | None = None,
) -> None:
    """Answer requests until SIGTERM or SIGINT, then return. All callbacks run in the event loop.

    At the first signal `on_stopping` lets streams end themselves; a second one ends everything at once. With a
    `lifeline`, its end is such a signal too, SIGINT is left to the parent, and what comes again changes nothing.
    `on_refused` is told the status of what never became a request.
    """
    _allow_many_files()
    _give_memory_back()
    Server(
        app,
        on_started=on_started,
        on_stopping=on_stopping,
        on_hangup=on_hangup,
        on_refused=on_refused,
        lifeline=lifeline,
    ).run(sockets)


class Server(uvicorn.Server):
    """uvicorn that waits for a word instead of looking for one, and does not die of the signal that ends it."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        on_started: Callable[[], None],
        on_stopping: Callable[[], None],
        on_hangup: Callable[[], None] | None = None,
        on_refused: Callable[[int], None] = lambda _status: None,
        lifeline: int | None = None,
    ) -> None:
        super().__init__(_config(app, on_refused))
        self._on_started = on_started
        self._on_stopping = on_stopping
        self._on_hangup = on_hangup
        self._lifeline = lifeline
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Begin to end; called again, end at once. Called in the event loop."""
        if self.should_exit:
            self.force_exit = True
            return
        self.should_exit = True
        self._stopped.set()
        self._on_stopping()

    def stop_once(self) -> None:
        """Begin to end unless it has begun. Called in the event loop."""
        if self._lifeline is not None:
            asyncio.get_running_loop().remove_reader(self._lifeline)
        if not self.should_exit:
            self.stop()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._lifeline is not None:
            asyncio.get_running_loop().add_reader(self._lifeline, self.stop_once)
        self._on_started()

    async def main_loop(self) -> None:
        await self._stopped.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(SHUTDOWN_SECONDS):
                await self._all_done()
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    async def _all_done(self) -> None:
        state = self.server_state
        while (state.connections or state.tasks) and not self.force_exit:
            await asyncio.sleep(0.02)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        handlers = self._handlers()
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
        try:
            yield
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)

    def _handlers(self) -> dict[signal.Signals, Callable[[], None]]:
        handlers: dict[signal.Signals, Callable[[], None]] = {signal.SIGTERM: self.stop_once}
        if self._lifeline is None:
            handlers = {signal.SIGINT: self.stop, signal.SIGTERM: self.stop}
        if self._on_hangup is not None:
            handlers[signal.SIGHUP] = self._on_hangup
        return handlers


def _config(app: ASGIApp, on_refused: Callable[[int], None]) -> uvicorn.Config:
    """Nothing is taken from the environment, and nothing written to a log."""
    return uvicorn.Config(
        app,
        http=partial(Connection, on_refused=on_refused),  # type: ignore[arg-type]
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        forwarded_allow_ips="",
        workers=1,
        backlog=BACKLOG,
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at the host's first address, IPv4 before IPv6; port 0 takes a free one.

    Raises `Unavailable` when it cannot, `InvalidInput` for what is no port.
    """
    if not 0 <= port <= 65_535:
        raise InvalidInput(f"{port} is no port", "a port is from 0 to 65535: --port 4318")
    family, address = min(_addresses(host), key=lambda found: found[0] != socket.AF_INET)
    # asyncio sends small packets at once only where the protocol is named
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _unavailable(address, port, error) from None
    return listener


def is_loopback(host: str) -> bool:
    """Whether a host, resolved, is this machine and nothing else. Raises `Unavailable` for an unknown one."""
    return all(_is_own(address) for _, address in _addresses(host))


def shown_url(sock: socket.socket) -> str:
    """Where a listening socket is reached: `http://127.0.0.1:4318`, `http://[::1]:4318`."""
    return f"http://{_joined(*sock.getsockname()[:2])}"


def _addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    """What a name or address means; an empty host means every address, as for a socket."""
    try:
        found = socket.getaddrinfo(host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise Unavailable(f"there is no host {host}", "name an address of this machine with --host") from None
    return [(family, str(address[0])) for family, _, _, _, address in found]


def _is_own(address: str) -> bool:
    known = ip_address(address)
    return (getattr(known, "ipv4_mapped", None) or known).is_loopback


def _unavailable(address: str, port: int, error: OSError) -> Unavailable:
    reason = _REASONS.get(error.errno or 0, error.strerror)
    return Unavailable(
        f"cannot listen on {_joined(address, port)}: {reason}",
        "choose another one with --port or --host; `--port 0` takes a free port",
    )


def _joined(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _give_memory_back() -> None:
    """Keep glibc from holding on to what large bodies took: blocks from this size on go back when they are freed."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)


def _allow_many_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
