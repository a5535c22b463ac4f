"""Show a complete run or audit, and write it as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from facepriv.cli.output import only, say, show_table, write_text
from facepriv.wording import count

if TYPE_CHECKING:
    from pydantic import BaseModel

    from facepriv.schemas.audits import AuditDocument
    from facepriv.schemas.runs import RunDocument
    from facepriv.store import Store


def show_run(store: Store, run_id: int, json_file: Path | None = None, *, full: bool = False) -> RunDocument:
    """Show the verdict on a run and what it came to, with ``full`` all its tables; write it as JSON, and return it."""
    from facepriv.presentation import run_sentences
    from facepriv.presentation import run_tables as tables
    from facepriv.presentation.help_texts import KIND_TITLES
    from facepriv.services.audits.preparing import why_no_audit
    from facepriv.services.audits.verdicts import verdict_of_run
    from facepriv.services.releases.export import run_document

    run = run_document(store, run_id)
    verdict, audit = verdict_of_run(store, store.runs.get(run_id))
    say(*verdict.lines)
    if audit is None:
        why_not = why_no_audit(store, run.spec.dataset.id, run_id)
        say(why_not or f"To let every attacker try: facepriv audit --run {run_id}")
    else:
        say(f"By audit {audit}. To attack it again: facepriv audit --run {run_id}")
    spec = run.spec
    guides = " and ".join(ref.name for ref in spec.guides)
    mesh = "" if spec.landmarker is None else f" on the landmarks {spec.landmarker.name}"
    kind = f" ({KIND_TITLES[run.kind]})" if run.kind else ""
    say(run_sentences.aim(spec))
    say(f"Run {run_id}: {spec.method}{kind}, guided by {guides}{mesh}, on {count(run.images, 'image')}.")
    say(run_sentences.headline(run, spec.guide.name), *run_sentences.limits(run))
    show_table("Images that a classifier assigns to the other class than labelled", tables.attribute_error_rows(run))
    show_table("Images that a classifier assigns to the other gender than labelled", tables.gender_error_rows(run))
    show_table(
        "Jury: errors of classifiers that guided nothing, with 95 % intervals over people", tables.jury_rows(run)
    )
    matching = tables.matching_rows(run)
    shown = ("Matcher", "Comparison", "AUC", "EER", "FNMR at FMR 0.1 %")
    show_table("Face matching", matching if full else only(matching, *shown))
    if full:
        _show_run_in_full(run)
    else:
        say(f"Everything else, such as effort, image quality and each failure: facepriv show {run_id} --full")
    write_model(json_file, run)
    return run


def _show_run_in_full(run: RunDocument) -> None:
    from facepriv.presentation import run_tables as tables

    show_table("Answers of classifiers that the run did not target", tables.attribute_change_rows(run))
    for name in run.gender_confusion:
        show_table(f"Confusion of {name}", tables.confusion_rows(run, name))
    show_table("Judged images flipped in the stored file and after processing", tables.survival_rows(run))
    show_table("Effort", tables.effort_rows(run))
    show_table("Learned first, from other people", tables.learned_rows(run))
    show_table("Change of the image", tables.quality_rows(run))
    show_table(f"Failures ({run.failures.total:,} of {run.images:,} images)", tables.failure_rows(run))
    for row in tables.note_rows(run):
        say(f"Note on {row['Images']} of the images: {row['Note']}")


def show_audit(
    store: Store, audit_id: int, json_file: Path | None = None, *, variants: bool = False, full: bool = False
) -> AuditDocument:
    """Show an audit's verdict and the strongest attackers, with ``full`` all its tables; write and return it.

    With ``variants``, each means of each attacker is shown as well.
    """
    from facepriv.presentation import audit_tables as rows
    from facepriv.presentation.findings import findings_of
    from facepriv.presentation.verdict import released
    from facepriv.services.audits.preparing import audit_document
    from facepriv.services.audits.verdicts import verdict_of_audit

    audit = audit_document(store, audit_id)
    say(*verdict_of_audit(store, store.audits.get(audit_id)).lines)
    of = f"run {audit.spec.run_id} on " if audit.spec.run_id is not None else ""
    say(
        f"Audit {audit_id} of {of}{audit.spec.dataset.name}: {count(audit.images, 'image')} of "
        f"{count(audit.subjects, 'subject')} ({audit.female_subjects} labelled female, {audit.male_subjects} male)."
    )
    if audit.policy is not None and audit.policy.p > 0:
        say(audit.policy.sentence)
    say(findings_of(audit), *audit.learned_from)
    for reason, images in audit.left_out.items():
        say(f"Left out ({reason}): {count(images, 'image')}.")
    if audit.not_perturbed:
        say(f"{count(audit.not_perturbed, 'image')} could not be perturbed and can only be released unchanged.")
    if full or variants:
        _show_audit_in_full(audit, variants=variants)
    else:
        judged = audit.condition(released(audit))
        if judged is not None:
            show_table(
                f"How often attackers are right (50 % is guessing): {rows.condition_title(judged)}",
                only(rows.attack_rows(judged.attacks), "Attacker", "Right", "Women", "Men"),
            )
        show_table("Cost to matching", rows.change_rows(audit))
        say(f"Everything else: facepriv show --audit {audit_id} --full")
    write_model(json_file, audit)
    return audit


def _show_audit_in_full(audit: AuditDocument, *, variants: bool) -> None:
    from facepriv.presentation import audit_tables as rows

    say(f"Not tried, in full: {'; '.join(audit.not_tried)}.")
    show_table("Gender error of the classifiers on untouched images, 95 % interval", rows.baseline_rows(audit))
    for condition in audit.conditions:
        show_table(
            f"How often attackers are right (50 % is guessing): {rows.condition_title(condition)}",
            rows.attack_rows(condition.attacks),
        )
        if variants:
            show_table("Each means of each attacker", rows.attack_rows(condition.variants, variants=True))
        show_table(
            f"The same by number of people (in brackets) that they learned from, {rows.condition_title(condition)}",
            rows.learning_rows(audit, condition.name),
        )
    show_table("How often each attacker is right, by proportion p of images changed", rows.curve_rows(audit))
    show_table("Best proportion against each attacker alone", rows.optimum_rows(audit))
    show_table("Matching on the mixed database", rows.utility_rows(audit))
    show_table("Cost to matching", rows.change_rows(audit))


def write_model(json_file: Path | None, document: BaseModel) -> None:
    """Write a result to the file that --json names, if it names one."""
    if json_file is not None:
        write_text(json_file, document.model_dump_json(by_alias=True, indent=2))
