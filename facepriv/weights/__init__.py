"""Model files: found, fetched, checked by hash, opened once a process."""
