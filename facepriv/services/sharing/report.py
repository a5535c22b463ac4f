"""A run, and the audit of it, as a report for a data protection impact assessment.

Nothing in it names a person or shows a face unless faces were asked for; the seeds from which a policy's choices follow
are left out where there is a policy to betray.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

import facepriv
from facepriv.charts.dataset import class_balance
from facepriv.charts.gender import gender_error_bars
from facepriv.charts.matching import det, match_score_histograms
from facepriv.charts.policy import attacker_curves, leak_bars, utility_curve
from facepriv.charts.rates import survival_bars
from facepriv.errors import BadInputError
from facepriv.imaging.png import encode_png
from facepriv.measures.stored_faces import stored_pixels
from facepriv.presentation import audit_tables
from facepriv.presentation import run_tables as tables
from facepriv.presentation.verdict import GUESSING
from facepriv.registry import VALUE
from facepriv.report.document import Block, Bullets, Figure, Gallery, Picture, Report, Row, Section, Table, Text
from facepriv.report.files import ImageFormat, write_figures, write_page, write_tables
from facepriv.report.html import to_html
from facepriv.schemas.audits import AuditResult
from facepriv.schemas.base import ModelRef
from facepriv.schemas.runs import STOP_TITLES, RunResult, RunSpec
from facepriv.services.audits.preparing import audit_document
from facepriv.services.datasets.datasheets import NOT_STATED, shown_datasheet
from facepriv.services.datasets.identities import why_not_matched
from facepriv.services.datasets.terms import find_withheld
from facepriv.services.models.catalogue import list_models
from facepriv.services.releases.export import run_document
from facepriv.store import AuditRecord, DatasetRecord, RunRecord, Store
from facepriv.types import GENDER
from facepriv.wording import count, listed, match_rate, percent

FACE_HEIGHT = 200
"""Pixels of a face shown, at most."""
MOST_FACES = 24
NO_AUDIT = 0
WITHHELD = "withheld: with it one could tell which images were perturbed"


_FOOTER = (
    "Gender is binary here only because the labels and the classifiers are. A label is what the data set says, not who "
    f"a person is. Written by facepriv {facepriv.__version__}."
)
_SAME_BYTES = "Same spec, same images and same libraries on the same kind of processor give the same bytes."


def report_of(store: Store, run_id: int, *, audit_id: int | None = None, faces: int = 0) -> Report:
    """Make the report of a complete run.

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
            f"A report shows at most {MOST_FACES} pairs of faces, but {faces} were asked for; "
            "`facepriv export` hands out all.",
            code="too-many-faces",
        )
    run_document(store, run_id)  # says why a run that is not complete has no report
    run = store.runs.get(run_id)
    result = run.result
    assert result is not None
    audit = _audit_of(store, run, audit_id)
    dataset = store.datasets.get(run.dataset_id)
    found = None if audit is None else audit.result
    return Report(
        title=f"Gender privacy of {dataset.name}",
        subtitle=f"Run {run.id}: {run.method} guided by {listed([guide.name for guide in run.spec.guides])}, "
        f"{count(run.images, 'image')}; finished {_day(run.finished_at)}.",
        verdict=_verdict(run, result, found),
        figures=_figures(run, result, found),
        sections=tuple(_sections(store, run, result, audit, dataset, faces)),
        footer=_FOOTER,
    )


def report_of_audit(store: Store, audit_id: int) -> Report:
    """Make the report of a complete audit of a data set as it is, which no run has changed.

    Raises
    ------
    UnknownNameError
        If there is no such audit.
    BadInputError
        If it is not complete (code ``audit-not-complete``), or of a run (``wrong-audit``): `report_of` tells of both.
    """
    audit, found = _audit_as_it_is(store, audit_id)
    dataset = store.datasets.get(audit.dataset_id)
    return Report(
        title=f"Gender privacy of {dataset.name}",
        subtitle=f"Audit {audit.id} of the images as they are, {count(found.images, 'image')}; finished "
        f"{_day(audit.finished_at)}.",
        verdict=found.verdict,
        figures=_bounds(found),
        sections=(
            Section("Purpose and legal basis", tuple(_purpose(dataset))),
            Section("The images", tuple(_images(store, dataset, f"{found.images:,} audited"))),
            Section("What attackers learn", tuple(_leak(found, dataset))),
            Section("Attacks that were not tested", tuple(_not_tested(found))),
            Section("Residual risk", (Bullets(_audit_risks(found)),)),
            Section("Models", tuple(_models((*audit.spec.classifiers, *audit.spec.matchers), audit))),
            Section("How to repeat it", (Table("repeat", "", _audit_rows(store, audit)), Text(_SAME_BYTES, "note"))),
        ),
        footer=_FOOTER,
    )


