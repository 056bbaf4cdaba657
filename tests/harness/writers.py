"""Those who publish over the product's own client, try again until they are told it is stored, and note what was."""

from collections.abc import Sequence

import trodo_cli
from tests.harness.verdict import Failed, Limit
from trodo_cli.client.base import Client
from trodo_cli.errors import Unavailable
from trodo_cli.model.event import Event
from trodo_cli.wire.native import write_event
from trodo_cli.wire.receipt import Receipt

RETRY_SECONDS = 0.03

Batch = list[Event]


class Writer:
    """One of them. What it noted is for the auditor, once nobody writes any more."""

    def __init__(self, url: str, limit: Limit) -> None:
        self._url, self._limit = url, limit
        self._client: Client | None = None
        self.acknowledged: list[Batch] = []
        self.given_up: list[Batch] = []
        """Sent, but nobody said what became of them: each is stored as a whole or not at all."""
        self.retries = 0

    def deliver(self, batch: Batch, *, gives_up: bool = False) -> bool:
        """Publish until it is acknowledged; with `gives_up` only once, and False when there was no answer."""
        lines = [write_event(event) for event in batch]
        is_first = True
        while True:
            self._limit.check()
            try:
                receipt = self._connected().publish_lines(lines)
            except Unavailable as error:
                if gives_up and self._client is not None:
                    self.given_up.append(batch)
                    return False
                is_first = False
                self.retries += 1
                self._limit.sleep(error.retry_after_seconds or RETRY_SECONDS)
                continue
            _check(receipt, batch, is_first=is_first)
            self.acknowledged.append(batch)
            return True

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def _connected(self) -> Client:
        if self._client is None:
            self._client = trodo_cli.connect(self._url)
        return self._client


def _check(receipt: Receipt, batch: Sequence[Event], *, is_first: bool) -> None:
    """A batch is new as a whole; after a lost answer it may be known, again as a whole."""
    if receipt.refused:
        raise Failed("refused", f"{receipt.refused} events were refused: {receipt.refusals[0].error}")
    if receipt.stored == len(batch) or (receipt.known == len(batch) and not is_first):
        return
    raise Failed("torn", f"of {len(batch)} events {receipt.stored} were stored and {receipt.known} known")
