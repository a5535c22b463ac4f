"""Kinds of perturbation methods in words."""

from __future__ import annotations

from facepriv.schemas.runs import MethodKind

KIND_TITLES: dict[MethodKind, str] = {
    "unnoticeable": "unnoticeable, specific to its guides",
    "visible": "visible, transferring in part",
}


KIND_SENTENCES: dict[MethodKind, str] = {
    "unnoticeable": "The change is meant not to be noticed; classifiers that did not guide mostly go on being right, "
    "and taking the colour away can undo it.",
    "visible": "Classifiers that were never asked are turned too, though not all, and a person who looks for the "
    "change sees it.",
}
