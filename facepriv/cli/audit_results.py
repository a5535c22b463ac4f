"""What a finished audit is shown and written as."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from facepriv.cli.json_files import write_text
from facepriv.cli.printing import say, show_table
from facepriv.wording import count

if TYPE_CHECKING:
    from facepriv.store import Store


def show_audit(store: Store, audit_id: int, *, variants: bool = False) -> None:
    """Show all tables of an audit and its verdict; with ``variants`` all means of each attacker."""
    from facepriv.presentation import audit_tables as rows
    from facepriv.services.audits.preparing import audit_document

    found = audit_document(store, audit_id)
    of = f"run {found.spec.run_id} on " if found.spec.run_id is not None else ""
    say(
        f"Audit {audit_id} of {of}{found.spec.dataset.name}: {count(found.images, 'image')} of "
        f"{count(found.subjects, 'subject')} ({found.female_subjects} labelled female, {found.male_subjects} male)."
    )
    for reason, images in found.left_out.items():
        say(f"  Left out: {count(images, 'image')}: {reason}.")
    if found.not_perturbed:
        say(f"  {count(found.not_perturbed, 'image')} could not be perturbed and are released as they were.")
    show_table("Gender error of the classifiers on the untouched images, 95 % interval", rows.baseline_rows(found))
    for one in found.conditions:
        show_table(
            f"Attackers against the images {rows.condition_title(one)}: how often they are right (50 % is guessing)",
            rows.attack_rows(one.attacks),
        )
        if variants:
            show_table("All their means", rows.attack_rows(one.variants, variants=True))
    if found.curve:
        show_table("How often each attacker is right, by the share p of images perturbed", rows.curve_rows(found))
        show_table("The share that is best against each attacker alone", rows.optimum_rows(found))
        show_table("Matching on the mixed database", rows.utility_rows(found))
        show_table("Cost to matching", rows.change_rows(found))
    if found.policy is not None:
        say(found.policy.sentence)
    say(found.verdict)
    say(f"Not tried: {'; '.join(found.not_tried)}.")


def write_audit(json_file: Path | None, store: Store, audit_id: int) -> None:
    """Write an audit to the file that --json names, if it names one."""
    if json_file is not None:
        from facepriv.services.audits.preparing import audit_document

        write_text(json_file, audit_document(store, audit_id).model_dump_json(by_alias=True, indent=2))
