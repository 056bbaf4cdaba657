"""`python -m trodo_cli.demo`: prints the id of its main run on stdout and nothing else."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

import trodo_cli as trodo
from trodo_cli.demo import history, live, pipeline

MAX_SECONDS = 24 * 60 * 60


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; gives its exit code."""
    options = _parser().parse_args(arguments)
    try:
        _run(options.live, options.pace)
    except trodo.RunCancelled as stop:
        sys.stderr.write(f"{stop}\n")
    except KeyboardInterrupt:
        return 130
    except trodo.TrodoError as error:
        sys.stderr.write(f"{error.message}\n{error.hint}".rstrip() + "\n")
        return 1
    finally:
        trodo.flush()
    return 0


def _run(live_seconds: float | None, pace: float) -> None:
    if live_seconds is not None:
        live.run(_announce, live_seconds, pace)
    else:
        history.record(pace)
        asyncio.run(pipeline.run(_announce, pace))


def _announce(run_id: str) -> None:
    trodo.flush()  # whoever reads the id shall find the run
    sys.stdout.write(f"{run_id}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trodo_cli.demo", description="Record a few real runs.")
    parser.add_argument("--live", type=_seconds, metavar="N", help="work for N seconds, to be followed")
    parser.add_argument("--pace", type=_seconds, metavar="S", default=0.05, help="seconds between two steps")
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to {MAX_SECONDS} seconds")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
