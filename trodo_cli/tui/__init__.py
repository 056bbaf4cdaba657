"""The explorer: runs and traces on a full screen."""
