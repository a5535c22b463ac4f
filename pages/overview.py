"""Overview: what facepriv does, the state of the four steps, and the latest result."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from facepriv.presentation.formats import guides, plain
from facepriv.presentation.help_texts import NOT_PROTECTED
from facepriv.services.datasets.journey import StepName, StepState, steps
from facepriv.store import Store
from facepriv.wording import count
from parts import comparing, faces, one_run, progress, verdict
from parts.shell import with_store


@dataclass(frozen=True)
class Leg:
    """How a step is shown."""

    page: str
    icon: str
    text: str
    call: str
    """On the button, when the step is next."""


LEGS: dict[StepName, Leg] = {
    "data": Leg(
        "datasets.py",
        ":material/photo_library:",
        "Import images and labels, and check them.",
        "Start with step 1: import images",
    ),
    "audit": Leg(
        "audit.py",
        ":material/search_insights:",
        "Measure what attackers learn from the original images.",
        "Continue with step 2: audit the original images",
    ),
    "perturb": Leg(
        "perturb.py",
        ":material/blur_on:",
        "Change the images so that gender classifiers fail.",
        "Continue with step 3: perturb the images",
    ),
    "policy": Leg(
        "policy.py",
        ":material/balance:",
        "Choose how many images to perturb, against the strongest attacker.",
        "Continue with step 4: choose what to release",
    ),
}
VERDICTS = 4
"""Data sets whose verdicts the page shows."""
STATES: dict[StepState, str] = {
    "done": ":material/check_circle: **done**",
    "under way": ":material/play_circle: **under way**",
    "next": ":material/arrow_circle_right: **next**",
    "not yet": ":material/radio_button_unchecked: not yet",
}


def show(store: Store) -> None:
    """Show the whole page."""
    st.title("facepriv")
    verdicts(store)
    st.write(
        "A face database kept for recognition also reveals gender to anyone who runs a classifier on it. facepriv "
        "measures how much it reveals, and perturbs the images so that gender classifiers fail while face matchers "
        "keep working. It then measures on the stored files what attackers still learn, so that you can decide what "
        "to release."
    )
    runs, audits = progress.active(store.runs), progress.active(store.audits)
    if runs or audits:
        progress.keep_worker()
    if runs:
        progress.follow("run", runs)
    if audits:
        progress.follow("audit", audits)
    path(store)
    latest(store)
    with st.expander("What is not protected", icon=":material/warning:"):
        st.markdown(NOT_PROTECTED)


def verdicts(store: Store) -> None:
    """Show the verdicts on the newest data sets, and name how many others there are."""
    records = sorted(store.datasets.list(), key=lambda record: record.created_at, reverse=True)
    for record in records[:VERDICTS]:
        verdict.of_dataset(store, record)
    if len(records) > VERDICTS:
        others = count(len(records) - VERDICTS, "older data set")
        st.page_link("datasets.py", label=f"{others} on the page Datasets", icon=":material/photo_library:")


def path(store: Store) -> None:
    """Show the state of the four steps, and lead to the next."""
    st.header("The four steps")
    images = sum(faces.dataset_counts(record).images for record in store.datasets.list())
    journey = steps(store, images)
    for number, (column, step) in enumerate(zip(st.columns(len(journey)), journey, strict=True), start=1):
        with column, st.container(border=True, height="stretch"):
            leg = LEGS[step.name]
            st.page_link(leg.page, label=f"**{number} · {step.name.capitalize()}**", icon=leg.icon)
            st.markdown(STATES[step.state] + (f": {step.facts}" if step.facts else ""))
            st.write(leg.text)
    coming = next((LEGS[step.name] for step in journey if step.state == "next"), None)
    if coming is not None and st.button(coming.call, type="primary", key="next_step", icon=":material/arrow_forward:"):
        st.switch_page(coming.page)


def latest(store: Store) -> None:
    """Show the latest complete run, or what to do first."""
    runs = store.runs.list(states=("complete",), limit=1)
    if runs:
        run = store.runs.get(runs[0].id)
        if run.result is not None:
            st.header(f"Latest result: run {run.id}")
            how = f"{run.method} guided by {guides(run)}"
            st.caption(f"{plain(run.dataset_name)} · {how} · {count(run.images, 'image')}")
            one_run.headline(run.result, run.guide)
            with st.container(horizontal=True):
                comparing.link(f"Open run {run.id}", run.id, icon=":material/arrow_forward:")
                for other in comparing.rivals(store, run, most=1):
                    comparing.link(f"Compare the two newest: runs {other.id} and {run.id}", other.id, run.id)
    elif store.datasets.list():
        st.info(
            "No run is complete yet. Step 2 measures the original images; step 3 starts a run.",
            icon=":material/info:",
        )
    else:
        st.info(
            "There is no data yet. Step 1 imports your own images or, with one click, the demo faces (people who do "
            "not exist).",
            icon=":material/info:",
        )


with_store(show)
