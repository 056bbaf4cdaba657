"""What an agntz worker holds: runs, their traces, and who listens. A test does to it what it likes."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

OWNER, SESSION = "owner-a", "sess_zvMMppSXsOT3"
BEGAN_MS = 1_795_311_000_000
"""2026-11-22T01:30:00Z. The worker's clock goes on by 5 ms with everything that happens."""

TERMINAL = ("completed", "failed", "cancelled")

Object = dict[str, Any]


class State:
    """Everything happens at once, but a trace can be written later than its run ends."""

    def __init__(self) -> None:
        self.runs: dict[str, Object] = {}
        self.spans: dict[str, dict[str, Object]] = {}
        """By the root run that they belong to."""
        self.late: dict[str, int] = {}
        """Of a run that has ended, how often its trace is not found yet; absent when it is not kept at all."""
        self.evicted: set[str] = set()
        """Runs that are known from storage alone."""
        self._viewers: dict[str, list[Viewer]] = {}
        self._now_ms = BEGAN_MS

    def begin(self, run_id: str, agent: str = "echo", *, parent_id: str | None = None, **said: Any) -> None:
        """A run begins; what a child does belongs to its root's trace."""
        parent = self.runs.get(parent_id or "")
        self.runs[run_id] = {
            "id": run_id,
            "rootId": parent["rootId"] if parent else run_id,
            **({"parentId": parent_id} if parent_id else {}),
            "agentId": agent,
            "userId": OWNER,
            "sessionId": SESSION,
            "retentionMode": "session",
            "input": "question",
            "status": "running",
            "startedAt": self._tick(),
            "depth": parent["depth"] + 1 if parent else 0,
            **said,
        }
        if not parent:
            self.spans[run_id] = {}
            noted = {"agent.id": agent, "agent.run.id": run_id}
            self.open(run_id, root_span(run_id), "agent.run", "run", None, runId=run_id, attributes=noted)

    def open(
        self,
        run_id: str,
        span_id: str,
        name: str = "agent.model.call",
        kind: str = "model",
        parent_id: str | None = "",
        **said: Any,
    ) -> None:
        """A span begins, right below the run's own unless told otherwise."""
        span = {
            "spanId": span_id, "traceId": run_id, "parentId": root_span(run_id) if parent_id == "" else parent_id,
            "ownerId": OWNER, "runId": None, "sessionId": SESSION, "name": name, "kind": kind,
            "startedAt": iso(self._tick()), "endedAt": None, "durationMs": None, "status": "running", "error": None,
            "attributes": {}, "events": [], "scores": {}, "costUsd": None, **said,
        }  # fmt: skip
        self.spans[run_id][span_id] = span
        self.say(run_id, "span-start", {"type": "span-start", "span": span})

    def close(
        self, run_id: str, span_id: str, status: str = "ok", error: str | None = None, **noted: Any
    ) -> None:
        """A span ends; what it notes now takes the place of what it had noted."""
        span = self.spans[run_id][span_id]
        ended_ms = self._tick()
        patch = {
            "endedAt": iso(ended_ms),
            "durationMs": ended_ms - milliseconds(span["startedAt"]),
            "status": status,
            "error": error,
            "attributes": noted or span["attributes"],
        }
        span.update(patch)
        self.say(run_id, "span-end", {"type": "span-end", "spanId": span_id, "patch": patch})

    def end(
        self, run_id: str, status: str = "completed", *, error: str | None = None, late: int | None = 0
    ) -> None:
        """A run ends, and with it what is open; `late` as above, None for a trace that is not kept."""
        for span in reversed(self.spans.get(run_id, {}).values()):
            if span["status"] == "running":
                self.close(run_id, span["spanId"], "ok" if status == "completed" else "error", error)
        run = self.runs[run_id]
        run.update(status=status, endedAt=self._tick())
        if status == "completed":
            run["result"] = _result(run_id)
        elif error:
            run["error"] = error
        if late is not None:
            self.late[run_id] = late
        if run_id in self.spans:
            self.say(run_id, "trace-done", {"type": "trace-done", "summary": self.summary(run_id)})
            self.hang_up(run_id)

    def finished(self, run_id: str, agent: str = "echo", **said: Any) -> None:
        """A run that is over; one with a trace of its own has a model call in it."""
        self.begin(run_id, agent, **said)
        if run_id in self.spans:
            self.open(run_id, f"{run_id}.m", attributes={"agent.model": "openai/m"})
            usage = {"agent.usage.prompt_tokens": 11, "agent.usage.completion_tokens": 7}
            self.close(run_id, f"{run_id}.m", **{"agent.model": "m", **usage})
        self.end(run_id)

    def written(self, run_id: str) -> Object | None:
        """The trace, which is written some looks after the end."""
        left = self.late.get(run_id)
        if left is None or run_id not in self.spans:
            return None
        if left:
            self.late[run_id] = left - 1
            return None
        spans = sorted(self.spans[run_id].values(), key=lambda span: (span["startedAt"], span["spanId"]))
        return {"summary": self.summary(run_id), "spans": spans}

    def summary(self, run_id: str) -> Object:
        run = self.runs[run_id]
        status = {"completed": "ok", "failed": "error"}.get(run["status"], run["status"])
        return {
            "traceId": run_id, "ownerId": OWNER, "rootName": run["agentId"], "agentId": run["agentId"],
            "startedAt": iso(run["startedAt"]), "endedAt": iso(run["endedAt"]),
            "durationMs": run["endedAt"] - run["startedAt"], "spanCount": len(self.spans[run_id]),
            "status": status, "totalTokens": 18, "totalCostUsd": None,
        }  # fmt: skip

    def listen(self, run_id: str) -> "Viewer":
        """One more who hears what happens from now on. Called in the event loop."""
        self._viewers.setdefault(run_id, []).append(viewer := Viewer())
        viewer.on_leaving = lambda: self._viewers[run_id].remove(viewer)
        return viewer

    def viewers(self, run_id: str) -> int:
        """How many listen to a run's trace now."""
        return len(self._viewers.get(run_id, []))

    def say(self, run_id: str, name: str, data: Any) -> None:
        """Put a frame of any kind on a run's trace stream."""
        for viewer in list(self._viewers.get(run_id, [])):
            viewer.tell(frame(name, data))

    def hang_up(self, run_id: str, *, broken: bool = False) -> None:
        """End the streams of a run; `broken` within the answer, so that the other side sees it."""
        for viewer in list(self._viewers.get(run_id, [])):
            viewer.tell(ConnectionError("hung up") if broken else None)

    def hang_up_all(self) -> None:
        for run_id in list(self._viewers):
            self.hang_up(run_id)

    def _tick(self) -> int:
        self._now_ms += 5
        return self._now_ms


