"""Ask for what the trial of a protection needs, and start it."""

from __future__ import annotations

import streamlit as st

from facepriv.presentation.formats import plain
from facepriv.presentation.protection_tables import protection_rows, split_columns
from facepriv.protect.registry import RECOMMENDED, describe_parameters, protections
from facepriv.schemas.requests import FOLDS, MOST_ACCURACY, MOST_FNMR_LOSS, ProtectionRequest
from facepriv.store import Store, TemplateSetRecord
from parts import starting
from parts.choice import Choice
from parts.figures import show_rows
from parts.parameters import ask, ask_number, help_of
from parts.shell import errors_shown


def show(store: Store, records: tuple[TemplateSetRecord, ...], choice: Choice) -> None:
    """Ask for the template set, the protection and the limits, and start the trial."""
    by_id = {record.id: record for record in records}
    left, right = st.columns(2, gap="large")
    chosen = left.selectbox(
        "Template set", list(by_id), format_func=lambda number: by_id[number].name, key="protect_set"
    )
    record = by_id[chosen]
    advised = protections.resolve(RECOMMENDED)
    names = [advised, *(name for name in protections.names() if name != advised)]
    method = right.selectbox(
        "Protection",
        names,
        format_func=lambda name: f"{name} (recommended)" if name == advised else name,
        key="protect_method",
        help=help_of(ProtectionRequest, "method"),
    )
    card = protections.load(method).card  # type: ignore[attr-defined]
    st.caption(f"{plain(card.title)} · undone by: {plain(card.undone_by)} · broken by: {plain(card.broken_by)}")
    accuracy = left.slider(
        "Ceiling: strongest attacker right at most, %", 50, 100, round(100 * MOST_ACCURACY), key="protect_ceiling",
        help=help_of(ProtectionRequest, "most_accuracy"),
    )  # fmt: skip
    loss = right.slider(
        "Floor: genuine comparisons lost at most, points", 0.0, 10.0, 100 * MOST_FNMR_LOSS, 0.1, key="protect_floor",
        help=help_of(ProtectionRequest, "most_fnmr_loss"),
    )  # fmt: skip
    alike = {
        each.id: each.name
        for each in records
        if each.id != record.id
        and (each.matcher, each.version, each.width) == (record.matcher, record.version, record.width)
    }
    with st.expander("Options", icon=":material/tune:"):
        boxes = st.columns(2, gap="large")
        fit_on = boxes[0].selectbox(
            "Fit also on",
            [FOLDS, *alike.values()],
            format_func=lambda name: "nobody else" if name == FOLDS else name,
            key=f"protect_fit-{record.id}",
            help=help_of(ProtectionRequest, "fit_on"),
        )
        learn_from = boxes[1].selectbox(
            "Attackers with labelled templates of others",
            [None, *alike],
            format_func=lambda number: "none" if number is None else alike[number],
            key=f"protect_learn-{record.id}",
            help=help_of(ProtectionRequest, "learn_from"),
        )
        others = st.multiselect(
            "Compare with", names[1:] if method == advised else names, key="protect_others",
            help=help_of(ProtectionRequest, "others"),
        )  # fmt: skip
        described = describe_parameters(method)
        parameters = ask(list(described.values()), f"protect-{method}") if described else {}
        compared = [_ask_compared(name) for name in others]
        seed = ask_number(ProtectionRequest, "seed", "Seed", "protect_seed")
    with st.expander("All protections: what each needs, who can undo it", icon=":material/list:"):
        for rows in split_columns(protection_rows()):
            show_rows(rows)
    if st.button("Start the trial", type="primary", key="start_protection", icon=":material/play_arrow:"):
        with errors_shown():
            request = ProtectionRequest(
                templates=int(chosen),
                method=method,
                parameters=parameters,
                others=tuple(compared),
                fit_on=fit_on,
                learn_from=learn_from,
                most_accuracy=accuracy / 100,
                most_fnmr_loss=loss / 100,
                seed=seed,
            )
            trial = starting.start(store, request)
            if trial is not None:
                choice.take(trial.id)
                st.rerun()


def _ask_compared(name: str) -> str:
    """Ask for the parameters of a protection to compare with, and return it as a request has it."""
    described = describe_parameters(name)
    if not described:
        return name
    st.caption(f"Compared: **{name}**")
    given = ask(list(described.values()), f"compare-{name}")
    changed = {key: value for key, value in given.items() if value != described[key].default}
    return f"{name}:{','.join(f'{key}={value}' for key, value in changed.items())}" if changed else name
