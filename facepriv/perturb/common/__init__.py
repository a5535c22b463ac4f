"""What several perturbation methods share."""
