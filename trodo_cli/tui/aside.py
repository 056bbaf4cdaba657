"""Threads for what may have to wait for a server; nobody who leaves waits for them."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Thread
from typing import Any


class Aside(ThreadPoolExecutor):
    """Does each piece of work in a thread of its own, which ends with the program at the latest."""

    def submit(self, work: Callable[..., Any], /, *values: Any, **settings: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def do() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(work(*values, **settings))
            except BaseException as error:  # whoever waits for the result gets it
                future.set_exception(error)

        Thread(target=do, name="trodo-aside", daemon=True).start()
        return future
