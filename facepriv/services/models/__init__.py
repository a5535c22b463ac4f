"""The catalogue of models, own models, probes, fetching of weights."""
