"""Metrics on plain arrays: gender error, leak in bits, matching and its mixtures, intervals over subjects."""
