"""The frontier of a study: its figure, the recommended candidate beside yours, and what applies one to everything."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from facepriv.charts.study import study_chart
from facepriv.config import get_settings
from facepriv.presentation.formats import plain
from facepriv.presentation.study_tables import by_loss, frontier_rows, title_of_share
from facepriv.presentation.study_verdict import outcome_verdict, strongest_in_words
from facepriv.schemas.studies import Released, StudyDocument, StudyOutcome
from facepriv.services.audits.verdicts import verdict_of_audit, verdict_of_release
from facepriv.services.jobs.local_worker import ensure_worker
from facepriv.services.studies.applying import (
    Applied,
    apply_candidate,
    attack_together,
    find_applied,
    find_together,
)
from facepriv.store import Store
from facepriv.wording import percent
from parts import comparing, figures, progress, verdict
from parts.shell import errors_shown, me

YOURS: dict[Released, str] = {"images": "yours", "templates": "yours-templates"}
"""Parameters of the address that name the candidates somebody chose."""
ALL: dict[Released, str] = {"images": "all images", "templates": "all templates"}


def show(store: Store, document: StudyDocument, released: Released) -> None:
    """Show the figure and the frontier of images or templates, with sliders along it and along p."""
    tried = _tried(document, released)
    best = by_loss([each for each in tried.values() if each.on_frontier])
    names = [each.candidate.name for each in best]
    recommended = document.recommended.get(released)
    chosen = next((name for name in (*_wanted(document, released), *names) if name in tried), None)
    key = f"yours-{document.study_id}-{released}"
    _figure(document, released, tried, chosen if chosen != recommended else None)
    if chosen is not None:
        _choose(key, released, tried, names, chosen)
    left, right = st.columns(2, gap="large")
    if recommended is not None:
        with left:
            _one(document, "Recommended", document.outcome(recommended))
    with right:
        if chosen is not None and chosen != recommended:
            _one(document, "Yours", tried[chosen])
        elif len(tried) > 1:
            st.subheader("Yours")
            st.caption("Move a slider, or click a mark in the figure, to hold another candidate against it.")
    figures.show_rows(
        [
            row
            for row in frontier_rows(document)
            if row["Candidate"].removeprefix("* ") in {*names, _untouched(released)}
        ]
    )
    if chosen is not None and document.ended is not None:
        _apply(store, document, tried[chosen], released)


def _tried(document: StudyDocument, released: Released) -> dict[str, StudyOutcome]:
    return {
        each.candidate.name: each
        for each in document.outcomes
        if each.setting.released == released and each.figures is not None
    }


def _wanted(document: StudyDocument, released: Released) -> tuple[str | None, str | None]:
    """Return the candidate that the address names, and the recommended one, the first to be shown if it was tried."""
    return st.query_params.get(YOURS[released]), document.recommended.get(released)


def _untouched(released: Released) -> str:
    return f"{released}, untouched"


def _take(released: Released, name: str) -> None:
    """Write a choice into the address, from which everything on the page follows."""
    st.query_params[YOURS[released]] = name


def _figure(document: StudyDocument, released: Released, tried: dict[str, StudyOutcome], yours: str | None) -> None:
    key = f"study-{document.study_id}-{released}"

    def on_point(point: dict[str, object]) -> None:
        data = point.get("customdata")
        if isinstance(data, list) and data and data[0] in tried:
            _take(released, data[0])

    figures.show_figure(
        study_chart(document, released, chosen=yours),
        key,
        f"Genuine matches lost against how often the strongest attacker is right, for each candidate ({released})",
        f"study {document.study_id}",
        on_point=on_point,
    )


def _choose(key: str, released: Released, tried: dict[str, StudyOutcome], names: list[str], chosen: str) -> None:
    """Ask for a candidate along the frontier and, of the same setting, along the proportion of what is changed."""
    along = (
        names if chosen in names else [each.candidate.name for each in by_loss([tried[n] for n in {*names, chosen}])]
    )
    setting = tried[chosen].setting.name
    shares = sorted(
        (each.candidate for each in tried.values() if each.setting.name == setting),
        key=lambda each: (each.p, each.select_by),
    )
    left, right = st.columns(2, gap="large")
    if len(along) > 1:
        _slider(
            left, "Along the frontier: fewer matches lost, or a weaker attacker", along, chosen, key, released, plain
        )
    if len(shares) > 1:
        titles = {each.name: title_of_share(each) for each in shares}
        label = f"Proportion changed by {plain(setting)}"
        _slider(right, label, list(titles), chosen, f"{key}-p", released, titles.__getitem__)


def _slider(
    box: st.delta_generator.DeltaGenerator,
    label: str,
    options: list[str],
    chosen: str,
    key: str,
    released: Released,
    format_func: Callable[[str], str],
) -> None:
    st.session_state[key] = chosen
    box.select_slider(
        label,
        options,
        key=key,
        format_func=format_func,
        on_change=lambda: _take(released, st.session_state[key]),
    )


def _one(document: StudyDocument, title: str, found: StudyOutcome) -> None:
    """Show the verdict on one candidate, with a link to its run: pairs before and after, all attackers."""
    st.subheader(title)
    st.markdown(f"**{plain(found.candidate.name)}**")
    if found.figures is not None:
        judged = outcome_verdict(found.figures, document.goal)
        st.markdown(plain(f"{judged.symbol} {judged.sentence}"))
        st.caption(plain(f"Strongest attacker: {strongest_in_words(found.figures)}."))
    if found.run_id is not None:
        comparing.link("Pairs before and after", found.run_id, icon=":material/compare:")
    for audit in found.audit_ids:
        st.page_link(
            "audit.py",
            label=f"All attackers (audit {audit})",
            icon=":material/search_insights:",
            query_params=[("audit", str(audit))],
        )


# From a sample to everything


def _apply(store: Store, document: StudyDocument, found: StudyOutcome, released: Released) -> None:
    """Offer to apply the chosen candidate to the whole data set, or show how far that is and what comes next."""
    st.subheader(f"Apply to {ALL[released]}")
    candidate, spec = found.candidate, document.spec
    st.markdown(f"**{plain(candidate.name)}**, on the whole of {plain(spec.dataset.name)}")
    with errors_shown():  # a method that is not installed any more, say
        applied = find_applied(store, spec, candidate)
        if applied.run is not None:
            _run_of(store, document, applied, found)
        elif applied.protections:
            _protections_of(applied)
        else:
            _offer(store, document, found, released)


def _offer(store: Store, document: StudyDocument, found: StudyOutcome, released: Released) -> None:
    st.write(
        f"The study tried samples. This changes {ALL[released]} and lets every attacker try; nothing is released yet."
    )
    if st.button(
        f"Apply to {ALL[released]}",
        key=f"apply-{document.study_id}-{released}",
        type="primary",
        icon=":material/play_arrow:",
    ):
        with errors_shown():
            apply_candidate(store, get_settings(), document.spec, found.candidate, me().actor)
            ensure_worker(get_settings())
            st.rerun()


def together(store: Store, document: StudyDocument) -> None:
    """Let attackers who hold both try, once images and templates are changed; show what they reached."""
    st.subheader("Images and templates together")
    by_released: dict[Released, StudyOutcome] = {}
    for released in YOURS:
        tried = _tried(document, released)
        chosen = next((name for name in _wanted(document, released) if name in tried), None)
        if chosen is not None:
            by_released[released] = tried[chosen]
    if len(by_released) < len(YOURS):
        st.caption("Nothing is recommended for one of the two.")
        return
    with errors_shown():
        images, templates = (
            find_applied(store, document.spec, by_released[each].candidate) for each in ("images", "templates")
        )
        candidate = by_released["images"].candidate
        audit = find_together(store, images, candidate)
        if audit is None:
            st.write(
                "Whoever gets both may join what they tell. Apply both above; then let attackers try who hold the "
                "images and the protected templates of the same people."
            )
            ready = images.audit is not None and bool(templates.protections)
            if st.button(
                "Attack both together",
                key=f"together-{document.study_id}",
                icon=":material/search_insights:",
                disabled=not ready,
            ):
                attack_together(store, get_settings(), images, templates, candidate, me().actor)
                ensure_worker(get_settings())
                st.rerun()
        elif audit.state in progress.ACTIVE:
            progress.keep_worker()
            progress.follow("audit", (audit.id,))
        else:
            verdict.show(verdict_of_audit(store, audit), f"Images and protected templates together, audit {audit.id}")


def _run_of(store: Store, document: StudyDocument, applied: Applied, found: StudyOutcome) -> None:
    run, audit, p = applied.run, applied.audit, found.candidate.p
    assert run is not None
    if run.state in progress.ACTIVE:
        progress.keep_worker()
        progress.follow("run", (run.id,))
        st.caption("The audit follows by itself. You may close this page; the work continues.")
        return
    comparing.link(f"Run {run.id}", run.id, icon=":material/list_alt:")
    if audit is None:
        st.write("The images are changed; nobody has attacked them yet.")
        if st.button(f"Audit run {run.id}", key=f"audit-run-{run.id}", icon=":material/search_insights:"):
            with errors_shown():
                apply_candidate(store, get_settings(), document.spec, found.candidate, me().actor)
                ensure_worker(get_settings())
                st.rerun()
        return
    if audit.state in progress.ACTIVE:
        progress.keep_worker()
        progress.follow("audit", (audit.id,))
        st.caption("You may close this page; the work continues.")
        return
    verdict.show(verdict_of_release(run, audit, p), f"Run {run.id}, {percent(p)} of the images changed")
    st.page_link(
        "policy.py",
        label="Go on to the release",
        icon=":material/inventory_2:",
        query_params={"run": str(run.id)},
    )


def _protections_of(applied: Applied) -> None:
    active = tuple(trial.id for trial in applied.protections if trial.state in progress.ACTIVE)
    if active:
        progress.keep_worker()
        progress.follow("protection", active)
        st.caption("You may close this page; the work continues.")
    for trial in applied.protections:
        if trial.id not in active:
            st.page_link(
                "templates.py",
                label=f"Release {plain(trial.template_set_name)} (protection {trial.id})",
                icon=":material/inventory_2:",
                query_params={"protection": str(trial.id)},
            )
