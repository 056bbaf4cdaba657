"""Durable runs and spans."""
