"""Who is signed in, and the button that signs out."""

from __future__ import annotations

import html

import streamlit as st

from parts.shell import me

ROLE_TITLES = {"auditor": "auditor", "officer": "privacy officer"}


def sidebar() -> None:
    """Show below the navigation who is signed in, with a button that signs out."""
    who = me()
    with st.sidebar:
        if who.session is None:
            st.caption("No login: everyone who uses this machine is an auditor.")
            return
        st.html('<script src="/assets/session.js"></script>', unsafe_allow_javascript=True)
        st.caption(f"Signed in as {html.escape(who.user)}, {ROLE_TITLES[who.role]}")
        st.html(
            '<form method="post" action="/logout" target="_top"><button type="submit" class="facepriv-out">Sign out'
            "</button></form>"
            "<style>.facepriv-out{font:inherit;color:inherit;background:transparent;border:1px solid currentColor;"
            "border-radius:.5rem;padding:.35rem .8rem;cursor:pointer}</style>"
        )
