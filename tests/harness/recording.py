"""Records spans into a run with the SDK: `python -m tests.harness.recording URL RUN`.

Reads from stdin how many, line by line; writes the id of every span that has ended. Ends well when the server has
all of them.
"""

import sys

import trodo_cli

FLUSH_SECONDS = 1.0


def main(url: str, run_id: str) -> None:
    trodo_cli.init(url)
    with trodo_cli.join_run(run_id):
        for line in sys.stdin:
            for _ in range(int(line)):
                with trodo_cli.span("recorded", kind="tool", input={"line": line}) as span:
                    span.set_output(span.span_id)
                print(span.span_id, flush=True)
        while not trodo_cli.flush(FLUSH_SECONDS):
            pass


if __name__ == "__main__":
    main(*sys.argv[1:])
