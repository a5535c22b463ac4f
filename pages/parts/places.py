"""Where the things of a data set stand: pages with their addresses, as links and buttons."""

from __future__ import annotations

from typing import Any

import streamlit as st

from facepriv.presentation.formats import plain
from facepriv.presentation.journey import Place, PlaceKind
from parts.carried import PARAMETER

PAGES: dict[PlaceKind, tuple[str, str]] = {
    "images": ("datasets.py", ""),
    "import": ("datasets.py", ""),
    "audits": ("audit.py", ""),
    "audit": ("audit.py", "audit"),
    "runs": ("runs.py", ""),
    "run": ("runs.py", "run"),
    "studies": ("protect.py", ""),
    "study": ("protect.py", "study"),
    "templates": ("templates.py", ""),
    "trial": ("templates.py", "protection"),
    "release": ("policy.py", "run"),
    "shares": ("sharing.py", ""),
}
"""Page of each kind of place, and the parameter of its address that names what is opened."""


def address_of(place: Place, dataset: str) -> tuple[str, dict[str, str]]:
    """Return the page of a place and its query parameters; ``dataset`` is the name of the data set to carry."""
    page, parameter = PAGES[place.kind]
    opened = {parameter: str(place.number)} if parameter and place.number is not None else {}
    return page, {**opened, PARAMETER: dataset}


def link(label: str, place: Place, dataset: str, **options: Any) -> None:
    """Show a link to a place, whose label is plain text."""
    page, query = address_of(place, dataset)
    st.page_link(page, label=plain(label), query_params=query, **options)


def go(place: Place, dataset: str) -> None:
    """Open a place."""
    page, query = address_of(place, dataset)
    st.switch_page(page, query_params=query)
