"""How times and texts from elsewhere are written on every page."""

from __future__ import annotations

import re
from datetime import datetime

from facepriv.store import RunRecord

NOTHING = "–"

_JOINER = "\u2060"
_SIGNS = re.compile(
    r"""[\\`*\[\]<>#|~$^&{}]           # code, emphasis, links, HTML, headings, tables, LaTeX, references
    | (?<![^\W_])_ | _(?![^\W_])       # emphasis; inside a word it is none
    | ^[-+=](?=\s|[-+=]|$)             # lists, rules
    """,
    re.VERBOSE,
)
_NUMBERED = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")
_JOINED = re.compile(r":(?=[^\s\d])|@|www(?=\.)|-(?=-)", re.IGNORECASE)


def plain(text: str) -> str:
    """Write a text from elsewhere, such as a file's name, so that Streamlit's Markdown shows just its characters.

    The signs of Markdown, LaTeX and HTML become character references, which no rule takes for a sign of its own.
    Addresses, icons and colours (``http:``, ``:red[``) are also looked for after references were resolved, so an
    invisible word joiner stands in them. Line breaks become spaces.
    """
    signs = _SIGNS.sub(lambda sign: f"&#{ord(sign.group())};", " ".join(text.split()))
    unlisted = _NUMBERED.sub(lambda number: f"{number[1]}&#{ord(number[2])};", signs)
    return _JOINED.sub(lambda sign: sign.group() + _JOINER, unlisted)


def guides(run: RunRecord) -> str:
    """Return the names of a run's guides."""
    return " and ".join(ref.name for ref in run.spec.guides)


def short_hash(sha256: str) -> str:
    """Return the ends of a hash, e.g. ``5776…9656``."""
    return f"{sha256[:4]}…{sha256[-4:]}"


def moment(when: datetime | None) -> str:
    """Write a time in UTC to the minute; a dash where there is none."""
    return NOTHING if when is None else f"{when:%Y-%m-%d %H:%M} UTC"
