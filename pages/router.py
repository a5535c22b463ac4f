"""Main script: identify the user, list the pages of their role, and run the requested one."""

import html
from pathlib import Path
from urllib.parse import urlsplit

import streamlit as st

import facepriv
from facepriv.presentation.help_texts import LABEL_NOTE, ROLE_TITLES
from facepriv.store import Store
from facepriv.store.records import AUDITING
from parts import carried, jobs, requests
from parts.shell import EVERYBODY, me, record_view, with_store

AUDITORS = {
    "overview": ("Overview", ":material/home:"),
    "data_set": ("Data set", ":material/route:"),
    "datasets": ("Datasets", ":material/photo_library:"),
    "audit": ("Audit", ":material/search_insights:"),
    "protect": ("Protect", ":material/shield:"),
    "templates": ("Templates", ":material/fingerprint:"),
    "perturb": ("Perturb", ":material/blur_on:"),
    "policy": ("Policy", ":material/balance:"),
    "runs": ("Runs", ":material/list_alt:"),
    "sharing": ("Sharing", ":material/share:"),
    "models": ("Models", ":material/model_training:"),
    "access": ("Access log", ":material/history_edu:"),
}
ADMINS = {"users": ("Users", ":material/group:")}
OFFICERS = {"shared": ("Shared with you", ":material/inbox:")}
HELP = {"help": ("Help", ":material/help:")}
EVERYBODYS = {"account": ("Account", ":material/account_circle:")}
WITHOUT_LINK = ("overview", "data_set", "models", "access", "account")
"""Pages that show nothing of one data set, or are its own: no link to its page stands on them."""

here = urlsplit(st.context.url or "")
# By its own address: Streamlit would otherwise serve it beside faces, or fetch one from elsewhere.
sign = f"{here.scheme}://{here.netloc}/assets/mark.svg" if here.netloc else None
# Streamlit shows its menu, which holds the choice of theme, only if a page adds something to it.
ABOUT = f"facepriv {facepriv.__version__} measures how much gender a face database reveals, and hides it."
st.set_page_config(page_title="facepriv", page_icon=sign, layout="wide", menu_items={"About": ABOUT})


def show(store: Store) -> None:
    """Show the requested page if the user's role has it; record it if not."""
    own = EVERYBODYS if me().session is not None else {}
    mine = AUDITORS if me().role in AUDITING else OFFICERS
    mine = own if me().must_change else {**mine, **(ADMINS if me().role == "admin" else {}), **HELP, **own}
    first = next(iter(mine))
    pages = {
        name: st.Page(
            f"{name}.py", title=title, icon=icon, default=name == first, url_path=None if name == first else path(name)
        )
        for name, (title, icon) in mine.items()
    }
    page = st.navigation(list(pages.values()), expanded=True)
    asked = here.path.strip("/").replace("-", "_")
    if asked in {**AUDITORS, **ADMINS} and asked not in mine and not me().must_change:
        record_view(store, "access-refused", f"/{path(asked)}")
        st.warning(f"This page is for {'admins' if asked in ADMINS else 'auditors'}.", icon=":material/block:")
    st.html(Path(__file__).with_name("style.css"))
    if me().role in AUDITING and not me().must_change:
        st.html('<script src="/assets/address.js"></script>', unsafe_allow_javascript=True)
        with st.sidebar:
            jobs.announce()
            requests.unread_by_auditor(store)
    elif not me().must_change:
        with st.sidebar:
            requests.unread_by_officer(store)
    sidebar()
    name = next(name for name, other in pages.items() if other == page)
    above = st.empty()
    if name in AUDITORS:
        carried.from_address(store, name)
    page.run()
    if name in AUDITORS and name not in WITHOUT_LINK:
        with above:
            carried.link()
    st.divider()
    st.caption(LABEL_NOTE)


def path(name: str) -> str:
    """Return the path of a page's address."""
    return name.replace("_", "-")


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
        )


with_store(show, roles=EVERYBODY)
