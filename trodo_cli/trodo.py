"""`import trodo`: the SDK under its short name.

The build puts this one file beside the package. An installed package of the name `trodo` wins over it.
"""

import trodo_cli

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from trodo_cli import *  # noqa: F403

__version__ = trodo_cli.__version__
__all__ = trodo_cli.__all__


def __getattr__(name: str) -> "Any":
    return getattr(trodo_cli, name)


def __dir__() -> list[str]:
    return dir(trodo_cli)
