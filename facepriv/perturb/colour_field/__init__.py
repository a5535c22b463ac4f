"""The smooth, mirror-symmetric colour field."""
