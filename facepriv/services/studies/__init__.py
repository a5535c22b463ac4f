"""Studies: prepared, searched, confirmed, summed up."""
