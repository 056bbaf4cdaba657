"""The options that say what a run may take, and their reading."""

from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from trodo_cli.client.base import Client
    from trodo_cli.runner.limits import Limits

MaxTime = Annotated[
    Optional[str],  # noqa: UP045 - Typer reads the annotation
    typer.Option(metavar="TIME", help="How long a run may take: 30s, 10m, 2h, 7d; else 1h."),
]
MaxMemory = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(min=64, metavar="MIB", help="Address space of each process of a run; else 4096."),
]


def limits_of(time: str | None, memory_mib: int | None, runs: int | None = None) -> "Limits":
    """The limits with what options say of them. Raises `InvalidInput`."""
    import msgspec

    from trodo_cli.query.times import read_duration
    from trodo_cli.runner.limits import Limits

    said = {
        "seconds": read_duration(time, "--max-time") / 1e9 if time is not None else None,
        "memory_bytes": memory_mib * 1024**2 if memory_mib is not None else None,
        "runs": runs,
    }
    return msgspec.structs.replace(
        Limits(), **{name: value for name, value in said.items() if value is not None}
    )


def use_limits(client: "Client", limits: "Limits") -> None:
    """Hold the runs to these limits that this process starts."""
    from trodo_cli.client.local import LocalClient

    assert isinstance(client, LocalClient)
    assert client.starter is not None
    client.starter.limits = limits
