"""Runs that stay in their process."""

from tests.sdk.host import Host

READS = """
import os, sys
import trodo_cli as trodo

trodo.init("memory:")
early = trodo.connect("memory:")
with trodo.wrap_agent("mine") as run, trodo.span("step"):
    pass
assert trodo.flush()
trace = early.traces.get(run.run_id)
assert [(span.name, span.parent_id) for span in trace.spans] == [("mine", None), ("step", trace.spans[0].id)]
early.close()
assert [row.id for row in trodo.connect("memory:").runs.list().rows] == [run.run_id]
if child := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
with trodo.wrap_agent("child"):
    pass
assert trodo.flush()
assert [row.agent for row in trodo.connect("memory:").runs.list().rows] == ["child"]
print("read", flush=True)
"""


def test_what_is_recorded_in_memory_is_read_there_and_nowhere_else(host: Host) -> None:
    assert host.run(READS) == ["read"]
    assert not host.database.exists()
