"""Matching of protected templates: with untouched ones, and among themselves, by people the map was not fitted on.

In each turn of a parting the people of two parts are compared, those tested and those known: both are outside the fit.
Pairs of two known people are left to the turn in which one of them is tested, so that over the three turns every pair
of people is compared once, as among untouched templates.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.attackers.similarity import Compare
from facepriv.audit.templates.parting import PARTS
from facepriv.audit.templates.template_sets import compare_by
from facepriv.metrics.identification import rank_one
from facepriv.metrics.match_bootstrap import MatchBootstrap
from facepriv.metrics.matching import operating_point, supports
from facepriv.metrics.subject_bootstrap import SubjectBootstrap
from facepriv.metrics.unlinkability import unlinkability
from facepriv.schemas.figures import Interval
from facepriv.schemas.templates import Comparison, ErrorsAt, TemplateMatching
from facepriv.types import Flags, Floats64, Integers, Templates

FMR_TARGETS = (0.001, 0.0001)
MOST_COMPARISONS = 1_000_000
"""Non-mated comparisons of each kind from which on further partings are not compared."""
COMPARISONS: tuple[Comparison, ...] = ("against-untouched", "among-protected")
Kind = Literal["untouched"] | Comparison
Rows = NDArray[np.integer[Any]]
KINDS: tuple[Kind, ...] = ("untouched", *COMPARISONS)


@dataclass(frozen=True, eq=False)
class Protected:
    """All templates of a database as one map has protected them, in one turn."""

    rows: NDArray[np.float32]
    """``(n, d)`` protected templates."""
    probes: NDArray[np.float32]
    """``(n, d)`` untouched templates as they are compared with protected ones."""
    renewed: NDArray[np.float32] | None
    """``(n, d)`` protected with another key; None where there is no key."""
    tested: Integers
    """Rows of the people tested in this turn."""
    known: Integers
    """Rows of the people known to the attacker, whom the map was not fitted on either."""
    compare: Compare
    """How protected templates are compared with such probes, and with each other."""


@dataclass(eq=False)
class _Scores:
    """Scores of comparisons, with the rows compared."""

    mated: list[NDArray[np.float32]] = field(default_factory=list)
    non_mated: list[NDArray[np.float32]] = field(default_factory=list)
    mated_rows: list[NDArray[np.int32]] = field(default_factory=list)
    non_mated_rows: list[NDArray[np.int32]] = field(default_factory=list)
    """``(2, k)`` each."""

    def add(self, scores: NDArray[np.float32], rows: Integers, counted: Flags, subject: Integers) -> None:
        """Add the scores ``(k, k)`` of rows ``(k,)`` that count."""
        same = subject[rows][:, None] == subject[rows][None, :]
        for wanted, values, at in (
            (counted & same, self.mated, self.mated_rows),
            (counted & ~same, self.non_mated, self.non_mated_rows),
        ):
            values.append(scores[wanted])
            at.append(rows[np.stack(np.nonzero(wanted))].astype(np.int32))

    def joined(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32], NDArray[np.int32]]:
        """Return mated and non-mated scores, and the first rows of mated and both rows of non-mated comparisons."""
        return (
            np.concatenate(self.mated),
            np.concatenate(self.non_mated),
            np.concatenate(self.mated_rows, axis=1)[0],
            np.concatenate(self.non_mated_rows, axis=1),
        )


class MatchingTrial:
    """Collects the comparisons of every turn, and sums them up."""

    def __init__(self, templates: Templates, *, resamples: int, seed: int) -> None:
        self._untouched = compare_by(templates.metric)
        self._subjects, self._labels, self._rows = templates.subjects, templates.labels, templates.rows
        self._subject = np.unique(templates.subjects, return_inverse=True)[1].astype(np.int64)
        self._enrolled = np.sort(np.unique(self._subject, return_index=True)[1])
        self._resamples, self._seed = resamples, seed
        self._scores: dict[Kind, _Scores] = {kind: _Scores() for kind in KINDS}
        self._renewed = _Scores()
        self._identified: dict[Kind, list[Floats64]] = {kind: [] for kind in KINDS}
        self._probes: list[Integers] = []
        self._turns = 0
        rows = np.arange(len(self._rows))
        scores = _compare(self._untouched, self._rows, self._rows)
        self._scores["untouched"].add(scores, rows, _upper(len(rows)), self._subject)

    def add(self, turn: Protected) -> None:
        """Compare what one turn has protected, unless there are whole partings enough."""
        if self._turns % PARTS == 0 and self._turns // PARTS * self._pairs() >= MOST_COMPARISONS:
            return
        self._turns += 1
        rows = np.concatenate([turn.tested, turn.known])
        is_tested = np.arange(len(rows)) < len(turn.tested)
        of_turn = is_tested[:, None] | is_tested[None, :]
        other = ~np.eye(len(rows), dtype=np.bool_)
        mine, probes = turn.rows[rows], turn.probes[rows]
        among, against = _compare(turn.compare, mine, mine), _compare(turn.compare, mine, probes)
        self._scores["among-protected"].add(among, rows, of_turn & _upper(len(rows)), self._subject)
        self._scores["against-untouched"].add(against, rows, of_turn & other, self._subject)
        if turn.renewed is not None:
            linked = _compare(turn.compare, mine, turn.renewed[rows])
            self._renewed.add(linked, rows, of_turn & other, self._subject)
        self._identify(turn)

    def result(self) -> TemplateMatching:
        """Return the figures of all turns together."""
        mated, non_mated, _, _ = self._scores["untouched"].joined()
        renewed = self._renewed.joined()[:2] if self._renewed.mated else None
        linked = None if renewed is None else unlinkability(*renewed)
        return TemplateMatching(
            mated=len(mated),
            non_mated=len(non_mated),
            partings=self._turns // PARTS,
            errors=[self._errors_at(target) for target in FMR_TARGETS],
            rank_one={kind: self._rank_one(kind) for kind in KINDS},
            unlinkability=None if linked is None else linked.system,
        )

    # ------------------------------------------------------------------------------------------------------------

    def _pairs(self) -> int:
        return sum(map(len, self._scores["untouched"].non_mated))

    def _identify(self, turn: Protected) -> None:
        """Look for the tested people's other templates among one template of every person."""
        probes = np.setdiff1d(turn.tested, self._enrolled)
        self._probes.append(probes)
        galleries: dict[Kind, tuple[NDArray[np.float32], NDArray[np.float32]]] = {
            "untouched": (self._rows, self._rows),
            "against-untouched": (turn.rows, turn.probes),
            "among-protected": (turn.rows, turn.rows),
        }
        for kind, (gallery, against) in galleries.items():
            compare = self._untouched if kind == "untouched" else turn.compare
            scores = _compare(compare, gallery[self._enrolled], against[probes])
            self._identified[kind].append(rank_one(scores, self._subjects[self._enrolled], self._subjects[probes]))

    def _rank_one(self, kind: Kind) -> Interval:
        return self._mean(np.concatenate(self._identified[kind]), np.concatenate(self._probes))

    def _mean(self, values: Floats64, rows: Rows) -> Interval:
        """Return a rate of comparisons that belong to the people of so many rows, with its interval."""
        bootstrap = self._bootstrap(rows)
        if bootstrap is not None:
            return bootstrap.mean(values).interval()
        return Interval(value=float(values.mean()) if values.size else None, low=None, high=None)

    def _bootstrap(self, rows: Rows) -> SubjectBootstrap | None:
        """Return the bootstrap of the people of rows; None where there are too few of either label."""
        people = np.unique(self._subject[rows], return_index=True)[1]
        if min(int(np.sum(self._labels[rows][people] == label)) for label in (1, -1)) < 2:
            return None
        return SubjectBootstrap(self._subjects[rows], self._labels[rows], resamples=self._resamples, seed=self._seed)

    def _errors_at(self, target: float) -> ErrorsAt:
        mated, non_mated, rows, _ = self._scores["untouched"].joined()
        point = operating_point(mated, non_mated, target)
        nothing = Interval(value=None, low=None, high=None)
        fnmr, change, own = (dict.fromkeys(COMPARISONS, nothing) for _ in range(3))
        fmr: dict[Comparison, float | None] = dict.fromkeys(COMPARISONS)
        own_threshold: dict[Comparison, float | None] = dict.fromkeys(COMPARISONS)
        untouched = nothing
        if point.threshold is not None:
            untouched = self._mean((mated < point.threshold).astype(np.float64), rows)
            for comparison in COMPARISONS:
                same, other, of, _ = self._scores[comparison].joined()
                rejected = (same < point.threshold).astype(np.float64)
                fnmr[comparison] = self._mean(rejected, of)
                fmr[comparison] = float(np.mean(other >= point.threshold))
                change[comparison] = self._change(rejected, of, mated < point.threshold, rows)
                own[comparison] = self._own_fnmr(comparison, target)
                own_threshold[comparison] = operating_point(same, other, target).threshold
        return ErrorsAt(
            target_fmr=target,
            supported=supports(len(non_mated), target),
            threshold=point.threshold,
            untouched=untouched,
            fnmr=fnmr,
            fmr=fmr,
            fnmr_change=change,
            own_fnmr=own,
            own_threshold=own_threshold,
        )

    def _change(self, after: Floats64, rows_after: Rows, before: Flags, rows_before: Rows) -> Interval:
        """Return a paired difference: the same people are drawn for both."""
        rows = np.concatenate([rows_after, rows_before])
        bootstrap = self._bootstrap(rows)
        if bootstrap is None:
            difference = float(after.mean() - before.mean()) if after.size and before.size else None
            return Interval(value=difference, low=None, high=None)
        of_after = np.arange(len(rows)) < len(rows_after)
        values = np.concatenate([after, before.astype(np.float64)])
        one, other = (bootstrap.mean(np.where(of, values, np.nan)) for of in (of_after, ~of_after))
        return one.minus(other).interval()

    def _own_fnmr(self, comparison: Comparison, target: float) -> Interval:
        """Return FNMR at the threshold at which these comparisons themselves are at most so often wrong."""
        same, other, of, pairs = self._scores[comparison].joined()
        bootstrap = MatchBootstrap(self._subject[of], *self._subject[pairs], resamples=self._resamples, seed=self._seed)
        estimate = bootstrap.fnmr_at_fmr(same, other, target)
        if np.isfinite(estimate.value):
            return estimate.interval()
        # Too few comparisons for an interval; the point is of use where it is said to be unsupported.
        return Interval(value=operating_point(same, other, target).fnmr, low=None, high=None)


def _compare(compare: Compare, one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compare in double precision: a pair of templates has the same score in whatever company it is compared."""
    return compare(one.astype(np.float64), other.astype(np.float64)).astype(np.float32)


def _upper(size: int) -> Flags:
    return np.triu(np.ones((size, size), dtype=np.bool_), 1)
