"""Reports as one offline HTML file: their contents, and how they are written."""
