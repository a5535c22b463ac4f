"""Algorithm 1 of Mirjalili and Ross (IJCB 2017)."""
