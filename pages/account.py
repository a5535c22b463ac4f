"""Account: who is signed in, their sessions, and a new password."""

from __future__ import annotations

import streamlit as st

from facepriv.presentation.formats import moment, plain
from facepriv.presentation.help_texts import ROLE_TITLES
from facepriv.services.accounts.passwords import SHORTEST
from facepriv.services.accounts.users import change_own_password, sign_out_everywhere
from facepriv.store import Store
from facepriv.store.users import name_key
from parts.figures import show_rows
from parts.shell import EVERYBODY, errors_shown, me, with_store

DONE = "_account_done"


def show(store: Store) -> None:
    """Show the whole page."""
    st.title("Account")
    who = me()
    if who.session is None:
        st.info("This dashboard has no login: everyone who uses this machine is an auditor.", icon=":material/info:")
        return
    st.write(f"Signed in as **{plain(who.user)}**, {ROLE_TITLES[who.role]}.")
    if done := st.session_state.pop(DONE, None):
        st.success(done, icon=":material/check_circle:")
    if who.must_change:
        st.warning(
            "Your password was chosen by somebody else. Choose one of your own; then you see the other pages.",
            icon=":material/key:",
        )
        password(store)
        return
    st.header("Where you are signed in")
    sessions = store.sessions.of_user(name_key(who.user))
    show_rows(
        [
            {
                "Signed in": moment(session.created_at) + (" (this session)" if session.id == who.session else ""),
                "Last used": moment(session.seen_at),
                "Expires": moment(session.expires_at),
            }
            for session in sessions
        ]
    )
    if len(sessions) > 1 and st.button("Sign out all other sessions", icon=":material/logout:"):
        sign_out_everywhere(store, who.user, but=who.session, actor=who.actor)
        st.session_state[DONE] = "All other sessions are signed out."
        st.rerun()
    if store.users.get(who.user).password_hash is not None:
        password(store)


def password(store: Store) -> None:
    """Offer to change the password."""
    st.header("Change the password")
    with st.form("password", clear_on_submit=True, width=420):
        old = st.text_input("Current password", type="password", autocomplete="current-password")
        new = st.text_input(
            f"New password, at least {SHORTEST} characters", type="password", autocomplete="new-password"
        )
        again = st.text_input("Repeat the new password", type="password", autocomplete="new-password")
        sent = st.form_submit_button("Change password")
    if not sent:
        return
    if new != again:
        st.error("The two new passwords differ. Nothing was changed.", icon=":material/error:")
        return
    with errors_shown():
        change_own_password(store, me().user, old, new, session=me().session)
        st.session_state[DONE] = "Password changed; all other sessions are signed out."
        st.rerun()


with_store(show, roles=EVERYBODY)
