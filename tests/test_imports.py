"""What a command or an import loads: nothing that it does not use; and how `import trodo` is installed."""

import ast
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

import trodo_cli
from tests.cli.made import run, span
from tests.cli.program import DEADLINE_SECONDS, Cli

PROJECT = Path(trodo_cli.__file__).parents[1]

FAR_TOO_MUCH = {
    "textual", "httpx", "starlette", "uvicorn", "psycopg", "opentelemetry", "pydantic", "asyncio", "ssl",
    "http.client", "concurrent.futures", "keyring", "tomlkit",
}  # fmt: skip
COMMAND_LINE = {"typer", "click", "rich"}
STORE = {"apsw", "msgspec"}

CALLER = """
import sys
sys.argv = ["trodo", *sys.argv[1:]]
from trodo_cli.__main__ import main
code = 0
try:
    main()
except SystemExit as ended:
    code = ended.code
sys.stdout.flush()
sys.stderr.write(repr((int(code or 0), sorted(sys.modules))))
"""


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    """A home with one run in it."""
    cli = Cli(tmp_path)
    cli.publish(run(1, "worker", span("work")))
    yield cli
    cli.close()


def loaded_by(cli: Cli, *arguments: str) -> set[str]:
    """The modules of a process that has run a command."""
    code, modules = ast.literal_eval(cli.python("-c", CALLER, *arguments).err.splitlines()[-1])
    assert code == 0
    return set(modules)


def added_by(cli: Cli, source: str) -> set[str]:
    """The modules that some lines of Python load."""
    probe = f"import sys\nbefore = set(sys.modules)\n{source}\nprint(sorted(set(sys.modules) - before))"
    return set(ast.literal_eval(cli.python("-c", probe).out))


def ours(modules: set[str], *layers: str) -> set[str]:
    """Those of the project, or of some of its layers."""
    parts = [(module, *module.split("."), "") for module in modules]
    found = {part for part in parts if part[1] in ("trodo", "trodo_cli")}
    return {part[0] for part in found if not layers or part[2] in layers}


def test_version_loads_no_command_line_and_no_store(cli: Cli) -> None:
    modules = loaded_by(cli, "--version")
    assert modules & (FAR_TOO_MUCH | COMMAND_LINE | STORE) == set()
    assert ours(modules) == {"trodo_cli", "trodo_cli.__main__"}


@pytest.mark.parametrize("command", [(), ("runs",), ("runs", "list"), ("tail",), ("demo",)], ids=" ".join)
def test_help_loads_no_store_and_nothing_of_other_commands(cli: Cli, command: tuple[str, ...]) -> None:
    modules = loaded_by(cli, *command, "--help")
    assert modules & (FAR_TOO_MUCH | {"apsw"}) == set()
    assert ours(modules, "stores", "client", "sdk", "render") == set()


