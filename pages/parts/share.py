"""Sharing a run's or an audit's results with a privacy officer, and what officers said about them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

import streamlit as st

from facepriv.config import get_settings
from facepriv.errors import FaceprivError
from facepriv.presentation.formats import moment, plain
from facepriv.services.accounts.passwords import make_password
from facepriv.services.sharing.report import MOST_FACES
from facepriv.services.sharing.shares import DEFAULT_DAYS, MOST_DAYS, about, dataset_of, revoke, share
from facepriv.services.sharing.signing_off import DECISION_TITLES, datasheet_changed_since, is_about
from facepriv.store import DatasetRecord, RemarkRecord, ShareRecord, Store
from facepriv.wording import count
from parts.shell import me, with_store

MADE = "_share_made"
DECISION_ICONS = {
    "accepted": ":material/check_circle:",
    "conditions": ":material/rule:",
    "rejected": ":material/cancel:",
    None: ":material/chat:",
}


def offer(store: Store, dataset: DatasetRecord, *, run_id: int | None = None, audit_id: int | None = None) -> None:
    """Show the form that shares these results, and how they are shared already."""
    st.subheader(
        "Share with a privacy officer",
        help="They see the report: aggregate results, no names, no faces unless you ask for some. Every view is "
        "recorded, and you can end it at any time.",
    )
    key = f"{run_id}-{audit_id}"
    # Kept until it was copied: a page runs again by itself, as when some work has ended.
    made = st.session_state.get(f"{MADE}-{key}")
    if made is not None:
        with st.container(border=True):
            st.markdown("**The link, shown this once**")
            st.code(made["link"], language=None, wrap_lines=True)
            if made["passphrase"]:
                st.markdown("**Its passphrase**, to be told another way than the link")
                st.code(made["passphrase"], language=None)
            st.button("I have copied it", on_click=st.session_state.pop, args=(f"{MADE}-{key}",))
    officers = [user.name for user in store.users.list() if user.role == "officer" and user.disabled_at is None]
    with st.form(f"share-{key}", border=True):
        left, right = st.columns(2)
        with left:
            link = st.checkbox("Make a link that opens without an account", value=True)
            guarded = st.checkbox("Protect the link with a passphrase", value=True)
        with right:
            officer = st.selectbox(
                "Officer with an account",
                [None, *officers],
                format_func=lambda name: name or "nobody",
                help="Finds it under “Shared with you”, and can comment and sign off."
                if officers
                else "There is none yet; make one: facepriv user add NAME --role officer",
            )
            days = int(st.number_input("Days it stays open", 1, MOST_DAYS, DEFAULT_DAYS, width=200))
        forbidden = dataset.terms is not None and not dataset.terms.showable
        faces = 0
        if run_id is not None:
            why = f"Not here: {dataset.terms.sentence}" if forbidden and dataset.terms else "With 0 nobody can be seen."
            faces = int(
                st.number_input("Pairs of faces to show", 0, MOST_FACES, 0, disabled=forbidden, help=why, width=200)
            )
        sent = st.form_submit_button("Share", icon=":material/share:", type="primary")
    if sent:
        passphrase = make_password() if link and guarded else ""
        try:
            done = share(
                store,
                run_id=run_id,
                audit_id=audit_id,
                days=days,
                link=link,
                passphrase=passphrase,
                officer=officer,
                faces=faces,
                actor=me().user,
            )
        except FaceprivError as error:
            st.error(plain(str(error)), icon=":material/error:")
        else:
            if done.path is not None:
                st.session_state[f"{MADE}-{key}"] = {"link": address() + done.path, "passphrase": passphrase}
            st.toast(f"Shared until {done.share.expires_at:%Y-%m-%d}.", icon=":material/share:")
            st.rerun()
    listing(store.shares.list(run_id=run_id, audit_id=None if run_id is not None else audit_id), named=False)


def address() -> str:
    """Return the address under which others reach this server, without a path."""
    public = get_settings().public_url
    if public:
        return public.rstrip("/")
    here = urlsplit(st.context.url or "")
    return f"{here.scheme}://{here.netloc}"


def listing(shares: Sequence[ShareRecord], *, named: bool) -> None:
    """List shares with their state, each open one with a button that ends it; ``named`` says what is shared."""
    now = datetime.now(UTC)
    for one in shares:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            how = [
                *([f"**{about(one)}**"] if named else []),
                *(["link" + (" with a passphrase" if one.passphrase_hash else "")] if one.has_link else []),
                *([f"officer {plain(one.officer)}"] if one.officer is not None else []),
                *([f"{count(one.faces, 'pair')} of faces"] if one.faces else ["no faces"]),
                f"by {plain(one.made_by)}, {moment(one.created_at)}",
                count(one.views, "view") + (f", last {moment(one.viewed_at)}" if one.viewed_at else ""),
                state(one, now),
            ]
            st.markdown(" · ".join(how))
            if one.is_open(now):
                st.button("Revoke", key=f"revoke-{one.id}", icon=":material/link_off:", on_click=end, args=(one.id,))


def state(one: ShareRecord, now: datetime) -> str:
    """Return whether a share is open, in an icon and words."""
    if one.revoked_at is not None:
        return f":material/link_off: revoked {moment(one.revoked_at)}"
    if now >= one.expires_at:
        return f":material/timer_off: expired {moment(one.expires_at)}"
    return f":material/link: open until {moment(one.expires_at)}"


def end(share_id: int) -> None:
    """Revoke a share; as a callback, so that it comes before the page."""

    def body(store: Store) -> None:
        revoke(store, share_id, actor=me().user)
        st.toast("It is not shared any more.", icon=":material/link_off:")

    with_store(body)


def remarks(store: Store, said: Sequence[RemarkRecord], *, named: bool = False) -> None:
    """Show what officers said, newest last; ``named`` says what about."""
    for one in said:
        title = "Comment" if one.decision is None else DECISION_TITLES[one.decision]
        with st.container(border=True):
            what = f" of {one.about}" if named else ""
            st.markdown(f"{DECISION_ICONS[one.decision]} **{title}**{what} by {plain(one.author)}, {moment(one.at)}")
            if one.text:
                st.markdown("  \n".join(plain(line) for line in one.text.splitlines()))
            if one.sha256 is not None:
                still = is_about(store, one)
                told = {
                    True: "of these very results",
                    False: ":material/warning: of results that are others now",
                    None: "of results that are gone",
                }[still]
                st.caption(f"Signed {told}: SHA-256 {one.sha256}")
                if datasheet_changed_since(store, one):
                    st.caption(":material/warning: The data sheet (purpose, consent, contact) was changed since.")


def name_of(store: Store, one: ShareRecord) -> str:
    """Name what was shared, as plain text."""
    return f"{dataset_of(store, one).name}, {about(one)}"
