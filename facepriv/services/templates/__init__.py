"""Template sets: imported, made from images, checked, exported."""
