"""What the environment says of the person and the terminal."""

import os


def user_name() -> str | None:
    """Who is at the keyboard, for the record of a cancel request."""
    return os.environ.get("USER") or os.environ.get("LOGNAME") or os.environ.get("USERNAME")


def wants_colour() -> bool | None:
    """What the environment says of colour: False, True, or None when it is silent (no-color.org)."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR") or os.environ.get("CLICOLOR_FORCE"):
        return True
    return False if os.environ.get("TERM") == "dumb" else None


def pager() -> str:
    """The command that shows a long text."""
    return os.environ.get("PAGER") or "less"


def speaks_unicode(encoding: str | None) -> bool:
    """Whether a stream of this encoding can show more than ASCII."""
    return (encoding or "").lower().replace("-", "") in ("utf8", "utf16", "utf32", "cp65001")


def draws_signs(encoding: str | None) -> bool:
    """Whether the terminal behind a stream has signs beyond ASCII.

    The Linux console has none in its font. Python takes UTF-8 for the C locale; who asks for that one does not.
    """
    locale = os.environ.get("LC_ALL") or os.environ.get("LANG")
    return speaks_unicode(encoding) and os.environ.get("TERM") != "linux" and locale not in ("C", "POSIX")
