"""Where trodo looks, as a person says it: flags, environment, project file, profiles and keys."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.cli.made import run, run_id, span
from tests.cli.program import Cli, refused
from trodo_cli import __version__

SECRET = "trodo_hunter2"


@dataclass
class Stranger:
    """A server that only writes down what it is sent, and knows no key."""

    url: str
    heard: list[str] = field(default_factory=list)
    """Each request with all its headers."""
    is_open: bool = False
    """Whether it shows its runs, none, to everybody."""

    def heard_key(self) -> bool:
        assert self.heard, "nobody asked it"
        return SECRET in "\n".join(self.heard)


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.heard.append(f"{self.requestline}\n{self.headers}")
            status, body = 401, b'{"error":"unauthorized"}'
            if self.path == "/health":
                status, body = 200, b'{"status":"ok","service":"trodo","version":"9"}'
            elif found.is_open:
                status, body = 200, b'{"rows":[]}'
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Stranger(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Cli]:
    """Another home, where a server runs whose key only that home knows; it holds one run."""
    team = Cli(tmp_path / "team")
    team.folder.mkdir()
    team.publish(run(1, "team-agent", span("work")))
    yield team
    team.close()


def served(team: Cli) -> tuple[str, str]:
    """The URL of the team's server and a key to it."""
    url = team.start("serve", "--port", "0").line()
    secret = team.ok("keys", "create", "--owner", "local").out.strip()
    return url, secret


def findings(cli: Cli, *arguments: str, **environment: str) -> dict[str, tuple[str, str]]:
    """What doctor says: state and finding by name."""
    rows = cli.run(*arguments, "doctor", "--json", **environment).json
    return {row["name"]: (row["state"], row["finding"]) for row in rows}


def settings(cli: Cli, *arguments: str, **environment: str) -> dict[str, tuple[str | None, str]]:
    """What is in force: value and source by name."""
    rows = cli.ok(*arguments, "config", "list", "--json", **environment).json
    return {row["name"]: (row["value"], row["source"]) for row in rows}


# -- flags before and after the command -------------------------------------------------------------------


def database(cli: Cli, name: str, agent: str) -> str:
    """A database of another name, with one run of an agent."""
    cli.publish(run(1, agent))
    path = cli.folder / f"{name}.db"
    cli.database.rename(path)
    for left in cli.home.glob("trodo.db*"):
        left.unlink()
    return str(path)


def test_a_target_is_named_before_the_command_or_after_it_and_the_nearer_wins(cli: Cli) -> None:
    one, two = database(cli, "one", "agent-one"), database(cli, "two", "agent-two")
    listed = ("runs", "list", "--json", "agent")
    assert cli.ok(*listed, "--target", one).json == [{"agent": "agent-one"}]
    assert cli.ok("--target", one, *listed).json == [{"agent": "agent-one"}]
    assert cli.ok("--target", one, *listed, "--target", two).json == [{"agent": "agent-two"}]
    assert cli.ok("--target", one, *listed, TRODO_TARGET=two).json == [{"agent": "agent-one"}]


@pytest.mark.parametrize(
    "command", [("runs", "list"), ("runs", "show"), ("trace", "show"), ("tail",)], ids=" ".join
)
def test_a_profile_is_named_before_the_command_or_after_it(cli: Cli, command: tuple[str, ...]) -> None:
    one = database(cli, "one", "agent-one")
    cli.ok("config", "set", "target", "/nowhere.db", "--profile", "first")
    cli.ok("config", "set", "target", one, "--profile", "one")
    reference = () if command == ("runs", "list") else ("latest",)
    before = cli.ok("--profile", "one", *command, *reference)
    after = cli.ok(*command, *reference, "--profile", "one")
    assert "agent-one" in before.out
    assert before.out == after.out
    assert cli.ok(*command, *reference, TRODO_PROFILE="one").out == after.out
    assert cli.run(*command, *reference).code == 3


