"""What the routes of one server share: the store, who may come in, who follows, and whether it goes on."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import Request

from trodo_cli.client.local import LocalClient
from trodo_cli.server.auth import Doorkeeper
from trodo_cli.server.board import Board
from trodo_cli.server.limits import BodyBudget, Refused, read_body
from trodo_cli.server.metered import metered
from trodo_cli.server.pulse import Pulse
from trodo_cli.server.settler import Settler

MAX_VIEWERS = 2_000
MAX_VIEWERS_PER_KEY = 256
"""Open streams and waiting questions."""


class Service:
    """One server over one store."""

    def __init__(
        self, client: LocalClient, *, local_key: str | None = None, board: Board | None = None
    ) -> None:
        self._client = client
        self.board = board or Board()
        client.hub.store = metered(client.hub.store, self.board)
        client.hub.prices = True
        self.pulse = Pulse(client.hub)
        self._settler = Settler(client.hub)
        self.doorkeeper = Doorkeeper(client.hub.store, (client.owner, local_key) if local_key else None)
        self.stopping = False
        self._budget = BodyBudget()
        self._viewers: Counter[str] = Counter()

    def client(self, owner: str) -> LocalClient:
        """The store as this owner sees it."""
        return self._client.of(owner)

    def health(self) -> dict[str, str]:
        return self._client.health()

    async def body(self, request: Request) -> bytes:
        """A request's whole body, decompressed. Raises `Refused` beyond the bounds."""
        return await read_body(request, self._budget)

    def check_crowd(self, key_id: str) -> None:
        """Raises `Refused` when the key, or all together, have as many open streams as there may be."""
        if self._viewers[key_id] >= MAX_VIEWERS_PER_KEY or self._viewers.total() >= MAX_VIEWERS:
            raise Refused(429, "too many open streams", retry_after=5)

    @contextmanager
    def viewing(self, key_id: str) -> Iterator[None]:
        """Count one who stays connected."""
        self._viewers[key_id] += 1
        self.board.streams(1)
        try:
            yield
        finally:
            self.board.streams(-1)
            self._viewers[key_id] -= 1
            if not self._viewers[key_id]:
                del self._viewers[key_id]

    def begin(self) -> None:
        """Look after runs that nobody ends, from now on."""
        self._settler.begin()

    def stop(self) -> None:
        """Let every stream end by itself. Called in the event loop."""
        self.stopping = True
        self._settler.stop()
        self.pulse.stop()
