"""What shipping takes is loaded before its thread begins: a fork must not fall into an import."""

from tests.postgres import kept_place, postgres, postgres_server
from tests.sdk.host import Host
from tests.sdk.test_hosted import Place, place

__all__ = ("kept_place", "place", "postgres", "postgres_server")

PROGRAM = """
    import sys
    from trodo import flush, span, wrap_agent
    from trodo_cli.sdk import recorder

    load = recorder._load_sink
    loaded = set()
    def watched(target):
        load(target)
        loaded.update(sys.modules)
    recorder._load_sink = watched
    with wrap_agent("writer"), span("plan"):
        assert flush(60)
    assert flush(60) and loaded
    print(*sorted(set(sys.modules) - loaded))
"""


def loaded_late(host: Host, **settings: str) -> str:
    """The modules that the thread has loaded itself."""
    (names,) = host.run(PROGRAM, **settings)
    return names


def test_nothing_is_loaded_late_for_a_file(host: Host) -> None:
    assert loaded_late(host, TRODO_TARGET=str(host.folder / "runs.db")) == ""


def test_nothing_is_loaded_late_for_a_server(host: Host, place: Place) -> None:
    assert loaded_late(host, **place.settings) == ""


def test_nothing_is_loaded_late_for_a_database(host: Host, postgres: str) -> None:
    assert loaded_late(host, TRODO_TARGET=postgres) == ""
