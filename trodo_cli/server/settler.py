"""Ends the runs of which only spans tell, once they have fallen silent; one thread a server."""

import contextlib
import threading

from trodo_cli.errors import TrodoError
from trodo_cli.live import Hub

LOOK_SECONDS = 1.0


class Settler:
    """Looks at every such run of the store at first, then at those that were heard of since."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._stopped = threading.Event()

    def begin(self) -> None:
        """Start the thread."""
        threading.Thread(target=self._watch, name="trodo-settler", daemon=True).start()

    def stop(self) -> None:
        """Let the thread end."""
        self._stopped.set()

    def _watch(self) -> None:
        looked_ns = 0
        while not self._stopped.is_set():
            with contextlib.suppress(TrodoError):
                looked_ns = self._hub.conclude(looked_ns)
            self._stopped.wait(LOOK_SECONDS)
