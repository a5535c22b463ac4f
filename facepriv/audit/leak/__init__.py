"""What attackers learn about gender: cross-fitted attacks, draws of a policy, results of an audit."""