def test_a_key_is_named_before_the_command_or_after_it(cli: Cli, team: Cli) -> None:
    url, secret = served(team)
    (cli.folder / "key").write_text(f"{secret}\n")
    listed, agents = ("runs", "list", "--target", url, "--json", "agent"), [{"agent": "team-agent"}]
    refused(cli.run(*listed), 4, url, "wants a key")
    for arguments in (
        (*listed, "--api-key", "@key"),
        ("--api-key", "@key", *listed),
        ("--api-key", secret, *listed),
        ("--api-key", "wrong", *listed, "--api-key", "@key"),
    ):
        assert cli.ok(*arguments).json == agents
    assert cli.run(*listed, "--api-key", "-", input=f"{secret}\n").json == agents
    assert cli.ok(*listed, TRODO_API_KEY=secret).json == agents
    refused(cli.run(*listed, "--api-key", "wrong", TRODO_API_KEY=secret), 4, "does not know this key")


@pytest.mark.parametrize(
    "arguments", [("help", "exit-codes"), ("spool", "status"), ("config", "path")], ids=" ".join
)
def test_a_command_that_looks_nowhere_has_no_such_flags(cli: Cli, arguments: tuple[str, ...]) -> None:
    done = cli.run(*arguments, "--profile", "x")
    assert done.code == 2
    assert "--profile" in done.err


def test_a_word_that_looks_like_a_flag_is_left_to_its_option(cli: Cli) -> None:
    cli.publish(run(1, status="running"), alive=True)
    cli.ok("runs", "cancel", "latest", "--reason=--profile")
    assert cli.ok("runs", "show", "latest", "--json", "cancel").json["cancel"]["reason"] == "--profile"


def test_the_flags_are_on_the_help_of_every_command_that_looks_somewhere(cli: Cli) -> None:
    for command in ((), ("runs", "list"), ("trace", "show"), ("tail",), ("doctor",), ("config", "set")):
        shown = cli.ok(*command, "--help").out
        assert [flag for flag in ("--target", "--api-key", "--profile") if flag not in shown] == []


# -- settings ---------------------------------------------------------------------------------------------


def test_settings_are_listed_with_what_said_them(cli: Cli) -> None:
    assert settings(cli) == {
        "target": (str(cli.database), "default"),
        "profile": (None, ""),
        "api-key": (None, ""),
    }
    cli.ok("config", "set", "target", "https://ann:hunter2@a.example", "--profile", "work")
    cli.ok("config", "set", "target", "runs.db", "--profile", "home")
    cli.python("-m", "trodo_cli", "config", "set", "api-key", input=f"{SECRET}\n")
    file, keys = str(cli.home / "config.toml"), str(cli.home / "credentials.toml")
    expected = {
        "target": ("https://ann:***@a.example", f"profile work ({file})"),
        "profile": ("work", f"profile work ({file})"),
        "api-key": ("set", f"stored for work in {keys}"),
        "profiles.work.target": ("https://ann:***@a.example", file),
        "profiles.work.api-key": ("set for https://a.example", keys),
        "profiles.home.target": (str(cli.folder / "runs.db"), file),
    }
    assert settings(cli) == expected
    assert cli.ok("config", "list").rows == [
        [name, *(value or "" for value in row)] for name, row in expected.items()
    ]
    assert cli.ok("config", "list", "--json", "name").json == [{"name": name} for name in expected]
    assert settings(cli, "--profile", "home")["target"][1] == "profile home (--profile)"
    assert settings(cli, TRODO_TARGET="memory:")["target"] == ("memory:", "TRODO_TARGET")
    (cli.folder / "trodo.toml").write_text('profile = "home"')
    assert settings(cli)["profile"] == ("home", "profile home (./trodo.toml)")


def test_settings_are_columns_on_a_terminal(cli: Cli) -> None:
    lines = cli.shown("config", "list", columns=200)
    assert lines[0].split() == ["target", str(cli.database), "default"]


def test_one_setting_is_got_by_its_name(cli: Cli) -> None:
    assert cli.ok("config", "get", "target").out == f"{cli.database}\n"
    refused(cli.run("config", "get", "profile"), 3, "profile")
    refused(cli.run("config", "get", "api-key"), 3, "api-key")
    cli.ok("config", "set", "target", "https://a.example")
    assert cli.ok("config", "get", "target").out == "https://a.example\n"
    assert cli.ok("config", "get", "profile").out == "default\n"
    got = cli.ok("config", "get", "api-key", TRODO_API_KEY=SECRET)
    assert got.out == "set (TRODO_API_KEY)\n"


