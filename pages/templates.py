"""Templates: what they give away, protections tried on them, and what to release."""

from __future__ import annotations

import streamlit as st

from facepriv.config import get_settings
from facepriv.presentation.formats import plain
from facepriv.presentation.protection_tables import trial_row
from facepriv.presentation.template_sets import set_rows, summary_sentences
from facepriv.presentation.verdict import not_attacked, trial_verdict
from facepriv.services.upkeep.template_purging import purge_template_set
from facepriv.store import Store, TemplateSetRecord
from facepriv.wording import count, some
from parts import carried, one_protection, progress, protection_form, template_sources, verdict
from parts.choice import Choice
from parts.deletion import offer
from parts.figures import show_rows
from parts.shell import me, with_store

LIST_MOST = 200
"""Newest trials offered; older ones open by their address."""


def show(store: Store) -> None:
    """Show the whole page."""
    st.title("Templates")
    choice = Choice("open_protection", "protection", store.protections.get)
    first = st.container()
    st.write(
        "A template is what a face matcher stores about a face. How much gender do templates give away, and can it be "
        "taken out without losing matches?"
    )
    choice.from_address()
    opened = choice.now()
    with first:
        newest(store, opened)
    template_sources.follow_jobs(store)
    active = progress.active(store.protections)
    others = tuple(number for number in active if number != opened)
    if others:
        progress.keep_worker()
        st.header("Running")
        st.caption("You may close this page; the work continues.")
        progress.follow("protection", others)
    records = store.template_sets.list()
    if not records:
        st.info(
            "There is no template set yet. Make one of a data set of images, or upload one.", icon=":material/info:"
        )
        template_sources.offer(store, expanded=True)
        return
    show_rows(set_rows(records))
    template_sources.offer(store, expanded=False)
    if opened is None:
        st.header("Protect")
    with st.container() if opened is None else st.expander("Try another protection", icon=":material/add:"):
        protection_form.show(store, records, choice)
    trials = {trial.id: trial for trial in store.protections.list(limit=LIST_MOST)}
    if opened is not None and opened not in trials:
        trials[opened] = store.protections.get(opened)
    if trials:
        st.selectbox(
            "Open a trial",
            list(trials),
            index=None,
            format_func=lambda number: (
                f"{number} · {trials[number].template_set_name}, {trials[number].method} · {trials[number].state}"
            ),
            key=choice.key,
            on_change=choice.to_address,
            placeholder="Choose a trial",
        )
        with st.expander("All trials", expanded=opened is None, icon=":material/list:"):
            show_rows([trial_row(trial) for trial in trials.values()])
    opened = choice.now()
    if opened is not None:
        one_protection.show(store, store.protections.get(opened), choice.take)
    elif records:
        details(store, records)


def newest(store: Store, opened: int | None) -> None:
    """Show the verdict of the trial that is open, or of the newest complete one; else that nobody has attacked."""
    number = opened if opened is not None else newest_complete(store)
    if number is not None:
        trial = store.protections.get(number)
        if trial.result is not None:
            verdict.show(
                trial_verdict(trial.result, trial.spec), f"{trial.template_set_name}, protected by {trial.method}"
            )
    elif store.template_sets.list():
        verdict.show(not_attacked("templates"))


def newest_complete(store: Store) -> int | None:
    """Return the newest complete trial, on templates of the data set that is looked at if there is one."""
    looked_at = carried.number()
    of_it = () if looked_at is None else store.activity.trials(1, looked_at).get(looked_at, ())
    complete = of_it or store.protections.list(states=("complete",), limit=1)
    return next((trial.id for trial in complete), None)


def details(store: Store, records: tuple[TemplateSetRecord, ...]) -> None:
    """Show where a set comes from, what was left out, and the button that deletes it."""
    st.header("About a template set")
    names = {record.id: record.name for record in records}
    chosen = st.selectbox("Template set", list(names), format_func=names.__getitem__, key="about_templates")
    record = next(each for each in records if each.id == chosen)
    for sentence in summary_sentences(record):
        st.write(plain(sentence))
    template_sources.show_quality(record)

    def delete(store: Store) -> None:
        purge_template_set(store, get_settings(), record.id, actor=me().actor)

    made = [each.name for each in store.template_sets.made_from(record.id)]
    also = f", and {count(len(made), 'template set')} made from it ({plain(some(made, 10))})" if made else ""
    offer(
        "template set",
        f"This deletes {count(record.templates, 'template')}, the trials of protections on them{also}. It cannot be "
        "undone.",
        f"template set {record.id}",
        delete,
    )


with_store(show)
