"""Judge a protection of templates: attackers in three states of knowledge, and what recognition loses.

People are parted three ways (`facepriv.audit.templates.parting`): the protection is fitted on some, the attacker knows
others, and a third part is attacked. The protection is fitted anew in every turn, with a key of the owner's that no
attacker has.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel
from threadpoolctl import threadpool_limits

from facepriv.audit.attackers.learning import FittedPosterior, balanced_weights, cross_entropy, learn
from facepriv.audit.attackers.similarity import Compare
from facepriv.audit.leak.learning_curve import draw_parts
from facepriv.audit.templates.base import TemplateAttacker
from facepriv.audit.templates.figures import attack_figures, worst_by_chance
from facepriv.audit.templates.matching import MatchingTrial, Protected
from facepriv.audit.templates.parting import Parting, draw_parts_of_people, part_people
from facepriv.audit.templates.registry import template_attackers
from facepriv.audit.templates.template_sets import check_like, compare_by, join, take, usable_rows, without
from facepriv.errors import BadInputError
from facepriv.metrics.leak import not_below_guessing
from facepriv.metrics.resampling import RESAMPLES
from facepriv.metrics.subject_bootstrap import SubjectBootstrap
from facepriv.schemas.figures import GUESSING
from facepriv.schemas.templates import KnowledgeState, TemplateAttack, TemplateAudit, TemplateLearning
from facepriv.types import MALE, Floats64, Integers, Templates

PARTINGS = 3
"""Random partings of the people that figures are averaged over."""
MOST_PEOPLE, MOST_TEMPLATES = 1500, 3000
"""People, and templates, that an audit takes at most; more are drawn at random, with all of a person's templates."""
COPIES = 3
"""Keys of their own with which attackers protect each template of another database."""
NONE = "none"

Progress = Callable[[int, int], None]


class Card(Protocol):
    """What a protection says of itself, as `facepriv.protect.base.ProtectionCard`."""

    @property
    def name(self) -> str:
        """Name by which it is registered."""

    @property
    def label_at_enrolment(self) -> str:
        """Whether a new record's label is needed: ``none``, ``guess`` or ``label``."""

    @property
    def keyed(self) -> bool:
        """Whether draws depend on a key."""


