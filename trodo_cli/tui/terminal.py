"""The person's terminal: it gets everything back that the explorer took, and may be gone at any moment."""

import os
from collections.abc import Callable
from typing import Any

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

POINTER = "\x1b]22;"
"""How the shape of the mouse pointer is chosen."""

_USUAL_POINTER = f"{POINTER}default\x07"
_NO_MOUSE_PIXELS = "\x1b[?1016l"


class Terminal(LinuxDriver):
    """Textual's driver, which leaves two things as they were when they were asked for, and ends when nobody reads."""

    def __init__(self, app: App[Any], **settings: Any) -> None:
        super().__init__(app, **settings)
        self._file: Any = _Steady(self._file)
        self._has_pointer = False

    @property
    def is_gone(self) -> bool:
        """Whether the window was closed or the line hung up."""
        return not os.isatty(self.fileno)

    def write(self, data: str) -> None:
        self._has_pointer = self._has_pointer or data.startswith(POINTER)
        super().write(data)

    def stop_application_mode(self) -> None:
        if self._has_pointer:
            self.write(_USUAL_POINTER)
        self.write(_NO_MOUSE_PIXELS)
        super().stop_application_mode()


class _Steady:
    """A stream that swallows what it is given once its reader has gone, so that the thread that writes lives on."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.fileno: Callable[[], int] = stream.fileno

    def write(self, text: str) -> None:
        self._do(lambda: self._stream.write(text))

    def flush(self) -> None:
        self._do(self._stream.flush)

    def _do(self, something: Callable[[], object]) -> None:
        try:
            something()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
