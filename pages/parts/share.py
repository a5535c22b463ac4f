"""Share the results of a run or an audit with a privacy officer, and show what officers said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

import streamlit as st

from facepriv.config import get_settings
from facepriv.presentation.formats import moment, plain, short_hash
from facepriv.presentation.help_texts import DECISION_TITLES
from facepriv.services.accounts.passwords import make_password
from facepriv.services.sharing.report import MOST_FACES
from facepriv.services.sharing.shares import DEFAULT_DAYS, MOST_DAYS, about, revoke, share
from facepriv.services.sharing.signing_off import datasheet_changed_since, is_about
from facepriv.store import DatasetRecord, RemarkRecord, ShareRecord, Store
from facepriv.web.own_pages import is_loopback
from facepriv.wording import count
from parts.shell import errors_shown, me, with_store

NEW = "_new_share"
DECISION_ICONS = {
    "accepted": ":material/check_circle:",
    "conditions": ":material/rule:",
    "rejected": ":material/cancel:",
    None: ":material/chat:",
}


def offer(store: Store, dataset: DatasetRecord, *, run_id: int | None = None, audit_id: int | None = None) -> None:
    """Show the form that shares these results, and their shares."""
    st.subheader(
        "Share with a privacy officer",
        help="They see the report: aggregate results, no names, and no faces unless you add some. Every view is "
        "recorded, and you can revoke access at any time.",
    )
    key = f"{run_id}-{audit_id}"
    # Kept until it is copied: a page also runs again by itself, for example when a job ends.
    new = st.session_state.get(f"{NEW}-{key}")
    if new is not None:
        with st.container(border=True):
            st.markdown("**Link (shown only once)**")
            st.code(new["link"], language=None, wrap_lines=True)
            if is_loopback(urlsplit(new["link"]).hostname or ""):
                st.warning(
                    "This link opens on this computer only. So that others can open links, serve the dashboard "
                    "behind a TLS proxy and set FACEPRIV_PUBLIC_URL to its address; or send them the report as a file "
                    "instead.",
                    icon=":material/computer:",
                )
            if new["passphrase"]:
                st.markdown("**Passphrase**: send it another way than the link")
                st.code(new["passphrase"], language=None)
            st.button("I have copied it", on_click=st.session_state.pop, args=(f"{NEW}-{key}",))
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
                help="They find it under “Shared with you”, and can comment and sign off."
                if officers
                else "There is none yet. Add one with: facepriv user add NAME --role officer",
            )
            days = int(st.number_input("Days until it expires", 1, MOST_DAYS, DEFAULT_DAYS, width=200))
        forbidden = dataset.terms is not None and not dataset.terms.showable
        faces = 0
        if run_id is not None:
            why = f"Not allowed: {dataset.terms.sentence}" if forbidden and dataset.terms else "0 shows nobody."
            label = "Pairs of faces to show"
            faces = int(st.number_input(label, 0, MOST_FACES, 0, disabled=forbidden, help=why, width=200))
        sent = st.form_submit_button("Share", icon=":material/share:", type="primary")
    if sent:
        passphrase = make_password() if link and guarded else ""
        with errors_shown():
            done = share(
                store,
                run_id=run_id,
                audit_id=audit_id,
                days=days,
                link=link,
                passphrase=passphrase,
                officer=officer,
                faces=faces,
                actor=me().actor,
            )
            if done.path is not None:
                st.session_state[f"{NEW}-{key}"] = {"link": address() + done.path, "passphrase": passphrase}
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
    """List shares with their state and a button that revokes an open share; ``named`` adds what is shared."""
    now = datetime.now(UTC)
    for record in shares:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            how = [
                *([f"**{about(record)}**"] if named else []),
                *(["link" + (" with a passphrase" if record.passphrase_hash else "")] if record.has_link else []),
                *([f"officer {plain(record.officer)}"] if record.officer is not None else []),
                *([f"{count(record.faces, 'pair')} of faces"] if record.faces else ["no faces"]),
                f"by {plain(record.shared_by)}, {moment(record.created_at)}",
                count(record.views, "view") + (f", last {moment(record.viewed_at)}" if record.viewed_at else ""),
                state(record, now),
            ]
            st.markdown(" · ".join(how))
            if record.is_open(now):
                key = f"revoke-{record.id}"
                st.button("Revoke", key=key, icon=":material/link_off:", on_click=end, args=(record.id,))


def state(record: ShareRecord, now: datetime) -> str:
    """Return the state of a share as icon and words."""
    if record.revoked_at is not None:
        return f":material/link_off: revoked {moment(record.revoked_at)}"
    if now >= record.expires_at:
        return f":material/timer_off: expired {moment(record.expires_at)}"
    return f":material/link: open until {moment(record.expires_at)}"


def end(share_id: int) -> None:
    """Revoke a share; as a callback, so that it comes before the page."""

    def body(store: Store) -> None:
        revoke(store, share_id, actor=me().actor)
        st.toast("Share revoked.", icon=":material/link_off:")

    with_store(body)


def remarks(store: Store, remarks: Sequence[RemarkRecord], *, named: bool = False) -> None:
    """Show officers' remarks, newest last; ``named`` adds what they are about."""
    for remark in remarks:
        title = "Comment" if remark.decision is None else DECISION_TITLES[remark.decision]
        with st.container(border=True):
            what = f" of {remark.about}" if named else ""
            st.markdown(
                f"{DECISION_ICONS[remark.decision]} **{title}**{what} by {plain(remark.author)}, {moment(remark.at)}"
            )
            if remark.text:
                st.markdown("  \n".join(plain(line) for line in remark.text.splitlines()))
            if remark.sha256 is not None:
                still = is_about(store, remark)
                results = {
                    True: "for exactly these results",
                    False: ":material/warning: for results that have changed since",
                    None: "for results that were deleted",
                }[still]
                st.caption(
                    f"Signed {results} (fingerprint {short_hash(remark.sha256)})", help=f"SHA-256 {remark.sha256}"
                )
                if datasheet_changed_since(store, remark):
                    st.caption(":material/warning: The data sheet (purpose, consent, contact) has changed since.")
