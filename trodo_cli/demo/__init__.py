"""A small real program that is recorded by trodo: `python -m trodo_cli.demo`, started by `trodo demo`.

It uses only the public SDK and the standard library, as any user's program would; copy from it freely.
"""
