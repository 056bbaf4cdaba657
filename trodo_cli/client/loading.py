"""All that recording to a target takes, loaded at one go.

A process that forks while another thread imports has a child that waits for ever when it imports the same. So this is
loaded before a thread of our own opens a target.
"""

from importlib import import_module

_FILE = ("trodo_cli.client.local", "trodo_cli.client.starter", "trodo_cli.stores.sqlite")
_MEMORY = (*_FILE, "trodo_cli.client.memory")
_DATABASE = (
    "trodo_cli.client.local", "trodo_cli.client.starter", "trodo_cli.stores.postgres", "psycopg.conninfo",
)  # fmt: skip
_SERVER = (
    "trodo_cli.client.hosted", "trodo_cli.config.keys", "encodings.idna", "importlib.readers", "anyio", "certifi",
    "h11", "httpcore",
)  # fmt: skip


def load(target: str) -> None:
    """Load what `open_recording` and what it gives need for this target. Raises `ImportError`."""
    for name in _modules(target):
        import_module(name)


def _modules(target: str) -> tuple[str, ...]:
    if target.startswith("run://"):
        return ("trodo_cli.runner.relay",)
    if target.startswith(("http://", "https://")):
        return _SERVER
    if target.startswith(("postgresql://", "postgres://")):
        return _DATABASE
    return _MEMORY if target == "memory:" else _FILE