def report_for(store: Store, run_id: int | None, audit_id: int | None, *, faces: int = 0) -> Report:
    """Make the report of a run, of a run with an audit of it, or of an audit of a data set as it is.

    Raises
    ------
    UnknownNameError, BadInputError
        As `report_of` and `report_of_audit`.
    """
    if run_id is not None:
        return report_of(store, run_id, audit_id=audit_id or NO_AUDIT, faces=faces)
    return report_of_audit(store, audit_id or 0)


def check_reportable(store: Store, run_id: int | None, audit_id: int | None) -> None:
    """Raise what `report_for` would for want of something complete, without the work of making a report."""
    if run_id is None:
        _audit_as_it_is(store, audit_id or 0)
        return
    run_document(store, run_id)
    _audit_of(store, store.runs.get(run_id), audit_id or NO_AUDIT)


def _audit_as_it_is(store: Store, audit_id: int) -> tuple[AuditRecord, AuditResult]:
    audit_document(store, audit_id)  # says why an audit that is not complete has no report
    audit = store.audits.get(audit_id)
    assert audit.result is not None
    if audit.run_id is not None:
        raise BadInputError(
            f"An audit of a data set as it is was expected, but audit {audit_id} is of run {audit.run_id}; make the "
            "report of that run.",
            code="wrong-audit",
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
                f"A complete audit of run {run.id} was expected, but audit {audit_id} {what}; name another, or leave "
                "it out for the newest.",
                code="wrong-audit",
            )
        return audit
    newest = store.audits.list(states=("complete",), run_id=run.id, limit=1)
    return store.audits.get(newest[0].id) if newest else None


def _verdict(run: RunRecord, result: RunResult, audit: AuditResult | None) -> str:
    if audit is not None:
        return audit.verdict
    return (
        f"{tables.headline(result, run.guide)} What an attacker learns who adapts to the perturbation is not known: "
        f"no audit was made of this run (facepriv audit {run.dataset_name} --run {run.id})."
    )


def _figures(run: RunRecord, result: RunResult, audit: AuditResult | None) -> dict[str, str]:
    found = {} if audit is None else _bounds(audit)
    error = result.gender_error.get(run.guide) or result.attribute_error.get(run.guide)
    if error is None:
        found[f"Turned by {run.guide}"] = percent(result.flipped.all)
    else:
        what = "Gender error" if result.attribute == GENDER else "Error"
        found[f"{what} of {run.guide}, before"] = percent(error.before.all)
        found[f"{what} of {run.guide}, after"] = percent(error.after.all)
    for name, phases in result.matching.items():
        found[f"FNMR of {name} at FMR 0.1 %, old against new images"] = match_rate(phases.cross.fmr1000)
    found["Failures"] = f"{result.failures.total:,} of {count(result.images, 'image')}"
    return found


def _bounds(audit: AuditResult) -> dict[str, str]:
    titles = {one.name: audit_tables.condition_title(one) for one in audit.conditions}
    return {f"Worst attacker's upper bound, {titles[one.condition]}": percent(one.upper) for one in audit.headlines}


