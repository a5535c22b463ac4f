"""Pure numpy metrics: gender error, DET and its figures, leak in bits, summaries."""
