"""What is known of data sets, read in few queries, for their five steps and for the list of all."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from facepriv.config import Settings
from facepriv.presentation.journey import DatasetFacts
from facepriv.presentation.verdict import Verdict, trial_verdict
from facepriv.schemas.studies import StudyResult
from facepriv.services.audits.verdicts import LOOKED_AT, RANK, DatasetVerdicts, verdicts_of_audit, verdicts_of_dataset
from facepriv.services.sharing.signing_off import is_about
from facepriv.store import (
    AuditSummary,
    DatasetRecord,
    ProtectionSummary,
    RemarkRecord,
    ShareRecord,
    Store,
    StudySummary,
)
from facepriv.store.activity import ImageCounts

TRIALS = 5
"""Newest trials on templates of a data set among which the best is looked for."""
MOST_KNOWN = 2000
"""Things read from results that a process keeps; what is complete never changes."""
_known: dict[Hashable, object] = {}
Known = TypeVar("Known")


def facts_of(store: Store, settings: Settings, record: DatasetRecord) -> DatasetFacts:
    """Return what is known of one data set."""
    return _facts(store, settings, [record], record.id)[0]


def facts_of_all(store: Store, settings: Settings, records: Sequence[DatasetRecord]) -> list[DatasetFacts]:
    """Return what is known of several data sets, in their order, with no more queries than for one."""
    return _facts(store, settings, records, None)


def _facts(
    store: Store, settings: Settings, records: Sequence[DatasetRecord], dataset_id: int | None
) -> list[DatasetFacts]:
    activity = store.activity
    images = image_counts(store, records)
    work = activity.work(dataset_id)
    audits = activity.audits(LOOKED_AT, dataset_id)
    studies = activity.studies(dataset_id)
    trials = activity.trials(TRIALS, dataset_id)
    released = activity.releases(dataset_id)
    signed = activity.sign_offs(dataset_id)
    shares = activity.shares(dataset_id)
    now = datetime.now(UTC)
    facts = []
    for record in records:
        newest = audits.get(record.id, ())
        verdicts = verdicts_of_dataset(store, record.id, newest)
        audit = next((each for each in newest if each.id == verdicts.audit), None)
        study = studies.get(record.id)
        tried = trials.get(record.id, ())
        trial, of_trial = _best_trial(store, tried)
        sign_off = signed.get(record.id)
        facts.append(
            DatasetFacts(
                record=record,
                images=images[record.id],
                untouched=verdicts.untouched,
                audit=audit,
                judged=audit is not None and verdicts_of_audit(store, audit).judged,
                best=verdicts.best,
                best_run=verdicts.best_run,
                best_audit=verdicts.best_audit,
                work=work.get(record.id, {}),
                study=study,
                study_result=None
                if study is None or study.state != "complete"
                else _keep(("study", study.id, study.finished_at), partial(_study_result, store, study.id)),
                tried_since=study is not None and _any_since(study, newest, tried),
                trial=trial,
                trial_verdict=of_trial,
                releases=released.get(record.id, ()),
                sign_off=sign_off,
                signed_as_they_are=sign_off is not None and _fits(store, sign_off, verdicts),
                waits_for=_officers(shares.get(record.id, ()), now),
                sign_off_first=settings.release_needs_sign_off,
                today=now.date(),
            )
        )
    return facts


def image_counts(store: Store, records: Sequence[DatasetRecord]) -> dict[int, ImageCounts]:
    """Count the images of data sets, which is done once a process for each as it is."""
    keys = {record.id: ("images", record.id, record.created_at, record.content_sha256) for record in records}
    found = {number: counts for number, key in keys.items() if isinstance(counts := _known.get(key), ImageCounts)}
    new = store.activity.image_counts([number for number in keys if number not in found])
    for number, counts in new.items():
        _remember(keys[number], counts)
    return found | new


def _officers(shares: Sequence[ShareRecord], now: datetime) -> tuple[str, ...]:
    """Return with whom results are shared at present."""
    return tuple(dict.fromkeys(each.officer for each in shares if each.officer is not None and each.is_open(now)))


def _any_since(study: StudySummary, audits: Sequence[AuditSummary], trials: Sequence[ProtectionSummary]) -> bool:
    """Return whether an audit of a run or a trial ended after a study."""
    ended = [audit.finished_at for audit in audits if audit.run_id is not None]
    ended += [trial.finished_at for trial in trials]
    return study.finished_at is not None and any(at is not None and at > study.finished_at for at in ended)


def _fits(store: Store, sign_off: RemarkRecord, verdicts: DatasetVerdicts) -> bool:
    """Return whether a sign-off is for exactly the results that count now: of the best run, else of the images."""
    if verdicts.best_run is not None:
        if (sign_off.run_id, sign_off.audit_id) != (verdicts.best_run, verdicts.best_audit):
            return False
    elif verdicts.audit is not None and sign_off.audit_id != verdicts.audit:
        return False
    key = ("sign-off", sign_off.id, sign_off.at, sign_off.run_id, sign_off.audit_id)
    return bool(_keep(key, partial(is_about, store, sign_off)))


def _best_trial(store: Store, trials: Sequence[ProtectionSummary]) -> tuple[int | None, Verdict | None]:
    """Return the best of some trials with its verdict, of equal ones the newest."""
    known = trial_verdicts(store, trials)
    best = min(known, key=lambda number: RANK.index(known[number].level), default=None)
    return (None, None) if best is None else (best, known[best])


def trial_verdicts(store: Store, trials: Sequence[ProtectionSummary]) -> dict[int, Verdict]:
    """Return the verdicts on complete trials by their numbers, in their order."""
    verdicts = {
        trial.id: _keep(("trial", trial.id, trial.finished_at), partial(_trial_verdict, store, trial.id))
        for trial in trials
    }
    return {number: verdict for number, verdict in verdicts.items() if verdict is not None}


def _study_result(store: Store, number: int) -> StudyResult | None:
    return store.studies.get(number).result


def _trial_verdict(store: Store, number: int) -> Verdict | None:
    trial = store.protections.get(number)
    return None if trial.result is None else trial_verdict(trial.result, trial.spec)


def _keep(key: Hashable, read: Callable[[], Known]) -> Known:
    """Return what was read under a key before, or read it."""
    if key not in _known:
        _remember(key, read())
    return _known[key]  # type: ignore[return-value]


def _remember(key: Hashable, value: object) -> None:
    if len(_known) >= MOST_KNOWN:
        _known.clear()
    _known[key] = value
