"""The paper's experiments: what it published, and how runs compare with that."""
