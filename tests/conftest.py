"""Fixtures for all tests, and how many examples a property is tried on."""

import os
import signal

from hypothesis import settings

from tests.postgres import kept_place, postgres, postgres_server

__all__ = ["kept_place", "postgres", "postgres_server"]

settings.register_profile("quick", max_examples=50, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=1_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

# Programs that are started here hear of ctrl-c, also where these tests run in the background of a script.
signal.signal(signal.SIGINT, signal.default_int_handler)
