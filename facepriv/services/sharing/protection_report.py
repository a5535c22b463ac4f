"""Gather what the report of a protection of templates shows: a stored trial, its template set, and its card."""

from __future__ import annotations

from facepriv.presentation import protection_sections as sections
from facepriv.presentation.protection_findings import protection_findings
from facepriv.presentation.report_sections import findings_section, glossary_section, purpose_section, repeat_section
from facepriv.presentation.verdict import recommendation, trial_verdict
from facepriv.protect.registry import make_protection
from facepriv.report.document import Report, Section
from facepriv.schemas.protections import ProtectionDocument
from facepriv.services.datasets.datasheets import NOT_STATED, shown_datasheet
from facepriv.services.protections.documents import protection_document
from facepriv.services.protections.release import days_of_release
from facepriv.services.sharing.result_hashes import document_sha256
from facepriv.store import Store
from facepriv.wording import count, listed


def report_of_protection(store: Store, number: int, *, footer: str = "") -> Report:
    """Return the report of a complete trial of a protection, after ISO/IEC 24745 and ISO/IEC 30136.

    Raises UnknownNameError if there is no such trial, or its protection is not installed here; BadInputError with code
    ``protection-not-complete`` if it is not complete.
    """
    document = protection_document(store, number)
    chosen, choice = document.chosen, document.spec.tried[0]
    card = make_protection(choice.name, choice.parameters).card_as_fitted
    verdict = trial_verdict(document, document.spec)
    return Report(
        title=f"Gender privacy of the templates {document.spec.templates.name}",
        subtitle=f"Protection {number}: {card.name}, judged on {count(chosen.templates, 'template')} of "
        f"{chosen.people:,} people; finished {(document.finished_at or '–')[:10]}.",
        verdict=verdict.sentence,
        level=verdict.level,
        symbol=verdict.symbol,
        limits=verdict.limits,
        recommendation=recommendation(verdict, "templates"),
        signed_for=f"protection {number}, SHA-256 {document_sha256(document)}",
        figures=sections.protection_figures(document),
        sections=(
            sections.plain_section(document, card),
            findings_section(protection_findings(document.untouched, chosen)),
            sections.requirements_section(card, chosen),
            sections.holders_section(card, days_of_release(store, number)),
            sections.leak_section(document),
            sections.accuracy_section(chosen),
            sections.method_section(document, card),
            _purpose(store, document),
            sections.not_covered_section(document),
            repeat_section(_repeat_rows(document)),
            glossary_section(),
        ),
        footer=footer,
    )


def _purpose(store: Store, document: ProtectionDocument) -> Section:
    sheet = shown_datasheet(store.template_sets.get(document.spec.templates.id))
    return purpose_section(sheet, [title for title, text in sheet.items() if text == NOT_STATED])


def _repeat_rows(document: ProtectionDocument) -> dict[str, str]:
    spec = document.spec
    return {
        "Protection": f"{document.protection_id}, created {document.created_at[:16].replace('T', ' ')} UTC",
        "SHA-256 of the trial (spec and result)": document_sha256(document),
        "SHA-256 of the template set": f"{spec.templates.rows_sha256} (numbers), {spec.templates.records_sha256} "
        "(names and labels)",
        "Fitted also to": "nobody else" if spec.fit_on is None else spec.fit_on.name,
        "Attackers' other people": "none" if spec.learn_from is None else spec.learn_from.name,
        "Attackers": listed(spec.attackers),
        "Partings": str(spec.partings),
        "Seed": str(spec.seed),
        "facepriv": spec.facepriv_version,
        "Libraries": ", ".join(f"{name} {version}" for name, version in spec.libraries.items()),
    }