def _sections(
    store: Store,
    run: RunRecord,
    result: RunResult,
    audit: AuditRecord | None,
    dataset: DatasetRecord,
    faces: int,
) -> Iterator[Section]:
    found = None if audit is None else audit.result
    yield Section("Purpose and legal basis", tuple(_purpose(dataset)))
    yield Section("The images", tuple(_images(store, dataset, f"{run.images:,} in this run")))
    yield Section("What was done to them", tuple(_method(run.spec, result)))
    if found is not None:
        yield Section("Policy", tuple(_policy(found)))
        yield Section("What attackers learn", tuple(_leak(found, dataset)))
    yield Section("Gender classifiers", tuple(_classifiers(result)))
    yield Section("Recognition", tuple(_recognition(result, audit)))
    yield Section("Failures", tuple(_failures(result, found)))
    yield Section("Attacks that were not tested", tuple(_not_tested(found)))
    yield Section("Residual risk", (Bullets(_risks(result, found)),))
    spec = run.spec
    yield Section("Models", tuple(_models((spec.detector, *spec.classifiers, *spec.matchers), audit)))
    yield Section("How to repeat it", tuple(_repeat(store, run, audit)))
    if faces:
        yield Section("Faces before and after", tuple(_faces(store, run, dataset, faces)))


def _purpose(dataset: DatasetRecord) -> Iterator[Block]:
    said = shown_datasheet(dataset)
    yield Table("purpose", "", [{"": title, "As entered": text} for title, text in said.items()])
    missing = [title for title, text in said.items() if text == NOT_STATED]
    if missing:
        yield Text(f"Whoever is responsible has not stated: {listed(missing).lower()}.", "note")


def _images(store: Store, dataset: DatasetRecord, judged: str) -> Iterator[Block]:
    counts = store.datasets.counts(dataset.id)
    failed = sum(counts.failures.values())
    yield Table(
        "images",
        "",
        [
            {"": "Data set", "What": dataset.name},
            {"": "Imported", "What": _day(dataset.created_at)},
            # Not why: that names files, and they may name people.
            {"": "Read as", "What": dataset.reader},
            {
                "": "Images",
                "What": f"{counts.images:,} of {count(counts.subjects, 'subject')}; {judged}",
            },
            {"": "Notes on what was left out at import", "What": f"{sum(counts.problems.values()):,}"},
        ],
    )
    why = why_not_matched(dataset)
    if why is not None:
        yield Text(why, "warning")
    balance = {"female": counts.labels.get(-1, 0), "male": counts.labels.get(1, 0)}
    if counts.labels.get(None):
        balance["unlabelled"] = counts.labels[None]
    alt = "Images by label: " + ", ".join(f"{name} {number:,}" for name, number in balance.items())
    yield Figure("labels", "Images by label", alt, class_balance(balance))
    if failed:
        yield Table(
            "no-face",
            "Images without a usable face",
            [{"Reason": reason, "Images": f"{images:,}"} for reason, images in counts.failures.items()],
        )


def _method(spec: RunSpec, result: RunResult) -> Iterator[Block]:
    kind = {"unnoticeable": "a person is not meant to notice it", "visible": "a person is meant to see it"}
    yield Table(
        "method",
        "",
        [
            {"": "Method", "What": spec.method + ("" if result.kind is None else f"; {kind[result.kind]}")},
            {"": "Guides", "What": listed([guide.name for guide in spec.guides])},
            *([{"": "Kept", "What": listed([kept.name for kept in spec.keep])}] if spec.keep else []),
            # The detector's own are no news.
            *([] if spec.landmarker is None else [{"": "Landmarks", "What": spec.landmarker.name}]),
            {"": "Heeded matchers", "What": listed([guard.name for guard in spec.guards]) or "none"},
            {"": "Parameters", "What": tables.changed_parameters(spec)},
        ],
    )
    yield Table("quality", "Change of the images", tables.quality_rows(result))
    yield Table("effort", "What it took", tables.effort_rows(result))
    if result.learned:
        yield Table("learned", "Learnt first", tables.learned_rows(result))


