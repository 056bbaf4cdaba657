"""What a run is: plain data, no input or output."""
