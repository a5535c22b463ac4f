"""How far data sets are."""
