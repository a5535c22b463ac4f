"""Overview: what this is, what the latest run came to, and where to go."""

from __future__ import annotations

import streamlit as st

from facepriv.store import Store
from facepriv.wording import count
from parts import one_run, progress
from parts.formats import plain
from parts.shell import with_store
from parts.words import NOT_PROTECTED

STEPS = [
    ("datasets.py", "1 · Datasets", ":material/photo_library:", "Bring in images and labels, and see what they hold."),
    (
        "audit.py",
        "2 · Audit",
        ":material/search_insights:",
        "Measure what attackers learn from the images as they are.",
    ),
    ("perturb.py", "3 · Perturb", ":material/blur_on:", "Change the images so that a gender classifier fails."),
    ("runs.py", "4 · Runs", ":material/list_alt:", "See what each run came to, image by image, and compare."),
    ("policy.py", "5 · Policy", ":material/balance:", "Choose which share to perturb, against the worst attacker."),
]


def show(store: Store) -> None:
    """Show the whole page."""
    st.title("facepriv")
    st.write(
        "A face database that is kept for recognition also tells gender to anyone who runs a classifier on it. "
        "facepriv measures how much it tells, and perturbs the images so that gender classifiers fail while face "
        "matchers keep working. What the classifiers that guided the perturbation and others "
        "still see is measured on the stored files and shown."
    )
    progressing = progress.active_runs(store)
    auditing = progress.active_audits(store)
    if progressing or auditing:
        progress.keep_worker()
    if progressing:
        progress.follow(tuple(run.id for run in progressing))
    if auditing:
        progress.follow_audits(tuple(audit.id for audit in auditing))
    latest(store)
    st.subheader("The five steps")
    for column, (page, title, icon, text) in zip(st.columns(len(STEPS)), STEPS, strict=True):
        with column, st.container(border=True, height="stretch"):
            st.page_link(page, label=f"**{title}**", icon=icon)
            st.write(text)
    with st.expander("What is not protected", icon=":material/warning:"):
        st.markdown(NOT_PROTECTED)


def latest(store: Store) -> None:
    """Show the latest complete run, or what to do first."""
    runs = store.runs.list(states=("complete",), limit=1)
    if runs:
        run = store.runs.get(runs[0].id)
        if run.result is not None:
            st.subheader(f"Latest result: run {run.id}")
            how = f"{run.method} guided by {one_run.guides(run)}"
            st.caption(f"{plain(run.dataset_name)} · {how} · {count(run.images, 'image')}")
            one_run.headline(run.result, run.guide)
            st.page_link(
                "runs.py",
                label=f"Open run {run.id}",
                icon=":material/arrow_forward:",
                query_params={"run": str(run.id)},
            )
    elif store.datasets.list():
        st.info(
            "No run is complete yet. Step 2 shows what the images tell as they are; step 3 starts a run.",
            icon=":material/info:",
        )
    else:
        st.info(
            "There is no data yet. Go to step 1: import the demo faces with one click, or upload your own.",
            icon=":material/info:",
        )


with_store(show)
