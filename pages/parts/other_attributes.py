"""Ask which attribute to perturb instead of gender, and which answers to keep."""

from __future__ import annotations

from typing import Any

import streamlit as st

from facepriv.presentation.help_texts import HELP
from facepriv.registry import VALUE
from facepriv.schemas.requests import RunRequest
from facepriv.services.models.catalogue import ModelStatus
from facepriv.types import GENDER
from parts.parameters import ask_number, help_of

AGE = "age"
BOUNDARY, LEAST, MOST = 40, 1, 80


def ask(models: list[ModelStatus], *, keeps: bool, method: str) -> dict[str, Any]:
    """Ask for a guide of another attribute, and for classifiers whose answers to keep.

    Return the fields of a request that were chosen; ``guides`` is among them only if another attribute is.
    """
    others = {m.card.name: m.attribute for m in models if m.usable and m.attribute not in ("", GENDER)}
    if not others:
        st.caption("No classifier of another attribute is usable here.")
        return {}
    boundary = st.number_input(
        "Boundary between the two age groups, years", LEAST, MOST, BOUNDARY, key="run_boundary", help=HELP["boundary"]
    )
    names = {name: f"{name}{VALUE}{boundary}" if attribute == AGE else name for name, attribute in others.items()}
    left, right = st.columns(2, gap="large")
    guide = left.selectbox(
        "Perturb another attribute than gender",
        [None, *names],
        format_func=lambda name: "no, perturb gender" if name is None else f"{others[name]}, by {names[name]}",
        key="run_other_guide",
        help=HELP["other_guide"],
    )
    fields: dict[str, Any] = {}
    if guide is not None:
        fields["guides"] = (names[guide],)
        left.caption(
            "This classifier then guides alone, instead of those chosen above. Results also show the effect on gender; "
            "audits and policies measure gender only."
        )
    if not keeps:
        right.caption("This method cannot keep a classifier's answer.")
        return fields
    kept = right.multiselect(
        "Classifiers whose answers to keep",
        [name for name in names if name != guide],
        format_func=names.__getitem__,
        key=f"run_keep-{method}",
        help=help_of(RunRequest, "keep"),
        placeholder="none",
    )
    with right:
        weight = ask_number(RunRequest, "keep_weight", "Weight of kept answers", f"run_keep_weight-{method}")
    return {**fields, "keep": tuple(names[name] for name in kept), "keep_weight": weight}
