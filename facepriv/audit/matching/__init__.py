"""Comparisons of templates: pairs, scores in bins, phases, near duplicates, published protocols."""
