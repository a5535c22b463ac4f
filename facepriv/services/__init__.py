"""Use cases: what the pages, the command line and a pipeline call."""
