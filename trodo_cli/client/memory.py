"""What this process keeps in memory: whoever opens `memory:` finds the same runs, until the process ends."""

import os
import threading

from trodo_cli.client.local import LocalClient
from trodo_cli.live import Hub
from trodo_cli.stores.sqlite import SqliteStore

_hubs: dict[int, Hub] = {}
"""By process; one that was forked begins anew."""

_lock = threading.Lock()


class MemoryClient(LocalClient):
    """One of those that share the memory; it stays when this one is closed."""

    def __init__(self, owner: str) -> None:
        with _lock:
            hub = _hubs.get(os.getpid()) or Hub(SqliteStore(None))
            _hubs[os.getpid()] = hub
        super().__init__(hub.store, owner, hub)

    def close(self) -> None:
        if self.starter is not None:
            self.starter.close()
