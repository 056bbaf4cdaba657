"""The `trodo` command. Only the version is answered before the command line is loaded."""

import sys


def main() -> None:
    """Run the command line of this process and leave with its exit code."""
    from trodo_cli.cli.output import encoding_errors

    encoding_errors()
    if sys.argv[1:] == ["--version"]:
        from trodo_cli import __version__
        from trodo_cli.cli.output import write_text

        write_text(f"trodo {__version__}")
        return
    from trodo_cli.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
