"""When a run is over of which only spans tell."""

from collections.abc import Mapping

from trodo_cli.model.event import RunEnd
from trodo_cli.model.heard_run import hearsay_run
from trodo_cli.model.hearsay import Claim
from trodo_cli.model.run import Run
from trodo_cli.model.span import Span


def conclusion(run: Run, spans: Mapping[str, Span], *, complete: bool) -> RunEnd | None:
    """The end of such a run; None for one that was announced, that has ended, or of which a span is open.

    `complete`: nor may the parent of a span be missing, or the run be somebody else's.
    """
    if not run.heard or run.is_terminal or (complete and "part" in run.heard):
        return None
    if any(span.is_open or (complete and _is_orphan(span, spans)) for span in spans.values()):
        return None
    ended_ns = max((span.ended_ns or 0 for span in spans.values()), default=run.started_ns)
    return over(run.id, ended_ns)


def over(run_id: str, ended_ns: int) -> RunEnd:
    """The word that such a run is over; how it went, its spans say. Of several the latest time counts."""
    return RunEnd(run_id=run_id, run=hearsay_run(run_id, {"over": Claim("", True)}, ended_ns=ended_ns))


def _is_orphan(span: Span, spans: Mapping[str, Span]) -> bool:
    return span.parent_id is not None and span.parent_id not in spans
