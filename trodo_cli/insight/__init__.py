"""Questions about a trace; pure."""
