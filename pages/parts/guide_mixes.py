"""Release some images from each of several runs: the mix that reveals least to any one classifier."""

from __future__ import annotations

import streamlit as st

from facepriv.policy.minimax import MinimaxPolicy
from facepriv.presentation import audit_tables as rows
from facepriv.presentation.formats import plain
from facepriv.presentation.help_texts import HELP, KEY_NOTE
from facepriv.services.releases.guide_mix import SEES, Sees, guide_mix, run_title
from facepriv.store import RunRecord, Store
from parts.figures import show_rows

LOOKED_AT = 50
"""Newest other runs of the data set that are searched for the same images."""


def show(store: Store, run: RunRecord) -> None:
    """Offer to mix this run with others on the same images, if there are any."""
    st.subheader("Mix of several runs", help=HELP["mix"])
    others = same_images(store, run)
    if not others:
        st.caption(
            "There is no other complete run on the same images. A run with another guide or method would help against "
            "attackers who have a classifier other than this run's guide."
        )
        return
    left, right = st.columns([2, 1])
    chosen = left.multiselect(
        "Other runs on the same images",
        list(others),
        format_func=others.__getitem__,
        key=f"mix_runs-{run.id}",
        placeholder="Choose runs",
    )
    sees = right.radio(
        "The attacker sees",
        list(SEES),
        index=list(SEES).index("score"),
        format_func=SEES.__getitem__,
        key=f"mix_sees-{run.id}",
        horizontal=True,
    )
    if chosen:
        mixed(guide_mix(store, [run.id, *chosen], sees=sees), run, chosen, sees)


def same_images(store: Store, run: RunRecord) -> dict[int, str]:
    """Name the other complete runs on the same images, newest first."""
    runs = {}
    for summary in store.runs.list(dataset_id=run.dataset_id, states=("complete",), limit=LOOKED_AT):
        if summary.id != run.id and summary.images == run.images:
            other = store.runs.get(summary.id)
            if other.spec.image_ids == run.spec.image_ids:
                runs[other.id] = run_title(other)
    return runs


def mixed(mix: MinimaxPolicy, run: RunRecord, others: list[int], sees: Sees) -> None:
    """Show the proportions, what each classifier reveals, and how to release the mix."""
    st.info(plain(mix.sentence), icon=":material/star:")
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Where each image comes from**")
        show_rows(rows.share_rows(mix))
    with right:
        st.markdown("**How often an attacker with one classifier is right**", help=HELP["holder"])
        show_rows(rows.holder_rows(mix))
    st.caption(
        "Estimated on the same images on which the mix was chosen, for an attacker with one classifier at a time. An "
        "attacker who learns from several, or from templates, may be right more often."
    )
    more = " ".join(f"--with {other}" for other in others)
    st.code(f"facepriv policy {run.id} {more} --sees {sees} --out FOLDER", language=None, wrap_lines=True)
    st.caption(KEY_NOTE)
