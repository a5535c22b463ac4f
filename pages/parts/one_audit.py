"""One audit in full: its figures, classifier errors, every attacker, what it did not try, its files."""

from __future__ import annotations

from collections.abc import Callable, Collection

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from facepriv.charts.policy import leak_bars, learning_curves
from facepriv.presentation import audit_tables as rows
from facepriv.presentation.findings import findings_of
from facepriv.presentation.formats import moment, plain
from facepriv.presentation.help_texts import HELP
from facepriv.schemas.audits import AuditResult, Condition, Headline
from facepriv.services.audits.preparing import audit_document
from facepriv.store import AuditRecord, Store
from facepriv.wording import count, duration, percent
from parts import jobs, notes, progress, report, requests, share, verdict, work_log
from parts.deletion import offer_discard
from parts.downloads import offer_result
from parts.figures import show_figure, show_metric, show_rows

INTERVALS = "Intervals are 95 % intervals over people, not images."


def show(store: Store, audit: AuditRecord, forget: Callable[[], None]) -> None:
    """Show an audit in whatever state it is; ``forget`` is called once it has been deleted."""
    named = store.notes.get(audit.job_id).name
    st.header(f"Audit {audit.id}" + (f" · {plain(named)}" if named else ""), divider="gray")
    st.caption(
        f"{progress.audited(audit)} · {count(audit.images, 'image')} · seed {audit.spec.seed} · "
        f"started {moment(audit.started_at)} · finished {moment(audit.finished_at)}"
    )
    notes.show(store, "audit", audit.id, audit.job_id)
    if audit.state in progress.ACTIVE:
        progress.follow("audit", (audit.id,))
        work_log.show(store, audit.job_id)
        st.caption("You may close this page; the work continues.")
        return
    jobs.seen(store, audit.job_id)
    if audit.result is None:
        if audit.state == "failed":
            st.error(f"This audit failed: {plain(audit.error or '')}", icon=":material/error:")
        else:
            st.warning("This audit was cancelled, so it has no result.", icon=":material/cancel:")
        work_log.offer_resume("audit", audit.id)
        work_log.show(store, audit.job_id, expanded=True)
    else:
        show_result(audit, audit.result)
        if audit.run_id is None:
            requests.of_results(store, audit_id=audit.id)
        st.subheader("Files and spec")
        document = audit_document(store, audit.id).model_dump_json(by_alias=True, indent=2)
        offer_result("audit", audit.id, document)
        st.caption(f"Computation: {duration(audit.result.seconds)}.")
        report.offer(audit.run_id, audit.id)
        dataset = store.datasets.get(audit.dataset_id)
        share.offer(store, dataset, run_id=audit.run_id, audit_id=audit.id)
        work_log.show(store, audit.job_id)
    with st.expander("Spec: everything needed to repeat the audit", icon=":material/description:"):
        st.json(audit.spec.model_dump(mode="json"), expanded=1)
    offer_discard(
        "audit",
        audit.id,
        "Deletes this audit and its figures, and ends their shares. Its measurements stay available to other audits "
        "until the data set or the run is deleted.",
        forget,
    )


def show_result(audit: AuditRecord, result: AuditResult) -> None:
    """Show the result of a complete audit, whose verdict stands on top of the page."""
    verdict.details(findings_of(result))
    titles = {condition.name: rows.condition_title(condition) for condition in result.conditions}
    for box, worst in zip(st.columns(max(3, len(result.headlines))), result.headlines, strict=False):
        show_strongest(box, f"Attacker right at most, {titles[worst.condition]}", worst)
    people(result)
    for sentence in result.learned_from:
        st.caption(f":material/group: {plain(sentence)}")
    st.subheader("Gender error of the classifiers", help=HELP["gender_error"])
    if result.baseline:
        show_rows(rows.baseline_rows(result))
        st.caption(f"On the untouched images, without any learning. {INTERVALS}")
    else:
        st.caption("This audit had no classifier.")
    releases(audit, result)
    not_tried(result)


def show_strongest(box: DeltaGenerator, title: str, worst: Headline) -> None:
    """Show in a box how often the strongest attacker on a release may be right."""
    note = f"strongest ({worst.attacker}): {percent(worst.accuracy)}"
    show_metric(box, title, percent(worst.at_most), note, HELP["upper"])


