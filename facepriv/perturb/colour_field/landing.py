"""Search a smooth field that brings the guides' scores of the stored file to given targets, from whichever side.

The rounds are those of `field_search`: slopes, the least change that would do if scores were linear, half of the way,
the face found anew. What differs is the goal. Since a target may lie beyond zero, short of it, or beyond the original's
own score, going past it is no good, so a step demands equality of every guide, and a round ends with a landing: small
steps by the slopes known, the stored file looked at after each.

The landmarks found anew lie on whole pixels and move in leaps as the image changes, and with them the score, by a nat
or so: along one line a target may be leapt over for good. So every small step is sought under the crop last found, and
through patterns drawn anew, until one hits that leaves the landmarks where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facepriv.imaging.quality import psnr_db
from facepriv.perturb.base import KeptClassifiers, Perturbation
from facepriv.perturb.colour_field.search import (
    EFFICIENT,
    FIRST,
    HARD,
    KEPT,
    KEPT_SMALLER,
    LENGTHS,
    RETREAT,
    RETREATS,
    WORTH,
    FieldSearch,
    PatternInput,
    Plan,
    crossing,
)
from facepriv.perturb.common.anchored_crop import AnchoredCrop
from facepriv.perturb.common.least_change import exact_change
from facepriv.perturb.targets import Targets
from facepriv.types import AttributeClassifier, Face, Image, Stop

LANDINGS = 8
"""Most small steps, and looks at the file, at the end of a round."""
CLOSER = 3
"""Most images that a small step tries under the crop last found, before the file is looked at."""
AIM = 0.4
"""Share of the tolerance that a landing aims at, since the last look may show a little more."""
NEAR = 3.0
"""Nats from the target within which no way is gone by halves."""
WITHIN = 2.0
"""Nats from the target within which small steps are tried; from farther away, new slopes are taken."""
LEAST_SHARE = 0.25
"""Share of the way left that a small step goes at least."""
THROUGH = 0.5
"""Share of the patterns that each small step goes through, drawn anew."""


@dataclass(frozen=True, eq=False)
class _Place:
    """A field, its file, and what the guides say of it."""

    field: NDArray[np.float64]
    pixels: Image
    found: Face | None
    """The face found anew in the file."""
    scores: NDArray[np.float64]
    """``(guides,)`` log-odds; NaN where no face was found."""
    missed: float
    """Nats by which the worst guide misses its target; infinite where no face was found."""


class FieldLanding(FieldSearch):
    """The search for one face's field that ends at its targets.

    Parameters
    ----------
    plan
        Its margin and its versions say nothing here.
    rng
        Draws the patterns of small steps.
    """

    def __init__(
        self,
        face: Face,
        guides: Sequence[AttributeClassifier],
        plan: Plan,
        targets: Targets,
        rng: np.random.Generator,
        keep: KeptClassifiers | None = None,
    ) -> None:
        super().__init__(face, guides, replace(plan, margin=0.0, versions=()), keep)
        self.targets, self._rng = targets, rng
        # What the search takes for margins are scores here: there is no side to leave.
        self.sides = [1] * len(guides)
        self._landed: _Place | None = None
        self._nearest: _Place | None = None

    def result(self) -> Perturbation:
        """Find the field and give what came of it; an image that is at its targets already is left alone."""
        last = self._at(np.zeros(len(self.units)), noted=False)
        if not self.targets.reached(last.scores):
            last = self._approach()
        if self._landed is not None and self._landed is not last:
            # A later field was tried and did no better: back to the one that is stored.
            last = self._landed
            self.trajectory.append(float(last.scores[0]))
        elif self._nearest is not None and self._nearest.missed < last.missed:
            last = self._nearest
            self.trajectory.append(float(last.scores[0]))
        stop: Stop = "face-lost" if last.found is None else "rounds"
        done = self._done(last.pixels, "landed" if self.targets.reached(last.scores) else stop)
        return replace(done, targets=self.targets)

    def _approach(self) -> _Place:
        """Go from field to field; `_landed` is the smallest that lands. Gives the last place."""
        here, anchor = np.zeros(len(self.units)), self.face
        number, hard = -2 if len(self.learnt) else 0, False
        while True:
            chosen = self._chosen(number, hard) if self._landed is None else self.patterns
            inputs = self._inputs(anchor, chosen)
            scores = self._take_slopes(inputs, chosen)
            self._take_kept_slopes(anchor, chosen)
            kept = (0.0,) if not here.any() else KEPT if self._landed is None else KEPT_SMALLER
            step, left = self._leap(inputs, here, scores, kept if number >= 0 else kept[-1:])
            if self._landed is not None and (left > 0 or self._size(step) > WORTH * self._size(self._landed.field)):
                return self._landed
            way = self._missed(scores)
            if number == 0:
                # What it would take if the rest of the way were like the part gone.
                hard = bool(np.sqrt(step @ self.pixels @ step) * way / max(way - left, 1e-9) > HARD)
            partly = number == 0 and left <= 0 and way > NEAR
            here = here + (FIRST if partly else 1.0) * (step - here)
            place = self._at(here)
            for _ in range(RETREATS):
                if place.found is not None or self._landed is not None:
                    break
                place = self._at(RETREAT * place.field)
            if not partly and place.missed <= WITHIN:
                place = self._land(place)
            if self.targets.reached(place.scores):
                if self._landed is not None and self._size(place.field) > WORTH * self._size(self._landed.field):
                    return self._landed
                self._landed = place
                if psnr_db(self.face.pixels, place.pixels, self.face.box) >= self.plan.psnr:
                    return place
            elif self._landed is not None:
                return self._landed
            number += 1
            if number >= self.plan.rounds or place.found is None:
                return place
            here, anchor = place.field, place.found
            self.anchors.append(len(self.trajectory) - 1)

    def _missed(self, scores: NDArray[np.float64]) -> float:
        """Return the nats by which the worst guide misses its target; infinite where a score is NaN."""
        return float(np.nan_to_num(np.abs(scores - self.targets.scores), nan=np.inf).max())

    def _leap(
        self,
        inputs: list[PatternInput],
        here: NDArray[np.float64],
        scores: NDArray[np.float64],
        kept: tuple[float, ...],
    ) -> tuple[NDArray[np.float64], float]:
        """Return the smallest field tried that brings all guides to their targets, else the best, and what is left."""
        known = np.asarray(self.slopes.any(axis=0))
        metric, slopes = self.metric[np.ix_(known, known)], self.slopes[:, known]
        lengths = np.array((0.0, *LENGTHS))
        fields = np.empty((len(kept), len(lengths), len(here)))
        for row, share in enumerate(kept):
            centre = share * here
            way = np.zeros(len(here))
            lacking = self.targets.scores - scores - self.slopes @ (centre - here)
            way[known] = self.kept.way(exact_change, metric, slopes, lacking, known, centre - here)
            fields[row] = centre + np.outer(lengths, way)
        seen = self._margins(inputs, fields.reshape(-1, len(here)) - here).T.reshape(*fields.shape[:2], -1)
        over = seen - self.targets.scores
        # From each centre, every guide has its own side of the target to come from; 0 once it is there.
        left = (over * np.where(over[:, :1] < 0, -1, 1)).max(axis=-1)
        reaching = [
            field for line, row in zip(left, fields, strict=True) if (field := crossing(line, row, 0.0)) is not None
        ]
        if reaching:
            return min(reaching, key=self._size), 0.0
        if here.any():
            nearest = np.unravel_index(int(np.argmin(left)), left.shape)
            return fields[nearest], float(left[nearest])
        # Far from the start slopes say little, so a first step ends where it begins to gain less.
        rate = (left[0, 0] - left[0, 1:]) / np.array([self._size(field) for field in fields[0, 1:]])
        best = np.flatnonzero(rate >= EFFICIENT * rate.max())[-1] if rate.max() > 0 else np.argmin(left[0, 1:])
        return fields[0, 1 + best], float(left[0, 1 + best])

    def _land(self, place: _Place) -> _Place:
        """Bring a field near its targets to them by small steps; return the best place seen."""
        known = np.flatnonzero(self.slopes.any(axis=0))
        share = 1.0
        for _ in range(LANDINGS):
            if place.found is None or place.missed <= AIM * self.targets.tolerance:
                break
            some = np.sort(self._rng.permutation(known)[: max(len(self.guides), round(THROUGH * len(known)))])
            tried = self._at(self._closer(place, place.found, some, share))
            # Where a step leads from one side of a leap to the other, a shorter one may stay before it.
            share = 1.0 if tried.missed < place.missed else max(share / 2, LEAST_SHARE)
            place = min(place, tried, key=lambda one: one.missed)
        return place

    def _closer(self, place: _Place, found: Face, some: NDArray[np.int64], share: float) -> NDArray[np.float64]:
        """Give a field, moved through some units, that would go a share of the way left if the face stayed in place."""
        metric, slopes = self.metric[np.ix_(some, some)], self.slopes[:, some]
        crops = [AnchoredCrop(guide, found) for guide in self.guides]
        field, scores = place.field.copy(), place.scores
        goal = scores + share * (self.targets.scores - scores)
        for _ in range(CLOSER):
            field[some] += exact_change(metric, slopes, goal - scores)
            pixels = self._pixels_of(field)
            scores = np.array(
                [float(guide.score(crop.take(pixels)[None])[0]) for guide, crop in zip(self.guides, crops, strict=True)]
            )
            if np.abs(goal - scores).max() <= AIM * self.targets.tolerance:
                break
        return field

    def _pixels_of(self, field: NDArray[np.float64]) -> Image:
        return self.field.apply(self.face.pixels, field @ self.units)

    def _at(self, field: NDArray[np.float64], *, noted: bool = True) -> _Place:
        """Render a field, and score the file with the face found anew."""
        pixels = self._pixels_of(field)
        look = self.judges.look(self.face, pixels, ())
        scores = look.margins[0] * self.judges.sides
        if noted:
            self.trajectory.append(float(scores[0]))
        place = _Place(field, pixels, look.found, scores, self._missed(scores))
        if self._nearest is None or place.missed < self._nearest.missed:
            self._nearest = place
        return place
