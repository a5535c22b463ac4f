"""Ask which attribute to perturb instead of gender, and which answers to keep."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from facepriv.presentation.help_texts import HELP
from facepriv.registry import VALUE
from facepriv.schemas.requests import RunRequest
from facepriv.services.models.catalogue import ModelStatus
from facepriv.types import GENDER
from parts.parameters import ask_number, help_of

AGE = "age"
BOUNDARY, LEAST, MOST = 40, 1, 80


@dataclass(frozen=True)
class Chosen:
    """What is perturbed and what is kept; nothing of either by default."""

    guide: str | None
    """Classifier of another attribute than gender; None to perturb gender."""
    keep: tuple[str, ...]
    weight: float


def ask(models: list[ModelStatus], *, keeps: bool, method: str) -> Chosen:
    """Ask for a guide of another attribute, and for classifiers whose answers to keep."""
    others = {m.card.name: m.attribute for m in models if m.usable and m.attribute not in ("", GENDER)}
    if not others:
        st.caption("No classifier of another attribute is usable here.")
        return Chosen(None, (), 1.0)
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
    if guide is not None:
        left.caption(
            "This classifier then guides alone, instead of those chosen above. Results also show the effect on gender; "
            "audits and policies measure gender only."
        )
    if not keeps:
        right.caption("This method cannot keep a classifier's answer.")
        return Chosen(names.get(guide or ""), (), 1.0)
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
    return Chosen(names.get(guide or ""), tuple(names[name] for name in kept), weight)