def test_what_is_in_force_is_told_after_a_change(cli: Cli) -> None:
    first = cli.ok("config", "set", "target", "https://a.example", "--profile", "a")
    assert first.out == ""
    assert "in force here: https://a.example (profile a (" in first.err
    second = cli.ok("config", "set", "target", "https://b.example", "--profile", "b")
    assert "in force here: https://a.example" in second.err
    assert "in force here: https://b.example" in cli.ok("config", "use", "b").err
    assert "in force here: memory: (TRODO_TARGET)" in cli.ok("config", "use", "a", TRODO_TARGET="memory:").err
    assert "in force here: https://b.example" in cli.ok("config", "set", "profile", "b").err
    assert f"in force here: {cli.database} (default)" in cli.ok("config", "unset", "profile").err
    refused(cli.run("config", "unset", "profile"), 3, "no profile is in use")
    assert f"in force here: {cli.database} (default)" in cli.ok("config", "use", "default").err
    cli.ok("config", "use", "a")
    assert f"in force here: {cli.database} (default)" in cli.ok("config", "use", "default").err
    assert "in force here" in cli.ok("config", "use", "b", TRODO_TARGET="").err
    assert f"in force here: {cli.database} (default)" in cli.ok("config", "unset", "target").err
    refused(cli.run("config", "unset", "target", "--profile", "b"), 3, "'b'")
    assert cli.ok("config", "list", "--json", "name").json[3:] == [{"name": "profiles.a.target"}]


def test_a_change_that_something_else_hides_is_still_made(cli: Cli) -> None:
    done = cli.ok("config", "set", "target", "https://a.example", "--profile", "a", TRODO_PROFILE="gone")
    assert "no profile 'gone' (TRODO_PROFILE)" in done.err
    assert cli.ok("config", "get", "target", "--profile", "a").out == "https://a.example\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("set", "colour", "red"), ["'colour'", "target, api-key, profile"]),
        (("get", "colour"), ["'colour'", "target, api-key, profile"]),
        (("unset", "colour"), ["'colour'", "target, api-key, profile"]),
        (("set", "target"), ["target to what", "config set target VALUE"]),
        (("set", "target", "a", "b"), ["target to what", "config set target VALUE"]),
        (("set", "profile"), ["profile to what"]),
        (("set", "profile", "gone"), ["'gone'", "config set target WHERE --profile NAME"]),
        (("use", "gone"), ["'gone'", "config set target WHERE --profile NAME"]),
        (("set", "target", "https://"), ["https://", "no URL"]),
        (("set", "target", "x", "--profile", "a b"), ["'a b'", "letters"]),
        (("set", "api-key"), ["takes no key", "config set target URL"]),
        (("unset", "api-key"), ["takes no key"]),
        (("list", "--json", "nope"), ["nope", "fields: name, value, source"]),
    ],
    ids=lambda value: " ".join(value)[:60],
)
def test_what_cannot_be_set_is_named_with_a_next_step(
    cli: Cli, arguments: tuple[str, ...], words: list[str]
) -> None:
    refused(cli.run("config", *arguments), 2, *words)
    assert not cli.home.exists()


def test_a_broken_file_is_named_by_every_command_that_needs_it(cli: Cli) -> None:
    cli.home.mkdir()
    file = cli.home / "config.toml"
    file.write_text("profile = 'a'\n[profiles.a\n")
    for command in (("runs", "list"), ("doctor",), ("config", "list"), ("config", "use", "a"), ("demo",)):
        refused(cli.run(*command), 2, str(file), "line 2")
    cli.ok("runs", "list", "--target", "memory:")
    assert cli.ok("config", "path").rows[0] == ["settings", str(file)]


def test_the_files_are_told(cli: Cli) -> None:
    expected = [["settings", str(cli.home / "config.toml")], ["keys", str(cli.home / "credentials.toml")]]
    assert cli.ok("config", "path").rows == expected
    (cli.folder / "trodo.toml").write_text('target = "runs.db"')
    assert cli.ok("config", "path").rows == [*expected, ["project", str(cli.folder / "trodo.toml")]]


def test_a_project_file_says_where_commands_and_programs_go(cli: Cli) -> None:
    (cli.folder / "trodo.toml").write_text('target = "project.db"')
    agent = cli.agent("import trodo_cli as trodo\nwith trodo.wrap_agent('here'): pass\ntrodo.flush()")
    done = agent.end()
    assert (done.code, done.out) == (0, "")
    assert cli.ok("runs", "list", "--json", "agent").json == [{"agent": "here"}]
    assert (cli.folder / "project.db").exists()
    assert not cli.database.exists()


