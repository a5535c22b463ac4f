"""The sign of the dashboard in the browser's tab: drawn here, since Streamlit fetches its own icons from elsewhere."""

from __future__ import annotations

from PIL import Image, ImageDraw

SIZE = 64
BLUE, ORANGE = "#0072B2", "#E69F00"


def mark() -> Image.Image:
    """Draw a disc of two halves."""
    picture = Image.new("RGBA", (SIZE, SIZE))
    pen = ImageDraw.Draw(picture)
    box = (2, 2, SIZE - 3, SIZE - 3)
    pen.pieslice(box, 90, 270, fill=BLUE)
    pen.pieslice(box, 270, 90, fill=ORANGE)
    return picture
