"""What leaves the house: exports and releases under a policy."""
