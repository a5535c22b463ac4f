"""Landmarkers, one adapter a file."""
