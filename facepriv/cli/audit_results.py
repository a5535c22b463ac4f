"""Show a finished audit, and write it as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from facepriv.cli.json_files import write_text
from facepriv.cli.printing import say, show_table
from facepriv.wording import count

if TYPE_CHECKING:
    from facepriv.store import Store


def show_audit(store: Store, audit_id: int, *, variants: bool = False) -> None:
    """Show an audit's verdict and tables; with ``variants`` also each means of each attacker."""
    from facepriv.presentation import audit_tables as rows
    from facepriv.services.audits.preparing import audit_document

    audit = audit_document(store, audit_id)
    of = f"run {audit.spec.run_id} on " if audit.spec.run_id is not None else ""
    say(
        f"Audit {audit_id} of {of}{audit.spec.dataset.name}: {count(audit.images, 'image')} of "
        f"{count(audit.subjects, 'subject')} ({audit.female_subjects} labelled female, {audit.male_subjects} male)."
    )
    if audit.policy is not None and audit.policy.p > 0:
        say(audit.policy.sentence)
    say(audit.verdict)
    say(f"Not tried: {'; '.join(audit.not_tried)}.")
    for reason, images in audit.left_out.items():
        say(f"Left out ({reason}): {count(images, 'image')}.")
    if audit.not_perturbed:
        say(f"{count(audit.not_perturbed, 'image')} could not be perturbed and can only be released unchanged.")
    show_table("Gender error of the classifiers on untouched images, 95 % interval", rows.baseline_rows(audit))
    for condition in audit.conditions:
        show_table(
            f"Attackers against the {rows.condition_title(condition)}: how often they are right (50 % is guessing)",
            rows.attack_rows(condition.attacks),
        )
        if variants:
            show_table("Each means of each attacker", rows.attack_rows(condition.variants, variants=True))
    if audit.curve:
        show_table("How often each attacker is right, by proportion p of images changed", rows.curve_rows(audit))
        show_table("Best proportion against each attacker alone", rows.optimum_rows(audit))
        show_table("Matching on the mixed database", rows.utility_rows(audit))
        show_table("Cost to matching", rows.change_rows(audit))


def write_audit(json_file: Path | None, store: Store, audit_id: int) -> None:
    """Write an audit to the file that --json names, if it names one."""
    if json_file is not None:
        from facepriv.services.audits.preparing import audit_document

        write_text(json_file, audit_document(store, audit_id).model_dump_json(by_alias=True, indent=2))
