"""The verdict on a data set, on a run and on an audit, from what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from facepriv.presentation.verdict import Verdict, audit_verdict, not_attacked, release_verdict, run_verdict
from facepriv.store import AuditRecord, AuditSummary, RunRecord, RunSummary, Store

LOOKED_AT = 20
"""Newest audits of a data set among which its best release is looked for."""
RANK = ("protected", "costly", "uncertain", "exposed", "unknown")
"""Verdicts, the best first."""
MOST_KNOWN = 2000
"""Audits whose verdicts a process keeps: complete ones never change, and reading one takes milliseconds."""


class AuditVerdicts(NamedTuple):
    """What a complete audit found, in short."""

    release: Verdict
    """On what it judged: of a run its release, of a data set its images as they are."""
    untouched: Verdict
    """On the images as they are, which every audit attacks, too."""
    judged: bool
    """Whether gender classifiers judged the images as they are."""


_known: dict[tuple[object, ...], AuditVerdicts] = {}


@dataclass(frozen=True)
class DatasetVerdicts:
    """What is known of a data set."""

    untouched: Verdict
    """On its images as they are."""
    best: Verdict | None
    """On the best release of a run that was audited; None where there is none."""
    best_run: int | None
    audit: int | None
    """The audit that `untouched` is from; None where nobody audited it."""
    best_audit: int | None = None
    """The audit that `best` is from."""


def verdict_of_audit(store: Store, audit: AuditRecord) -> Verdict:
    """Return the verdict on a complete audit: of a run on its release, of a data set on its images as they are."""
    if audit.result is None:
        return not_attacked()
    run = None if audit.run_id is None else store.runs.get(audit.run_id).result
    matching = None if run is None else run.matching
    return audit_verdict(audit.result, most_loss=audit.spec.most_fnmr_loss, matching=matching)


def verdict_of_run(store: Store, run: RunRecord) -> tuple[Verdict, int | None]:
    """Return the verdict on a run by its newest complete audit, and that audit's number.

    Without one, nobody has attacked it; what it cost is known if it is complete.
    """
    newest = store.audits.list(run_id=run.id, states=("complete",), limit=1)
    if newest:
        return verdicts_of_audit(store, newest[0]).release, newest[0].id
    return (not_attacked() if run.result is None else run_verdict(run.result)), None


def verdict_in_list(store: Store, run: RunSummary) -> Verdict | None:
    """Return the verdict on a run for a list of many, without reading the run; None for one that is not complete."""
    if run.state != "complete":
        return None
    newest = store.audits.list(run_id=run.id, states=("complete",), limit=1)
    return verdicts_of_audit(store, newest[0]).release if newest else not_attacked()


def verdict_of_release(run: RunRecord, audit: AuditRecord | None, p: float) -> Verdict:
    """Return the verdict on a run's images of which a proportion ``p``, 0..1, is changed, by an audit of that run."""
    return release_verdict(
        None if audit is None else audit.result,
        p,
        most_loss=None if audit is None else audit.spec.most_fnmr_loss,
        matching=None if run.result is None else run.result.matching,
    )


def verdict_of_results(store: Store, run_id: int | None, audit_id: int | None) -> Verdict:
    """Return the verdict on results that were shared: by exactly this audit, or on a run without one."""
    if audit_id is not None:
        return verdict_of_audit(store, store.audits.get(audit_id))
    result = None if run_id is None else store.runs.get(run_id).result
    return not_attacked() if result is None else run_verdict(result)


def verdicts_of_dataset(store: Store, dataset_id: int, newest: Sequence[AuditSummary] | None = None) -> DatasetVerdicts:
    """Return the verdict on a data set's images as they are, and on the best audited release made of them.

    Every audit judges the untouched images, too; one of the data set as it is counts before one of a run, a newer one
    before an older one. ``newest`` are its newest complete audits, the newest first, where they are known already.
    """
    audits = _newest(store, dataset_id) if newest is None else newest
    of_untouched = _of_untouched(audits)
    latest: dict[int, tuple[Verdict, AuditSummary]] = {}
    for audit in audits:
        if audit.run_id is not None and audit.run_id not in latest:
            latest[audit.run_id] = verdicts_of_audit(store, audit).release, audit
    best = min(latest, key=lambda run: RANK.index(latest[run][0].level), default=None)
    return DatasetVerdicts(
        untouched=not_attacked() if of_untouched is None else verdicts_of_audit(store, of_untouched).untouched,
        best=None if best is None else latest[best][0],
        best_run=best,
        audit=None if of_untouched is None else of_untouched.id,
        best_audit=None if best is None else latest[best][1].id,
    )


def verdict_on_images(store: Store, dataset_id: int) -> tuple[Verdict, int | None]:
    """Return the verdict on a data set's images as they are, and the number of the audit that it is from, if any."""
    first = _of_untouched(_newest(store, dataset_id))
    return (not_attacked(), None) if first is None else (verdicts_of_audit(store, first).untouched, first.id)


def _of_untouched(newest: Sequence[AuditSummary]) -> AuditSummary | None:
    """Return the audit whose figures of the untouched images count: of the data set as it is, else of a run."""
    return next((audit for audit in newest if audit.run_id is None), newest[0] if newest else None)


def _newest(store: Store, dataset_id: int) -> tuple[AuditSummary, ...]:
    return store.audits.list(dataset_id=dataset_id, states=("complete",), limit=LOOKED_AT)


def verdicts_of_audit(store: Store, complete: AuditSummary) -> AuditVerdicts:
    """Return what a complete audit found, in short, read once a process."""
    # Two databases may have an audit of the same number, but not one that began and ended at the same microseconds.
    key = complete.id, complete.dataset_name, complete.started_at, complete.finished_at
    verdicts = _known.get(key)
    if verdicts is None:
        audit = store.audits.get(complete.id)
        if audit.result is None:
            return AuditVerdicts(not_attacked(), not_attacked(), judged=False)
        verdicts = AuditVerdicts(
            verdict_of_audit(store, audit), audit_verdict(audit.result, of="untouched"), bool(audit.result.baseline)
        )
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        _known[key] = verdicts
    return verdicts
