"""This source and another revision of it, measured in turns on one machine: `python -m bench --against REV`."""
