"""Starts agents, each run in a process of its own, and stops them.

`registry` knows which agents there are. `survey` lets child processes, `describe`, look at `parts` of their sources,
`inquiry` is what they say. `loading` imports agents (in a child process only), `shape` reads their type hints,
`step` and `pipeline` compose them. `runner` queues and starts runs, `guard` stands between a run's process and ours,
`relay` carries what the run records, `journal` remembers what was started, `settle` ends what died without a word.
"""
