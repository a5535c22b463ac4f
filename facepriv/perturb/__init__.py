"""Perturbation methods, one folder a method."""
