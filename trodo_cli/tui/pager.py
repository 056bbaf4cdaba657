"""A text in the user's pager."""

import shlex
import subprocess

from trodo_cli import config


def page(text: str) -> None:
    """Show a text until the person leaves the pager; without one, do nothing."""
    command = shlex.split(config.pager())
    try:
        subprocess.run(command, input=text.encode(), check=False)
    except OSError:
        return