def _policy(found: AuditResult) -> Iterator[Block]:
    if found.policy is None:
        yield Text("No policy was audited: every image is released as it is, or every image perturbed.")
        return
    yield Text(found.policy.sentence)
    by = {"image": "each image for itself", "subject": "all images of a subject together"}
    yield Table(
        "policy",
        "",
        [
            {"": "Share of images perturbed", "What": f"p = {percent(found.policy.p)}"},
            {"": "Drawn", "What": by[found.policy.select_by]},
            {"": "Chosen", "What": "by the audit" if found.policy.automatic else "by the auditor"},
            {"": "Against", "What": listed(found.policy.against) or "all attackers"},
        ],
    )
    yield Text(
        "Which images are perturbed follows from a secret key; neither the key nor the list is in this report.", "note"
    )


DRAWN = {
    "people": "take people, not images, as drawn at random",
    "groups": "take the data set's groups, which may hold several people, as drawn at random",
    "none": "take images as drawn at random, since the data set does not say who is on them; images of one person may "
    "be learnt from and judged alike, so that attackers look better than they are",
}
"""What intervals rest on, by what a data set's subjects are."""


def _leak(found: AuditResult, dataset: DatasetRecord) -> Iterator[Block]:
    worst = "; ".join(
        f"{one.condition}: {one.attacker} is right in {percent(one.accuracy)}, at most {percent(one.upper)}"
        for one in found.headlines
    )
    yield Text(
        f"Audited: {count(found.images, 'image')} of {count(found.subjects, 'subject')} "
        f"({count(found.female_subjects, 'subject')} labelled female, {count(found.male_subjects, 'subject')} labelled "
        f"male). {percent(GUESSING)} is guessing; there is 1 bit to learn. Intervals are of 95 % and "
        f"{DRAWN[dataset.identities]}."
    )
    if found.conditions:
        alt = f"Accuracy of every attacker with its 95 % interval. The worst: {worst}"
        yield Figure("leak", "How often each attacker is right", alt, leak_bars(found.conditions))
    for one in found.conditions:
        title = audit_tables.condition_title(one)
        yield Table(f"leak-{one.name}", f"Images released: {title}", audit_tables.attack_rows(one.attacks))
    if found.curve:
        p = None if found.policy is None else found.policy.p
        alt = "Accuracy of every attacker by the share of images perturbed, as in the table"
        yield Figure(
            "proportion", "How often each attacker is right, by share perturbed", alt, attacker_curves(found.curve, p)
        )
        yield Table("proportion", "", audit_tables.curve_rows(found))
    yield Table("left-out", "Images that were not audited", audit_tables.left_out_rows(found))


def _classifiers(result: RunResult) -> Iterator[Block]:
    if result.attribute_error:
        title = "Error on other attributes, on the stored files"
        yield Table("attribute-error", title, tables.attribute_error_rows(result))
    if result.attribute_changes:
        title = "Verdicts that were not to be turned"
        yield Table("attribute-changes", title, tables.attribute_change_rows(result))
    if result.gender_error:
        yield Table("gender-error", "Gender error, on the stored files", tables.gender_error_rows(result))
        alt = "Gender error of each classifier before and after, by label, as in the table"
        yield Figure("gender-error", "Gender error before and after", alt, gender_error_bars(result.gender_error))
    yield Table("flips", "Flips that last", tables.survival_rows(result))
    alt = "Share of images flipped in the file and in versions of it, as in the table"
    yield Figure("flips", "Flips that last", alt, survival_bars(result.flips()))
    yield Table(
        "stops",
        "Why perturbing ended",
        [
            {"Reason": STOP_TITLES.get(stop, stop), "Images": f"{images:,}"}
            for stop, images in sorted(result.stops.items(), key=lambda one: -one[1])
        ],
    )


def _recognition(result: RunResult, audit: AuditRecord | None) -> Iterator[Block]:
    if not result.matching:
        yield Text("The run was made without a matcher, so nothing is known about recognition.", "warning")
    else:
        yield Table("matching", "Before, after, and old images against new ones", tables.matching_rows(result))
        for sentence in tables.sampling_notes(result):
            yield Text(sentence, "note")
    for name, phases in result.matching.items():
        alt = f"DET curves of {name} before, after and across; error rates as in the table"
        yield Figure(f"det-{name}", f"DET of {name}", alt, det(phases, name))
        alt = f"Genuine and impostor scores of {name}, before, after and across, in the same bins"
        yield Figure(f"scores-{name}", f"Scores of {name}", alt, match_score_histograms(phases, name))
    if audit is not None and audit.result is not None and audit.result.utility:
        found = audit.result
        yield Table("utility", "On the database that the policy mixes", audit_tables.utility_rows(found))
        figure = utility_curve(
            found.utility, audit.spec.most_fnmr_loss, p=None if found.policy is None else found.policy.p
        )
        yield Figure("utility", "FNMR at FMR 0.1 % by share perturbed", "As in the table above", figure)
        yield Table("utility-change", "Cost to matching", audit_tables.change_rows(found))


