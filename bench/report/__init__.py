"""What was measured: figures, targets, processors and profiles, on the terminal and in files."""
