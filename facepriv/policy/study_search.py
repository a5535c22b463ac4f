"""The search of a study: which setting is tried next on how many people, what is given up, what is best.

Successive halving (Jamieson and Talwalkar, Non-stochastic best arm identification and hyperparameter optimization,
AISTATS 2016) with two differences. Samples of people grow instead of training epochs. And nothing is given up for a
bad rank alone: candidates that are ranked low wait, and are tried further while there is time; given up is what cannot
reach the goal, or is no better than another in either number, by more than the interval of its own figures.

Everything here is a function of the spec and of the steps recorded so far, in their order: no clock, no randomness.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from facepriv.schemas.studies import (
    UNTOUCHED,
    Ended,
    Released,
    StudyCandidate,
    StudyFigures,
    StudyGoal,
    StudySpec,
    StudyStep,
)
from facepriv.wording import percent

KEPT = 0.5
"""Share of the settings of a rung that are tried on the next one before all others."""
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Drop:
    """Why and where a candidate was given up."""

    rung: int
    reason: str


class Search:
    """A search as far as its recorded steps have brought it.

    Images and templates are searched for themselves: neither is compared with the other.
    """

    def __init__(self, spec: StudySpec, steps: Iterable[StudyStep] = ()) -> None:
        self.spec = spec
        self.dropped: dict[str, Drop] = {}
        """By candidate."""
        self.failed: dict[str, str] = {}
        """By setting, why it could not be tried."""
        self._figures: dict[int, dict[str, StudyFigures]] = {rung: {} for rung in range(len(spec.rungs))}
        self._untouched: dict[tuple[Released, int], StudyFigures] = {}
        self._reached: dict[str, int] = {}
        self._of_setting: dict[str, list[StudyCandidate]] = {setting.name: [] for setting in spec.settings}
        for candidate in spec.candidates:
            self._of_setting[candidate.setting].append(candidate)
        self._released: dict[str, Released] = {setting.name: setting.released for setting in spec.settings}
        for step in steps:
            self.record(step)

    def next_step(self) -> tuple[str, int] | None:
        """Return the setting to try next and the rung to try it on; None where nothing is left.

        First every setting on the first rung, in the order of the spec. Then, from rung to rung, the better half of
        those tried; at last the others, those that are nearest to the end first.
        """
        for setting in self.spec.settings:
            if setting.name not in self._reached and setting.name not in self.failed:
                return setting.name, 0
        last = len(self.spec.rungs) - 1
        waiting = [name for name, rung in self._reached.items() if rung < last and self.alive(name)]
        if not waiting:
            return None

        def order(name: str) -> tuple[bool, int, tuple[float, ...], str]:
            rung = self._reached[name]
            over = self._count(self._released[name], rung + 1) >= self._quota(self._released[name], rung + 1)
            return over, -rung if over else rung, self._rank_of_setting(name, rung), name

        first = min(waiting, key=order)
        return first, self._reached[first] + 1

    def record(self, step: StudyStep) -> None:
        """Take note of what a step found, and give up what it shows to be hopeless."""
        if step.failed is not None:
            self.failed[step.setting] = step.failed
            self._reached.pop(step.setting, None)
        else:
            released = self._released[step.setting]
            self._reached[step.setting] = step.rung
            figures = dict(step.figures)
            untouched = figures.pop(UNTOUCHED, None)
            if untouched is not None:
                self._untouched.setdefault((released, step.rung), untouched)
            self._figures[step.rung].update(figures)
        for released in dict.fromkeys(self._released.values()):
            self._drop(released, step.rung)

    def to_try(self, setting: str, rung: int) -> list[StudyCandidate]:
        """Return the candidates of a setting that are to be tried on a rung."""
        return [each for each in self._of_setting[setting] if each.from_rung <= rung and each.name not in self.dropped]

    def alive(self, setting: str) -> bool:
        """Return whether any candidate of a setting may still be tried."""
        return setting not in self.failed and any(each.name not in self.dropped for each in self._of_setting[setting])

    def latest(self, candidate: str) -> tuple[int, StudyFigures] | None:
        """Return the last rung on which a candidate was tried, and its figures there; None if it was not."""
        for rung in reversed(range(len(self.spec.rungs))):
            if candidate in self._figures[rung]:
                return rung, self._figures[rung][candidate]
        return None

    def untouched(self, released: Released) -> StudyFigures | None:
        """Return the figures of what is released as it is, from the largest sample."""
        return next((self._untouched[r] for r in sorted(self._untouched, reverse=True) if r[0] == released), None)

    def finalists(self, released: Released) -> dict[str, StudyFigures]:
        """Return the figures of the candidates that were tried on the largest sample of people; {} if none was."""
        for rung in reversed(range(len(self.spec.rungs))):
            at = {name: figures for name, figures in self._at(released, rung) if name not in self.dropped}
            if at:
                return at
        return {}

    def contenders(self, released: Released) -> dict[str, StudyFigures]:
        """Return the finalists against which attackers are right less often than against what is left as it is."""
        untouched = self.untouched(released)
        return {name: its for name, its in self.finalists(released).items() if _helps(its, untouched)}

    def steps_planned(self) -> int:
        """Return how many steps the search takes if every quota is used up and nothing fails."""
        return sum(
            self._quota(released, rung)
            for released in dict.fromkeys(self._released.values())
            for rung in range(len(self.spec.rungs))
        )

    def _quota(self, released: Released, rung: int) -> int:
        number = sum(each == released for each in self._released.values())
        for _ in range(rung):
            number = math.ceil(KEPT * number)
        return number

    def _count(self, released: Released, rung: int) -> int:
        return sum(self._released[name] == released and reached >= rung for name, reached in self._reached.items())

    def _at(self, released: Released, rung: int) -> Iterator[tuple[str, StudyFigures]]:
        for setting, candidates in self._of_setting.items():
            if self._released[setting] == released and setting not in self.failed:
                for each in candidates:
                    if each.name in self._figures[rung]:
                        yield each.name, self._figures[rung][each.name]

    def _rank_of_setting(self, setting: str, rung: int) -> tuple[float, ...]:
        ranks = [
            rank(self.spec.goal, self._figures[rung][each.name])
            for each in self._of_setting[setting]
            if each.name in self._figures[rung] and each.name not in self.dropped
        ]
        return min(ranks, default=(math.inf,))

    def _drop(self, released: Released, rung: int) -> None:
        """Give up what a rung shows to be hopeless; on the last one nothing, since no more is spent on anything."""
        settings = [name for name, of in self._released.items() if of == released and name not in self.failed]
        if rung >= len(self.spec.rungs) - 1 or any(name not in self._reached for name in settings):
            return
        here = [(name, figures) for name, figures in self._at(released, rung) if name not in self.dropped]
        if not here:
            return
        rivals = dict(here)
        untouched = self._untouched.get((released, rung))
        if untouched is not None:
            rivals[UNTOUCHED] = untouched
        helpful = [pair for pair in here if _helps(pair[1], untouched)]
        best = min(helpful, key=lambda pair: (*rank(self.spec.goal, pair[1]), pair[0]), default=("", None))[0]
        for name, figures in here:
            rival = next((other for other, its in rivals.items() if other != name and is_better(its, figures)), None)
            reason = "" if name == best else _out_of_reach(self.spec.goal, figures)
            if rival is not None:
                title = "Leaving everything as it is" if rival == UNTOUCHED else rival
                reason = f"{title} is as good in both figures and better in one, by more than chance."
            if reason:
                self.dropped[name] = Drop(rung, reason)
        for setting in settings:
            tried = [each for each in self._of_setting[setting] if self.latest(each.name) is not None]
            if self._reached.get(setting) == rung and all(each.name in self.dropped for each in tried):
                for each in self._of_setting[setting]:
                    self.dropped.setdefault(each.name, Drop(rung, f"Not tried, as all else of {setting} was given up."))


def run_search(
    search: Search,
    attempt: Callable[[str, int], StudyStep],
    *,
    spent: Callable[[], float],
    reserve: Callable[[], float] = lambda: 0.0,
) -> Ended:
    """Try settings until nothing is left or the time is over, and return which; a step under way is finished.

    Parameters
    ----------
    attempt
        Tries a setting on a rung.
    spent
        Returns the seconds spent so far, those of earlier attempts included.
    reserve
        Returns the seconds to be kept for what comes after the search.
    """
    while (step := search.next_step()) is not None:
        if spent() + reserve() >= search.spec.seconds:
            return "time"
        search.record(attempt(*step))
    return "complete"


def rank(goal: StudyGoal, figures: StudyFigures) -> tuple[float, ...]:
    """Return by what candidates are ordered, least first: how far from the goal, then the loss, then the attacker."""
    accuracy, lost = _points(figures)
    shortfall = max(0.0, accuracy - goal.attacker_at_most) + max(0.0, lost - goal.matches_lost)
    return (round(shortfall, 9), round(lost, 9), round(accuracy, 9))


def reaches(goal: StudyGoal, figures: StudyFigures) -> bool:
    """Return whether both figures keep to the goal, chance not allowed for."""
    return rank(goal, figures)[0] <= _ROUNDING


def surely_reaches(goal: StudyGoal, figures: StudyFigures) -> bool:
    """Return whether the attackers keep to the goal even allowing for chance, and the matches lost keep to it."""
    return reaches(goal, figures) and figures.upper <= goal.attacker_at_most + _ROUNDING


def is_better(one: StudyFigures, other: StudyFigures) -> bool:
    """Return whether one is as good as the other in both figures, and in one better than the other's interval."""
    (accuracy, lost), (its_accuracy, its_lost) = _points(one), _points(other)
    if accuracy > its_accuracy or lost > its_lost:
        return False
    low, lost_low = other.accuracy.low, other.lost.low
    return (low is not None and accuracy < low) or (lost_low is not None and lost < lost_low)


