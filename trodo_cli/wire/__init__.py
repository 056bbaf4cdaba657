"""Formats to events and back: pure functions, reader and writer side by side."""
