"""Leak audits: prepared, executed."""
