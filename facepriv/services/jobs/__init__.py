"""The queue's side: leases, worker processes, the pool that computes."""
