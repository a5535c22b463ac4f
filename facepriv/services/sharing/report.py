"""Gather what the report of a run or an audit shows, and write any report as a page, tables, figures or JSON.

It is made for a data protection impact assessment: nothing in it names a person or shows a face unless faces were
asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

import facepriv
from facepriv.errors import BadInputError
from facepriv.imaging.png import encode_png
from facepriv.measures.stored_faces import stored_pixels
from facepriv.presentation import report_sections as sections
from facepriv.presentation.findings import findings_of
from facepriv.presentation.run_sentences import headline
from facepriv.presentation.run_tables import aim_title, seed
from facepriv.presentation.verdict import Verdict, recommendation, run_verdict
from facepriv.report.document import Block, Gallery, Picture, Report, Section, Text, to_json
from facepriv.report.files import ImageFormat, write_figures, write_page, write_pdf, write_tables
from facepriv.report.html import to_html
from facepriv.schemas.audits import AuditResult
from facepriv.schemas.base import ModelRef
from facepriv.schemas.runs import RunResult
from facepriv.services.audits.preparing import audit_document, why_no_audit
from facepriv.services.audits.verdicts import verdict_of_audit
from facepriv.services.datasets.datasheets import NOT_STATED, shown_datasheet
from facepriv.services.datasets.identities import why_not_matched
from facepriv.services.datasets.terms import find_withheld
from facepriv.services.models.catalogue import list_models
from facepriv.services.releases.export import run_document
from facepriv.services.sharing.protection_report import report_of_protection
from facepriv.services.sharing.result_hashes import result_sha256
from facepriv.store import AuditRecord, DatasetRecord, RunRecord, Store
from facepriv.types import Actor
from facepriv.wording import count, listed

FACE_HEIGHT = 200
"""Pixels of a face shown, at most."""
MOST_FACES = 24
NO_AUDIT = 0
_FOOTER = (
    "Gender is binary here only because the labels and the classifiers are. A label is what the data set says, not who "
    f"a person is. Written by facepriv {facepriv.__version__}."
)


def report_of(store: Store, run_id: int, *, audit_id: int | None = None, faces: int = 0) -> Report:
    """Return the report of a complete run.

    Parameters
    ----------
    audit_id
        The audit of this run to report; by default the newest complete one, if there is any. `NO_AUDIT` for none.
    faces
        Pairs of faces before and after to show, at most `MOST_FACES`.

    Raises
    ------
    UnknownNameError
        If run or audit does not exist.
    BadInputError
        If the run is not complete (code ``run-not-complete``), the audit is not a complete one of this run
        (``wrong-audit``), or too many faces are asked for (``too-many-faces``).
    """
    if not 0 <= faces <= MOST_FACES:
        raise BadInputError(
            f"A report shows at most {MOST_FACES} pairs of faces, not {faces}; `facepriv export` writes all images.",
            code="too-many-faces",
        )
    run, result, audit = _complete_run(store, run_id, audit_id)
    leak = None if audit is None else audit.result
    dataset, aim = store.datasets.get(run.dataset_id), aim_title(run.spec)
    return Report(
        title=f"Gender privacy of {dataset.name}",
        subtitle=f"{aim[:1].upper()}{aim[1:]}. Run {run.id}: {run.method} guided by "
        f"{listed([guide.name for guide in run.spec.guides])}, {count(run.images, 'image')}; finished "
        f"{_day(run.finished_at)}.",
        **_first_page(
            *_verdict(store, run, result, audit),
            changed=True,
            signed_for=f"run {run.id}{'' if audit is None else f' with audit {audit.id}'}, SHA-256 "
            + result_sha256(store, run.id, None if audit is None else audit.id),
        ),
        figures=sections.key_figures(run, result, leak),
        sections=tuple(_run_sections(store, run, result, audit, dataset, faces)),
        footer=_FOOTER,
    )


def report_of_audit(store: Store, audit_id: int) -> Report:
    """Return the report of a complete audit of a data set as it is, which no run has changed.

    Raises UnknownNameError if there is no such audit, and BadInputError if it is not complete (code
    ``audit-not-complete``) or of a run (``wrong-audit``), which `report_of` covers.
    """
    audit, result = _audit_as_it_is(store, audit_id)
    dataset = store.datasets.get(audit.dataset_id)
    return Report(
        title=f"Gender privacy of {dataset.name}",
        subtitle=f"Audit {audit.id} of the images as they are, {count(result.images, 'image')}; finished "
        f"{_day(audit.finished_at)}.",
        **_first_page(
            verdict_of_audit(store, audit),
            changed=False,
            signed_for=f"audit {audit.id}, SHA-256 {result_sha256(store, None, audit.id)}",
        ),
        figures=sections.strongest_attackers(result),
        sections=(
            sections.findings_section(findings_of(result)),
            *_dataset_sections(store, dataset, f"{result.images:,} audited"),
            sections.leak_section(result, dataset.identities),
            sections.not_tested_section(result),
            sections.risk_section(None, result),
            _models((*audit.spec.classifiers, *audit.spec.matchers), audit),
            sections.repeat_section(_audit_rows(store, audit)),
            sections.glossary_section(),
        ),
        footer=_FOOTER,
    )


def report_for(store: Store, run_id: int | None, audit_id: int | None, *, faces: int = 0) -> Report:
    """Return the report of a run as `report_of` does, or without one that of an audit as `report_of_audit` does."""
    if run_id is not None:
        return report_of(store, run_id, audit_id=audit_id, faces=faces)
    return report_of_audit(store, audit_id or 0)


def check_reportable(store: Store, run_id: int | None, audit_id: int | None) -> None:
    """Raise what `report_for` would raise for incomplete results, without making a report."""
    if run_id is not None:
        _complete_run(store, run_id, audit_id)
    else:
        _audit_as_it_is(store, audit_id or 0)


def _complete_run(store: Store, run_id: int, audit_id: int | None) -> tuple[RunRecord, RunResult, AuditRecord | None]:
    run_document(store, run_id)  # says why a run that is not complete has no report
    run = store.runs.get(run_id)
    assert run.result is not None
    return run, run.result, _audit_of(store, run, audit_id)


def _audit_as_it_is(store: Store, audit_id: int) -> tuple[AuditRecord, AuditResult]:
    audit_document(store, audit_id)  # says why an audit that is not complete has no report
    audit = store.audits.get(audit_id)
    assert audit.result is not None
    if audit.run_id is not None:
        raise BadInputError(
            f"Audit {audit_id} is of run {audit.run_id}. Make the report of that run.", code="wrong-audit"
        )
    return audit, audit.result


def _audit_of(store: Store, run: RunRecord, audit_id: int | None) -> AuditRecord | None:
    if audit_id == NO_AUDIT:
        return None
    if audit_id is not None:
        audit = store.audits.get(audit_id)
        if audit.result is None or audit.run_id != run.id:
            what = f"is {audit.state}" if audit.result is None else f"is not of run {run.id}"
            raise BadInputError(
                f"Audit {audit_id} {what}. Name a complete audit of run {run.id}, or none for the newest.",
                code="wrong-audit",
            )
        return audit
    newest = store.audits.list(states=("complete",), run_id=run.id, limit=1)
    return store.audits.get(newest[0].id) if newest else None


def _verdict(store: Store, run: RunRecord, result: RunResult, audit: AuditRecord | None) -> tuple[Verdict, str]:
    """Return the verdict on a run, and how to audit it."""
    verdict = run_verdict(result) if audit is None else verdict_of_audit(store, audit)
    why_not = why_no_audit(store, run.dataset_id, run.id)
    if why_not:
        return verdict, why_not[:1].lower() + why_not[1:].rstrip(".")
    return verdict, f"facepriv audit --run {run.id}, or the button on the page of run {run.id}"


def _first_page(verdict: Verdict, audit_with: str = "", *, changed: bool, signed_for: str) -> dict[str, Any]:
    """Return what stands on the first page of a report: verdict, what was not tried, recommendation, place to sign."""
    return {
        "verdict": verdict.sentence,
        "level": verdict.level,
        "symbol": verdict.symbol,
        "limits": verdict.limits,
        "recommendation": recommendation(verdict, "images", changed=changed, audit_with=audit_with),
        "signed_for": signed_for,
    }


def _run_sections(
    store: Store, run: RunRecord, result: RunResult, audit: AuditRecord | None, dataset: DatasetRecord, faces: int
) -> Iterator[Section]:
    leak = None if audit is None else audit.result
    yield sections.findings_section(headline(result, run.guide) if leak is None else findings_of(leak))
    yield from _dataset_sections(store, dataset, f"{run.images:,} in this run")
    yield sections.method_section(run.spec, result)
    if leak is not None:
        yield sections.policy_section(leak)
        yield sections.leak_section(leak, dataset.identities)
    yield sections.classifiers_section(result)
    yield sections.recognition_section(result, audit)
    yield sections.failures_section(result, leak)
    yield sections.not_tested_section(leak)
    yield sections.risk_section(result, leak)
    yield _models((run.spec.detector, *run.spec.classifiers, *run.spec.matchers), audit)
    yield sections.repeat_section(_repeat_rows(store, run, audit))
    yield sections.glossary_section()
    if faces:
        yield Section("Faces before and after", tuple(_faces(store, run, dataset, faces)))


def _dataset_sections(store: Store, dataset: DatasetRecord, used: str) -> Iterator[Section]:
    sheet = shown_datasheet(dataset)
    yield sections.purpose_section(sheet, [title for title, text in sheet.items() if text == NOT_STATED])
    counts, imported = store.datasets.counts(dataset.id), _day(dataset.created_at)
    yield sections.images_section(dataset, counts, used, imported, why_not_matched(dataset))


def _models(refs: Sequence[ModelRef], audit: AuditRecord | None) -> Section:
    return sections.models_section(refs, {status.card.name: status.card for status in list_models()}, audit)


def _repeat_rows(store: Store, run: RunRecord, audit: AuditRecord | None) -> dict[str, str]:
    rows = {
        "Run": f"{run.id}, created {run.created_at:%Y-%m-%d %H:%M} UTC",
        "SHA-256 of the run (spec and result)": result_sha256(store, run.id, None),
        "Data set's contents": run.spec.dataset.content_sha256,
        "Seed of the run": sections.WITHHELD if _has_policy(store, run.id) else seed(run.spec),
        "facepriv": run.spec.facepriv_version,
        "Libraries": ", ".join(f"{name} {version}" for name, version in run.spec.libraries.items()),
    }
    if audit is not None:
        rows |= _audit_rows(store, audit)
        rows["SHA-256 that a sign-off of both names"] = result_sha256(store, run.id, audit.id)
    return rows


def _has_policy(store: Store, run_id: int) -> bool:
    """Return whether any audit of a run, reported or not, chose to perturb a part of its images."""
    audits = store.audits.list(states=("complete",), run_id=run_id)
    return any(_reveals_policy(store.audits.get(audit.id)) for audit in audits)


def _reveals_policy(audit: AuditRecord) -> bool:
    policy = None if audit.result is None else audit.result.policy
    return policy is not None and 0 < policy.p < 1


def _audit_rows(store: Store, audit: AuditRecord) -> dict[str, str]:
    return {
        "Audit": f"{audit.id}, created {audit.created_at:%Y-%m-%d %H:%M} UTC",
        "SHA-256 of the audit (spec and result)": result_sha256(store, None, audit.id),
        "Seed of the audit": sections.WITHHELD if _reveals_policy(audit) else str(audit.spec.seed),
        "facepriv of the audit": audit.spec.facepriv_version,
    }


def _faces(store: Store, run: RunRecord, dataset: DatasetRecord, most: int) -> Iterator[Block]:
    images = {image.id: image for image in store.datasets.images(dataset.id, ids=run.spec.image_ids)}
    pairs = [
        (images[outcome.image_id], outcome)
        for outcome in store.runs.run_images(run.id)
        if outcome.artifact_sha256 is not None and images[outcome.image_id].artifact_sha256 is not None
    ]
    withheld = find_withheld(store, dataset, [image for image, _ in pairs], [outcome for _, outcome in pairs])
    allowed = [pair for pair in pairs if pair[0].id not in withheld]
    if len(allowed) < len(pairs):
        left_out = count(len(pairs) - len(allowed), "image")
        yield Text(f"{left_out} left out, because the terms of the data set forbid showing them.", "note")
    chosen = [allowed[i * len(allowed) // most] for i in range(most)] if len(allowed) > most else allowed
    pictures = []
    for number, (image, outcome) in enumerate(chosen, start=1):
        for sha256, phase in ((image.artifact_sha256, "before"), (outcome.artifact_sha256, "after")):
            assert sha256 is not None
            pictures.append(Picture(_face_png(store, sha256, image.box), f"{number}, {phase}"))
    yield Gallery(tuple(pictures))


def _face_png(store: Store, sha256: str, box: tuple[int, int, int, int] | None) -> bytes:
    """Return the face of a stored image with some margin, at most `FACE_HEIGHT` high, as PNG."""
    import cv2

    pixels = stored_pixels(store.artifacts, sha256)
    if box is not None:
        left, top, right, bottom = box
        margin = (right - left) // 4
        height, width = pixels.shape[:2]
        rows = slice(max(0, top - margin), min(height, bottom + margin))
        pixels = pixels[rows, max(0, left - margin) : min(width, right + margin)]
    if pixels.shape[0] > FACE_HEIGHT:
        size = (max(1, round(pixels.shape[1] * FACE_HEIGHT / pixels.shape[0])), FACE_HEIGHT)
        pixels = cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    return encode_png(np.ascontiguousarray(pixels))


def _day(moment: datetime | None) -> str:
    return "–" if moment is None else f"{moment:%Y-%m-%d}"


def export_report(
    store: Store,
    run_id: int | None = None,
    *,
    audit_id: int | None = None,
    protection_id: int | None = None,
    faces: int = 0,
    actor: Actor,
) -> str:
    """Return the report's page, and record it in the access log; parameters and errors as for `write_report`."""
    return to_html(_recorded(store, run_id, audit_id, protection_id, faces, actor))


