"""The five steps of a data set, from its images to a sign-off: what is done of each, and the one thing to do next.

A step is *done* only if what it stands for was really done: images that nobody attacked are not measured, and a run
that the strongest attacker sees through does not protect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from facepriv.presentation.formats import short_hash
from facepriv.presentation.verdict import Verdict
from facepriv.schemas.audits import too_few_people
from facepriv.schemas.studies import StudyResult
from facepriv.store import AuditSummary, DatasetRecord, JobState, ReleaseRecord, RemarkRecord, StudySummary
from facepriv.store.activity import ImageCounts, Work, WorkKind
from facepriv.store.records import UNDER_WAY
from facepriv.wording import count, listed, times_in_100

StepName = Literal["data", "measure", "protect", "release", "sign-off"]
StepState = Literal["done", "under way", "to do", "not needed yet", "needs attention"]
STEPS: tuple[StepName, ...] = ("data", "measure", "protect", "release", "sign-off")
TITLES: dict[StepName, str] = {
    "data": "Data",
    "measure": "Measure",
    "protect": "Protect",
    "release": "Release",
    "sign-off": "Sign-off",
}
STATE_SYMBOLS: dict[StepState, str] = {
    "done": "✓",
    "under way": "▶",
    "to do": "○",
    "not needed yet": "–",
    "needs attention": "!",
}
"""Shown before the state, which the words say, too."""
PlaceKind = Literal[
    "images",
    "import",
    "audits",
    "audit",
    "runs",
    "run",
    "studies",
    "study",
    "templates",
    "trial",
    "release",
    "shares",
]
NOT_ATTACKED = "Nobody has attacked these images yet."
DONE_ALL = "All five steps are done. Start again with Measure once images are added or new attackers are known."


@dataclass(frozen=True)
class Place:
    """Where a step is done, or its outcome stands: a page, and the number of what is opened there."""

    kind: PlaceKind
    number: int | None = None


@dataclass(frozen=True)
class Step:
    """One of the five steps."""

    name: StepName
    state: StepState
    sentence: str
    """What there is of it."""
    place: Place
    link: str
    """What the link to that place says."""

    @property
    def title(self) -> str:
        """Its name as a heading."""
        return TITLES[self.name]

    @property
    def number(self) -> int:
        """Its place among the steps, from 1."""
        return STEPS.index(self.name) + 1

    @property
    def symbol(self) -> str:
        """Sign that stands before its state."""
        return STATE_SYMBOLS[self.state]


@dataclass(frozen=True)
class NextThing:
    """The one thing to do next."""

    step: StepName
    call: str
    """On the button."""
    why: str
    place: Place
    starts_audit: bool = False
    """Whether the button starts an audit of the images as they are, instead of opening a page."""


@dataclass(frozen=True)
class Journey:
    """How far a data set is."""

    steps: tuple[Step, ...]
    next: NextThing | None
    """None once all is done."""

    def step(self, name: StepName) -> Step:
        """Return a step by its name."""
        return self.steps[STEPS.index(name)]

    @property
    def reached(self) -> str:
        """How far it is, in a few words: the step that the next thing belongs to."""
        if self.next is None:
            return "all 5 steps done"
        step = self.step(self.next.step)
        return f"step {step.number} of {len(STEPS)}, {step.title}: {step.state}"


@dataclass(frozen=True, kw_only=True)
class DatasetFacts:
    """All that the steps of a data set follow from."""

    record: DatasetRecord
    images: ImageCounts
    untouched: Verdict
    """On the images as they are."""
    audit: AuditSummary | None = None
    """The audit that `untouched` is from."""
    judged: bool = False
    """Whether gender classifiers judged the images in that audit."""
    best: Verdict | None = None
    """On the best audited release of a run."""
    best_run: int | None = None
    best_audit: int | None = None
    work: Mapping[tuple[WorkKind, JobState], Work] = field(default_factory=dict)
    """Its jobs by kind and state."""
    study: StudySummary | None = None
    """The newest."""
    study_result: StudyResult | None = None
    tried_since: bool = False
    """Whether an audit of a run, or a trial on templates, ended after that study: on everybody, which counts more."""
    trial: int | None = None
    """The protection of templates that `trial_verdict` is on: the best among the newest."""
    trial_verdict: Verdict | None = None
    releases: tuple[ReleaseRecord, ...] = ()
    """Newest first."""
    sign_off: RemarkRecord | None = None
    """The newest."""
    signed_as_they_are: bool = False
    """Whether that sign-off is for exactly the results that count now."""
    waits_for: tuple[str, ...] = ()
    """Officers with whom results are shared at present."""
    sign_off_first: bool = False
    """Whether this installation releases only what an officer has accepted."""
    today: date

    def count(self, *kinds: WorkKind, states: tuple[JobState, ...]) -> int:
        """Count its jobs of these kinds in these states."""
        return sum(work.number for (kind, state), work in self.work.items() if kind in kinds and state in states)

    def newest(self, *kinds: WorkKind, states: tuple[JobState, ...]) -> tuple[WorkKind, int] | None:
        """Return kind and number of a job of the first of these kinds that has any in these states."""
        for wanted in kinds:
            numbers = [work.newest for (kind, state), work in self.work.items() if kind == wanted and state in states]
            if numbers:
                return wanted, max(numbers)
        return None

    @property
    def too_few(self) -> str:
        """Sentence on why it cannot be audited, empty if it can."""
        women, men = self.images.women_seen, self.images.men_seen
        return too_few_people(women + men, men, women)


def journey(facts: DatasetFacts) -> Journey:
    """Return the five steps of a data set, and the one thing to do next."""
    protect = _protect(facts)
    is_protected = protect.state == "done"
    steps = (
        _data(facts),
        _measure(facts),
        protect,
        _release(facts, is_protected),
        _sign_off(facts, is_protected),
    )
    return Journey(steps, _next(facts, {step.name: step for step in steps}))


def data_in_words(images: ImageCounts) -> str:
    """Return what a data set holds, e.g. ``40 images of 20 people, 2 without a usable face``."""
    parts = [f"{count(images.images, 'image')} of {people(images.subjects)}"]
    if images.failed:
        parts.append(f"{images.failed:,} without a usable face")
    if images.unlabelled:
        parts.append(f"{images.unlabelled:,} without a label")
    return ", ".join(parts)


def people(number: int) -> str:
    """Write ``1 person``, ``20 people``."""
    return f"{number:,} {'person' if number == 1 else 'people'}"


def _data(facts: DatasetFacts) -> Step:
    sentence = f"{data_in_words(facts.images)}."
    state: StepState = "done"
    if facts.record.retain_until is not None and facts.record.retain_until < facts.today:
        state, sentence = "needs attention", f"{sentence} It was to be kept until {facts.record.retain_until}."
    elif facts.images.failed == facts.images.images:
        state = "needs attention"
    return Step("data", state, sentence, Place("images"), "Images and labels")


def _measure(facts: DatasetFacts) -> Step:
    under_way = facts.newest("audit", "run-audit", states=UNDER_WAY)
    failed = facts.newest("audit", states=("failed",))
    audit = facts.audit
    if audit is not None:
        opened = Place("audit", audit.id), f"Audit {audit.id}"
        if not facts.judged:
            sentence = (
                f"Audit {audit.id} attacked these images, but no gender classifier judged them; audit them with one."
            )
            return Step("measure", "needs attention", sentence, *opened)
        when = "" if audit.finished_at is None else f" on {audit.finished_at:%Y-%m-%d}"
        of = "" if audit.run_id is None else f" of run {audit.run_id}"
        usable = facts.images.images - facts.images.failed
        some = f", with {audit.images:,} of {usable:,} images" if audit.images < usable else ""
        return Step("measure", "done", f"Audited{when} (audit {audit.id}{of}{some}): {facts.untouched.right}.", *opened)
    if under_way is not None:
        number = under_way[1]
        sentence = f"Audit {number} is attacking now."
        return Step("measure", "under way", sentence, Place("audit", number), f"Audit {number}")
    if facts.too_few:
        return Step("measure", "needs attention", facts.too_few, Place("images"), "Images and labels")
    if failed is not None:
        number = failed[1]
        sentence = f"{NOT_ATTACKED} Audit {number} failed."
        return Step("measure", "needs attention", sentence, Place("audit", number), f"Audit {number}")
    return Step("measure", "to do", NOT_ATTACKED, Place("audits"), "Audits")


def _protect(facts: DatasetFacts) -> Step:
    """What counts is the best of all that was tried: done if that keeps its goal."""
    found = _found(facts)
    done = next((step for step in found if step.state == "done"), None)
    if done is not None:
        return done
    under_way = facts.newest("study", "run-audit", "run", "protection", states=UNDER_WAY)
    if under_way is not None:
        kind, number = under_way
        place, name = _job(kind, number)
        return Step("protect", "under way", f"{name} is under way.", place, name)
    if found:
        return found[0]
    run = facts.newest("run", states=("complete",))
    if run is not None:
        sentence = f"Run {run[1]} changed the images, but nobody has attacked what it made."
        return Step("protect", "needs attention", sentence, Place("run", run[1]), f"Run {run[1]}")
    failed = facts.newest("study", "run", "protection", states=("failed",))
    if failed is not None:
        place, name = _job(*failed)
        return Step("protect", "needs attention", f"{name} failed.", place, name)
    if facts.audit is None:
        sentence = "First let attackers try the images as they are."
        return Step("protect", "not needed yet", sentence, Place("studies"), "Protect")
    if facts.untouched.level == "protected":
        sentence = "As they are, the images keep the goal; nothing need be changed."
        return Step("protect", "not needed yet", sentence, Place("studies"), "Protect")
    return Step("protect", "to do", "Nothing was tried yet to hide gender.", Place("studies"), "Protect")


def _found(facts: DatasetFacts) -> list[Step]:
    """Return what a study, audited runs and trials on templates came to, each as a step of its own."""
    found: list[Step] = []
    if facts.best is not None and facts.best_run is not None:
        name = f"Run {facts.best_run}"
        by = "" if facts.best_audit is None else f" (audit {facts.best_audit})"
        sentence = f"{name}{by}: {_lower(facts.best.word)}; {facts.best.right}. {facts.best.cost}".rstrip()
        found.append(Step("protect", _state_of(facts.best), sentence, Place("run", facts.best_run), name))
    if facts.study is not None and facts.study_result is not None:
        name = f"Study {facts.study.id}"
        state: StepState = "done" if _is_met(facts) else "needs attention"
        found.append(Step("protect", state, _study(name, facts.study_result), Place("study", facts.study.id), name))
    if facts.trial is not None and facts.trial_verdict is not None:
        name, verdict = f"Protection {facts.trial}", facts.trial_verdict
        sentence = f"{name} of templates: {_lower(verdict.word)}; {verdict.right}. {verdict.cost}".rstrip()
        found.append(Step("protect", _state_of(verdict), sentence, Place("trial", facts.trial), name))
    return found


def _is_met(facts: DatasetFacts) -> bool:
    """Return whether the newest study reached its goal and nothing was tried on everybody since, which counts more."""
    return facts.study_result is not None and facts.study_result.met and not facts.tried_since


def _state_of(verdict: Verdict) -> StepState:
    return "done" if verdict.level == "protected" else "needs attention"


def _study(name: str, result: StudyResult) -> str:
    tried = [result.outcome(candidate) for candidate in result.recommended.values()]
    rates = [
        each.figures.accuracy.value
        for each in tried
        if each.figures is not None and each.figures.accuracy.value is not None
    ]
    if not tried:
        return f"{name}: goal not reached; nothing that was tried is better than leaving the images as they are."
    names = listed([each.candidate.name for each in tried])
    right = f", where the strongest attacker is right {times_in_100(max(rates))} times in 100" if rates else ""
    if result.met:
        return f"{name}: goal reached by {names}{right}, and confirmed on other people."
    return f"{name}: goal not reached; the best is {names}{right}."


def _release(facts: DatasetFacts, is_protected: bool) -> Step:
    place, link = _release_place(facts)
    if facts.releases:
        newest = facts.releases[0]
        what = count(newest.items, "template" if newest.dataset_id is None else "image")
        more = f" ({len(facts.releases):,} releases in all)" if len(facts.releases) > 1 else ""
        sentence = (
            f"Released on {newest.at:%Y-%m-%d} by {newest.released_by}: {what} of {newest.about}, SHA-256 of the "
            f"manifest {short_hash(newest.manifest_sha256)}{more}. Verdict then: {verdict_then(newest)}."
        )
        return Step("release", "done", sentence, place, link)
    if is_protected and place.kind == "study":
        # It changed the images of a part of the people only.
        under_way = facts.newest("run-audit", "run", "protection", states=UNDER_WAY)
        if under_way is not None:
            where, name = _job(*under_way)
            return Step("release", "under way", f"{name} is under way, on everybody.", where, name)
    if is_protected:
        return Step("release", "to do", "Nothing was released yet.", place, link)
    return Step("release", "not needed yet", "Nothing was released; first find what protects.", place, link)


def verdict_then(release: ReleaseRecord) -> str:
    """Return in a few words what was said of a release when it was made."""
    return _lower(release.verdict.partition(":")[0]) or "none"


def _release_place(facts: DatasetFacts) -> tuple[Place, str]:
    """Return where to release: on the best run, study or trial that keeps its goal, else on what there is."""
    offers: list[tuple[bool, Place, str]] = []
    if facts.best_run is not None and facts.best is not None:
        offers.append(
            (facts.best.level == "protected", Place("release", facts.best_run), f"Release of run {facts.best_run}")
        )
    if facts.study is not None and facts.study_result is not None:
        offers.append((_is_met(facts), Place("study", facts.study.id), f"Study {facts.study.id}"))
    if facts.trial is not None and facts.trial_verdict is not None:
        is_kept = facts.trial_verdict.level == "protected"
        offers.append((is_kept, Place("trial", facts.trial), f"Release of protection {facts.trial}"))
    offers.sort(key=lambda offer: not offer[0])
    return offers[0][1:] if offers else (Place("release"), "Policy and release")


def _sign_off(facts: DatasetFacts, is_protected: bool) -> Step:
    place, link = Place("shares"), "Shares"
    said = facts.sign_off
    if said is not None and facts.signed_as_they_are:
        when = f"by {said.author} on {said.at:%Y-%m-%d} for exactly these results ({said.about})"
        if said.decision == "rejected":
            return Step("sign-off", "needs attention", f"Rejected {when}.", place, link)
        how = "Signed" if said.decision == "accepted" else "Signed with conditions"
        return Step("sign-off", "done", f"{how} {when}.", place, link)
    waits = f"shared with {listed(facts.waits_for)}" if facts.waits_for else ""
    if said is not None:
        sentence = f"Results have changed since {said.author} signed {said.about} on {said.at:%Y-%m-%d}"
        return Step("sign-off", "needs attention", f"{sentence}{f'; {waits}' if waits else ''}.", place, link)
    if waits:
        return Step("sign-off", "under way", f"{waits.capitalize()}; not signed yet.", place, link)
    if is_protected:
        return Step("sign-off", "to do", "Nobody has signed these results yet.", place, link)
    return Step("sign-off", "not needed yet", "There is nothing to sign yet.", place, link)


def _next(facts: DatasetFacts, steps: Mapping[StepName, Step]) -> NextThing | None:
    """Return what is to be done about the first step that is not done; a sign-off comes early where it is demanded."""
    order: list[StepName] = ["data", "measure", "protect", "release", "sign-off"]
    if facts.sign_off_first:
        order = ["data", "measure", "protect", "sign-off", "release"]
    nothing_to_hide = facts.untouched.level == "protected" and steps["protect"].state == "not needed yet"
    if nothing_to_hide:
        order.remove("protect")
        order.remove("release")
    step = next((steps[name] for name in order if steps[name].state != "done"), None)
    return None if step is None else _CALLS[step.name](facts, step)


def _next_data(facts: DatasetFacts, step: Step) -> NextThing:
    if facts.images.failed == facts.images.images:
        return NextThing("data", "Import other images", "No image has a face that can be used.", Place("import"))
    why = "The day until which it may be kept has passed; delete it, or extend what its data sheet says."
    return NextThing("data", "Open the data set", why, step.place)


def _next_measure(facts: DatasetFacts, step: Step) -> NextThing:
    if step.state == "under way":
        why = "Its verdict says how much gender these images reveal."
        return NextThing("measure", f"Watch {_lower(step.link)}", why, step.place)
    if facts.too_few:
        why = "Attackers learn from some labelled people and are judged on others, so that an audit needs more of them."
        return NextThing("measure", "Import more people or labels", why, Place("import"))
    why = "Until attackers have tried, nobody knows how much gender these images reveal."
    return NextThing("measure", "Start an audit: let every attacker try", why, Place("audits"), starts_audit=True)


def _next_protect(facts: DatasetFacts, step: Step) -> NextThing:
    if step.state == "under way":
        return NextThing("protect", f"Watch {_lower(step.link)}", "It is looking for what hides gender.", step.place)
    if step.place.kind == "run" and facts.best is None:
        why = "Without an audit nobody knows whether what the run made hides gender."
        return NextThing("protect", f"Audit {_lower(step.link)}", why, step.place)
    search = "State a goal and search for what reaches it"
    if facts.study is not None or facts.best is not None or facts.trial is not None:
        why = "Nothing that was tried keeps its goal. Search with another goal, with more time or among other methods."
        return NextThing("protect", search, why, Place("studies"))
    why = f"As they are, {facts.untouched.right}, where guessing is 50." if facts.untouched.right else step.sentence
    return NextThing("protect", search, why, Place("studies"))


def _next_release(_: DatasetFacts, step: Step) -> NextThing:
    if step.state == "under way":
        why = "Once it has ended, what it made can be released."
        return NextThing("release", f"Watch {_lower(step.link)}", why, step.place)
    if step.place.kind == "study":
        why = "The study tried it on a part of the people; a release is made of everybody's images or templates."
        return NextThing("release", f"Apply what {_lower(step.link)} found", why, step.place)
    why = "What was found keeps its goal, and nothing was released yet."
    return NextThing("release", "Release it", why, step.place)


def _next_sign_off(facts: DatasetFacts, step: Step) -> NextThing:
    first = " This installation releases only what an officer has accepted." if facts.sign_off_first else ""
    if step.state == "under way":
        return NextThing("sign-off", "Look at the shares", f"{step.sentence}{first}", step.place)
    if facts.sign_off is not None and facts.signed_as_they_are:
        return NextThing("sign-off", "Read why it was rejected", f"{step.sentence}{first}", step.place)
    place = step.place
    if facts.best_audit is not None:
        place = Place("audit", facts.best_audit)
    elif facts.audit is not None:
        place = Place("audit", facts.audit.id)
    why = "Results have changed since they were signed." if facts.sign_off is not None else step.sentence
    return NextThing("sign-off", "Share the results with a privacy officer", f"{why}{first}", place)


_CALLS = {
    "data": _next_data,
    "measure": _next_measure,
    "protect": _next_protect,
    "release": _next_release,
    "sign-off": _next_sign_off,
}


def _job(kind: WorkKind, number: int) -> tuple[Place, str]:
    """Return where a job is looked at, and what it is called."""
    places: dict[WorkKind, tuple[PlaceKind, str]] = {
        "run": ("run", "Run"),
        "audit": ("audit", "Audit"),
        "run-audit": ("audit", "Audit"),
        "study": ("study", "Study"),
        "protection": ("trial", "Protection"),
    }
    place, noun = places[kind]
    return Place(place, number), f"{noun} {number}"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
