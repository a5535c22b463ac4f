"""What attackers learn about gender: evidence, cross-fitted attacks, draws of a release, figures."""