def _recorded(
    store: Store, run_id: int | None, audit_id: int | None, protection_id: int | None, faces: int, actor: Actor
) -> Report:
    if protection_id is not None:
        report, about = report_of_protection(store, protection_id, footer=_FOOTER), f"protection {protection_id}"
    else:
        report = report_for(store, run_id, audit_id, faces=faces)
        about = f"audit {audit_id}" if run_id is None else f"run {run_id}"
    store.access.record(actor, "report-made", about, f"with {count(faces, 'pair')} of faces" if faces else "")
    return report


def write_report(
    store: Store,
    run_id: int | None = None,
    *,
    audit_id: int | None = None,
    protection_id: int | None = None,
    faces: int = 0,
    html: Path | None = None,
    pdf: Path | None = None,
    csv: Path | None = None,
    figures: Path | None = None,
    format: ImageFormat = "svg",
    actor: Actor,
) -> tuple[list[str], dict[str, Any]]:
    """Make the report of a complete run, audit of a data set as it is, or protection, and write the parts asked for.

    Parameters
    ----------
    run_id
        None for the audit of a data set as it is, and for a protection; these have no faces to show.
    audit_id, faces
        As for `report_of`.
    protection_id
        The trial of a protection to report, as `report_of_protection` does.
    html, pdf
        Files for the page, and for the page as it is printed.
    csv, figures
        Folders for tables and for figures of this format.
    actor
        Who asked, for the access log.

    Returns
    -------
    list of str, dict
        Sentences on where each part is, and the report as plain values of schema ``facepriv.report/1``.

    Raises
    ------
    UnknownNameError, BadInputError
        As `report_of` or `report_of_protection`; with code ``cannot-write`` where something cannot be written.
    ModelUnavailableError
        If figures or a PDF are asked for and there is no browser to draw them.
    """
    report = _recorded(store, run_id, audit_id, protection_id, faces, actor)
    sentences = []
    if html is not None:
        write_page(report, html)
        sentences.append(f"Wrote the report to {html}; it works offline.")
    if pdf is not None:
        write_pdf(report, pdf)
        sentences.append(f"Wrote the report to {pdf}.")
    if csv is not None:
        sentences.append(f"Wrote {count(len(write_tables(report, csv)), 'table')} to {csv}.")
    if figures is not None:
        sentences.append(f"Wrote {count(len(write_figures(report, figures, format)), 'figure')} to {figures}.")
    return sentences, to_json(report)
