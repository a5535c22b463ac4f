"""Release protected templates: the file, a manifest, the map for production, and the key apart from them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import facepriv
from facepriv.audit.templates.template_sets import join
from facepriv.datasets.templates.writing import WRITERS, write_templates
from facepriv.errors import BadInputError
from facepriv.exported_files import defused, open_private
from facepriv.policy.selection import new_key
from facepriv.presentation.protection_findings import FMR, NOT_COVERED
from facepriv.protect.base import FittedProtection
from facepriv.protect.fitted_file import save_fitted
from facepriv.protect.onnx_export import export_onnx
from facepriv.protect.registry import make_protection
from facepriv.schemas.protections import ProtectionResult, ProtectionSpec
from facepriv.schemas.templates import TemplateAudit
from facepriv.services.releases.key_file import choose_key_file, read_key_file, write_new_key_file
from facepriv.services.releases.output_folder import output_folder
from facepriv.store import ProtectionRecord, Store
from facepriv.types import Actor, Templates

TEMPLATES, MANIFEST, MAP, MAP_ONNX = "templates", "manifest.json", "map.npz", "map.onnx"
KEY_SCHEMA = "facepriv.protection-key/1"
KEY_SUFFIX = ".protection-key.json"
DEFAULT_FORMAT = ".npz"
_LOGGED = "templates-protected"
_MOST_LINES = 1000


@dataclass(frozen=True)
class ProtectedRelease:
    """What was written where."""

    folder: Path
    file: Path
    templates: int
    key_file: Path | None
    """None where the protection needs no key."""


def read_key(file: Path) -> bytes:
    """Read the key of an earlier release; raises BadInputError, code ``not-a-key``, if there is none in the file."""
    return read_key_file(file, KEY_SCHEMA, "an earlier release of protected templates")


def fit_for_release(store: Store, spec: ProtectionSpec) -> FittedProtection:
    """Fit the protection of a trial to all labelled people of its set, and to those of the set to fit on, if any."""
    own = store.template_sets.read(spec.templates.id)
    chosen = spec.tried[0]
    lesson = own
    if spec.fit_on is not None:
        lesson = join(_apart(own, "0"), _apart(store.template_sets.read(spec.fit_on.id), "1"))
    return make_protection(chosen.name, chosen.parameters).fit(lesson, seed=spec.seed)


def protect_templates(fitted: FittedProtection, templates: Templates, key: bytes | None) -> NDArray[np.float32]:
    """Return the protected rows ``(n, d)`` of a whole set; raises BadInputError as `FittedProtection.protect`."""
    labels = templates.labels if fitted.card.label_at_enrolment == "label" else None
    return fitted.protect(templates.rows, templates.subjects, key=key, labels=labels)


def write_protected(
    store: Store,
    number: int,
    folder: Path,
    *,
    actor: Actor,
    suffix: str | None = None,
    key: bytes | None = None,
    key_file: Path | None = None,
) -> ProtectedRelease:
    """Protect all templates of a complete trial's set and write them into a new or empty folder.

    The released file has records and subjects as they came and no labels. Whoever applies ``map.npz`` or ``map.onnx``
    with the key gets the same templates.

    Parameters
    ----------
    actor
        Who asked, for the access log.
    suffix
        ``.npz``, ``.csv`` or ``.parquet``; by default as the set came.
    key
        An earlier release's key (`read_key`), so that its people keep their draws; by default a new one.
    key_file
        Where the key goes, a new file with mode 0600; by default beside the folder.

    Raises
    ------
    BadInputError
        If the trial is not complete (``protection-not-complete``), the folder holds something, the key file exists
        (``key-exists``) or would be released (``key-in-release``), a label is missing that the protection needs
        (``no-label``), or a file cannot be written.
    """
    record = store.protections.get(number)
    result = record.result
    if result is None:
        raise BadInputError(
            f"A complete trial was expected, but protection {number} is {record.state}; wait for its end, or choose "
            "another.",
            code="protection-not-complete",
        )
    spec = record.spec
    templates = store.template_sets.read(spec.templates.id)
    fitted = fit_for_release(store, spec)
    secret = (new_key() if key is None else key) if fitted.card.keyed else None
    target = None if secret is None else choose_key_file(folder, key_file, KEY_SUFFIX)
    end = suffix or _suffix_of(store, spec)
    with output_folder(folder, (MANIFEST, MAP, MAP_ONNX, TEMPLATES + end)):
        store.access.record(actor, _LOGGED, _subject(number), f"template set {spec.templates.id}")
        rows = protect_templates(fitted, templates, secret)
        file = folder / (TEMPLATES + end)
        write_templates(replace(templates, rows=rows, labels=np.zeros(len(rows), np.int8)), file)
        save_fitted(fitted, folder / MAP)
        export_onnx(fitted, folder / MAP_ONNX)
        manifest = _manifest(record, result, fitted, templates, file)
        if end == ".csv" and any(defused(name) != name for name in (*templates.records, *templates.subjects)):
            manifest["escaped"] = "Names in the CSV that look like formulas begin with one apostrophe more."
        content = json.dumps(manifest, indent=2) + "\n"
        with open_private(folder / MANIFEST, encoding="utf-8") as stream:
            stream.write(content)
        if secret is not None and target is not None:
            write_new_key_file(target, key_content(secret, spec), of=folder)
    store.releases.add(
        template_set_id=spec.templates.id,
        about=_subject(number),
        policy=f"all templates, by {fitted.card.name}",
        items=len(rows),
        manifest_sha256=hashlib.sha256(content.encode()).hexdigest(),
        verdict=manifest["judged"]["verdict"],
        released_by=actor.name,
    )
    return ProtectedRelease(folder, file, len(rows), target)


def days_of_release(store: Store, number: int) -> list[date]:
    """Return on which days a trial's templates were released, as the access log has it, oldest first."""
    since = store.protections.get(number).created_at
    lines = store.access.list(action=_LOGGED, limit=_MOST_LINES)
    return sorted(line.at.date() for line in lines if line.subject == _subject(number) and line.at >= since)