class FittedMap(Protocol):
    """A fitted protection, as `facepriv.protect.base.FittedProtection`."""

    def protect(
        self,
        rows: NDArray[np.float32],
        subjects: NDArray[np.str_],
        *,
        key: bytes | None,
        labels: NDArray[np.int8] | None = None,
    ) -> NDArray[np.float32]:
        """Protect templates ``(n, d)``."""

    def map_probes(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return untouched templates as they are compared with protected ones."""

    def similarity(self, references: NDArray[np.float32], probes: NDArray[np.float32]) -> Floats64:
        """Compare protected templates with mapped probes or with others."""


class Protection(Protocol):
    """A protection to be fitted, as `facepriv.protect.base.Protection`."""

    @property
    def card(self) -> Card:
        """What it says of itself."""

    @property
    def parameters(self) -> BaseModel:
        """What it was made with."""

    def fit(self, templates: Templates, *, seed: int) -> FittedMap:
        """Fit to labelled templates."""


@dataclass(frozen=True, eq=False)
class _Lesson:
    """What an attacker learns from in one state of knowledge."""

    rows: NDArray[np.float32]
    labels: NDArray[np.int8]
    subjects: NDArray[np.str_]
    compare: Compare
    """How he compares templates."""

    @property
    def people(self) -> int:
        return len(np.unique(self.subjects))

    def part(self, rows: Integers) -> _Lesson:
        return replace(self, rows=self.rows[rows], labels=self.labels[rows], subjects=self.subjects[rows])


@dataclass(frozen=True, eq=False)
class _Turn:
    """One turn of one parting: what is attacked, and what attackers learn from."""

    parting: int
    seed: int
    tested: Integers
    attacked: NDArray[np.float32]
    lessons: dict[KnowledgeState, _Lesson]


@dataclass(eq=False)
class _Attack:
    """Guesses of one attacker in one state, over all turns."""

    guesses: Floats64
    """``(R, n)`` log-odds, R random partings."""
    people: list[int] = field(default_factory=list)
    surprise: list[float] = field(default_factory=list)
    """Cross-entropy on the attacker's own people, each held out, of every turn."""


def judge_protection(
    protection: Protection | None,
    templates: Templates,
    *,
    fit_on: Templates | None = None,
    learn_from: Templates | None = None,
    attackers: Sequence[str] | None = None,
    partings: int = PARTINGS,
    wrong_guesses: float = 0.0,
    resamples: int = RESAMPLES,
    seed: int = 0,
    on_progress: Progress = lambda done, steps: None,
) -> TemplateAudit:
    """Attack templates under a protection, compare them, and return all figures.

    Everybody is attacked once in each random parting, by attackers who know nothing of him, under a map that was not
    fitted on him. The same arguments give the same figures.

    Parameters
    ----------
    protection : a `facepriv.protect.base.Protection`; None leaves templates as they are.
    templates : the database; its labelled people are attacked, at least six of either label.
    fit_on : templates of other people that the protection is fitted on, beside a third of the database.
    learn_from : labelled templates of other people of the same matcher, for attackers who protect these themselves with
        the published map and keys of their own. People in ``fit_on`` as well are parted: half of them for either.
    attackers : names of `facepriv.audit.templates.registry.template_attackers`; all by default.
    partings : random partings of the people that figures are averaged over.
    wrong_guesses : share of people who are enrolled with the wrong label, where the protection asks for one.
    resamples, seed : of the intervals, and of all that is drawn.
    on_progress : called with steps done and all steps.

    Raises
    ------
    BadInputError
        ``too-few-subjects`` where there are fewer than six people of a label; ``other-matcher`` where sets are of
        different matchers; ``out-of-range`` for fewer than one parting, or a share of wrong guesses outside 0..1.
    """
    start = time.monotonic()
    if partings < 1:
        raise BadInputError(f"Expected at least one parting of the people, got {partings}.", code="out-of-range")
    if not 0 <= wrong_guesses <= 1:
        raise BadInputError(
            f"Expected a share of wrong guesses from 0 to 1, got {wrong_guesses:g}.", code="out-of-range"
        )
    usable, left_out = usable_rows(templates)
    database = _draw_people(take(templates, usable), seed)
    if len(database.rows) < len(usable):
        left_out["not drawn"] = len(usable) - len(database.rows)
    others = {"the templates to fit on": fit_on, "the templates to learn from": learn_from}
    for what, one in others.items():
        if one is not None:
            check_like(templates, one, what)
    fit_on, learn_from = (None if one is None else _prepared(one, templates) for one in (fit_on, learn_from))
    trial = Trial(protection, database, fit_on, learn_from, wrong_guesses=wrong_guesses, seed=seed)
    named = {name: template_attackers.create(name) for name in attackers or template_attackers.names()}
    with threadpool_limits(1, user_api="blas"):
        return trial.judge(named, left_out, partings, resamples, on_progress, start)


def _prepared(one: Templates, database: Templates) -> Templates:
    """Return what can be used of other people's templates; nobody who is in the database."""
    return without(take(one, usable_rows(one)[0]), database)


def _draw_people(templates: Templates, seed: int) -> Templates:
    """Return the templates of as many people as an audit takes."""
    people, sizes = np.unique(templates.subjects, return_counts=True)
    order = np.random.default_rng([seed, len(people)]).permutation(len(people))
    drawn = order[:MOST_PEOPLE]
    drawn = drawn[np.cumsum(sizes[drawn]) <= max(MOST_TEMPLATES, int(sizes[drawn[0]]))] if len(drawn) else drawn
    if len(drawn) == len(people):
        return templates
    return take(templates, np.isin(templates.subjects, people[drawn]))


class Trial:
    """A protection on trial: it is fitted and attacked turn by turn."""

    def __init__(
        self,
        protection: Protection | None,
        database: Templates,
        fit_on: Templates | None,
        learn_from: Templates | None,
        *,
        wrong_guesses: float,
        seed: int,
    ) -> None:
        self.protection, self.database = protection, database
        self.fit_on, self.learn_from = fit_on, learn_from
        self.wrong_guesses, self.seed = wrong_guesses, seed
        self._fitted_people: list[int] = []
        self._keyed = protection is not None and protection.card.keyed
        self._asks_label = protection is not None and protection.card.label_at_enrolment == "label"

    @property
    def states(self) -> list[KnowledgeState]:
        """States of knowledge in which attackers can be."""
        states: list[KnowledgeState] = ["unaware"]
        states += ["aware"] if self.protection is not None else []
        return states + (["other-people"] if self.learn_from is not None else [])

    def judge(
        self,
        attackers: dict[str, TemplateAttacker],
        left_out: dict[str, int],
        partings: int,
        resamples: int,
        on_progress: Progress,
        start: float,
    ) -> TemplateAudit:
        """Run all turns, and sum up."""
        database = self.database
        size = (partings, len(database.rows))
        attacks = {(name, state): _Attack(np.full(size, np.nan)) for state in self.states for name in attackers}
        picked = {state: _Attack(np.full(size, np.nan)) for state in self.states}
        matching = MatchingTrial(database, resamples=resamples, seed=self.seed)
        turns = []
        steps, done = partings * 3 * len(attacks), 0
        for turn in self._turns(partings, matching):
            turns.append(turn)
            for state, lesson in turn.lessons.items():
                for name, attacker in attackers.items():
                    attack = attacks[name, state]
                    fit = self._fit(attacker, lesson, turn.seed)
                    attack.guesses[turn.parting, turn.tested] = fit.posterior(turn.attacked.astype(np.float64))
                    attack.people.append(lesson.people)
                    attack.surprise.append(_surprise(fit, lesson))
                    done += 1
                    on_progress(done, steps)
                best = min(attackers, key=lambda name: attacks[name, state].surprise[-1])
                of_turn = attacks[best, state].guesses[turn.parting, turn.tested]
                picked[state].guesses[turn.parting, turn.tested] = of_turn
                picked[state].people.append(lesson.people)
        bootstrap = SubjectBootstrap(database.subjects, database.labels, resamples=resamples, seed=self.seed)
        figures = [
            attack_figures(name, state, float(np.mean(one.people)), one.guesses, bootstrap)
            for (name, state), one in attacks.items()
        ]
        worst = max(figures, key=lambda one: one.reversed_accuracy.value or 0.0)
        people = np.unique(database.subjects, return_index=True)[1]
        protection = self.protection
        return TemplateAudit(
            protection=NONE if protection is None else protection.card.name,
            parameters={} if protection is None else protection.parameters.model_dump(mode="json"),
            wrong_guesses=self.wrong_guesses if self._asks_label else 0.0,
            matcher=database.matcher,
            version=database.version,
            metric=database.metric,
            templates=len(database.rows),
            people=len(people),
            men=int(np.sum(database.labels[people] == MALE)),
            women=int(np.sum(database.labels[people] != MALE)),
            left_out=left_out,
            fitted_on=float(np.mean(self._fitted_people)) if self._fitted_people else 0.0,
            partings=partings,
            seed=self.seed,
            attacks=figures,
            picked=[
                attack_figures("picked", state, float(np.mean(one.people)), one.guesses, bootstrap)
                for state, one in picked.items()
            ],
            worst=worst,
            upper=max(GUESSING, *(one.reversed_accuracy.high or 0.0 for one in figures)),
            chance=worst_by_chance({key: one.guesses for key, one in attacks.items()}, bootstrap),
            learning=list(self._learning(figures, attackers, turns, bootstrap, size)),
            matching=matching.result(),
            seconds=round(time.monotonic() - start, 1),
        )

    # ------------------------------------------------------------------------------------------------------------

    def _turns(self, partings: int, matching: MatchingTrial) -> Iterator[_Turn]:
        """Fit the protection and protect, turn by turn; every turn's templates are compared on the way."""
        database = self.database
        for parting in range(partings):
            enrolled = self._enrolled_labels(parting)
            of_parting = int(np.random.default_rng([self.seed, parting]).integers(2**31))
            for number, parts in enumerate(part_people(database.subjects, database.labels, seed=of_parting)):
                seed = int(np.random.default_rng([self.seed, parting, number]).integers(2**31))
                fit_on, learn_from = self._part_others(of_parting, number)
                known = take(database, parts.known)
                lessons: dict[KnowledgeState, _Lesson] = {
                    "unaware": _lesson(known if learn_from is None else join(known, learn_from))
                }
                protected = database.rows
                if self.protection is None:
                    if learn_from is not None:
                        lessons["other-people"] = _lesson(learn_from)
                    compare = compare_by(database.metric)
                    matching.add(Protected(protected, protected, None, parts.tested, parts.known, compare))
                else:
                    fitted = self._fit_map(self.protection, parts, fit_on, seed)
                    protected = self._protect(fitted, database, enrolled, self._key("owner", parting))
                    lessons["aware"] = replace(_lesson(known), rows=protected[parts.known], compare=_comparison(fitted))
                    if learn_from is not None:
                        lessons["other-people"] = self._protected_others(fitted, learn_from, parting)
                    renewed = self._key("renewed", parting)
                    matching.add(
                        Protected(
                            protected,
                            fitted.map_probes(database.rows),
                            None if renewed is None else self._protect(fitted, database, enrolled, renewed),
                            parts.tested,
                            parts.known,
                            _comparison(fitted),
                        )
                    )
                yield _Turn(parting, seed, parts.tested, protected[parts.tested], lessons)

    def _fit_map(self, protection: Protection, parts: Parting, fit_on: Templates | None, seed: int) -> FittedMap:
        own = take(self.database, parts.fitted)
        both = own if fit_on is None else join(own, fit_on)
        self._fitted_people.append(len(np.unique(both.subjects)))
        return protection.fit(both, seed=seed)

    def _part_others(self, seed: int, turn: int) -> tuple[Templates | None, Templates | None]:
        """Return whom a map is fitted on, and whom attackers learn from: nobody is among both."""
        fit_on, learn_from = self.fit_on, self.learn_from
        if fit_on is None or learn_from is None or self.protection is None:
            return fit_on, learn_from
        shared = np.isin(learn_from.subjects, fit_on.subjects)
        if not shared.any():
            return fit_on, learn_from
        half = np.ones(len(shared), dtype=np.int64)
        half[shared] = draw_parts_of_people(learn_from.subjects[shared], learn_from.labels[shared], 2, seed=seed)
        half[shared] = (half[shared] + turn) % 2
        known = take(learn_from, half == 1)
        return without(fit_on, known), known

    def _enrolled_labels(self, parting: int) -> NDArray[np.int8] | None:
        """Return the labels ``(n,)`` that templates are enrolled with, some wrong; None where none are asked for."""
        if not self._asks_label:
            return None
        people, member = np.unique(self.database.subjects, return_inverse=True)
        order = np.random.default_rng([self.seed, parting, 1]).permutation(len(people))
        wrong = np.isin(member, order[: round(self.wrong_guesses * len(people))])
        return np.where(wrong, -self.database.labels, self.database.labels).astype(np.int8)

    def _key(self, whose: str, parting: int) -> bytes | None:
        return hashlib.sha256(f"{self.seed} {parting} {whose}".encode()).digest() if self._keyed else None

    def _protect(
        self, fitted: FittedMap, templates: Templates, labels: NDArray[np.int8] | None, key: bytes | None
    ) -> NDArray[np.float32]:
        return fitted.protect(templates.rows, templates.subjects, key=key, labels=labels)

    def _protected_others(self, fitted: FittedMap, learn_from: Templates, parting: int) -> _Lesson:
        """Return other people's templates as the attacker protects them, several times where he draws keys."""
        copies = COPIES if self._keyed else 1
        labels = learn_from.labels if self._asks_label else None
        rows = [
            self._protect(fitted, learn_from, labels, self._key(f"attacker {copy}", parting)) for copy in range(copies)
        ]
        labels, subjects = np.tile(learn_from.labels, copies), np.tile(learn_from.subjects, copies)
        return _Lesson(np.concatenate(rows), labels, subjects, _comparison(fitted))

    def _fit(self, attacker: TemplateAttacker, lesson: _Lesson, seed: int) -> FittedPosterior:
        return learn(
            attacker.learner(lesson.compare),
            lesson.rows.astype(np.float64),
            lesson.labels.astype(np.int64),
            lesson.subjects,
            seed=seed,
        )

    def _learning(
        self,
        figures: list[TemplateAttack],
        attackers: dict[str, TemplateAttacker],
        turns: list[_Turn],
        bootstrap: SubjectBootstrap,
        size: tuple[int, int],
    ) -> Iterator[TemplateLearning]:
        """Yield the strongest attacker's accuracy by number of people, in each state but, of two or more, the first."""
        states = self.states[1:] or self.states
        for state in states:
            best = max(
                (one for one in figures if one.knowledge == state), key=lambda one: one.reversed_accuracy.value or 0.0
            )
            sign = 1 if (best.accuracy.value or 0.0) >= GUESSING else -1
            parts: dict[float, _Attack] = {}
            for turn in turns:
                lesson = turn.lessons[state]
                for part, rows in draw_parts(lesson.subjects, lesson.labels.astype(np.int64), draws=1, seed=turn.seed):
                    smaller = lesson.part(rows)
                    attack = parts.setdefault(part, _Attack(np.full(size, np.nan)))
                    fit = self._fit(attackers[best.attacker], smaller, turn.seed)
                    attack.guesses[turn.parting, turn.tested] = fit.posterior(turn.attacked.astype(np.float64))
                    attack.people.append(smaller.people)
            for part, attack in parts.items():
                # A part too small in one turn would leave people without a guess.
                if len(attack.people) == len(turns):
                    right = (1 + sign * np.sign(attack.guesses) * bootstrap.labels) / 2
                    yield TemplateLearning(
                        attacker=best.attacker,
                        knowledge=state,
                        part=part,
                        people=round(float(np.mean(attack.people))),
                        accuracy=not_below_guessing(bootstrap.balanced_mean(right).interval()),
                    )
            yield TemplateLearning(
                attacker=best.attacker,
                knowledge=state,
                part=1.0,
                people=round(best.people),
                accuracy=best.reversed_accuracy,
            )


def _lesson(templates: Templates) -> _Lesson:
    return _Lesson(templates.rows, templates.labels, templates.subjects, compare_by(templates.metric))


def _comparison(fitted: FittedMap) -> Compare:
    return lambda one, other: fitted.similarity(one.astype(np.float32), other.astype(np.float32))


def _surprise(fit: FittedPosterior, lesson: _Lesson) -> float:
    """Return the cross-entropy of a fit on its own people, each held out, in nats."""
    labels = lesson.labels.astype(np.int64)
    numbers = np.unique(lesson.subjects, return_inverse=True)[1].astype(np.int64)
    return float(cross_entropy(np.nan_to_num(fit.held_out), labels, balanced_weights(labels, numbers)))
