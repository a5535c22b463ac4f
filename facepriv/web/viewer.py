"""The page, framed by the dashboard, that shows one image before and after."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from facepriv.web.pages import ASSETS, render

Point = tuple[float, float]


@dataclass(frozen=True)
class ViewerImage:
    """An image in the blob cache with its texts, which may be any, such as a file's name."""

    path: str
    caption: str
    alt: str


@dataclass(frozen=True)
class PairView:
    """Everything that the viewer shows of one image."""

    title: str
    width: int
    height: int
    """Of the images before and after, in pixels."""
    before: ViewerImage
    after: ViewerImage | None = None
    """None if nothing was stored; then there is nothing to slide to."""
    difference: ViewerImage | None = None
    difference_note: str = ""
    """How to read it."""
    candidate: ViewerImage | None = None
    mesh: Sequence[tuple[Point, Point]] = ()
    """Edges, x and y in pixels, pixel centres at whole numbers."""


def viewer_page(view: PairView) -> bytes:
    """Return the page, the same for equal views; it takes the dashboard's theme from where the browser keeps that."""
    # A pixel's centre is half a pixel from its edge, where a drawing begins to count.
    lines = "".join(f"M{a + 0.5:.1f} {b + 0.5:.1f}L{c + 0.5:.1f} {d + 0.5:.1f}" for (a, b), (c, d) in view.mesh)
    return render("viewer.html.j2", view=view, asset=asset, lines=lines).encode()


@cache
def asset(name: str) -> str:
    """Return the address of an asset, which changes with its content."""
    return f"/assets/{name}?v={hashlib.sha256((ASSETS / name).read_bytes()).hexdigest()[:16]}"
