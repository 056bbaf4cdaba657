"""The `trodo` command. The version is answered before the command line is loaded."""

import sys


def main() -> None:
    """Run the command line of this process and leave with its exit code."""
    if sys.argv[1:] == ["--version"]:
        from trodo_cli import __version__

        sys.stdout.write(f"trodo {__version__}\n")
        return
    from trodo_cli.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
