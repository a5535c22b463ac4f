"""Protect: state a goal in two numbers, search for what reaches it, and look along the frontier."""

from __future__ import annotations

import streamlit as st

from facepriv.config import get_settings
from facepriv.presentation.formats import plain
from facepriv.presentation.study_tables import candidate_rows, confirmation_rows, time_left
from facepriv.presentation.study_verdict import study_limits, study_sentences, study_symbol
from facepriv.schemas.requests import ATTACKER_AT_MOST, MATCHES_LOST, STUDY_FMR, StudyRequest
from facepriv.schemas.studies import Release, StudyDocument
from facepriv.services.jobs import control
from facepriv.services.jobs.local_worker import ensure_worker
from facepriv.services.studies.people import why_no_study
from facepriv.services.studies.preparing import study_document
from facepriv.store import Store
from facepriv.wording import duration
from parts import carried, figures, jobs, parameters, progress, starting, study_frontier, verdict
from parts.choice import Choice
from parts.shell import me, with_store

LIST_MOST = 200
TIMES = ("2m", "5m", "10m", "30m", "1h", "2h", "4h", "8h")
RATES = {0.01: "1 %", 0.001: "0.1 %", 0.0001: "0.01 %"}
RELEASES: dict[Release, str] = {"images": "Images", "templates": "Templates", "both": "Both"}


def show(store: Store) -> None:
    """Show the whole page."""
    st.title("Protect")
    first = st.container()
    st.write(
        "State what is to be reached. A study then tries methods, strengths and proportions on a part of the people, "
        "gives up what is hopeless, and confirms the best on people who had no part in the search."
    )
    if not store.datasets.list():
        st.info("There is no data set to protect yet. Import one first.", icon=":material/info:")
        st.page_link("datasets.py", label="Go to Datasets", icon=":material/photo_library:")
        return
    choice = Choice("open_study", "study", store.studies.get)
    choice.from_address()
    stored = {study.id: study for study in store.studies.list(limit=LIST_MOST)}
    if stored:
        st.selectbox(
            "Open a study",
            list(stored),
            index=None,
            format_func=lambda number: f"{number} · {plain(stored[number].dataset_name)} · {stored[number].state}",
            key=choice.key,
            on_change=choice.to_address,
            placeholder="Choose a study",
        )
    opened = choice.now()
    looked_at = carried.now(store)
    if opened is None and looked_at is not None:
        with first:
            verdict.of_dataset(store, looked_at, offer=False)
    active = progress.active(store.studies)
    if active:
        st.caption("You may close this page; the work continues.")
        progress.keep_worker()
        progress.follow("study", active)
    if opened is not None:
        outcome(store, study_document(store, opened))
    with st.container() if opened is None else st.expander("New study", icon=":material/add:"):
        form(store, choice)


def form(store: Store, choice: Choice) -> None:
    """Ask the two questions, what is released and how much time there is, and start a study."""
    records = {record.id: record for record in store.datasets.list()}
    dataset = carried.select({number: record.name for number, record in records.items()}, key="study_dataset")
    why_not = why_no_study(store, dataset)
    if why_not:
        st.markdown(f":material/group_off: {plain(why_not)}")
    left, right = st.columns(2, gap="large")
    right_at_most = left.slider(
        "How often may the strongest attacker be right, of 100 times?",
        50,
        95,
        round(100 * ATTACKER_AT_MOST),
        key="study_attacker",
        bind="query-params",
        help="50 is guessing. On images as they are, attackers are right 95 times or more.",
    )
    lost = right.slider(
        "How many genuine matches may be lost, of 100?",
        0.0,
        20.0,
        100 * MATCHES_LOST,
        0.5,
        key="study_lost",
        bind="query-params",
        help=parameters.help_of(StudyRequest, "matches_lost"),
    )
    release = left.radio(
        "What will be released?",
        list(RELEASES),
        format_func=RELEASES.__getitem__,
        key="study_release",
        horizontal=True,
        bind="query-params",
    )
    time = right.select_slider("How much time may it take?", TIMES, "30m", key="study_time", bind="query-params")
    with st.expander("Operating point and seed", icon=":material/tune:"):
        fmr = st.selectbox(
            "Impostors accepted before anything is changed",
            list(RATES),
            list(RATES).index(STUDY_FMR),
            format_func=RATES.__getitem__,
            key="study_fmr",
            help=parameters.help_of(StudyRequest, "fmr"),
        )
        seed = parameters.ask_number(StudyRequest, "seed", "Seed", "study_seed")
    pressed = st.button(
        "Start the study", type="primary", key="start_study", icon=":material/play_arrow:", disabled=bool(why_not)
    )
    if pressed:
        request = StudyRequest(
            dataset=dataset,
            attacker_at_most=right_at_most / 100,
            matches_lost=round(lost / 100, 4),
            fmr=fmr,
            release=release,
            time=time,
            seed=seed,
        )
        study = starting.start(store, request)
        if study is not None:
            choice.take(study.id)
            st.rerun()


def outcome(store: Store, document: StudyDocument) -> None:
    """Show what a study found: the verdict, the figure, the recommended candidate and yours, the tables."""
    if document.state not in progress.ACTIVE:
        jobs.seen(store, store.studies.job_id(document.study_id))
    first, *others = study_sentences(document)
    sentence = plain(f"{study_symbol(document)} {first}")
    said = plain(" ".join(others))
    if document.met:
        st.success(f"**{sentence}** {said}")
    elif document.ended is None:
        st.info(f"**{sentence}** {said}")
    else:
        st.error(f"**{sentence}** {said}")
    st.caption(plain(study_limits(document.spec)))
    left = time_left(store.studies.summary(document.study_id), document.spec.seconds)
    st.caption(
        f"Study {document.study_id} of {plain(document.spec.dataset.name)}: {duration(document.seconds)} of "
        f"{duration(document.spec.seconds)} spent, {document.people:,} people searched with. {left}"
    )
    st.page_link(
        "runs.py",
        label="All runs of this study",
        icon=":material/list_alt:",
        query_params={"study": str(document.study_id)},
    )
    if document.state in ("failed", "cancelled") and st.button(
        "Resume the study", key=f"resume-study-{document.study_id}", icon=":material/play_arrow:"
    ):
        control.resume(store, "study", document.study_id, me().actor)
        ensure_worker(get_settings())
        st.rerun()
    for released in dict.fromkeys(setting.released for setting in document.spec.settings):
        study_frontier.show(store, document, released)
    if document.spec.release == "both":
        study_frontier.together(store, document)
    confirmed = confirmation_rows(document)
    if confirmed:
        st.subheader("On people who had no part in the search")
        figures.show_rows(confirmed)
    with st.expander("All candidates, and why some were given up", icon=":material/list:"):
        figures.show_rows(candidate_rows(document))


with_store(show)
