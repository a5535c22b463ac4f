"""The report of a run, an audit or a protection as a file to hand on."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from facepriv.services.sharing.report import MOST_FACES, export_report
from facepriv.store import Store
from facepriv.types import Actor
from facepriv.wording import count
from parts.downloads import file_name
from parts.faces import address
from parts.shell import errors_shown, me, opened, when_asked


def offer(run_id: int | None, audit_id: int | None = None) -> None:
    """Show the button that makes the report; it shows no face unless you ask for some.

    Without a run it is the report of an audit of a data set as it is, which has no faces before and after.
    """
    number = audit_id if run_id is None else run_id
    key = f"{run_id}-{audit_id or 'newest'}"
    _heading()
    faces = 0
    if run_id is not None:
        faces = int(
            st.number_input(
                "Pairs of faces to show",
                0,
                MOST_FACES,
                0,
                key=f"report-faces-{key}",
                width=240,
                help="0 shows nobody. Images whose terms of use forbid showing them are left out in any case.",
            )
        )
    if run_id is not None and faces:
        offer_with_faces(run_id, audit_id, faces, key)
        return

    _button(
        f"report-{number}",
        f"report-{key}",
        lambda store, actor: export_report(store, run_id, audit_id=audit_id, actor=actor),
    )


def offer_of_protection(number: int) -> None:
    """Show the button that makes the report of a protection."""
    _heading()
    name = f"report-protection-{number}"
    _button(name, name, lambda store, actor: export_report(store, protection_id=number, actor=actor))


def _heading() -> None:
    st.subheader("Report", help="One HTML file for a privacy officer. It opens without a network and prints well.")


def _button(name: str, key: str, make: Callable[[Store, Actor], str]) -> None:
    st.download_button(
        "Download the report",
        when_asked(make),
        file_name=file_name(name, "html"),
        mime="text/html",
        icon=":material/summarize:",
        key=key,
        on_click="ignore",
    )


def offer_with_faces(run_id: int, audit_id: int | None, pairs: int, key: str) -> None:
    """Make the report once the button is pressed, and show the link by which only this person gets it.

    Streamlit's downloads are for every auditor who knows their address.
    """
    if not st.button("Make the report", key=f"make-report-{key}", icon=":material/summarize:"):
        return
    with errors_shown():
        with st.spinner("Making the report …"), opened() as store:
            page = export_report(store, run_id, audit_id=audit_id, faces=pairs, actor=me().actor)
        path = address(page.encode(), "downloads", f"facepriv-report-{run_id}.html")
        st.html(f'<a href="{path}" download>Save the report with {count(pairs, "pair")} of faces</a>')
        st.caption("The link works only for you, for up to one hour.")
