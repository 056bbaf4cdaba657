"""Finding out which agents there are: one bad file takes nobody else away, and a mended one is noticed."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import eventually
from tests.runner.stage import hosted_stage
from trodo_cli.config import AgentSource
from trodo_cli.errors import NotFound, Unavailable
from trodo_cli.runner import survey
from trodo_cli.runner.limits import Limits
from trodo_cli.runner.registry import Registry

FINE = """
import trodo

@trodo.agent("fine")
def fine() -> str:
    return "fine"

@trodo.agent("other")
def other() -> str:
    return "other"
"""

DAEMON = """
import os, time
from pathlib import Path
if os.fork() == 0:
    os.setsid()
    Path(__file__).with_name("daemon.pid").write_text(str(os.getpid()))
    time.sleep(600)
while not Path(__file__).with_name("daemon.pid").exists():
    time.sleep(0.005)
"""

BAD = {
    "leaves": ("import os; os._exit(3)", "its process ended with code 3"),
    "dies": ("import os; os.kill(os.getpid(), 11)", "its process was killed by SIGSEGV"),
    "interrupts": ("raise KeyboardInterrupt", "cannot be imported: KeyboardInterrupt"),
    "waits": ("while True: __import__('time').sleep(1)", "not imported within 2 s"),
    "is-deaf": (
        "import signal, time\nsignal.signal(signal.SIGALRM, lambda *_: None)\nfor _ in range(9): time.sleep(9)",
        "not imported within 2 s",
    ),
    "forks": ("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", "more than 8 processes"),
    "is-greedy": ("x = bytearray(8 * 1024**3)", "MemoryError"),
    "kills": ("import os, time; os.kill(os.getppid(), 9); time.sleep(60)", "its guard were killed"),
    "nests": ("def f(): f()\nf()", "RecursionError"),
    "circles": (
        'import trodo\na = trodo.sequential("a", "b")\nb = trodo.sequential("b", "a")',
        "a: it leads back to itself",
    ),
    "has-no-id": ('import trodo\n@trodo.agent("")\ndef f(): ...', "an id that is not empty"),
    "is-no-text": (
        'import trodo\ndef f(): ...\nc = trodo.sequential("c", f, description=5)',
        "c: it cannot be described",
    ),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Agents of which some are fine."""
    monkeypatch.setattr(survey, "PART_SECONDS", 2.0)
    monkeypatch.setattr(survey, "PROCESS_SECONDS", 4.0)
    folder = tmp_path / "agents"
    folder.mkdir()
    (folder / "fine.py").write_text(FINE)
    return folder


def registry_of(folder: Path, *functions: str) -> Registry:
    sources = [AgentSource("agents", str(folder), str(folder))]
    if functions:
        named = [(text, *text.split(":")) for text in functions]
        sources = [AgentSource(text, module, str(folder), name) for text, module, name in named]
    limits = Limits(memory_bytes=2 * 1024**3, processes=8)
    return Registry(lambda: sources, lambda: limits)


def ids(registry: Registry) -> list[str]:
    return [agent.id for agent in registry.catalogue().agents]


def broken(registry: Registry) -> dict[str, str]:
    return {found.source: found.error for found in registry.catalogue().broken}


@pytest.mark.parametrize("name", ["a_bad.py", "z_bad.py"])
@pytest.mark.parametrize(("source", "words"), BAD.values(), ids=BAD)
def test_a_bad_file_is_named_and_the_others_are_there(
    folder: Path, source: str, words: str, name: str
) -> None:
    (folder / name).write_text(source)
    registry = registry_of(folder)
    assert ids(registry) == ["fine", "other"]
    assert set(broken(registry)) == {f"agents/{name}"}
    assert any(words in found.error for found in registry.catalogue().broken), broken(registry)


def test_all_of_them_together_are_named(folder: Path) -> None:
    for number, (source, _) in enumerate(BAD.values()):
        (folder / f"b{number}.py").write_text(source)
    registry = registry_of(folder)
    assert ids(registry) == ["fine", "other"]
    assert set(broken(registry)) == {f"agents/b{number}.py" for number in range(len(BAD))}


def test_what_a_file_starts_while_it_is_imported_is_ended_and_keeps_nobody_waiting(folder: Path) -> None:
    (folder / "a_daemon.py").write_text(DAEMON + FINE.replace("fine", "neighbour").replace("other", "third"))
    registry = registry_of(folder)
    assert ids(registry) == ["neighbour", "third", "fine", "other"]
    pid = (folder / "daemon.pid").read_text()
    assert not Path(f"/proc/{pid}").exists()


def test_a_process_forked_by_a_file_describes_nothing(folder: Path) -> None:
    (folder / "a_twins.py").write_text("import os\nos.fork()\n")
    (folder / "b_counts.py").write_text("open(__file__ + '.times', 'a').write('once ')")
    registry = registry_of(folder)
    assert (ids(registry), broken(registry)) == (["fine", "other"], {})
    assert (folder / "b_counts.py.times").read_text() == "once "


def test_agents_are_imported_within_the_limits_of_a_run(folder: Path) -> None:
    (folder / "held.py").write_text(
        "import resource, trodo\n"
        "@trodo.agent('held', description=str(resource.getrlimit(resource.RLIMIT_AS)[0]))\n"
        "def held(): ..."
    )
    assert registry_of(folder).agent("held").description == str(2 * 1024**3)


def test_an_object_that_answers_every_question_with_an_error_is_no_agent(folder: Path) -> None:
    (folder / "odd.py").write_text(
        "import trodo\nclass Odd:\n    def __getattr__(self, name): raise ValueError(name)\n    "
        "__class__ = property(lambda self: 1 / 0)\n"
        "odd = Odd()\n@trodo.agent('beside')\ndef beside(): ..."
    )
    registry = registry_of(folder)
    assert (ids(registry), broken(registry)) == (["fine", "other", "beside"], {})