def people(result: AuditResult) -> None:
    """Say who was audited, and show what was left out and why."""
    st.write(
        f"Audited: {count(result.images, 'image')} of {count(result.subjects, 'subject')}; "
        f"{count(result.female_images, 'image')} of {count(result.female_subjects, 'subject')} labelled female, "
        f"{count(result.male_images, 'image')} of {count(result.male_subjects, 'subject')} labelled male. "
        + ("No image was left out." if not result.left_out else "")
    )
    show_rows(rows.left_out_rows(result))
    if result.not_perturbed:
        st.caption(
            f":material/warning: {count(result.not_perturbed, 'image')} could not be perturbed and can only be "
            "released unchanged. Anyone who finds out which ones learns their gender."
        )


def releases(audit: AuditRecord, result: AuditResult) -> None:
    """Show every attacker against every release."""
    st.subheader("What attackers learn", help=f"{HELP['attacked']} {HELP['leak_bits']}")
    show_bars(audit, result)
    named = {rows.condition_title(condition): condition for condition in result.conditions}
    if not named:
        st.caption("No attacker had any data to work with.")
        return
    chosen = next(iter(named))
    if len(named) > 1:
        default = next((title for title, condition in named.items() if condition.name == "mix"), chosen)
        chosen = st.segmented_control(
            "Images released",
            list(named),
            default=default,
            required=True,
            key=f"audit_release-{audit.id}",
            bind="query-params",
        )
    attacks(named[chosen], audit.spec.attackers)
    learning(audit, result, named[chosen])


def show_bars(audit: AuditRecord, result: AuditResult) -> None:
    """Draw every attacker's accuracy in every release."""
    worst = "; ".join(
        f"{line.condition}: {line.attacker} with {percent(line.accuracy)}, at most {percent(line.at_most)}"
        for line in result.headlines
    )
    alt = f"Accuracy of every attacker with its 95 % interval, as in the table below. The strongest: {worst}"
    show_figure(leak_bars(result.conditions), f"leak-{audit.id}", alt, f"audit {audit.id}")


def attacks(condition: Condition, names: Collection[str]) -> None:
    """Show what these attackers learn from a release, and by which means."""
    learnt = rows.attack_rows(condition.attacks)
    show_rows([{name: cell for name, cell in row.items() if name != rows.MEANS} for row in learnt])
    st.caption(
        f"{INTERVALS} 50 % is guessing, and there is 1 bit to learn. Women, men: how often the attacker is right about "
        "images with that label."
    )
    missing = {attack.attacker: attack.missing for attack in condition.attacks if attack.missing}
    if missing:
        images = ", ".join(f"{name} {number:,}" for name, number in missing.items())
        st.caption(f"Images without data for the attacker, who guessed: {images}.")
    with st.expander("What each attacker has and knows", icon=":material/person_search:"):
        picked = {row["Attacker"]: row[rows.MEANS] for row in learnt}
        show_rows(
            [
                {
                    "Attacker": row["Attacker"],
                    "Has and knows": row["Assumption"],
                    "Picked": picked.get(row["Attacker"], "no data"),
                }
                for row in rows.attacker_rows()
                if row["Attacker"] in names
            ]
        )
        st.caption(
            "Picked: the means that did best on other people than those the attacker is judged on, and how often."
        )
    with st.expander("Every attacker's means, one by one", icon=":material/list:"):
        show_rows(rows.attack_rows(condition.variants, variants=True))


def learning(audit: AuditRecord, result: AuditResult, condition: Condition) -> None:
    """Show how often attackers are right by number of people that they learned from."""
    points = rows.learning_points(result, condition.name)
    if not points:
        return
    st.subheader("With fewer people to learn from", help=HELP["learning"])
    if result.more_people:
        st.warning(plain(result.more_people), icon=":material/trending_up:")
    alt = "How often each attacker is right by number of people learned from, as in the table below"
    show_figure(learning_curves(points), f"learning-{audit.id}-{condition.name}", alt, f"audit {audit.id}")
    show_rows(rows.learning_rows(result, condition.name))
    st.caption(
        "How often right, and in brackets the number of people learned from. Likely more: with the second half of the "
        "people the attacker became better by more than chance, in being right or in how sure right answers are, so "
        "still more people would probably help."
    )


def not_tried(result: AuditResult) -> None:
    """List the attackers that no figure here covers."""
    st.subheader("Not tried")
    listed = "\n".join(f"- {plain(attacker)}" for attacker in result.not_tried)
    st.warning(f"These attackers may learn more; no figure here covers them.\n\n{listed}", icon=":material/warning:")