def test_a_program_in_a_folder_with_a_broken_project_file_is_not_hurt(cli: Cli) -> None:
    (cli.folder / "trodo.toml").write_text("broken [")
    done = cli.agent("import trodo_cli as trodo\nwith trodo.wrap_agent('here'): print('worked')").end()
    assert (done.code, done.out) == (0, "worked\n")


# -- keys -------------------------------------------------------------------------------------------------


def everything_written(cli: Cli, *but: str) -> str:
    """All that is in our files, but for those named."""
    return "".join(
        path.read_bytes().decode("latin-1")
        for path in cli.home.rglob("*")
        if path.is_file() and path.name not in but
    )


def test_a_key_is_stored_from_a_pipe_and_used(cli: Cli, team: Cli) -> None:
    url, secret = served(team)
    cli.ok("config", "set", "target", url, "--profile", "team")
    done = cli.run("config", "set", "api-key", input=f"{secret}\n")
    assert (done.code, done.out) == (0, "")
    file = cli.home / "credentials.toml"
    assert f"profile team ({url})" in done.err
    assert str(file) in done.err
    assert secret not in done.err
    assert file.stat().st_mode & 0o777 == 0o600
    assert secret not in everything_written(cli, "credentials.toml")
    assert cli.ok("runs", "list", "--json", "agent").json == [{"agent": "team-agent"}]
    assert cli.ok("config", "get", "api-key").out == f"set (stored for team in {file})\n"
    cli.ok("config", "unset", "api-key")
    assert secret not in everything_written(cli)
    refused(cli.run("runs", "list"), 4, url)
    refused(cli.run("config", "unset", "api-key"), 3, "team")


def test_a_key_is_stored_for_a_url_too(cli: Cli, team: Cli) -> None:
    url, secret = served(team)
    assert cli.run("config", "set", "api-key", "--target", url, input=secret).code == 0
    assert cli.ok("runs", "list", "--target", f"{url}/", "--json", "id").json == [{"id": run_id(1)}]
    assert settings(cli)[f"keys.{url}"][0] == f"set for {url}"


def test_a_key_is_typed_at_a_terminal_that_does_not_show_it(cli: Cli) -> None:
    cli.ok("config", "set", "target", "https://a.example")
    terminal = cli.terminal("config", "set", "api-key")
    terminal.expect("not shown")
    terminal.child.waitnoecho(10)
    terminal.type(SECRET)
    code, shown = terminal.end()
    assert code == 0
    assert SECRET not in shown.decode()
    assert SECRET in (cli.home / "credentials.toml").read_text()


def test_ctrl_d_stores_nothing(cli: Cli) -> None:
    cli.ok("config", "set", "target", "https://a.example")
    terminal = cli.terminal("config", "set", "api-key")
    terminal.expect("not shown")
    terminal.child.waitnoecho(10)
    terminal.child.sendeof()
    assert terminal.end()[0] == 130
    assert not (cli.home / "credentials.toml").exists()


def test_a_key_behind_an_equals_sign_is_refused_without_being_quoted(cli: Cli) -> None:
    done = cli.run("config", "set", f"api-key={SECRET}")
    refused(done, 2, "no setting 'api-key'")
    assert "hunter2" not in done.err


@pytest.mark.parametrize("values", [(SECRET,), (SECRET, "hunter2")])
def test_a_key_given_as_an_argument_is_refused_with_the_way_to_do_it(
    cli: Cli, values: tuple[str, ...]
) -> None:
    cli.ok("config", "set", "target", "https://a.example")
    done = cli.run("config", "set", "api-key", *values, input=SECRET)
    refused(done, 2, "trodo config set api-key < FILE")
    assert "hunter2" not in done.err
    assert not (cli.home / "credentials.toml").exists()


@pytest.mark.parametrize("text", ["", "\n", "hunter2 hunter2\n", "hunter2\x00\n", "hunter2é\n"])
def test_what_can_be_no_key_is_not_stored_and_not_quoted(cli: Cli, text: str) -> None:
    cli.ok("config", "set", "target", "https://a.example")
    done = cli.run("config", "set", "api-key", input=text)
    refused(done, 2, "the key on stdin")
    assert "hunter2" not in done.err
    assert not (cli.home / "credentials.toml").exists()