def test_an_agent_that_two_files_have_is_that_of_the_first_also_after_a_bad_file(folder: Path) -> None:
    (folder / "m_bad.py").write_text("import os; os._exit(1)")
    (folder / "z_index.py").write_text("from fine import fine, other\nagain = fine\n")
    registry = registry_of(folder)
    assert list(broken(registry)) == ["agents/m_bad.py"]
    assert {agent.source for agent in registry.catalogue().agents} == {"agents/fine.py"}


def test_an_agent_found_by_its_id_is_looked_for_past_bad_files(folder: Path) -> None:
    (folder / "b_leaves.py").write_text("import os; os._exit(1)")
    (folder / "calendar.py").write_text(FINE.replace("fine", "half") + "1 / 0")
    (folder / "a_pipeline.py").write_text('import trodo\npipeline = trodo.sequential("pipeline", "other")')
    registry = registry_of(folder)
    assert ids(registry) == ["pipeline", "fine", "other"]
    assert list(broken(registry)) == ["agents/b_leaves.py", "agents/calendar.py"]
    assert [source.shown for source in registry.sources] == [
        "agents/a_pipeline.py",
        "agents/calendar.py",
        "agents/fine.py",
    ]


def test_bad_files_beside_it_do_not_disturb_a_run(home: Path) -> None:
    with hosted_stage(home) as stage:
        stage.write("a_daemon.py", DAEMON)
        stage.write("b_leaves.py", "import os; os._exit(1)")
        stage.write("c_pipeline.py", 'import trodo\npipeline = trodo.sequential("pipeline", "fine")')
        stage.write("d_fine.py", FINE)
        assert stage.performed("pipeline").details.output == "fine"


def test_what_is_known_is_answered_while_a_file_is_slow(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "PART_SECONDS", 30.0)
    registry = registry_of(folder)
    assert ids(registry) == ["fine", "other"]
    (folder / "slow.py").write_text(
        "import time\nfrom pathlib import Path\nHERE = Path(__file__).parent\n(HERE / 'at').touch()\n"
        "while not (HERE / 'go').exists(): time.sleep(0.005)\n" + FINE.replace("fine", "slow")
    )
    asking = threading.Thread(target=registry.catalogue)
    asking.start()
    eventually((folder / "at").exists)
    assert registry.agent("fine").id == "fine"
    assert ids(registry) == ["fine", "other"]
    assert asking.is_alive()
    finding: list[str] = []
    patient = threading.Thread(target=lambda: finding.append(registry.agent("slow").id))
    patient.start()
    (folder / "go").touch()
    asking.join()
    patient.join()
    assert finding == ["slow"]


def test_who_closes_it_waits_for_no_slow_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "PART_SECONDS", 60.0)
    monkeypatch.setattr(survey, "PROCESS_SECONDS", 60.0)
    (folder / "slow.py").write_text(
        "import os, time\nfrom pathlib import Path\n"
        "Path(__file__).with_name('pid').write_text(str(os.getpid()))\nwhile True: time.sleep(1)"
    )
    registry, refused = registry_of(folder), threading.Event()

    def ask() -> None:
        with pytest.raises(Unavailable):
            registry.catalogue()
        refused.set()

    asking = threading.Thread(target=ask)
    asking.start()
    pid = eventually(lambda: (folder / "pid").exists() and (folder / "pid").read_text())
    registry.close()
    asking.join(30)
    assert refused.is_set()
    assert not Path(f"/proc/{pid}").exists()


def mends(folder: Path, registry: Registry, name: str, source: str) -> None:
    """A file, written anew, with which the agent is there that was not."""
    with pytest.raises(NotFound):
        registry.agent("late")
    (folder / name).write_text(source)
    assert registry.agent("late").id == "late"


LATE = "import trodo\n@trodo.agent('late')\ndef late(): ...\n"

NEEDS = "import trodo\nfrom _helper import Word\n@trodo.agent('late')\ndef late(word: Word): ...\n"


@pytest.mark.parametrize(
    "before", ["raise RuntimeError", "def late(:", "import os; os._exit(1)", "late = 3", None]
)
def test_a_mended_function_of_a_module_is_noticed(folder: Path, before: str | None) -> None:
    if before is not None:
        (folder / "mf.py").write_text(before)
    mends(folder, registry_of(folder, "mf:late"), "mf.py", LATE)


@pytest.mark.parametrize("before", ["Words = str", "def Word(:", "import os; os._exit(1)", "1 / 0", None])
def test_a_mended_module_that_a_file_imports_is_noticed(folder: Path, before: str | None) -> None:
    (folder / "k.py").write_text(NEEDS)
    if before is not None:
        (folder / "_helper.py").write_text(before)
    mends(folder, registry_of(folder), "_helper.py", "Word = str")


def test_a_module_that_is_changed_in_its_place_is_noticed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    (folder / "k.py").write_text(NEEDS)
    (folder / "_helper.py").write_text("Word = str")
    assert registry_of(folder).agent("late").input == {"type": "string"}
    registry = registry_of(folder)
    assert registry.agent("late").input == {"type": "string"}
    (folder / "_helper.py").write_text("Word = int  # now")
    assert registry.agent("late").input == {"type": "integer"}


def test_files_that_stay_as_they_are_are_not_imported_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "k.py").write_text(NEEDS)
    registry = registry_of(folder)
    asked: list[int] = []
    started: Callable[..., Any] = survey._started
    monkeypatch.setattr(survey, "_started", lambda home: asked.append(1) or started(home))
    for _ in range(3):
        assert ids(registry) == ["fine", "other"]
    assert asked == [1]
