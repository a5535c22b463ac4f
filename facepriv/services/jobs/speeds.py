"""What pieces of work take: by what earlier jobs of this installation took, else by figures measured once.

A piece is named as the stopwatch names it, in words from the general to the special. How its time grows with pixels,
guides or images follows from the reference figures; what was measured here corrects them, first for the piece itself,
else for pieces of its kind, else for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from facepriv.perturb.base import JUDGING, PERTURBING, TOGETHER
from facepriv.registry import VALUE
from facepriv.services.jobs.reference_speeds import REFERENCE
from facepriv.stopwatch import SEPARATOR, Taken, piece
from facepriv.store import Store
from facepriv.store.speeds import Speed

ALONE, REST = "alone", "rest"
"""What a worker is at while its processes wait, and what else a job takes: starting processes, loading models."""
PANEL, LEARN = "panel", "learn"
PRIOR_EVALUATIONS = {"algorithm1": 1400, "colour-field": 400, "descent": 150, "mixing": 0, "semantic": 35}
"""Evaluations that one guide's image takes while nothing is known: means of first runs on the demo faces, rounded."""
OTHER_PRIOR_EVALUATIONS = 500
STOPPING_TIMES = {"matched": 3.5}
"""How many times as many a way of stopping takes that lies far out; ways not named take as many."""
EVALUATION_SECONDS = {"dlib-gender": 0.00025, "levi-hassner": 0.009, "dlib-age": 0.004, "levi-hassner-age": 0.009}
"""One evaluation: processor time for a crop of a demo face, measured on a server with two x86-64 cores."""
OTHER_EVALUATION_SECONDS = 0.1
"""For guides not measured: large networks take about so long."""
EMBEDDING_SECONDS = {"sface": 0.0125, "dlib-resnet": 0.0055}
"""One template, measured likewise; `OTHER_EVALUATION_SECONDS` for others."""
GUARD_LOOKS = {"semantic": 35, "descent": 15}
"""Templates that an image takes from each matcher that the method heeds; methods not named heed none."""
OVERHEAD = 1.25
"""Time that a method takes for that of its evaluations."""
VERSIONS_JUDGED = {JUDGING: 5, PANEL: 10}
"""Versions of a stored image that guides judge; each is one evaluation, on top of finding the face in it again."""
FEW_STEPS, FEW_SECONDS = 3.0, 20.0
"""Steps of a piece, or seconds of all pieces, that count as much as what is known without them."""
TOGETHER_TAKE = 1.3
"""How many times as long a piece takes where all cores compute as it took alone; seen in whole jobs on the demo set."""
ENOUGH_STEPS = 5.0
"""Steps from which on a piece counts as measured here."""
UNKNOWN = (0.1, 0.0)


def evaluation_seconds(name: str) -> float:
    """Return the reference time of one evaluation by a classifier, whatever its boundary (``dlib-age@40``)."""
    return EVALUATION_SECONDS.get(name.partition(VALUE)[0], OTHER_EVALUATION_SECONDS)


def perturbing_seconds(method: str, asked: Sequence[str], guards: Sequence[str] = (), stopping: str = "") -> float:
    """Return the reference time of what a method asks of classifiers and matchers to change one image."""
    evaluations = PRIOR_EVALUATIONS.get(method, OTHER_PRIOR_EVALUATIONS) * STOPPING_TIMES.get(stopping, 1.0)
    looks = GUARD_LOOKS.get(method, 0) * sum(EMBEDDING_SECONDS.get(name, OTHER_EVALUATION_SECONDS) for name in guards)
    return (evaluations * sum(map(evaluation_seconds, asked)) + looks) * OVERHEAD


