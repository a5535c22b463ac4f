"""Attribute classifiers, one adapter a file."""
