"""Shared with you: the privacy officer's home, to read, comment and sign off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import streamlit as st

from facepriv.errors import FaceprivError
from facepriv.presentation.formats import moment, plain, short_hash
from facepriv.presentation.help_texts import DECISION_TITLES
from facepriv.services.audits.verdicts import verdict_of_results
from facepriv.services.sharing.requests import ask, unread_of_officer
from facepriv.services.sharing.result_hashes import result_sha256
from facepriv.services.sharing.shares import about, dataset_of, shared_with
from facepriv.services.sharing.signing_off import check_remark, save_remark
from facepriv.store import ShareRecord, Store
from facepriv.store.records import Decision
from facepriv.web.share import shared_address
from facepriv.wording import listed
from parts import requests, share, verdict
from parts.shell import OFFICERS, errors_shown, me, with_store

CHOSEN = "shared_number"
REPORT_HEIGHT = 1400


def show(store: Store) -> None:
    """Show the whole page."""
    st.title("Shared with you")
    first = st.container()
    st.write(
        "Auditors measure how much gender a face database reveals, and what perturbing its images changes. Here are "
        "the results that they ask you to read and decide about. You see results, not the database."
    )
    now = datetime.now(UTC)
    named = {record.id: record for record in shared_with(store, me().user) if record.is_open(now)}
    if not named:
        st.info(
            "Nothing is shared with you at the moment. Auditors can share a run or an audit with your account.",
            icon=":material/info:",
        )
        return
    news = {line.about for line in unread_of_officer(store, me().user)}
    if news:
        st.info(f"The auditor answered about {plain(listed(sorted(news)))}.", icon=":material/mark_email_unread:")
    # Unique labels that never change: the browser identifies the choice by its label.
    chosen = st.selectbox(
        "Results",
        list(named),
        format_func=lambda number: f"{dataset_of(store, named[number]).name}, {about(named[number])} (share {number})",
        key=CHOSEN,
    )
    shared = named[chosen]
    with first:
        found = verdict_of_results(store, shared.run_id, shared.audit_id)
        verdict.show(found, f"{dataset_of(store, shared).name}, {about(shared)}")
    # On exactly these results: on the run alone, not on the run with an audit that was not shared.
    results = (shared.run_id, shared.audit_id)
    remarks = store.remarks.list(run_id=shared.run_id, audit_id=shared.audit_id)
    remarks = [remark for remark in remarks if (remark.run_id, remark.audit_id) == results]
    mine = [remark.decision for remark in remarks if remark.decision is not None and remark.author == me().user]
    signed = f"you signed: {DECISION_TITLES[mine[-1]].lower()}" if mine else "not signed by you"
    st.caption(
        f"Shared by {plain(shared.shared_by)}, {moment(shared.created_at)} · open until {moment(shared.expires_at)} · "
        f"{'with' if shared.faces else 'without'} faces · {signed}"
    )
    # Above the tabs, both of which Streamlit shows at once: what counts as read was in sight.
    requests.lines(store, about(shared))
    read, decide = st.tabs(["Report", "Comments and sign-off"])
    with read:
        address = shared_address(shared.id, me())
        st.html(f'<p><a href="{address}" target="_blank" rel="noopener">Open the report in a new tab</a></p>')
        st.iframe(address, height=REPORT_HEIGHT, alt="The report")
    with decide:
        share.remarks(store, remarks)
        if not remarks:
            st.caption("There are no comments on these results yet.")
        form(store, shared)


Choice = Decision | Literal["request", "refusal"] | None
CHOICES: dict[Choice, str] = {
    None: "Only a comment",
    "accepted": DECISION_TITLES["accepted"],
    "conditions": DECISION_TITLES["conditions"],
    "rejected": DECISION_TITLES["rejected"],
    "request": "Ask the auditor for something before I sign",
    "refusal": "I do not sign, for this reason",
}
"""What an officer may send, and how it is offered."""


@dataclass(frozen=True)
class Draft:
    """What an officer is about to send."""

    decision: Decision | None
    text: str
    sha256: str
    """Of the results as they were shown."""


def form(store: Store, shared: ShareRecord) -> None:
    """Take a comment or a sign-off; a sign-off is shown once more before it is sent."""
    # The hash at the time the form was shown, so that nothing else is signed with it.
    shown, drafted, turn = f"_shown-{shared.id}", f"_draft-{shared.id}", f"_turn-{shared.id}"
    if shown not in st.session_state:
        st.session_state[shown] = result_sha256(store, shared.run_id, shared.audit_id)
    sha256 = st.session_state[shown]
    # A new form for each remark, so that what was sent does not stand there to be sent again.
    with st.form(f"remark-{shared.id}-{st.session_state.get(turn, 0)}", clear_on_submit=False):
        choice: Choice = st.radio(
            "Your decision",
            list(CHOICES),
            format_func=CHOICES.__getitem__,
            help="A sign-off is stored with the fingerprint of exactly these results and cannot be changed later.",
        )
        text = st.text_area("Comment, conditions or reasons", max_chars=5000)
        st.caption(f"A sign-off covers exactly these results: fingerprint {short_hash(sha256)}, in full in the report.")
        sent = st.form_submit_button("Send", icon=":material/send:", type="primary")
    officer = me().user
    if choice == "request" or choice == "refusal":
        if sent:
            st.session_state.pop(drafted, None)
            with errors_shown():
                ask(store, shared.id, text, kind=choice, expected_sha256=sha256, officer=officer)
                st.session_state[turn] = st.session_state.get(turn, 0) + 1
                st.rerun()
        return
    draft = Draft(choice, text, sha256) if sent else st.session_state.get(drafted)
    if draft is None:
        return
    try:
        checked = check_remark(
            store, shared.id, draft.text, decision=draft.decision, expected_sha256=draft.sha256, officer=officer
        )
        if draft.decision is not None and not is_confirmed(store, shared, draft):
            st.session_state[drafted] = draft
            return
        st.session_state.pop(drafted, None)
        save_remark(store, checked, officer=officer)
    except FaceprivError as error:
        st.error(plain(str(error)), icon=":material/error:")
        st.session_state.pop(shown, None)
        st.session_state.pop(drafted, None)
        return
    st.session_state[turn] = st.session_state.get(turn, 0) + 1
    st.toast("Saved and recorded in the access log.", icon=":material/check_circle:")
    st.rerun()


def is_confirmed(store: Store, shared: ShareRecord, draft: Draft) -> bool:
    """Show a sign-off once more, and return whether the officer has just confirmed it."""
    assert draft.decision is not None
    with st.container(border=True):
        st.markdown(f"**You are about to sign: {DECISION_TITLES[draft.decision].lower()}**")
        found = verdict_of_results(store, shared.run_id, shared.audit_id)
        st.write(plain(f"{dataset_of(store, shared).name}, {about(shared)}: {found.sentence}"))
        if draft.text.strip():
            st.text(draft.text.strip())
        st.caption(f"Fingerprint of these results: {draft.sha256}. A sign-off cannot be changed or withdrawn later.")
        with st.container(horizontal=True):
            confirmed = st.button("Sign", key=f"sign-{shared.id}", type="primary", icon=":material/signature:")
            st.button(
                "Back to the form",
                key=f"back-{shared.id}",
                on_click=st.session_state.pop,
                args=(f"_draft-{shared.id}", None),
            )
    return confirmed


with_store(show, roles=OFFICERS)
