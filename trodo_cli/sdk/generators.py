"""Generators inside a block: the block is the place of the generator's own code only, not of its consumer's.

What a consumer sends, throws and closes reaches the generator as if nothing stood between.
"""

from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

from trodo_cli.sdk.block import Block

MAX_ITEMS = 1_000
"""How many items are kept for the output."""

Finish = Callable[[Any, Any], None]
"""Called with the block's handle and the result."""


def recorded_items(
    block: Block, source: Generator[Any, Any, Any], finish: Finish
) -> Generator[Any, Any, Any]:
    """The generator's items, made inside the block."""
    items: list[Any] = []
    sent, thrown = None, None
    with block:
        while True:
            try:
                item = source.send(sent) if thrown is None else source.throw(thrown)
            except StopIteration as end:
                finish(block, items if end.value is None else end.value)
                return end.value
            _keep(items, item)
            block.pause()
            sent, thrown = None, None
            try:
                sent = yield item
            except GeneratorExit:
                block.resume()
                source.close()
                raise
            except BaseException as error:
                thrown = error
            block.resume()


async def recorded_stream(
    block: Block, source: AsyncGenerator[Any, Any], finish: Finish
) -> AsyncGenerator[Any, Any]:
    """The asynchronous generator's items, made inside the block."""
    items: list[Any] = []
    sent, thrown = None, None
    async with block:
        while True:
            try:
                item = await (source.asend(sent) if thrown is None else source.athrow(thrown))
            except StopAsyncIteration:
                finish(block, items)
                return
            _keep(items, item)
            block.pause()
            sent, thrown = None, None
            try:
                sent = yield item
            except GeneratorExit:
                block.resume()
                await source.aclose()
                raise
            except BaseException as error:
                thrown = error
            block.resume()


def _keep(items: list[Any], item: Any) -> None:
    """Keep an item for the output; of those beyond the limit only that there were more."""
    if len(items) < MAX_ITEMS:
        items.append(item)
    elif len(items) == MAX_ITEMS:
        items.append(f"… more than {MAX_ITEMS} items")
