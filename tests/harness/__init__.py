"""The fault harness: `python -m tests.harness NAME …` breaks things from outside and looks what is left.

Every gate is seeded and bounded in count and time, stays on loopback, and makes its faults where the product cannot
see them: signals to real processes, connections cut by a proxy. Its auditor compares what was acknowledged, what is
stored and what was told, by ids. The exit code is the verdict. `--plant` puts a known bug into the product first;
then the gate must fail.
"""
