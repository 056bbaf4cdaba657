"""The error family. Every error names the thing that is wrong and, in `hint`, the next step.

TrodoError
├── InvalidInput      a value that cannot be used as given
├── NotFound          nothing of that name for this owner
├── Ambiguous         a reference that fits several runs
├── Unauthorized      no key, or one that does not fit
├── Unavailable       a store or server that cannot be used now
└── StorageFull       no room to write
RunCancelled          raised inside a cancelled run; a BaseException on purpose
"""


class TrodoError(Exception):
    """Base of what trodo reports to people: a message, and a hint that names the next step."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InvalidInput(TrodoError):
    """A value that cannot be used as given."""


class NotFound(TrodoError):
    """Nothing of that name for this owner; another owner's object looks the same."""


class Ambiguous(TrodoError):
    """A reference that fits several runs."""


class Unauthorized(TrodoError):
    """No key, or one that does not fit."""


class Unavailable(TrodoError):
    """A store or server that cannot be used now."""

    retry_after_seconds: float | None = None
    """When it said that it may be tried again."""


class StoreUnavailable(Unavailable):
    """The same of a database; the message names it and says what it said, which is for whoever runs it."""


class StorageFull(Unavailable):
    """The store has no room to write; reading goes on."""


class RunCancelled(BaseException):
    """Raised inside a run that was asked to stop, at a span edge or by `check_cancelled()`.

    It is no `Exception`, so that a retry loop's `except Exception` cannot swallow it.
    """

    def __init__(self, run_id: str, reason: str | None = None, by: str | None = None) -> None:
        text = f"run {run_id} was cancelled"
        if by:
            text += f" by {by}"
        if reason:
            text += f": {reason}"
        super().__init__(text)
        self.run_id = run_id
        self.reason = reason
        self.by = by
