"""Audit how much gender a face database leaks, and perturb it while face matchers keep working."""

__version__ = "0.1.0"
