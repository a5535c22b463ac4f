"""Shared with you: the privacy officer's home, to read, comment and sign off."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from facepriv.errors import FaceprivError
from facepriv.presentation.formats import moment, plain
from facepriv.services.sharing.report import result_sha256
from facepriv.services.sharing.shares import shared_with
from facepriv.services.sharing.signing_off import DECISION_TITLES, remark
from facepriv.store import RemarkRecord, ShareRecord, Store
from facepriv.store.records import DECISIONS
from parts import share
from parts.shell import me, with_store

CHOSEN = "shared_number"
REPORT_HEIGHT = 1400


def show(store: Store) -> None:
    """Show the whole page."""
    st.title("Shared with you")
    st.write(
        "Auditors measure how much gender a face database gives away, and what perturbing its images changes. Here is "
        "what they want you to know and to decide about. You see results, not the database."
    )
    now = datetime.now(UTC)
    mine = [one for one in shared_with(store, me().user) if one.is_open(now)]
    if not mine:
        st.info(
            "Nothing is shared with you at the moment. An auditor shares a run or an audit with you by your name.",
            icon=":material/info:",
        )
        return
    named = {one.id: one for one in mine}
    # Labels that never change and are of one share only: by its label the browser says which one is chosen.
    chosen = st.selectbox(
        "Results",
        list(named),
        format_func=lambda number: f"{share.name_of(store, named[number])} (share {number})",
        key=CHOSEN,
    )
    one = named[chosen]
    st.caption(
        f"Shared by {plain(one.made_by)}, {moment(one.created_at)} · open until {moment(one.expires_at)} · "
        f"{'with' if one.faces else 'without'} faces · {_signed(store, one)}"
    )
    said = said_about(store, one)
    read, decide = st.tabs(["Report", "Comments and sign-off"])
    with read:
        st.html(f'<p><a href="/shared/{one.id}" target="_blank" rel="noopener">Open the report on its own page</a></p>')
        st.iframe(f"/shared/{one.id}", height=REPORT_HEIGHT, alt="The report")
    with decide:
        share.remarks(store, said)
        if not said:
            st.caption("Nobody has said anything about these results yet.")
        form(store, one)


def said_about(store: Store, one: ShareRecord) -> list[RemarkRecord]:
    """Give what was said about these very results: of a run alone, not of the run with an audit that was not shared."""
    said = store.remarks.list(run_id=one.run_id, audit_id=one.audit_id)
    return [remark for remark in said if (remark.run_id, remark.audit_id) == (one.run_id, one.audit_id)]


def _signed(store: Store, one: ShareRecord) -> str:
    mine = [said for said in said_about(store, one) if said.decision is not None and said.author == me().user]
    if not mine or mine[-1].decision is None:
        return "not signed by you"
    return f"you signed: {DECISION_TITLES[mine[-1].decision].lower()}"


def form(store: Store, one: ShareRecord) -> None:
    """Take a comment or a sign-off."""
    # What was shown when the form was, so that nothing else can be signed with it.
    shown = f"_shown-{one.id}"
    if shown not in st.session_state:
        st.session_state[shown] = result_sha256(store, one.run_id, one.audit_id)
    sha256 = st.session_state[shown]
    with st.form(f"remark-{one.id}", clear_on_submit=False):
        decision = st.radio(
            "What do you want to say?",
            [None, *DECISIONS],
            format_func=lambda d: "Only a comment" if d is None else DECISION_TITLES[d],
            help="A sign-off is kept with the hash of exactly these results, and cannot be changed later.",
        )
        text = st.text_area("Comment, conditions or reasons", max_chars=5000)
        st.caption(f"A sign-off refers to SHA-256 {sha256}, which the report also names.")
        sent = st.form_submit_button("Send", icon=":material/send:", type="primary")
    if not sent:
        return
    try:
        remark(store, one.id, text, decision=decision, expected_sha256=sha256, officer=me().user)
    except FaceprivError as error:
        st.error(plain(str(error)), icon=":material/error:")
        st.session_state.pop(shown)
        return
    st.toast("Kept, and written into the access log.", icon=":material/check_circle:")
    st.rerun()


with_store(show, roles=("officer",))
