"""Users: who may sign in, in which role; for admins."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from facepriv.errors import FaceprivError
from facepriv.presentation.formats import plain
from facepriv.presentation.help_texts import ROLE_TITLES
from facepriv.presentation.users import user_row
from facepriv.services.accounts.users import (
    add_user,
    change_password,
    remove_user,
    set_disabled,
    set_role,
    sign_out_everywhere,
)
from facepriv.store import ROLES, Role, Store, UserRecord
from facepriv.store.users import name_key
from facepriv.types import Actor
from facepriv.wording import count
from parts.figures import show_rows
from parts.shell import ADMINS, errors_shown, me, opened, with_store

DONE, SECRET, REFUSED = "_users_done", "_users_secret", "_users_refused"
WHAT_ROLES_MAY = (
    "An **auditor** sees and does everything but this page. A **privacy officer** sees only what is shared with them. "
    "An **admin** is an auditor who also manages users."
)


def show(store: Store) -> None:
    """Show the whole page."""
    st.title("Users")
    st.write(WHAT_ROLES_MAY)
    told()
    users = store.users.list()
    show_rows([user_row(user, len(store.sessions.of_user(name_key(user.name)))) for user in users])
    add(store)
    st.header("Change a user")
    names = {user.name: user for user in users}
    chosen = st.selectbox("User", list(names), key="user_chosen")
    if chosen is not None:
        one(names[chosen])


def told() -> None:
    """Say what was done, or why it was refused; a password is shown this once."""
    if done := st.session_state.pop(DONE, None):
        st.success(plain(done), icon=":material/check_circle:")
    if refused := st.session_state.pop(REFUSED, None):
        st.error(plain(refused), icon=":material/error:")
    if secret := st.session_state.pop(SECRET, None):
        st.write("First password, shown only now. It must be changed at the first sign-in:")
        st.code(secret, language=None)


def add(store: Store) -> None:
    """Ask for a new user."""
    with st.expander("Add a user", icon=":material/person_add:"), st.form("add_user", clear_on_submit=True, width=420):
        name = st.text_input("Name", key="user_name", max_chars=64)
        role: Role = st.selectbox("Role", ROLES, index=1, format_func=ROLE_TITLES.__getitem__, key="user_role")
        claim = st.text_input(
            "Signs in through the identity provider as (optional)",
            key="user_oidc",
            help="E-mail address, or ISSUER#SUBJECT. Leave it empty for somebody who signs in by a password.",
        )
        sent = st.form_submit_button("Add", type="primary", icon=":material/person_add:")
    if sent:
        with errors_shown():
            added = add_user(store, name.strip(), role, oidc=claim.strip() or None, must_change=True, actor=me().actor)
            st.session_state[DONE] = f"{added.user.name} can sign in as {ROLE_TITLES[role]}."
            st.session_state[SECRET] = added.password
            st.rerun()


def one(user: UserRecord) -> None:
    """Offer what can be changed of a user; each is done as a callback, which checks the role again."""
    others: list[Role] = [role for role in ROLES if role != user.role]
    with st.container(horizontal=True):
        for role in others:
            offer(user, f"Make {ROLE_TITLES[role]}", f"role-{role}", ":material/badge:", partial(_set_role, role))
    with st.container(horizontal=True):
        if user.disabled_at is None:
            offer(user, "Lock", "lock", ":material/lock:", partial(_lock, True))
        else:
            offer(user, "Unlock", "unlock", ":material/lock_open:", partial(_lock, False))
        if user.password_hash is not None:
            offer(user, "New password", "password", ":material/key:", _reset)
        offer(user, "Sign out everywhere", "sign-out", ":material/logout:", _sign_out)
    sure = st.checkbox(
        f"{plain(user.name)} is to be removed for good; the name will not be given again",
        key=f"user-sure-{user.id}",
    )
    offer(user, "Remove", "remove", ":material/person_remove:", _remove, disabled=not sure)


def offer(
    user: UserRecord,
    label: str,
    name: str,
    icon: str,
    change: Callable[[Store, str, Actor], str],
    *,
    disabled: bool = False,
) -> None:
    """Show a button that changes a user."""

    def act() -> None:
        try:
            with opened(roles=ADMINS) as store:
                st.session_state[DONE] = change(store, user.name, me().actor)
        except FaceprivError as error:
            st.session_state[REFUSED] = str(error)

    st.button(label, key=f"user-{name}-{user.id}", icon=icon, on_click=act, disabled=disabled)


def _set_role(role: Role, store: Store, name: str, actor: Actor) -> str:
    changed = set_role(store, name, role, actor=actor)
    return f"{changed.name} is now {ROLE_TITLES[changed.role]}."


def _lock(lock: bool, store: Store, name: str, actor: Actor) -> str:
    changed = set_disabled(store, name, lock, actor=actor)
    return f"{changed.name} {'is signed out and cannot sign in' if lock else 'can sign in again'}."


def _reset(store: Store, name: str, actor: Actor) -> str:
    st.session_state[SECRET] = change_password(store, name, must_change=True, actor=actor)
    return f"{name} has a new password; all their sessions ended."


def _sign_out(store: Store, name: str, actor: Actor) -> str:
    ended = sign_out_everywhere(store, name, actor=actor)
    return f"{count(ended, 'session')} of {name} ended."


def _remove(store: Store, name: str, actor: Actor) -> str:
    remove_user(store, name, actor=actor)
    return f"{name} was removed."


with_store(show, roles=ADMINS)
