"""What a browser does with the page that follows a sign-in."""

from __future__ import annotations

import html
import re


def read_signed_in(page: str) -> tuple[str, str] | None:
    """Return where the page leads and the page key that it puts into the browser's storage; None for another page."""
    found = re.search(r'data-key="([^"]+)" data-to="([^"]+)"', page)
    return None if found is None else (html.unescape(found[2]), found[1])
