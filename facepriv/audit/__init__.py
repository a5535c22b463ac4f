"""Leak and utility of a run: what the paper reports, from plain arrays."""