def _subject(number: int) -> str:
    return f"protection {number}"


def _apart(templates: Templates, whose: str) -> Templates:
    """Return templates whose people have names of their own set's, so that namesakes of two sets stay two people."""
    return replace(templates, subjects=np.char.add(f"{whose} ", templates.subjects.astype(np.str_)))


def _suffix_of(store: Store, spec: ProtectionSpec) -> str:
    """Return the format in which a set came, as far as it can be written."""
    came = f".{store.template_sets.get(spec.templates.id).reader}"
    return came if came in WRITERS else DEFAULT_FORMAT


def _manifest(
    record: ProtectionRecord, result: ProtectionResult, fitted: FittedProtection, templates: Templates, file: Path
) -> dict[str, Any]:
    """Return what whoever receives the templates should know; nothing in it depends on the key."""
    chosen, card = result.chosen, fitted.card
    with file.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return {
        "schema": "facepriv.protected-templates/1",
        "facepriv_version": facepriv.__version__,
        "file": file.name,
        "sha256": sha256,
        "templates": len(templates.rows),
        "width": templates.rows.shape[1],
        "metric": templates.metric,
        "matcher": templates.matcher,
        "matcher_version": templates.version,
        "protection": card.name,
        "parameters": chosen.parameters,
        "keyed": card.keyed,
        "label_at_enrolment": card.label_at_enrolment,
        "probes": card.probes,
        "undone_by": card.undone_by,
        "protection_id": record.id,
        "judged": {
            "worst_attacker": chosen.worst.model_dump(mode="json"),
            "fnmr_loss_at_fmr_0.1_percent": chosen.fnmr_loss,
            "thresholds_at_fmr_0.1_percent": _thresholds(chosen),
            "unlinkability": chosen.matching.unlinkability,
            "people": chosen.people,
            "verdict": result.verdict,
        },
        "not_covered": list(NOT_COVERED),
    }


def _thresholds(audit: TemplateAudit) -> dict[str, float | None]:
    """Return the threshold of untouched templates, and those that protected ones need."""
    errors = audit.matching.errors_at(FMR)
    if errors is None:
        return {}
    return {"untouched": errors.threshold} | {str(which): value for which, value in errors.own_threshold.items()}


def key_content(key: bytes, spec: ProtectionSpec) -> dict[str, Any]:
    """Return what a key file holds."""
    return {
        "schema": KEY_SCHEMA,
        "warning": "Who holds this file can tell what was drawn for each person. Keep it apart from the release.",
        "key": key.hex(),
        "template_set_sha256": spec.templates.rows_sha256,
        "protection": spec.method,
    }
