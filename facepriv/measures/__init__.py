"""Numbers computed from stored images, once for everybody: models by name, what is known, what is new."""
