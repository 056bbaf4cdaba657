"""Fixtures for all tests."""

from tests.postgres import kept_place, postgres, postgres_server

__all__ = ["kept_place", "postgres", "postgres_server"]
