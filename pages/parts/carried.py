"""The data set that one looks at: carried in the address (``?dataset=NAME``) from page to page, and in the session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from facepriv.errors import UnknownNameError
from facepriv.presentation.formats import plain
from facepriv.store import DatasetRecord, Store
from parts.choice import LONGEST

PARAMETER = "dataset"
_NOW, _WRITTEN, _OPENED = "_dataset", "_dataset_written", "_dataset_opened"
"""In the session: number and name of the data set, what of it stands in the address, and what was opened last."""


def from_address(store: Store, page: str) -> None:
    """Take the data set that the address names, or that of the run, audit, study or trial which it opens.

    What the address does not say the session remembers, and it is written into the address. What is unknown, or belongs
    to another data set than the link says, is told in one sentence.
    """
    asked = st.query_params.get(PARAMETER)
    by_link = asked is not None and asked != st.session_state.get(_WRITTEN)
    if by_link:
        try:
            _take(store.datasets.get(str(asked)))
        except UnknownNameError:
            st.warning(
                f"There is no data set “{plain(str(asked))}”; it may have been deleted.", icon=":material/warning:"
            )
            asked = None
    elif _now() is not None and not _exists(store):
        forget()
    _follow(store, page, asked if by_link else None)
    write()


def _follow(store: Store, page: str, asked: str | None) -> None:
    """Carry the data set of what was opened since; say so where the link named another one."""
    opened = [(noun, number) for noun in _SOURCES for number in st.query_params.get_all(noun)]
    if st.session_state.get(_OPENED) == (page, opened):
        return
    st.session_state[_OPENED] = (page, opened)
    if not opened:
        return
    noun, text = opened[0]
    if not text.isdecimal() or len(text) >= LONGEST:
        return
    try:
        of = _SOURCES[noun](store, int(text))
    except UnknownNameError:
        return  # which the page itself says
    carried = _now()
    if of is None or (carried is not None and of == carried[0]):
        return
    record = store.datasets.get(of)
    if asked is not None and carried is not None:
        st.warning(
            f"{noun.capitalize()} {text} belongs to the data set “{plain(record.name)}”, not to “{plain(carried[1])}” "
            "as the link says.",
            icon=":material/warning:",
        )
    _take(record)


def now(store: Store) -> DatasetRecord | None:
    """Return the data set that is carried; None if there is none yet."""
    carried = _now()
    if carried is None:
        return None
    try:
        return store.datasets.get(carried[0])
    except UnknownNameError:
        return None


def number() -> int | None:
    """Return the number of the data set that is carried; None if there is none yet."""
    carried = _now()
    return None if carried is None else carried[0]


def address() -> dict[str, str]:
    """Return the query parameter of a link that carries the data set; empty if there is none."""
    carried = _now()
    return {} if carried is None else {PARAMETER: carried[1]}


def take(number: int, name: str) -> None:
    """Carry a data set from now on, in the address, too."""
    st.session_state[_NOW] = (number, name)
    write()


def forget() -> None:
    """Carry none, as after a deletion."""
    st.session_state.pop(_NOW, None)
    write()


def write() -> None:
    """Write into the address what is carried; nothing where it stands there already."""
    carried = _now()
    name = None if carried is None else carried[1]
    if name is None:
        st.query_params.pop(PARAMETER, None)
    elif st.query_params.get(PARAMETER) != name:
        st.query_params[PARAMETER] = name
    st.session_state[_WRITTEN] = name


def select(names: Mapping[int, str], label: str = "Data set", *, key: str, box: Any = st, **options: Any) -> int:
    """Ask for a data set, starting with the one that is carried; another choice is carried from then on.

    Parameters
    ----------
    names : of the data sets to choose from, by number; at least one.
    box : where the selector stands.
    options : more arguments of the selector, such as ``help``.
    """
    carried = _now()
    chosen = carried[0] if carried is not None and carried[0] in names else next(iter(names))
    if carried is None:
        take(chosen, names[chosen])
    st.session_state[key] = chosen

    def changed() -> None:
        number = st.session_state[key]
        take(number, names[number])

    picked: int = box.selectbox(
        label, list(names), format_func=lambda n: plain(names[n]), key=key, on_change=changed, **options
    )
    return picked


def select_or_all(names: Mapping[int, str], label: str = "Data set", *, key: str, box: Any = st) -> int | None:
    """Ask for a data set whose things are listed, starting with the one that is carried; None for all of them.

    A data set that is chosen is carried from then on; *all* holds until another one is.
    """
    all_beside = f"{key}-all"
    carried = number()
    chosen = None if carried not in names or st.session_state.get(all_beside) == carried else carried
    st.session_state[key] = chosen

    def changed() -> None:
        wanted = st.session_state[key]
        st.session_state[all_beside] = carried if wanted is None else None
        if wanted is not None:
            take(wanted, names[wanted])

    picked: int | None = box.selectbox(
        label,
        [None, *names],
        format_func=lambda n: "all" if n is None else plain(names[n]),
        placeholder="all",
        key=key,
        on_change=changed,
    )
    return picked


def link(label: str | None = None) -> None:
    """Show a link to the page of the data set that is carried, if there is one."""
    carried = _now()
    if carried is not None:
        st.page_link(
            "data_set.py",
            label=label or f"Data set {plain(carried[1])}: what is done and what is next",
            icon=":material/route:",
            query_params=address(),
        )


def _of_protection(store: Store, number: int) -> int | None:
    set_id = store.protections.summary(number).template_set_id
    return next((each.dataset_id for each in store.template_sets.list() if each.id == set_id), None)


_SOURCES: dict[str, Callable[[Store, int], int | None]] = {
    "run": lambda store, number: store.runs.summary(number).dataset_id,
    "audit": lambda store, number: store.audits.summary(number).dataset_id,
    "study": lambda store, number: store.studies.summary(number).dataset_id,
    "protection": _of_protection,
}
"""How to find the data set of what an address opens, by the name of its parameter."""


def _now() -> tuple[int, str] | None:
    return st.session_state.get(_NOW)


def _take(record: DatasetRecord) -> None:
    st.session_state[_NOW] = (record.id, record.name)


def _exists(store: Store) -> bool:
    return now(store) is not None
