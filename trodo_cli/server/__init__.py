"""HTTP in front of a client: the same runs and traces, for those who are not on this machine."""