def _failures(result: RunResult, audit: AuditResult | None) -> Iterator[Block]:
    if result.failures.total == 0:
        yield Text(f"None: all {count(result.images, 'image')} were perturbed and judged.")
    else:
        yield Table(
            "failures",
            f"{result.failures.total:,} of {count(result.images, 'image')}",
            [{"Reason": reason, "Images": f"{n:,}"} for reason, n in result.failures.by_reason.items()],
        )
        yield Text("Which images failed is not told here, since their names may name people.", "note")
    if audit is not None and audit.not_perturbed:
        yield Text(
            f"{count(audit.not_perturbed, 'image')} could not be perturbed and can only be released as before: who "
            "finds out which they are has their gender.",
            "warning",
        )


def _not_tested(audit: AuditResult | None) -> Iterator[Block]:
    if audit is None:
        yield Text("No attacker was tried: this run was not audited.", "warning")
        return
    yield Text("These attackers may learn more; no figure here covers them.")
    yield Bullets(audit.not_tried)


def _risks(result: RunResult, audit: AuditResult | None) -> list[str]:
    risks = list(tables.limits(result))
    if audit is not None:
        risks += _audit_risks(audit)
        templates = [
            attack
            for c in audit.conditions
            for attack in c.attacks
            if attack.attacker == "template" and c.name != "untouched"
        ]
        worst = max(templates, key=lambda attack: attack.accuracy.value or 0.0, default=None)
        if worst is not None and worst.accuracy.value is not None:
            risks.append(
                "Templates that a matcher computes from the released images tell gender too: an attacker who has them "
                f"is right in {audit_tables.between(worst.accuracy)} of cases."
            )
    return risks


def _audit_risks(audit: AuditResult) -> list[str]:
    risks = []
    for one in audit.headlines:
        if one.upper > GUESSING:
            title = next(audit_tables.condition_title(c) for c in audit.conditions if c.name == one.condition)
            risks.append(
                f"Images released: {title}. An attacker like “{one.attacker}” may be right in up to "
                f"{percent(one.upper)} of cases."
            )
    return risks


def _models(refs: Sequence[ModelRef], audit: AuditRecord | None) -> Iterator[Block]:
    used = {ref.name: ref for ref in refs}
    if audit is not None:
        used |= {ref.name: ref for ref in (*audit.spec.classifiers, *audit.spec.matchers)}
    cards = {status.card.name: status.card for status in list_models()}
    rows: list[Row] = []
    for ref in used.values():
        card = cards.get(ref.name.partition(VALUE)[0])
        rows.append(
            {
                "Model": ref.name,
                "Kind": "–" if card is None else card.kind,
                "Version": ref.version,
                "Licence": "not installed here" if card is None else card.licence,
                "Source": "–" if card is None else card.source,
                "Notes": "–" if card is None else card.notes,
            }
        )
    yield Table("models", "", rows)
    if audit is not None and audit.result is not None and audit.result.baseline:
        baseline = audit_tables.baseline_rows(audit.result)
        yield Table("model-error", "Gender error on the untouched images, by label", baseline)


