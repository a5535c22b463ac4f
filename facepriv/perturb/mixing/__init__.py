"""Mixing with a candidate of the other gender (Othman and Ross 2014)."""
