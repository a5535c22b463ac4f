"""Kinds of perturbation methods in words."""

from __future__ import annotations

from facepriv.schemas.runs import MethodKind

KIND_TITLES: dict[MethodKind, str] = {
    "unnoticeable": "unnoticeable, works against its guides",
    "visible": "visible, also fools some other classifiers",
}


KIND_SENTENCES: dict[MethodKind, str] = {
    "unnoticeable": "Hardly anyone notices the change, but it works against the guides only: other classifiers mostly "
    "stay right, and greyscale conversion can undo it.",
    "visible": "The change also fools many other classifiers, though not all. Anyone who looks for it sees it.",
}
