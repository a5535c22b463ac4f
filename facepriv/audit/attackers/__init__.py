"""Attackers: what each holds, and how it guesses the gender label of images it has not seen."""
