"""How the files of an import are read: what the preview asks, and what can be chosen instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from facepriv.presentation.formats import plain
from facepriv.presentation.preview import KINDS_OF_SUBJECTS, MEANINGS, open_questions
from facepriv.schemas.base import Meaning
from facepriv.services.datasets.import_jobs import ImportJob

ROLES = ("file", "subject", "gender", "age", "race")
NONE, RECOGNISED = "-", ""
SHOWN_VALUES = 12
"""Values of a gender column whose meaning can be chosen on the page."""


def ask(job: ImportJob, document: Mapping[str, Any]) -> dict[str, Any]:
    """Show what is asked, and return how to read the files instead: fields of a request; empty if nobody says so."""
    asked = open_questions(document)
    for sentence in asked:
        st.warning(plain(sentence), icon=":material/help:")
    with (
        st.expander("Change how labels and subjects are read", expanded=bool(asked), icon=":material/tune:"),
        st.form(f"reading-{job.id}", border=False),
    ):
        changes = {**_columns(job, document), **_meanings(job, document), **_subjects(job, document)}
        return changes if st.form_submit_button("Read again", icon=":material/refresh:") else {}


def _columns(job: ImportJob, document: Mapping[str, Any]) -> dict[str, Any]:
    """Ask which column of the table is which."""
    fields = list(document.get("fields", []))
    if not fields:
        return {}
    st.caption(plain(f"Columns of {document['table']}"))
    given = job.request.columns.model_dump()
    chosen: dict[str, str | None] = {}
    for box, role in zip(st.columns(len(ROLES)), ROLES, strict=True):
        now = document["columns"].get(role, NONE)
        options = [NONE, *fields]
        answer = box.selectbox(
            role.capitalize(),
            options,
            index=options.index(now) if now in options else 0,
            format_func=lambda column: "none" if column == NONE else plain(column),
            key=f"column-{role}-{job.id}",
        )
        chosen[role] = given[role] if answer == now else answer
    return {"columns": chosen}


def _meanings(job: ImportJob, document: Mapping[str, Any]) -> dict[str, Any]:
    """Ask what the values of the gender column mean."""
    values = document.get("meanings", [])
    # What is not decided comes first.
    asked = sorted(values, key=lambda each: each["meaning"] is not None)[:SHOWN_VALUES]
    if not asked:
        return {}
    st.caption("Meaning of the values of the gender column")
    options = [RECOGNISED, *MEANINGS]
    mapping: dict[str, Meaning | str] = {**job.request.mapping}
    boxes = st.columns(min(4, len(asked)))
    for place, each in enumerate(asked):
        now = each["meaning"] or RECOGNISED
        answer = boxes[place % len(boxes)].selectbox(
            plain(f"{each['value'] or 'empty'} ({each['rows']:,})"),
            options,
            index=options.index(now),
            format_func=lambda meaning: MEANINGS.get(meaning, "not decided"),
            key=f"meaning-{job.id}-{each['value']}",
        )
        if answer not in (now, RECOGNISED):
            mapping[each["value"]] = answer
    return {"mapping": mapping}


def _subjects(job: ImportJob, document: Mapping[str, Any]) -> dict[str, Any]:
    """Ask what the subjects are that folders and file names give."""
    if "subject" in document.get("columns", {}):
        return {}
    options = ["auto", *KINDS_OF_SUBJECTS]
    answer = st.radio(
        "Each folder or file name that tells images apart stands for",
        options,
        index=options.index(job.request.subjects),
        format_func=lambda kind: KINDS_OF_SUBJECTS.get(kind, f"as recognised ({document['identities']})"),
        key=f"subjects-{job.id}",
        horizontal=True,
    )
    return {"subjects": answer}
