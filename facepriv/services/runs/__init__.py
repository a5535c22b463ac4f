"""Perturbation runs: prepared, estimated, executed, shown."""
