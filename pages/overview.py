"""Overview: every data set with its verdict, how far it is and what is next; what is under way; the latest result."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from facepriv.config import get_settings
from facepriv.presentation.formats import guides, plain
from facepriv.presentation.help_texts import NOT_PROTECTED
from facepriv.presentation.journey import DatasetFacts, data_in_words, journey
from facepriv.schemas.requests import DemoSource, ImportRequest
from facepriv.services.datasets.importing import DEMO
from facepriv.services.jobs.submit import submit
from facepriv.services.journey.facts import facts_of_all
from facepriv.store import DatasetRecord, Store
from facepriv.store.records import RUN_STATES
from facepriv.wording import count
from parts import carried, comparing, imports, one_run, progress, verdict
from parts.figures import page_of
from parts.shell import errors_shown, me, with_store

PER_PAGE = 10
"""Data sets shown at a time."""
ABOUT = """
A face database kept for recognition also reveals gender to anyone who runs a classifier on it. facepriv measures how
much it reveals, and perturbs the images so that gender classifiers fail while face matchers keep working. It then
measures on the stored files what attackers still learn, so that you can decide what to release.
"""


def show(store: Store) -> None:
    """Show the whole page."""
    st.title("facepriv")
    records = sorted(store.datasets.list(), key=lambda record: record.created_at, reverse=True)
    if not records:
        st.write(ABOUT)
        begin(store)
    else:
        datasets(store, records)
        under_way(store)
        st.header("What facepriv does")
        st.write(ABOUT)
        latest(store)
    with st.expander("What is not protected", icon=":material/warning:"):
        st.markdown(NOT_PROTECTED)


def datasets(store: Store, records: Sequence[DatasetRecord]) -> None:
    """List the data sets, the newest first, each with its verdict, how far it is and what is next."""
    shown = st.container()
    offset = page_of(len(records), PER_PAGE, "data sets")
    some = records[offset : offset + PER_PAGE]
    with shown:
        for facts in facts_of_all(store, get_settings(), some):
            with st.container(border=True, key=f"dataset-{facts.record.id}"):
                one_dataset(facts)
    st.page_link("datasets.py", label="Add a data set", icon=":material/add_photo_alternate:")


def one_dataset(facts: DatasetFacts) -> None:
    """Show one data set in the list."""
    verdict.in_list(facts)
    found = journey(facts)
    st.page_link(
        "data_set.py",
        label=f"**{plain(facts.record.name)}** · {found.reached}",
        icon=":material/route:",
        query_params={carried.PARAMETER: facts.record.name},
    )
    if found.next is not None:
        st.markdown(f"**Next:** {plain(found.next.call)}")
    counts = {
        "run": facts.count("run", states=RUN_STATES),
        "audit": facts.count("audit", "run-audit", states=RUN_STATES),
        "release": len(facts.releases),
    }
    told = [data_in_words(facts.images), *(count(number, noun) for noun, number in counts.items() if number)]
    st.caption(plain(" · ".join(told)))


def begin(store: Store) -> None:
    """Lead to the first data set: one's own images, or the demo faces."""
    st.info(
        "There is no data yet. Import your own images, or start with the demo faces: people who do not exist.",
        icon=":material/info:",
    )
    imports.show(store)
    with st.container(horizontal=True):
        own = st.button("Import images", type="primary", key="next_step", icon=":material/arrow_forward:")
        demo = st.button("Import the demo faces", key="import_demo", icon=":material/face:")
    if own:
        st.switch_page("datasets.py")
    if demo:
        with errors_shown():
            request = ImportRequest(name=DEMO, source=DemoSource())
            imports.began(submit(store, get_settings(), request, me().actor).id)


def under_way(store: Store) -> None:
    """Show the runs, audits, studies and trials that wait or are under way."""
    active = {
        "run": progress.active(store.runs),
        "audit": progress.active(store.audits),
        "study": progress.active(store.studies),
        "protection": progress.active(store.protections),
    }
    if any(active.values()):
        st.header("Under way")
        progress.keep_worker()
    for kind, numbers in active.items():
        if numbers:
            progress.follow(kind, numbers)  # type: ignore[arg-type]


def latest(store: Store) -> None:
    """Show the latest complete run."""
    runs = store.runs.list(states=("complete",), limit=1)
    run = store.runs.get(runs[0].id) if runs else None
    if run is None or run.result is None:
        return
    st.header(f"Latest result: run {run.id}")
    how = f"{run.method} guided by {guides(run)}"
    st.caption(f"{plain(run.dataset_name)} · {how} · {count(run.images, 'image')}")
    one_run.headline(run.result, run.guide)
    with st.container(horizontal=True):
        comparing.link(f"Open run {run.id}", run.id, icon=":material/arrow_forward:")
        for other in comparing.rivals(store, run, most=1):
            comparing.link(f"Compare the two newest: runs {other.id} and {run.id}", other.id, run.id)


with_store(show)
