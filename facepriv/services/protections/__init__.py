"""Protections of template sets: tried, judged and released."""
