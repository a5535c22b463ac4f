"""Pieces that several pages share; on the path because it stands beside the main script."""
