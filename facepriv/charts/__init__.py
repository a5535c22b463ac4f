"""Plotly figures from plain results; they compute nothing but where to draw."""
