"""Runs inside the user's process. Nothing in here may hurt its host."""
