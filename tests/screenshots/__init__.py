"""`python -m tests.screenshots`: the pictures of README, from runs that are recorded for them."""
