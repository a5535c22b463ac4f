"""Threads of what officers ask for and auditors answer, and marks for what was not read."""

from __future__ import annotations

import streamlit as st

from facepriv.presentation.formats import moment, plain, short_hash
from facepriv.services.sharing.requests import answer, unread_of_auditor, unread_of_officer
from facepriv.services.sharing.result_hashes import result_sha256
from facepriv.store import RequestRecord, Store
from facepriv.store.records import RequestKind
from facepriv.wording import count
from parts.jobs import link
from parts.shell import errors_shown, me

TITLES: dict[RequestKind, str] = {"request": "Request", "refusal": "Not signed, with a reason", "answer": "Answer"}
ICONS: dict[RequestKind, str] = {
    "request": ":material/help:",
    "refusal": ":material/front_hand:",
    "answer": ":material/reply:",
}


def lines(store: Store, thread: str) -> None:
    """Show a thread, newest line last, and note that it was read."""
    shown = store.requests.thread(thread)
    for line in shown:
        with st.container(border=True):
            st.markdown(f"{ICONS[line.kind]} **{TITLES[line.kind]}** by {plain(line.author)}, {moment(line.at)}")
            st.markdown("  \n".join(plain(part) for part in line.text.splitlines()))
            st.caption(f"About {line.about}{_changed(store, line)} (fingerprint {short_hash(line.sha256)})")
    if shown:
        store.requests.read(me().user, thread)


def _changed(store: Store, line: RequestRecord) -> str:
    if line.run_id is None and line.audit_id is None:
        return ", which was deleted"
    return "" if result_sha256(store, line.run_id, line.audit_id) == line.sha256 else ", which has changed since"


def of_results(store: Store, *, run_id: int | None = None, audit_id: int | None = None) -> None:
    """Show auditors the threads about a run or an audit, each with a form to answer."""
    for thread in store.requests.of_results(run_id=run_id, audit_id=audit_id):
        st.subheader("Requests of the privacy officer")
        lines(store, thread)
        turn = f"_answer_turn-{thread}"
        with st.form(f"answer-{thread}-{st.session_state.get(turn, 0)}"):
            text = st.text_area("Answer", max_chars=5000)
            sent = st.form_submit_button("Send the answer", icon=":material/reply:", type="primary")
        if sent:
            with errors_shown():
                answer(store, thread, text, actor=me().actor)
                st.session_state[turn] = st.session_state.get(turn, 0) + 1
                st.rerun()


def unread_by_auditor(store: Store) -> None:
    """List beside the page what officers asked for that this user has not read."""
    unread = unread_of_auditor(store, me().user)
    if not unread:
        return
    with st.expander(f"{count(len(unread), 'request')} not read", icon=":material/mark_email_unread:"):
        for about in dict.fromkeys(line.about for line in unread):
            line = next(each for each in unread if each.about == about)
            kind, number = ("run", line.run_id) if line.run_id is not None else ("audit", line.audit_id)
            assert number is not None
            link(kind, number, f"{TITLES[line.kind]} about {about}", ICONS[line.kind])


def unread_by_officer(store: Store) -> None:
    """Say beside the page how many answers this officer has not read."""
    unread = unread_of_officer(store, me().user)
    if unread:
        st.markdown(f":material/mark_email_unread: **{count(len(unread), 'answer')} not read**")