def test_a_profile_that_moves_to_another_server_does_not_take_its_key_along(
    cli: Cli, stranger: Stranger
) -> None:
    cli.ok("config", "set", "target", "https://a.example", "--profile", "work")
    cli.run("config", "set", "api-key", input=SECRET)
    done = cli.ok("config", "set", "target", stranger.url)
    assert "its key is for https://a.example" in done.err
    assert cli.run("runs", "list").code == 4
    assert not stranger.heard_key()


def test_a_key_is_kept_in_the_keyring_when_there_is_one(cli: Cli, team: Cli) -> None:
    url, secret = served(team)
    folder = cli.folder / "keyring"
    folder.mkdir()
    keyring = {
        "TRODO_KEYRING": "1", "KEYRING_FOLDER": str(folder),
        "PYTHON_KEYRING_BACKEND": "tests.config.keyrings.Keeping",
    }  # fmt: skip
    cli.ok("config", "set", "target", url)
    done = cli.run("config", "set", "api-key", input=secret, **keyring)
    assert "is stored in keyrings Keeping" in done.err
    assert secret not in everything_written(cli)
    assert [path.read_text() for path in folder.iterdir()] == [secret]
    assert cli.ok("runs", "list", "--json", "agent", **keyring).json == [{"agent": "team-agent"}]
    assert cli.run("runs", "list").code == 4, "the keyring is turned off"
    cli.ok("config", "unset", "target", **keyring)
    assert list(folder.iterdir()) == []


def test_the_key_of_a_server_on_this_machine_is_found_while_it_runs(cli: Cli, team: Cli) -> None:
    cli.publish(run(2, "own-agent"))
    server = cli.start("serve", "--port", "0")
    url = server.line()
    assert cli.ok("runs", "list", "--target", url, "--json", "agent").json == [{"agent": "own-agent"}]
    localhost = url.replace("127.0.0.1", "localhost")
    assert cli.ok("runs", "list", "--target", localhost, "--json", "agent").json == [{"agent": "own-agent"}]
    refused(team.run("runs", "list", "--target", url), 4, url)
    server.process.send_signal(signal.SIGTERM)
    assert server.end().code in (0, 130, -signal.SIGTERM)
    assert list((cli.home / "servers").iterdir()) == []


# -- a repository of a stranger ---------------------------------------------------------------------------


def with_key_everywhere(cli: Cli) -> None:
    """A user with a key in each place that there is."""
    cli.ok("config", "set", "target", "https://a.example", "--profile", "work")
    cli.run("config", "set", "api-key", input=SECRET)
    cli.run("config", "set", "api-key", "--target", "http://127.0.0.1:9", input=SECRET)


@pytest.mark.parametrize(
    "command", [("runs", "list"), ("runs", "show", "x"), ("tail", "x"), ("doctor",)], ids=" ".join
)
def test_a_cloned_repository_pulls_out_no_key(cli: Cli, stranger: Stranger, command: tuple[str, ...]) -> None:
    with_key_everywhere(cli)
    (cli.folder / "trodo.toml").write_text(f'target = "{stranger.url}"')
    done = cli.run(*command, TRODO_API_KEY=SECRET)
    assert done.code == (1 if command == ("doctor",) else 4)
    assert not stranger.heard_key()
    assert "TRODO_API_KEY is not sent: only ./trodo.toml names" in done.err
    assert SECRET not in done.out + done.err
    refused(cli.run("runs", "list", "--api-key", SECRET), 2, "./trodo.toml", f"--target {stranger.url}")
    assert not stranger.heard_key()


def test_a_program_in_a_cloned_repository_sends_no_key_either(cli: Cli, stranger: Stranger) -> None:
    with_key_everywhere(cli)
    (cli.folder / "trodo.toml").write_text(f'target = "{stranger.url}"')
    agent = cli.agent(
        "import trodo_cli as trodo\nwith trodo.wrap_agent('here'): pass\ntrodo.flush()", TRODO_API_KEY=SECRET
    )
    assert agent.end().code == 0
    assert not stranger.heard_key()


def test_a_user_who_names_that_server_sends_the_key(cli: Cli, stranger: Stranger) -> None:
    (cli.folder / "trodo.toml").write_text(f'target = "{stranger.url}"')
    cli.run("runs", "list", "--target", stranger.url, TRODO_API_KEY=SECRET)
    assert stranger.heard_key()