@pytest.mark.parametrize(
    "command",
    [
        ("runs", "list"), ("runs", "list", "--json"), ("runs", "show", "latest"),
        ("runs", "show", "latest", "--json"), ("trace", "show", "latest"), ("trace", "show", "latest", "--json"),
        ("tail", "latest"), ("tail", "latest", "--json"), ("spool", "status"), ("spool", "drain"),
        ("config", "list"), ("config", "path"), ("trace", "export", "latest"),
        *(("trace", "export", "latest", "--format", form) for form in ("ndjson", "chrome", "markdown", "html")),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_piped_command_loads_no_rich_and_nothing_that_serves_or_draws(
    cli: Cli, command: tuple[str, ...]
) -> None:
    assert loaded_by(cli, *command) & (FAR_TOO_MUCH | {"rich"}) == set()


def test_agents_and_what_starts_them_are_loaded_only_by_commands_about_them(cli: Cli) -> None:
    assert ours(loaded_by(cli, "runs", "list"), "runner") == set()
    modules = loaded_by(cli, "agents", "list")
    assert "trodo_cli.runner.registry" in modules
    assert modules & (FAR_TOO_MUCH | {"rich", "trodo_cli.runner.runner", "trodo_cli.runner.loading"}) == set()


def test_what_a_server_or_a_settings_file_needs_is_loaded_only_for_one(cli: Cli) -> None:
    modules = loaded_by(cli, "runs", "list")
    assert modules & {"tomllib", "keyring", "tomlkit", "httpx"} == set()
    assert (
        ours(modules, "config") & {f"trodo_cli.config.{part}" for part in ("keys", "secrets", "servers")}
        == set()
    )


def test_settings_are_read_without_what_writes_them_and_a_key_without_a_keyring(cli: Cli) -> None:
    cli.ok("config", "set", "target", str(cli.database), "--profile", "here")
    modules = loaded_by(cli, "runs", "list")
    assert "tomllib" in modules
    assert modules & FAR_TOO_MUCH == set()
    server = ("--target", "https://a.example")
    assert cli.run(*server, "config", "set", "api-key", input="key").code == 0
    for arguments in ((*server, "config", "get", "api-key"), (*server, "--api-key", "x", "config", "list")):
        assert loaded_by(cli, *arguments) & FAR_TOO_MUCH == set()


@pytest.mark.parametrize("module", ["trodo_cli", "trodo_cli.trodo"])
def test_importing_the_sdk_loads_nothing_else_of_ours_and_no_other_package(cli: Cli, module: str) -> None:
    modules = added_by(cli, f"import {module}")
    assert ours(modules) == {"trodo_cli", module}
    assert modules & (FAR_TOO_MUCH | COMMAND_LINE | STORE | {"typing", "dataclasses"}) == set()


def test_the_first_use_of_the_sdk_loads_no_store_no_command_line_and_no_event_loop(cli: Cli) -> None:
    modules = added_by(cli, "import trodo_cli\ntrodo_cli.wrap_agent, trodo_cli.span, trodo_cli.tool")
    assert modules & (FAR_TOO_MUCH | COMMAND_LINE | {"apsw", "platformdirs"}) == set()
    assert ours(modules, "stores", "client", "cli", "render") == set()


def test_a_recorded_run_loads_a_store_only_to_ship_it_and_never_a_command_line(cli: Cli) -> None:
    work = "import trodo_cli\nwith trodo_cli.wrap_agent('a'), trodo_cli.span('b'): pass\ntrodo_cli.flush()"
    modules = added_by(cli, work)
    assert "apsw" in modules
    assert modules & (FAR_TOO_MUCH | COMMAND_LINE) == set()
    assert ours(modules, "cli", "render") == set()


def test_every_public_name_is_found_and_nothing_else(cli: Cli) -> None:
    probe = """
        import trodo_cli
        missing = [name for name in trodo_cli.__all__ if not hasattr(trodo_cli, name)]
        print(missing, sorted(trodo_cli.__all__) == sorted(dir(trodo_cli)), hasattr(trodo_cli, "nothing"))
    """
    assert cli.agent(probe).end().out == "[] True False\n"


# -- installed -----------------------------------------------------------------------------------------

WHERE = """
import trodo, trodo_cli
print(trodo.__file__, "wrap_agent" in getattr(trodo, "__all__", ()))
"""


def pip(*arguments: str) -> None:
    """Run pip; it may use what it has cached, and the network for the build backend."""
    subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments],
        check=True,
        timeout=5 * DEADLINE_SECONDS,
    )


def printed(python: str, *, path: Path | None = None, folder: Path) -> list[str]:
    """Where `import trodo` finds it, and whether it is ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRODO_", "PYTHON"))}
    done = subprocess.run(
        [python, "-c", WHERE],
        env={**kept, "TRODO_HOME": str(folder / "home"), **({"PYTHONPATH": str(path)} if path else {})},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.slow
def test_import_trodo_is_one_file_beside_the_package_and_gives_way_to_a_package_of_that_name(
    tmp_path: Path,
) -> None:
    source, site = tmp_path / "source", tmp_path / "site"
    ignored = shutil.ignore_patterns(".*", "tests", "__pycache__")
    shutil.copytree(PROJECT, source, ignore=ignored)
    pip("install", "--no-deps", "--target", str(site), str(source))
    assert {"trodo.py", "trodo_cli"} <= {path.name for path in site.iterdir()}
    assert not list(site.glob("tests*"))
    assert printed(sys.executable, path=site, folder=tmp_path) == [str(site / "trodo.py"), "True"]
    (site / "trodo").mkdir()
    (site / "trodo" / "__init__.py").write_text("")
    official = str(site / "trodo" / "__init__.py")
    assert printed(sys.executable, path=site, folder=tmp_path) == [official, "False"]


@pytest.mark.slow
def test_import_trodo_works_in_an_editable_install(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(PROJECT, source, ignore=shutil.ignore_patterns(".*", "tests", "__pycache__"))
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    pip("--python", str(python), "install", "--no-deps", "--editable", str(source))
    (found, is_ours) = printed(str(python), folder=tmp_path)
    assert is_ours == "True"
    assert Path(found).name == "trodo.py"