def frontier(figures: Mapping[str, StudyFigures]) -> list[str]:
    """Return the candidates that no other is as good as in both figures and better in one, least loss first."""
    points = {name: _points(each) for name, each in figures.items()}

    def is_beaten(name: str) -> bool:
        own = points[name]
        return any(
            other[0] <= own[0] and other[1] <= own[1] and other != own for each, other in points.items() if each != name
        )

    return sorted(
        (name for name in points if not is_beaten(name)), key=lambda name: (points[name][1], points[name][0], name)
    )


def recommend(goal: StudyGoal, figures: Mapping[str, StudyFigures]) -> str | None:
    """Return the candidate to release: that reaches the goal, allowing for chance if any does, at the least loss.

    Where none reaches it, the one that comes nearest to it; None where there is no candidate.
    """

    def order(name: str) -> tuple[object, ...]:
        each = figures[name]
        return (not surely_reaches(goal, each), *rank(goal, each), name)

    return min(figures, key=order, default=None)


def _helps(figures: StudyFigures, untouched: StudyFigures | None) -> bool:
    """Return whether attackers are right less often than on what is left as it is, as far as that is known."""
    return untouched is None or _points(figures)[0] < _points(untouched)[0]


def _points(figures: StudyFigures) -> tuple[float, float]:
    """Return both figures; what could not be measured counts as the worst there is."""
    accuracy, lost = figures.accuracy.value, figures.lost.value
    return 1.0 if accuracy is None else accuracy, 1.0 if lost is None else lost


def _out_of_reach(goal: StudyGoal, figures: StudyFigures) -> str:
    low, lost_low = figures.accuracy.low, figures.lost.low
    if low is not None and low > goal.attacker_at_most:
        return (
            f"Out of reach: even allowing for chance, {figures.attacker} is right in {percent(low)} of cases; the goal "
            f"is {percent(goal.attacker_at_most)}."
        )
    if lost_low is not None and lost_low > goal.matches_lost:
        return (
            f"Out of reach: even allowing for chance, {percent(lost_low)} of genuine matches are lost with "
            f"{figures.matcher}; the goal is {percent(goal.matches_lost)}."
        )
    return ""
