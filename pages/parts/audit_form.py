"""Ask for what an audit needs, and start it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from facepriv.audit.attackers.registry import attackers
from facepriv.config import get_settings
from facepriv.errors import FaceprivError
from facepriv.presentation.formats import plain
from facepriv.presentation.help_texts import DRAWN, HELP
from facepriv.schemas.requests import AUTO, AuditRequest
from facepriv.services.audits.estimate import estimate_audit
from facepriv.services.audits.preparing import why_no_audit
from facepriv.services.datasets.identities import why_not_matched
from facepriv.services.models.catalogue import usable_classifiers, usable_matchers
from facepriv.store import DatasetRecord, Store
from parts import starting
from parts.parameters import ask_among, ask_limit, ask_number, help_of

DEFAULT_LOSS_POINTS = 1.0


def is_possible(store: Store, dataset_id: int, run_id: int | None = None) -> bool:
    """Return whether there are enough labelled people for an audit; if not, say how many it needs and why."""
    why_not = why_no_audit(store, dataset_id, run_id)
    if why_not:
        st.markdown(f":material/group_off: {plain(why_not)}")
    return not why_not


def means(store: Store, key: str, record: DatasetRecord) -> dict[str, Any]:
    """Ask for attackers, the models that they have and the people they learn from; by default all, and audited ones."""
    fields: dict[str, Any] = {"matchers": []}

    def choose(field: str, label: str, names: list[str]) -> None:
        fields[field] = ask_among(AuditRequest, field, label, names, f"{key}_{field}")

    choose("attackers", "Attackers", attackers.names())
    left, right = st.columns(2)
    with left:
        choose("classifiers", "Classifiers that attackers have", usable_classifiers())
    unmatched = why_not_matched(record)
    with right:
        if unmatched is None:
            choose("matchers", "Matchers whose templates they see", usable_matchers())
        else:
            st.info(plain(unmatched), icon=":material/info:")
    others = {other.id: other.name for other in store.datasets.list() if other.id != record.id}
    fields["learn_from"] = st.selectbox(
        "People that attackers learn from",
        [None, *others],
        format_func=lambda number: "the audited people" if number is None else f"data set {others[number]}",
        key=f"{key}_learn_from-{record.id}",
        help=help_of(AuditRequest, "learn_from"),
    )
    return fields


def numbers(key: str, images: int, *, draws: bool = False) -> dict[str, Any]:
    """Ask how many images to take, where randomness starts and, of a policy, how many draws to average over."""
    boxes = st.columns(3 if draws else 2)
    with boxes[0]:
        values: dict[str, Any] = {"limit": ask_limit(AuditRequest, images, f"{key}_limit")}
    with boxes[1]:
        values["seed"] = ask_number(AuditRequest, "seed", "Seed", f"{key}_seed")
    if draws:
        with boxes[2]:
            values["draws"] = ask_number(AuditRequest, "draws", "Draws", f"{key}_draws")
    return values


def policy(key: str) -> dict[str, Any]:
    """Ask which policy to judge: proportion, selection, limit of lost matches."""
    boxes = st.columns(3, gap="medium")
    with boxes[0]:
        given = st.toggle("Set the proportion myself", key=f"{key}_given", help=HELP["given"])
        share = st.number_input(
            "Proportion p, %", 0.0, 100.0, 50.0, 5.0, format="%.1f", key=f"{key}_p", disabled=not given
        )
    with boxes[1]:
        floor = st.toggle(
            "Limit the loss of matching", value=True, key=f"{key}_floored", help=help_of(AuditRequest, "most_fnmr_loss")
        )
        loss = st.number_input(
            "Genuine matches lost at most, points",
            0.0,
            100.0,
            DEFAULT_LOSS_POINTS,
            0.5,
            format="%.1f",
            key=f"{key}_floor",
            disabled=not floor,
        )
    with boxes[2]:
        select_by = st.radio(
            "What is drawn at random",
            list(DRAWN),
            format_func=DRAWN.__getitem__,
            key=f"{key}_select_by",
            help=help_of(AuditRequest, "select_by"),
        )
    return {
        "p": share / 100 if given else AUTO,
        "most_fnmr_loss": loss / 100 if floor else None,
        "select_by": select_by,
    }


def start(store: Store, **choices: Any) -> int | None:
    """Start an audit and return its number; show a mistake as one sentence."""
    if not choices["attackers"]:
        st.error("An audit needs at least one attacker. Choose one under Options.", icon=":material/error:")
        return None
    try:
        request = AuditRequest(**choices)
    except FaceprivError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None
    audit = starting.start(store, request)
    return None if audit is None else int(audit.id)


def promise(store: Store, **choices: Any) -> None:
    """Say how long an audit will take."""
    if choices["attackers"]:
        starting.promise(lambda: estimate_audit(store, get_settings(), AuditRequest(**choices)))
