"""Attackers, who guess the gender labels of images they have not learnt from."""
