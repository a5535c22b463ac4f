"""Account: who is signed in, where else, and a new password."""

from __future__ import annotations

import streamlit as st

from facepriv.errors import FaceprivError
from facepriv.presentation.formats import moment, plain
from facepriv.services.accounts.passwords import SHORTEST
from facepriv.services.accounts.users import change_own_password, sign_out_everywhere
from facepriv.store import Store
from facepriv.store.users import name_key
from parts.account import ROLE_TITLES
from parts.figures import show_rows
from parts.shell import EVERYBODY, me, with_store

TOLD = "_account_told"


def show(store: Store) -> None:
    """Show the whole page."""
    st.title("Account")
    who = me()
    if who.session is None:
        st.info("This dashboard has no login: whoever uses this machine is an auditor here.", icon=":material/info:")
        return
    st.write(f"Signed in as **{plain(who.user)}**, {ROLE_TITLES[who.role]}.")
    if told := st.session_state.pop(TOLD, None):
        st.success(told, icon=":material/check_circle:")
    st.header("Where you are signed in")
    sessions = store.sessions.of_user(name_key(who.user))
    show_rows(
        [
            {
                "Signed in": moment(one.created_at) + (" (this one)" if one.id == who.session else ""),
                "Last used": moment(one.seen_at),
                "Ends at the latest": moment(one.expires_at),
            }
            for one in sessions
        ]
    )
    if len(sessions) > 1 and st.button("Sign out everywhere else", icon=":material/logout:"):
        sign_out_everywhere(store, who.user, but=who.session, actor=who.user)
        st.session_state[TOLD] = "The other sessions are ended."
        st.rerun()
    if store.users.get(who.user).password_hash is not None:
        password(store)


def password(store: Store) -> None:
    """Offer to change the password."""
    st.header("Change the password")
    with st.form("password", clear_on_submit=True, width=420):
        old = st.text_input("Present password", type="password", autocomplete="current-password")
        new = st.text_input(
            f"New password, at least {SHORTEST} characters", type="password", autocomplete="new-password"
        )
        again = st.text_input("The new one again", type="password", autocomplete="new-password")
        sent = st.form_submit_button("Change it")
    if not sent:
        return
    if new != again:
        st.error("The new password was not written the same twice; nothing was changed.", icon=":material/error:")
        return
    try:
        change_own_password(store, me().user, old, new, session=me().session)
    except FaceprivError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    st.session_state[TOLD] = "The password is changed, and other sessions are ended."
    st.rerun()


with_store(show, roles=EVERYBODY)
