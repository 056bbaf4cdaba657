"""A `with` or `async with` block that is the place of the code inside it."""

from contextvars import Token
from typing import TYPE_CHECKING, Any, Self

from trodo_cli.errors import RunCancelled
from trodo_cli.sdk.context import ActiveRun, Place, calls_over, current, leave
from trodo_cli.sdk.details import is_task_cancel

if TYPE_CHECKING:
    from trodo_cli.sdk.telemetry import Mirror


class Block:
    """What runs, spans and joined runs share. Subclasses say what entering and leaving means."""

    __slots__ = ("_mirror", "_token", "outer", "run")

    span_id: str | None

    def __init__(self) -> None:
        self._token: Token[Place | None] | None = None
        """Set while the block is entered."""
        self._mirror: Mirror | None = None
        """The block in a tracer of the host's own."""
        self.run: ActiveRun
        self.outer: Place | None = None

    def __enter__(self) -> Self:
        raise NotImplementedError

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        try:
            return self.__enter__()
        except RunCancelled:
            await calls_over()
            raise

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        try:
            self.__exit__(kind, error, trace)
        except RunCancelled:
            await calls_over()
            raise
        if not is_task_cancel(error):
            await calls_over()

    def step_in(self) -> None:
        """Become the place of the code at hand."""
        self._token = current.set(self)
        if self._mirror is not None:
            self._mirror.enter()

    def step_out(self) -> bool:
        """Restore the place from before; False when the block was not entered."""
        if self._token is None:
            return False
        self.pause()
        self._token = self.outer = None
        return True

    def pause(self) -> None:
        """Step out for a while, as a generator does between two items."""
        if self._token is not None:
            leave(self._token)
            if self._mirror is not None:
                self._mirror.leave()

    def resume(self) -> None:
        """Step in again."""
        if self._token is not None:
            self.step_in()
