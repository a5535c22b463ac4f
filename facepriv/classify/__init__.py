"""Attribute classifiers, one file for each family of networks."""
