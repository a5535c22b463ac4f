"""Data sets: imported, checked, described, kept until a day, purged."""
