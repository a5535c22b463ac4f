"""Turns of an audit: a protection fitted and applied, what is attacked, and what attackers know.

In every turn of every parting the protection is fitted anew, and the whole database protected with a key of the owner's
that no attacker has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.attackers.similarity import Compare
from facepriv.audit.templates.matching import Protected
from facepriv.audit.templates.parting import PARTS, Parting, draw_parts_of_people, part_people
from facepriv.audit.templates.template_sets import compare_by, join, take, without
from facepriv.protect.base import FittedProtection, Protection
from facepriv.schemas.templates import KnowledgeState
from facepriv.types import Integers, Templates

COPIES = 3
"""Keys of their own with which attackers protect each template of another database."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """What an attacker learns from in one state of knowledge."""

    rows: NDArray[np.float32]
    labels: NDArray[np.int8]
    subjects: NDArray[np.str_]
    compare: Compare
    """How he compares templates."""

    @property
    def people(self) -> int:
        """Number of people."""
        return len(np.unique(self.subjects))

    def part(self, rows: Integers) -> Lesson:
        """Return some of the rows."""
        return replace(self, rows=self.rows[rows], labels=self.labels[rows], subjects=self.subjects[rows])


@dataclass(frozen=True, eq=False)
class Turn:
    """One turn of one parting."""

    parting: int
    """Number of the parting, from 0."""
    seed: int
    protected: Protected
    fitted_on: int
    """Number of people that the map was fitted on."""
    lessons: dict[KnowledgeState, Lesson]

    @property
    def tested(self) -> Integers:
        """Rows of the people who are attacked."""
        return self.protected.tested

    @property
    def attacked(self) -> NDArray[np.float32]:
        """Their templates, as released."""
        return self.protected.rows[self.tested]


class Turns:
    """All turns of an audit, in order; the same arguments give the same turns.

    Parameters
    ----------
    protection : None leaves templates as they are.
    database : labelled templates.
    fit_on, learn_from : templates of other people, to fit the protection on and for attackers to learn from.
    partings : number of random partings.
    wrong_guesses : share of people who are enrolled with the wrong label, where labels are asked for.
    """

    def __init__(
        self,
        protection: Protection | None,
        database: Templates,
        fit_on: Templates | None,
        learn_from: Templates | None,
        *,
        partings: int,
        wrong_guesses: float,
        seed: int,
    ) -> None:
        self._protection, self._database = protection, database
        self._fit_on, self._learn_from = fit_on, learn_from
        self._partings, self._seed = partings, seed
        card = None if protection is None else protection.card_as_fitted
        self._keyed = card is not None and card.keyed
        asks_label = card is not None and card.label_at_enrolment == "label"
        self.wrong_guesses = wrong_guesses if asks_label else 0.0
        """Share of people who are enrolled with the wrong label."""

    @property
    def states(self) -> list[KnowledgeState]:
        """States of knowledge in which attackers can be."""
        states: list[KnowledgeState] = ["unaware"]
        states += ["aware"] if self._protection is not None else []
        return states + (["other-people"] if self._learn_from is not None else [])

    def __len__(self) -> int:
        return self._partings * PARTS

    def __iter__(self) -> Iterator[Turn]:
        subjects, labels = self._database.subjects, self._database.labels
        for parting in range(self._partings):
            of_parting = self._draw_seed(parting)
            for number, parts in enumerate(part_people(subjects, labels, seed=of_parting)):
                fit_on, learn_from = self._part_others(of_parting, number)
                seed = self._draw_seed(parting, number)
                if self._protection is None:
                    yield self._untouched(parting, seed, parts, learn_from)
                else:
                    yield self._turn(self._protection, parting, seed, parts, fit_on, learn_from)

    # ------------------------------------------------------------------------------------------------------------

    def _draw_seed(self, *of: int) -> int:
        return int(np.random.default_rng([self._seed, *of]).integers(2**31))

    def _untouched(self, parting: int, seed: int, parts: Parting, learn_from: Templates | None) -> Turn:
        rows, compare = self._database.rows, compare_by(self._database.metric)
        lessons = self._unaware(parts, learn_from)
        if learn_from is not None:
            lessons["other-people"] = _lesson(learn_from)
        return Turn(parting, seed, Protected(rows, rows, None, parts.tested, parts.known, compare), 0, lessons)

    def _turn(
        self,
        protection: Protection,
        parting: int,
        seed: int,
        parts: Parting,
        fit_on: Templates | None,
        learn_from: Templates | None,
    ) -> Turn:
        own = take(self._database, parts.fitted)
        fitted = protection.fit(own if fit_on is None else join(own, fit_on), seed=seed)
        enrolled = replace(self._database, labels=self._enrolled_labels(parting))
        rows = self._protect(fitted, enrolled, "owner", parting)
        renewed = self._protect(fitted, enrolled, "owner, renewed", parting) if self._keyed else None
        compare = _comparison(fitted)
        lessons = self._unaware(parts, learn_from)
        lessons["aware"] = replace(_lesson(take(self._database, parts.known)), rows=rows[parts.known], compare=compare)
        if learn_from is not None:
            copies = range(COPIES if self._keyed else 1)
            lessons["other-people"] = Lesson(
                np.concatenate([self._protect(fitted, learn_from, f"attacker {copy}", parting) for copy in copies]),
                np.tile(learn_from.labels, len(copies)),
                np.tile(learn_from.subjects, len(copies)),
                compare,
            )
        probes = fitted.map_probes(self._database.rows)
        protected = Protected(rows, probes, renewed, parts.tested, parts.known, compare)
        return Turn(parting, seed, protected, fitted.people, lessons)

    def _unaware(self, parts: Parting, learn_from: Templates | None) -> dict[KnowledgeState, Lesson]:
        """Return the lesson of who has unprotected templates of everybody whose label he knows."""
        known = take(self._database, parts.known)
        return {"unaware": _lesson(known if learn_from is None else join(known, learn_from))}

    def _part_others(self, seed: int, turn: int) -> tuple[Templates | None, Templates | None]:
        """Return whom a map is fitted on, and whom attackers learn from: nobody is among both."""
        fit_on, learn_from = self._fit_on, self._learn_from
        if fit_on is None or learn_from is None or self._protection is None:
            return fit_on, learn_from
        shared = np.isin(learn_from.subjects, fit_on.subjects)
        if not shared.any():
            return fit_on, learn_from
        half = np.ones(len(shared), dtype=np.int64)
        half[shared] = draw_parts_of_people(learn_from.subjects[shared], learn_from.labels[shared], 2, seed=seed)
        half[shared] = (half[shared] + turn) % 2
        known = take(learn_from, half == 1)
        return without(fit_on, known), known

    def _enrolled_labels(self, parting: int) -> NDArray[np.int8]:
        """Return the labels ``(n,)`` that templates are enrolled with, some wrong where labels are asked for."""
        people, member = np.unique(self._database.subjects, return_inverse=True)
        order = np.random.default_rng([self._seed, parting, PARTS]).permutation(len(people))
        wrong = np.isin(member, order[: round(self.wrong_guesses * len(people))])
        return np.where(wrong, -self._database.labels, self._database.labels).astype(np.int8)

    def _protect(self, fitted: FittedProtection, templates: Templates, whose: str, parting: int) -> NDArray[np.float32]:
        """Protect templates with somebody's key, of each parting another."""
        key = hashlib.sha256(f"{self._seed} {parting} {whose}".encode()).digest() if self._keyed else None
        return fitted.protect(templates.rows, templates.subjects, key=key, labels=templates.labels)


def _lesson(templates: Templates) -> Lesson:
    return Lesson(templates.rows, templates.labels, templates.subjects, compare_by(templates.metric))


def _comparison(fitted: FittedProtection) -> Compare:
    return lambda one, other: fitted.similarity(one.astype(np.float32), other.astype(np.float32))
