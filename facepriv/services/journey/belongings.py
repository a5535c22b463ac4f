"""What belongs to a data set, in short lists: runs, audits, studies, templates, releases, shares."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from facepriv.presentation.formats import short_hash
from facepriv.presentation.help_texts import STATES
from facepriv.presentation.journey import DatasetFacts, Place, verdict_then
from facepriv.presentation.study_verdict import study_symbol
from facepriv.services.audits.verdicts import verdict_in_list, verdicts_of_audit
from facepriv.services.journey.facts import trial_verdicts
from facepriv.services.sharing.shares import about
from facepriv.store import ReleaseRecord, ShareRecord, Store, StudySummary
from facepriv.store.records import RUN_STATES
from facepriv.wording import count

MOST = 5
"""Newest of each kind that a list names."""


@dataclass(frozen=True)
class Entry:
    """One thing in a list: what it is and what it came to, and where it stands in full."""

    text: str
    place: Place | None


@dataclass(frozen=True)
class Belongings:
    """A list of one kind of things."""

    title: str
    entries: tuple[Entry, ...]
    """The newest."""
    total: int
    all: Place
    """Where all are listed."""
    none: str
    """What is said where there is nothing."""


def belongings_of(store: Store, facts: DatasetFacts) -> tuple[Belongings, ...]:
    """Return the lists of what belongs to a data set."""
    return (
        _runs(store, facts),
        _audits(store, facts),
        _studies(store, facts),
        _templates(store, facts),
        _releases(facts),
        _shares(store, facts),
    )


def _runs(store: Store, facts: DatasetFacts) -> Belongings:
    entries = []
    for run in store.runs.list(dataset_id=facts.record.id, limit=MOST):
        verdict = verdict_in_list(store, run)
        came_to = STATES[run.state] if verdict is None else verdict.short
        text = f"Run {run.id} · {run.method}, {count(run.images, 'image')} · {came_to}"
        entries.append(Entry(text, Place("run", run.id)))
    total = facts.count("run", states=RUN_STATES)
    return Belongings("Runs", tuple(entries), total, Place("runs"), "No run changed these images yet.")


def _audits(store: Store, facts: DatasetFacts) -> Belongings:
    entries = []
    for audit in store.audits.list(dataset_id=facts.record.id, limit=MOST):
        of = "images as they are" if audit.run_id is None else f"after run {audit.run_id}"
        is_complete = audit.state == "complete"
        came_to = verdicts_of_audit(store, audit).release.short if is_complete else STATES[audit.state]
        entries.append(Entry(f"Audit {audit.id} · {of} · {came_to}", Place("audit", audit.id)))
    total = facts.count("audit", "run-audit", states=RUN_STATES)
    return Belongings("Audits", tuple(entries), total, Place("audits"), "No audit yet.")


def _studies(store: Store, facts: DatasetFacts) -> Belongings:
    studies = store.studies.list(dataset_id=facts.record.id, limit=MOST)
    entries = tuple(Entry(_study(store, facts, study), Place("study", study.id)) for study in studies)
    total = facts.count("study", states=RUN_STATES)
    return Belongings("Studies", entries, total, Place("studies"), "No study searched for what reaches a goal yet.")


def _study(store: Store, facts: DatasetFacts, study: StudySummary) -> str:
    came_to = STATES[study.state]
    if study.state == "complete":
        is_newest = facts.study is not None and study.id == facts.study.id
        result = facts.study_result if is_newest else store.studies.get(study.id).result
        if result is not None:
            came_to = f"{study_symbol(result)} {'Goal reached' if result.met else 'Goal not reached'}"
    return f"Study {study.id} · {came_to}"


def _templates(store: Store, facts: DatasetFacts) -> Belongings:
    sets = store.template_sets.list(dataset_id=facts.record.id)
    trials = store.activity.trials(MOST, facts.record.id).get(facts.record.id, ())
    entries = [
        Entry(f"Template set {each.name} · {count(each.templates, 'template')} · {each.matcher}", Place("templates"))
        for each in sorted(sets, key=lambda each: each.created_at, reverse=True)[:MOST]
    ]
    verdicts = trial_verdicts(store, trials)
    for trial in trials:
        came_to = verdicts[trial.id].short if trial.id in verdicts else STATES[trial.state]
        text = f"Protection {trial.id} · {trial.method} on {trial.template_set_name} · {came_to}"
        entries.append(Entry(text, Place("trial", trial.id)))
    total = len(sets) + facts.count("protection", states=("complete",))
    return Belongings(
        "Template sets and protections", tuple(entries), total, Place("templates"), "No templates were made of it yet."
    )


def _releases(facts: DatasetFacts) -> Belongings:
    entries = tuple(Entry(_release(each), _made_of(each)) for each in facts.releases[:MOST])
    return Belongings("Releases", entries, len(facts.releases), Place("images"), "Nothing was released yet.")


def _release(release: ReleaseRecord) -> str:
    what = count(release.items, "template" if release.dataset_id is None else "image")
    return (
        f"{release.at:%Y-%m-%d} · {what} of {release.about} · by {release.released_by} · "
        f"SHA-256 {short_hash(release.manifest_sha256)} · verdict then: {verdict_then(release)}"
    )


def _made_of(release: ReleaseRecord) -> Place | None:
    named = re.fullmatch(r"(run|protection) (\d+)", release.about)
    return None if named is None else Place("run" if named[1] == "run" else "trial", int(named[2]))


def _shares(store: Store, facts: DatasetFacts) -> Belongings:
    shares = store.activity.shares(facts.record.id).get(facts.record.id, ())
    now = datetime.now(UTC)
    entries = tuple(Entry(_share(each, now), Place("shares")) for each in shares[:MOST])
    return Belongings("Shares", entries, len(shares), Place("shares"), "Nothing of it is shared yet.")


def _share(share: ShareRecord, now: datetime) -> str:
    who = " and ".join(
        filter(None, ["a link" if share.has_link else "", f"officer {share.officer}" if share.officer else ""])
    )
    if share.revoked_at is not None:
        state = "revoked"
    else:
        state = f"open until {share.expires_at:%Y-%m-%d}" if share.is_open(now) else "expired"
    return f"{about(share).capitalize()} · {who} · {state}"
