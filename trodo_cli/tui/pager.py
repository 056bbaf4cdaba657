"""A text in the user's pager."""

import shlex
import subprocess

from trodo_cli import config
from trodo_cli.errors import InvalidInput


def page(text: str) -> None:
    """Show a text until the person leaves the pager. Raises `InvalidInput` when there is no such program."""
    wanted = config.pager()
    try:
        subprocess.run(shlex.split(wanted), input=text.encode(), check=False)
    except (OSError, ValueError, IndexError):
        raise InvalidInput(f"no pager {wanted!r}", "set PAGER to a program, as in PAGER=less") from None
