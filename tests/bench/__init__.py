"""Benchmarks, run by hand: `python -m tests.bench.startup`. Each prints its figure beside a floor or a peer."""