def _repeat(store: Store, run: RunRecord, audit: AuditRecord | None) -> Iterator[Block]:
    betrays = _has_policy(store, run.id)
    rows: list[Row] = [
        {"": "Run", "What": f"{run.id}, created {run.created_at:%Y-%m-%d %H:%M} UTC"},
        {"": "SHA-256 of the run (spec and result)", "What": run_sha256(store, run.id)},
        {"": "Data set's contents", "What": run.spec.dataset.content_sha256},
        {"": "Seed of the run", "What": WITHHELD if betrays else str(run.spec.seed)},
        {"": "facepriv", "What": run.spec.facepriv_version},
        {"": "Libraries", "What": ", ".join(f"{name} {version}" for name, version in run.spec.libraries.items())},
    ]
    if audit is not None:
        rows += _audit_rows(store, audit)
        signed = result_sha256(store, run.id, audit.id)
        rows.append({"": "SHA-256 that a sign-off of both names", "What": signed})
    yield Table("repeat", "", rows)
    yield Text(_SAME_BYTES, "note")


def _has_policy(store: Store, run_id: int) -> bool:
    """Give whether any audit of a run chose to perturb a part of its images, be it the one that is reported or not."""
    for one in store.audits.list(states=("complete",), run_id=run_id):
        result = store.audits.get(one.id).result
        if result is not None and result.policy is not None and 0 < result.policy.p < 1:
            return True
    return False


def _audit_rows(store: Store, audit: AuditRecord) -> list[Row]:
    choice = None if audit.result is None else audit.result.policy
    betrays = choice is not None and 0 < choice.p < 1
    return [
        {"": "Audit", "What": f"{audit.id}, created {audit.created_at:%Y-%m-%d %H:%M} UTC"},
        {"": "SHA-256 of the audit (spec and result)", "What": audit_sha256(store, audit.id)},
        {"": "Seed of the audit", "What": WITHHELD if betrays else str(audit.spec.seed)},
        {"": "facepriv of the audit", "What": audit.spec.facepriv_version},
    ]


def run_sha256(store: Store, run_id: int) -> str:
    """Return the hash of a complete run's spec and result as they were stored, as JSON with sorted keys."""
    return _sha256(run_document(store, run_id))


def audit_sha256(store: Store, audit_id: int) -> str:
    """Return the hash of a complete audit's spec and result as they were stored, as JSON with sorted keys."""
    return _sha256(audit_document(store, audit_id))


def result_sha256(store: Store, run_id: int | None, audit_id: int | None) -> str:
    """Return the hash that a sign-off refers to: the run's or the audit's own, or of both in hexadecimal, one after the
    other.
    """
    parts = [
        *([] if run_id is None else [run_sha256(store, run_id)]),
        *([] if audit_id is None else [audit_sha256(store, audit_id)]),
    ]
    return parts[0] if len(parts) == 1 else hashlib.sha256("".join(parts).encode("ascii")).hexdigest()


