"""A data set's home: its verdict, its five steps with the one next thing, and everything that belongs to it."""

from __future__ import annotations

import streamlit as st

from facepriv.config import get_settings
from facepriv.presentation.formats import plain
from facepriv.presentation.journey import DONE_ALL, Journey, NextThing, Step, journey
from facepriv.schemas.requests import AuditRequest
from facepriv.services.journey.belongings import Belongings, belongings_of
from facepriv.services.journey.facts import facts_of
from facepriv.store import DatasetRecord, Store
from parts import carried, places, progress, verdict
from parts.shell import with_store

ICONS = {
    "data": ":material/photo_library:",
    "measure": ":material/search_insights:",
    "protect": ":material/shield:",
    "release": ":material/outbox:",
    "sign-off": ":material/signature:",
}


def show(store: Store) -> None:
    """Show the whole page."""
    records = store.datasets.list()
    if not records:
        st.title("Data set")
        st.info("There is no data set yet. Import images, or the demo faces, first.", icon=":material/info:")
        st.page_link("datasets.py", label="Go to Datasets", icon=":material/photo_library:")
        return
    first, selector = st.container(), st.container()  # the name is known once it was asked for
    names = {record.id: record.name for record in records}
    chosen = carried.select(names, key="home_dataset", box=selector)
    record = next(record for record in records if record.id == chosen)
    facts = facts_of(store, get_settings(), record)
    with first:
        st.title(f"Data set {plain(record.name)}")
        verdict.of_facts(facts)
    if facts.count("run", "audit", "run-audit", "study", "protection", states=progress.ACTIVE):
        progress.keep_worker()
    steps(store, record, journey(facts))
    st.header("What belongs to it")
    lists = belongings_of(store, facts)
    for some in lists:
        if some.entries:
            belongings(record, some)
    st.caption(" ".join(some.none for some in lists if not some.entries))


def steps(store: Store, record: DatasetRecord, found: Journey) -> None:
    """Show the five steps, of which the one with the next thing has the button."""
    st.header("The five steps")
    for step in found.steps:
        with st.container(border=True, key=f"step-{step.name}"):
            left, right = st.columns([4, 1], vertical_alignment="center")
            with left:
                st.markdown(f"{ICONS[step.name]} **{step.number} · {step.title}:** {step.symbol} {step.state}")
                st.markdown(plain(step.sentence))
            with right:
                places.link(step.link, step.place, record.name, icon=":material/arrow_forward:")
            if found.next is not None and found.next.step == step.name:
                next_thing(store, record, step, found.next)
    if found.next is None:
        st.success(DONE_ALL, icon=":material/check_circle:")


def next_thing(store: Store, record: DatasetRecord, step: Step, coming: NextThing) -> None:
    """Show the button for what is to be done next, and why."""
    pressed = st.button(
        plain(coming.call), key="next_step", type="primary", icon=":material/arrow_forward:", help=f"Step {step.number}"
    )
    st.caption(f"**Next.** {plain(coming.why)}")
    if pressed and coming.starts_audit:
        verdict.start_audit(store, AuditRequest(dataset=record.name))
    elif pressed:
        places.go(coming.place, record.name)


def belongings(record: DatasetRecord, some: Belongings) -> None:
    """Show the newest of one kind of things, and where all are."""
    st.subheader(some.title)
    for entry in some.entries:
        if entry.place is None:
            st.markdown(plain(entry.text))
        else:
            places.link(entry.text, entry.place, record.name)
    if some.total > len(some.entries):
        places.link(f"Show all {some.total:,}", some.all, record.name, icon=":material/list:")


with_store(show)
