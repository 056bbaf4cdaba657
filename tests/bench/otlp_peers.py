"""Other programs that take OTLP, for `otlp_ingest`: each is a program that somebody has installed somewhere."""

import os
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.bench.http_ingest import driven, free_port, process, wait_for

PATIENCE_SECONDS = 300.0


class Peer(NamedTuple):
    """How a program is started, and where it keeps spans."""

    arguments: Callable[[int, Path], list[str]]
    settings: Callable[[int, Path], dict[str, str]]
    database: str


PEERS = {
    "phoenix": Peer(
        lambda _port, _folder: ["serve"],
        lambda port, folder: {
            "PHOENIX_WORKING_DIR": str(folder), "PHOENIX_HOST": "127.0.0.1", "PHOENIX_PORT": str(port),
            "PHOENIX_GRPC_PORT": str(free_port()), "PHOENIX_TELEMETRY_ENABLED": "false",
        },
        "phoenix.db",
    ),
    "trace-view": Peer(
        lambda port, folder: ["-p", str(port), "-d", str(folder / "traces.db"), "serve"],
        lambda _port, _folder: {},
        "traces.db",
    ),
}  # fmt: skip


def taken(
    name: str, program: str, path: str, headers: dict[str, str], bodies: list[bytes], count: int
) -> float:
    """Spans a second until every span stands in the program's own table."""
    peer = PEERS[name]
    with tempfile.TemporaryDirectory() as text:
        folder, port = Path(text), free_port()
        settings = {**os.environ, **peer.settings(port, folder)}
        with process([program, *peer.arguments(port, folder)], env=settings, stdout=subprocess.DEVNULL):
            wait_for(port)
            began = time.perf_counter()
            driven(port, path, headers, bodies, count)
            while stored(folder / peer.database) < count:
                if time.perf_counter() - began > PATIENCE_SECONDS:
                    raise SystemExit(f"{name} has stored {stored(folder / peer.database)} of {count} spans")
                time.sleep(0.02)
            return count / (time.perf_counter() - began)


def stored(database: Path) -> int:
    """How many spans a peer has."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        (count,) = connection.execute("SELECT count(*) FROM spans").fetchone()
    connection.close()
    return int(count)
