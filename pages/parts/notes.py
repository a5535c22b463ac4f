"""Name, notes and tags of a run or an audit: shown under its title, and written."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from facepriv.presentation.formats import plain
from facepriv.services.jobs.notes import LONGEST_NAME, LONGEST_NOTES, save_notes
from facepriv.store import JobNotes, Store
from parts.shell import attempt, me, show_refusal


def show(store: Store, noun: Literal["run", "audit"], number: int, job_id: int) -> None:
    """Show what somebody wrote, and the form to write it."""
    written = store.notes.get(job_id)
    if written.tags:
        st.markdown(" ".join(f":gray-badge[:material/label: {plain(tag)}]" for tag in written.tags))
    if written.notes:
        st.markdown("  \n".join(plain(line) for line in written.notes.splitlines()))
    key = f"notes-{noun}-{number}"
    show_refusal(key)
    with st.expander("Name, notes and tags", icon=":material/edit_note:"):
        known = sorted({tag for notes in store.notes.list().values() for tag in notes.tags})
        with st.form(key, border=False):
            st.text_input("Name", written.name, key=f"{key}-name", max_chars=LONGEST_NAME)
            st.multiselect(
                "Tags",
                known,
                list(written.tags),
                key=f"{key}-tags",
                accept_new_options=True,
                placeholder="Choose or type tags",
            )
            st.text_area("Notes", written.notes, key=f"{key}-text", max_chars=LONGEST_NOTES, height=120)

            def save(store: Store) -> None:
                fields = (st.session_state[f"{key}-{part}"] for part in ("name", "text", "tags"))
                name, text, tags = fields
                notes = JobNotes(name=name, notes=text, tags=tuple(tags))
                save_notes(store, noun, number, notes, actor=me().actor)
                st.toast("Saved and recorded in the access log.", icon=":material/check:")

            st.form_submit_button("Save", icon=":material/save:", on_click=attempt, args=(key, save))
