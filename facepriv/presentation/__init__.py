"""Results as words and tables, the same on pages, in the terminal and in reports."""