def test_a_key_is_not_stored_for_a_server_that_only_a_project_file_names(
    cli: Cli, stranger: Stranger
) -> None:
    (cli.folder / "trodo.toml").write_text(f'target = "{stranger.url}"')
    refused(cli.run("config", "set", "api-key", input=SECRET), 2, "./trodo.toml", f"--target {stranger.url}")
    assert not (cli.home / "credentials.toml").exists()


def test_a_key_in_a_project_file_is_refused_without_being_quoted(cli: Cli) -> None:
    (cli.folder / "trodo.toml").write_text(f'target = "https://a.example"\napi_key = "{SECRET}"')
    done = cli.run("runs", "list")
    refused(done, 2, "trodo.toml", "trodo config set api-key")
    assert SECRET not in done.err


# -- doctor -----------------------------------------------------------------------------------------------


def test_doctor_says_which_server_is_used_why_and_that_it_answers(cli: Cli, team: Cli) -> None:
    url, secret = served(team)
    cli.ok("config", "set", "target", url, "--profile", "team")
    cli.run("config", "set", "api-key", input=secret)
    found = findings(cli)
    assert found["target"] == ("info", f"{url} (profile team ({cli.home / 'config.toml'}))")
    assert found["key"] == ("info", f"stored for team in {cli.home / 'credentials.toml'}")
    assert found["service"] == ("ok", "trodo")
    assert found["version"] == ("ok", __version__)
    assert found["newest run"] == ("info", f"{run_id(1)} team-agent completed")
    assert secret not in json.dumps(found)
    assert cli.run("doctor").code == 0


def test_doctor_says_what_is_wrong_with_a_key(cli: Cli, team: Cli) -> None:
    url, _ = served(team)
    target = ("--target", url)
    without = findings(cli, *target)["access"]
    assert without[0] == "problem"
    assert "wants a key" in without[1]
    wrong = findings(cli, *target, TRODO_API_KEY=SECRET)
    assert wrong["access"][0] == "problem"
    assert "does not know this key" in wrong["access"][1]
    assert wrong["service"] == ("ok", "trodo")
    broken = findings(cli, *target, TRODO_API_KEY="hunter2 hunter2")
    assert broken["key"][0] == "problem"
    assert "TRODO_API_KEY" in broken["key"][1]
    assert "hunter2" not in json.dumps([wrong, broken])
    assert cli.run(*target, "doctor").code == 1


def test_doctor_says_that_nobody_answers(cli: Cli) -> None:
    state, finding = findings(cli, TRODO_TARGET="http://127.0.0.1:1")["server"]
    assert state == "problem"
    assert "http://127.0.0.1:1" in finding
    assert "trodo serve" in finding


def test_doctor_names_the_store_of_a_file(cli: Cli) -> None:
    found = findings(cli)
    assert found["target"] == ("info", f"{cli.database} (default)")
    assert found["store"][1].startswith("SQLite 3.")
    assert "key" not in found


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_settings_that_cannot_be_read_are_named(cli: Cli) -> None:
    cli.ok("config", "set", "target", "memory:")
    (cli.home / "config.toml").chmod(0)
    refused(cli.run("runs", "list"), 5, str(cli.home / "config.toml"))


def test_a_demo_in_a_cloned_repository_sends_no_key_either(cli: Cli, stranger: Stranger) -> None:
    with_key_everywhere(cli)
    (cli.folder / "trodo.toml").write_text(f'target = "{stranger.url}"')
    refused(cli.run("demo", TRODO_API_KEY=SECRET), 4, "trodo.toml")
    assert not stranger.heard_key()
    stranger.is_open = True
    cli.run("demo", "--live", "0.1", TRODO_API_KEY=SECRET)
    assert not stranger.heard_key()


def test_a_demo_uses_the_key_of_the_profile_or_flag(cli: Cli, team: Cli) -> None:
    url, secret = served(team)
    (cli.folder / "key").write_text(secret)
    done = cli.ok("demo", "--target", url, "--api-key", "@key")
    assert "article-pipeline" in done.out
    cli.ok("config", "set", "target", url, "--profile", "team")
    cli.run("config", "set", "api-key", input=secret)
    cli.ok("demo", "--live", "0.1", "--profile", "team")
    assert len(team.ok("runs", "list").rows) == 6
