"""Which share of the images to perturb, and which images these are."""
