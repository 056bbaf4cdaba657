"""When a run is over of which only spans tell."""

from collections.abc import Mapping

from trodo_cli.model.event import RunEnd
from trodo_cli.model.hearsay import Claim
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span


def conclusion(run: Run, spans: Mapping[str, Span], *, complete: bool) -> RunEnd | None:
    """The end of such a run; None for one that was announced, that has ended, or of which a span is open.

    `complete`: nor may the parent of a span be missing.
    """
    if not run.heard or run.is_terminal:
        return None
    if any(span.is_open or (complete and _is_orphan(span, spans)) for span in spans.values()):
        return None
    ended_ns = max((span.ended_ns or 0 for span in spans.values()), default=run.started_ns)
    over = Run(id=run.id, ended_ns=ended_ns, heard={"over": Claim("", True)})
    return RunEnd(run_id=run.id, run=over)


def _is_orphan(span: Span, spans: Mapping[str, Span]) -> bool:
    return span.parent_id is not None and span.parent_id not in spans
