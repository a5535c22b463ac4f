"""Data sets: readers of their conventions, label tables, safe unpacking, the demo set."""
