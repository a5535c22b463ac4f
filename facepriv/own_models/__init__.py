"""Models that a user brings: networks, commands and probes, each in a folder of its own in the data folder."""