def _sha256(document: BaseModel) -> str:
    # Without what a later version added and nobody stored: what was signed stays what was signed.
    plain = json.loads(document.model_dump_json(by_alias=True, exclude_unset=True))
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _faces(store: Store, run: RunRecord, dataset: DatasetRecord, most: int) -> Iterator[Block]:
    images = {image.id: image for image in store.datasets.images(dataset.id, ids=run.spec.image_ids)}
    pairs = [
        (images[one.image_id], one)
        for one in store.runs.run_images(run.id)
        if one.artifact_sha256 is not None and images[one.image_id].artifact_sha256 is not None
    ]
    withheld = find_withheld(store, dataset, [image for image, _ in pairs], [done for _, done in pairs])
    allowed = [pair for pair in pairs if pair[0].id not in withheld]
    if len(allowed) < len(pairs):
        yield Text(
            f"The terms of the data set forbid showing {count(len(pairs) - len(allowed), 'image')}; they are left out.",
            "note",
        )
    chosen = [allowed[i * len(allowed) // most] for i in range(most)] if len(allowed) > most else allowed
    pictures = []
    for number, (image, done) in enumerate(chosen, start=1):
        assert image.artifact_sha256 is not None
        assert done.artifact_sha256 is not None
        for sha256, phase in ((image.artifact_sha256, "before"), (done.artifact_sha256, "after")):
            pictures.append(Picture(_face_png(store, sha256, image.box), f"{number}, {phase}"))
    yield Gallery(tuple(pictures))


def _face_png(store: Store, sha256: str, box: tuple[int, int, int, int] | None) -> bytes:
    """Cut the face out of a stored image with some room around it, made smaller by whole averaging."""
    import cv2

    pixels = stored_pixels(store.artifacts, sha256)
    if box is not None:
        left, top, right, bottom = box
        room = (right - left) // 4
        height, width = pixels.shape[:2]
        pixels = pixels[max(0, top - room) : min(height, bottom + room), max(0, left - room) : min(width, right + room)]
    if pixels.shape[0] > FACE_HEIGHT:
        size = (max(1, round(pixels.shape[1] * FACE_HEIGHT / pixels.shape[0])), FACE_HEIGHT)
        pixels = cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    return encode_png(np.ascontiguousarray(pixels))


def _day(moment: Any) -> str:
    return "–" if moment is None else f"{moment:%Y-%m-%d}"


def export_report(store: Store, run_id: int | None, *, audit_id: int | None = None, faces: int = 0, actor: str) -> str:
    """Return the report's page, with a line in the access log; parameters and errors as for `write_report`."""
    report = _recorded(store, run_id, audit_id, faces, actor)
    return to_html(report)


def _recorded(store: Store, run_id: int | None, audit_id: int | None, faces: int, actor: str) -> Report:
    if run_id is None:
        report, about = report_of_audit(store, audit_id or 0), f"audit {audit_id}"
    else:
        report, about = report_of(store, run_id, audit_id=audit_id, faces=faces), f"run {run_id}"
    store.access.record(actor, "report-made", about, f"with {count(faces, 'pair')} of faces" if faces else "")
    return report


@dataclass(frozen=True)
class WrittenReport:
    """What was written of a report."""

    sentences: tuple[str, ...]
    """Where each part is."""
    json: dict[str, Any]
    """The report as `report_json` gives it."""


def write_report(
    store: Store,
    run_id: int | None,
    *,
    audit_id: int | None = None,
    faces: int = 0,
    html: Path | None = None,
    csv: Path | None = None,
    figures: Path | None = None,
    format: ImageFormat = "svg",
    actor: str,
) -> WrittenReport:
    """Make the report of a complete run, or of an audit of a data set as it is, and write the parts asked for.

    Parameters
    ----------
    run_id
        None for the audit of a data set as it is; there are no faces to show then.
    audit_id, faces
        As for `report_of`.
    html
        File for the page.
    csv, figures
        Folders for tables and for figures of this format.
    actor
        Who asked, for the access log.

    Raises
    ------
    UnknownNameError, BadInputError
        As `report_of`; with code ``cannot-write`` where something cannot be written.
    ModelUnavailableError
        If figures are asked for and there is nothing to draw them with.
    """
    report = _recorded(store, run_id, audit_id, faces, actor)
    told = []
    if html is not None:
        write_page(report, html, private=bool(faces))
        told.append(f"The report is in {html}; it opens without a network.")
    if csv is not None:
        told.append(f"{count(len(write_tables(report, csv)), 'table')} are in {csv}.")
    if figures is not None:
        told.append(f"{count(len(write_figures(report, figures, format)), 'figure')} are in {figures}.")
    return WrittenReport(tuple(told), report_json(report))


def report_json(report: Report) -> dict[str, Any]:
    """Return a report's words, figures' data and tables as plain values of schema ``facepriv.report/1``."""
    sections = []
    for section in report.sections:
        blocks: list[Mapping[str, Any]] = []
        for block in section.blocks:
            if isinstance(block, Text):
                blocks.append({"text": block.text})
            elif isinstance(block, Bullets):
                blocks.append({"list": list(block.items)})
            elif isinstance(block, Table) and block.rows:
                blocks.append({"table": block.name, "title": block.title, "rows": [dict(row) for row in block.rows]})
            elif isinstance(block, Figure):
                blocks.append({"figure": block.name, "title": block.title, "alt": block.alt})
        sections.append({"title": section.title, "blocks": blocks})
    return {
        "schema": "facepriv.report/1",
        "title": report.title,
        "subtitle": report.subtitle,
        "verdict": report.verdict,
        "figures": dict(report.figures),
        "sections": sections,
        "footer": report.footer,
    }