def expected_seconds(what: str, steps: float, scale: float) -> float:
    """Return what steps of a piece take at the reference speed; ``scale`` is the sum over the steps."""
    first, *words = what.split(SEPARATOR)
    each, by_scale = _reference(what)
    if first == PERTURBING and len(words) >= 5:
        method, guides, kept, guards, stopping = words[:5]
        each += perturbing_seconds(method, _names(guides, kept), _names(guards), stopping)
    elif first in VERSIONS_JUDGED and words:
        # As published, which may take several passes.
        scores = (_reference(piece("score", name.partition(VALUE)[0])) for name in _names(words[0]))
        each += VERSIONS_JUDGED[first] * sum(seconds for seconds, _ in scores)
    together = 1.0 if first in (ALONE, REST) else TOGETHER_TAKE
    return together * (each * steps + by_scale * scale)


def _names(*groups: str) -> list[str]:
    return [name for group in groups for name in group.split(TOGETHER) if name]


def _reference(what: str) -> tuple[float, float]:
    return next((REFERENCE[level] for level in _levels(what) if level in REFERENCE), UNKNOWN)


def _levels(what: str) -> list[str]:
    """Return a piece, and the kinds of pieces that it belongs to, the most special first."""
    words = what.split(SEPARATOR)
    return [SEPARATOR.join(words[:number]) for number in range(len(words), 0, -1)]


@dataclass(frozen=True)
class Speeds:
    """How fast this installation is, by piece."""

    measured: Mapping[str, Speed]

    def seconds(self, what: str, steps: float = 1.0, scale: float | None = None) -> float:
        """Return what steps of a piece are expected to take here; ``scale`` as in `expected_seconds`."""
        return expected_seconds(what, steps, steps if scale is None else scale) * self._times(what)

    def knows(self, what: str) -> bool:
        """Return whether the piece itself was measured here."""
        speed = self.measured.get(what)
        return speed is not None and (speed.steps >= ENOUGH_STEPS or what.startswith((ALONE, REST)))

    def _times(self, what: str) -> float:
        """Return how many times as long as at the reference speed it takes here."""
        times = 1.0
        for level in ("", *reversed(_levels(what))):
            speed = self.measured.get(level)
            if speed is None or speed.steps <= 0 or speed.expected <= 0:
                continue
            few = FEW_SECONDS if level == "" else FEW_STEPS * speed.expected / speed.steps
            times = (speed.seconds + few * times) / (speed.expected + few)
        return times


def get_speeds(store: Store) -> Speeds:
    """Return what is known of this installation."""
    return Speeds(store.speeds.all())


def keep_speeds(store: Store, pieces: Mapping[str, Taken]) -> None:
    """Add what the pieces of a job took to what is known."""
    measured: dict[str, Speed] = {}
    for what, taken in pieces.items():
        new = Speed(taken.steps, taken.seconds, expected_seconds(what, taken.steps, taken.scale))
        # What it takes to begin says nothing of how fast the machine is.
        for level in [*_levels(what), *([] if what.startswith((ALONE, REST)) else [""])]:
            old = measured.get(level, Speed(0.0, 0.0, 0.0))
            measured[level] = Speed(*(a + b for a, b in zip(old, new, strict=True)))
    store.speeds.add(measured)


@dataclass(frozen=True)
class Piece:
    """Some steps of one kind that are to be done."""

    what: str
    steps: float
    scale: float
    """Sum over the steps of what their time grows with."""

    @classmethod
    def of(cls, what: str, steps: float, each: float = 1.0) -> Piece:
        """Return steps of which each has the same scale."""
        return cls(what, steps, steps * each)


def rest(work: str) -> Piece:
    """Return what a job takes besides its pieces."""
    return Piece.of(piece(REST, work), 1)


def alone(work: str, size: float) -> Piece:
    """Return what the worker itself is at in a job of some size."""
    return Piece.of(piece(ALONE, work), 1, size)


def share_known(speeds: Speeds, pieces: Iterable[Piece]) -> float:
    """Return which share of the time rests on what was measured here."""
    known = total = 0.0
    for each in pieces:
        seconds = speeds.seconds(each.what, each.steps, each.scale)
        total += seconds
        known += seconds * speeds.knows(each.what)
    return known / total if total else 1.0