class Viewer:
    """One open stream."""

    on_leaving: Callable[[], None]

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._coming: asyncio.Queue[bytes | ConnectionError | None] = asyncio.Queue()

    def tell(self, chunk: bytes | ConnectionError | None) -> None:
        """Send a frame; None ends the stream, an error breaks it. Called in any thread."""
        self._loop.call_soon_threadsafe(self._coming.put_nowait, chunk)

    async def heard(self) -> AsyncIterator[bytes]:
        try:
            while (chunk := await self._coming.get()) is not None:
                if isinstance(chunk, ConnectionError):
                    raise chunk
                yield chunk
        finally:
            self.on_leaving()


def root_span(run_id: str) -> str:
    """The id of the span that a worker has for the run itself."""
    return f"sp_{run_id[-4:]}"


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def milliseconds(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def frame(name: str, data: Any) -> bytes:
    return f"event: {name}\ndata: {json_text(data)}\n\n".encode()


def json_text(data: Any) -> str:
    """JSON as JavaScript writes it: all signs as they are, but for half of a surrogate pair."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return "".join(f"\\u{ord(sign):04x}" if 0xD800 <= ord(sign) < 0xE000 else sign for sign in text)


def _result(run_id: str) -> Object:
    return {
        "output": "answer", "invocationId": run_id, "sessionId": SESSION, "toolCalls": [],
        "usage": {"promptTokens": 11, "completionTokens": 7, "totalTokens": 18, "model": "m"}, "duration": 5,
        "model": "m", "provider": "openai", "finishReason": "stop",
    }  # fmt: skip
