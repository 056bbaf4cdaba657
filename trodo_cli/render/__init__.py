"""A trace and a view state become flat rows, rows become styled text; shared by CLI and TUI."""
