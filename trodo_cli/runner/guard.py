"""The process between the runner and a run's own: it holds the limits, reads what is printed, and tidies up.

`split` forks, before anything else is imported: the child goes on as the agent's process, the parent becomes the
guard. The guard ends everything below it when the agent's process has ended, when a limit is passed, or when its
stdin is closed, as happens when the runner dies. Its last word on stdout is a `Report`.
"""

import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
from contextlib import suppress

TICK_SECONDS = 0.02
CHUNK_BYTES = 65_536
LAST_SECONDS = 5.0
"""How long the end of everything is tried."""

NICENESS = 5
"""So that guard, server and other programs get their turn however much a run wants."""

SPARE_TASKS = 512
"""How many more than the limit the system itself gives to a user who is not root."""

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def split(limits: dict[str, float], held: list[int]) -> None:
    """Return in the agent's process only; `held` are descriptors that the guard alone keeps."""
    _call_kernel(_PR_SET_CHILD_SUBREAPER, 1)
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    guard = os.getpid()
    agent = os.fork()
    if agent:
        for descriptor in (out_write, err_write):
            os.close(descriptor)
        _Guard(agent, limits, {out_read: "stdout", err_read: "stderr"}).watch()
        os._exit(0)
    os.setsid()
    _call_kernel(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != guard:
        os._exit(1)
    for descriptor, number in ((os.open(os.devnull, os.O_RDONLY), 0), (out_write, 1), (err_write, 2)):
        os.dup2(descriptor, number)
    for descriptor in (out_read, err_read, out_write, err_write, *held):
        os.close(descriptor)
    os.nice(NICENESS)
    _hold(resource.RLIMIT_AS, int(limits["memory_bytes"]))
    if tasks := _tasks():
        _hold(resource.RLIMIT_NPROC, tasks + int(limits["processes"]) + SPARE_TASKS)
    _hold(resource.RLIMIT_CORE, 0)


class _Guard:
    """Watches one agent's process and all that it starts."""

    def __init__(self, agent: int, limits: dict[str, float], pipes: dict[int, str]) -> None:
        self._agent, self._limits, self._pipes = agent, limits, pipes
        self._status: int | None = None
        self._over = ""
        self._ends = dict.fromkeys(("stdout", "stderr"), b"")
        self._counts = dict.fromkeys(("stdout", "stderr"), 0)
        self._tasks = _tasks()

    def watch(self) -> None:
        """Until the agent's process has ended; then end what is left and report."""
        deadline = time.monotonic() + self._limits["seconds"]
        while self._status is None:
            self._read(TICK_SECONDS)
            self._reap()
            if self._over or self._status is not None:
                break
            if time.monotonic() > deadline:
                self._over = "time"
            elif self._has_too_many():
                self._over = "processes"
        self._end_all()
        self._read_rest()
        self._report()

    def _read(self, seconds: float) -> None:
        ready, _, _ = select.select([0, *self._pipes], [], [], seconds)
        for descriptor in ready:
            if descriptor == 0:
                self._over = "stopped"
                continue
            data = os.read(descriptor, CHUNK_BYTES)
            name, kept = self._pipes[descriptor], int(self._limits["output_bytes"])
            self._counts[name] += len(data)
            self._ends[name] = (self._ends[name] + data)[-kept:]
            if not data:
                del self._pipes[descriptor]
                os.close(descriptor)

    def _read_rest(self) -> None:
        """What is still in the pipes; their writers are dead."""
        for _ in range(64):
            if not self._pipes or not select.select([*self._pipes], [], [], 0)[0]:
                return
            with suppress(OSError):
                self._read(0)

    def _reap(self) -> None:
        """Take note of every process that has ended, also of those that became ours."""
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self._agent:
                    self._status = ended[1]

    def _has_too_many(self) -> bool:
        """Asked often: processes are counted only when the whole system has that many more than before."""
        tasks, most = _tasks(), self._limits["processes"]
        self._tasks = min(self._tasks, tasks)
        return tasks - self._tasks >= most and len(below(os.getpid())) > most

    def _end_all(self) -> None:
        give_up = time.monotonic() + LAST_SECONDS
        while time.monotonic() < give_up:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._agent, signal.SIGKILL)
            is_clear = not kill_below(os.getpid())
            self._reap()
            if is_clear and self._status is not None:
                return
            time.sleep(0.005)

    def _report(self) -> None:
        status = self._status
        report = {
            "code": os.WEXITSTATUS(status) if status is not None and os.WIFEXITED(status) else None,
            "signal": os.WTERMSIG(status) if status is not None and os.WIFSIGNALED(status) else None,
            "over": self._over,
            **{name: end.decode(errors="replace") for name, end in self._ends.items()},
            "stdout_bytes": self._counts["stdout"],
            "stderr_bytes": self._counts["stderr"],
        }
        with suppress(OSError):
            os.write(1, json.dumps(report).encode())


def kill_below(pid: int) -> bool:
    """Kill the living processes below one; whether there were any."""
    found = below(pid)
    for each in found:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(each, signal.SIGKILL)
    return bool(found)


def below(pid: int) -> list[int]:
    """The living processes below one, as far as the system tells; zombies are none."""
    children: dict[int, list[int]] = {}
    with suppress(OSError):
        for entry in os.scandir("/proc"):
            if entry.name.isdigit() and (parent := _living_parent(entry.name)):
                children.setdefault(parent, []).append(int(entry.name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        waiting += (next_ones := children.get(waiting.pop(), []))
        found += next_ones
    return found


def _living_parent(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, parent = file.read().rpartition(b")")[2].split()[:2]
    except (OSError, ValueError):
        return 0
    return 0 if state in (b"Z", b"X") else int(parent)


def _tasks() -> int:
    """How many processes and threads the whole system has; 0 where it does not tell."""
    try:
        with open("/proc/loadavg", "rb") as file:
            return int(file.read().split()[3].partition(b"/")[2])
    except (OSError, ValueError, IndexError):
        return 0


def _hold(limit: int, most: int) -> None:
    """Let the system hold a limit; a stricter one that is there already stays."""
    with suppress(ValueError, OSError):
        hard = resource.getrlimit(limit)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (most, most))


def _call_kernel(option: int, value: int) -> None:
    """Linux only; elsewhere the closed stdin does the work."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
