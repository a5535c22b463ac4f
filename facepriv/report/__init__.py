"""Reports as one HTML file that needs no network: what they hold, and how they are written."""
