"""Tables of face templates as other programs write them: read in chunks, checked, written again."""
