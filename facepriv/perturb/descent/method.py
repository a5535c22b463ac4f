"""All coefficients of the blend moved together, by a few gradients and line searches instead of thousands of steps.

The images searched are those of Algorithm 1, ``X0 + c (W - X0)`` inside the face with ``W`` the warped candidate, but
the field ``c`` is given by one coefficient a landmark (or a triangle), and all of them move at once:

1. One batch of one-sided differences gives every guide's slope by every coefficient.
2. The *least change of the image* that takes all guides over, if their scores were linear, is a small least-distance
   problem; with one guide and one coefficient a triangle it is the step ``-g_T / ||W_T - X_T||^2``.
3. One batch along that direction tells how far to go, since the scores are not linear: extrapolation, bounded.
4. The way is gone in stages. After each the image is rounded, the face found anew in it, the crop re-anchored there,
   and a new gradient taken, so that the last one describes the place where the flip happens.
5. The flip counts only on the stored file (and on versions of it that are asked for), with the face found anew. What
   is not needed for it is undone: coefficients that do little for their share of the change, then a part of all.

With guarding matchers, an image that has become too unlike the original is searched again with the matchers' term in
the measure of the change (the paper's section 5 names this as future work).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from facepriv.errors import BadInputError
from facepriv.imaging.triangulation import triangulate, warp_onto
from facepriv.perturb.base import Context, Parameters, Perturbation, Perturber, find_again
from facepriv.perturb.common.guides import Guides, Look
from facepriv.perturb.common.least_change import least_change
from facepriv.perturb.common.parameters import (
    Candidates,
    Margin,
    Rounds,
    SurviveGrey,
    SurviveJpeg,
    SurviveResize,
    versions_to_survive,
)
from facepriv.perturb.descent.field_input import FieldInput
from facepriv.perturb.descent.floors import QualityFloor, SimilarityFloor, blended
from facepriv.perturb.descent.mesh_field import MeshField, Seams
from facepriv.perturb.gallery import CandidateGender, Gallery, choose_candidate
from facepriv.types import AttributeClassifier, Face, Stop

AHEAD = np.array([0.4, 0.6, 0.8, 1.0, 1.25, 1.6, 2.2, 3.0])
"""Multiples of the linear prediction tried in the first batch."""
ANYWHERE = np.array([0.05, 0.1, 0.2, 0.4, 0.7, 1.0, 1.6, 2.5])
"""The same for further steps, where the prediction has failed once."""
FURTHER = np.array([1.0, 1.08, 1.16, 1.25, 1.35, 1.5, 1.75, 2.0])
"""Multiples of the way gone, tried where the file did not keep the flip."""
LOOKS = 3
"""Most looks at the file along one direction."""
SHARES = np.arange(1, 8) / 8
"""Shares of the coefficients tried to be undone."""
LEAST_SHARE = 0.75
"""Down to which share of the change the last shrink looks: the line search has tried less."""
WEIGHTS = (1.0, 4.0, 16.0, 64.0)
"""Weights of the matchers' term, from the image's change alone counting to hardly counting."""
RETREATS = 8
"""Most measurements on the way back to a matcher's floor."""
LEAST_PROGRESS = 0.01
"""Share of the whole way below which a round at a floor counts as none."""


class DescentParameters(Parameters):
    """What may be chosen; the defaults are the gentlest for a few evaluations, on the demo set (docs/methods.md)."""

    candidates: Candidates = "opposite"
    candidate_count: int = Field(
        default=1, ge=1, le=20, description="Candidates compared by the change they promise; a gradient each"
    )
    seams: Seams = Field(
        default="smooth",
        description="smooth: no edge shows; fine: smooth with more coefficients, gentler for twice the evaluations; "
        "sharp: one coefficient a triangle, as in Algorithm 1",
    )
    stages: int = Field(default=2, ge=1, le=6, description="Gradients on the way: more are gentler and cost more")
    rounds: Rounds = 10
    reach: float = Field(
        default=2.0, gt=0, le=3, description="Largest share of the candidate blended in or out anywhere"
    )
    slope_step: float = Field(default=0.3, ge=0.01, le=1, description="Share blended in to measure a slope")
    margin: Margin = 0.1
    survive_jpeg: SurviveJpeg
    survive_resize: SurviveResize
    survive_grey: SurviveGrey
    psnr: float = Field(default=0.0, ge=0, le=80, description="Least PSNR of the face box, dB; 0 for none")
    ssim: float = Field(default=0.0, ge=0, lt=1, description="Least SSIM of the face box; 0 for none")
    similarity: float = Field(
        default=0.9, ge=0, lt=1, description="Least similarity to the original under every matcher that guards"
    )
    shrinks: int = Field(default=3, ge=0, le=10, description="Halvings of the last shrink; 0 for none")

    @property
    def versions(self) -> tuple[str, ...]:
        """Names of the versions that the flip must survive."""
        return versions_to_survive(self)


class Descent(Perturber):
    """Gradient descent on the blend's coefficients, with line searches and floors."""

    name = "descent"
    title = "Descent on the blend with a candidate"
    kind = "unnoticeable"
    uses_guards = True
    landmarkers = None
    Parameters: ClassVar[type[Parameters]] = DescentParameters
    parameters: DescentParameters

    def run(self, face: Face, classifiers: Sequence[AttributeClassifier], context: Context) -> Perturbation:
        """Perturb one face until all classifiers flip. Nothing is random.

        Raises
        ------
        BadInputError
            With code ``no-candidate``, ``degenerate-landmarks``, ``outside-image``, ``landmarks-outside``,
            ``candidate-equal``, ``floor-unmeasurable``, or ``guide-constant`` if a guide that is to be turned gives
            everything one score.
        """
        options, gallery = self.parameters, context.gallery
        guides = Guides(classifiers, face, -options.margin)
        mesh = triangulate(face.points, *face.pixels.shape[:2])
        searches: dict[str, _Search] = {}
        for candidate_id in _candidates(guides.labelled(face), gallery, options.candidates, options.candidate_count):
            warped = warp_onto(mesh, gallery.read(candidate_id), gallery.face_points(candidate_id))
            field = MeshField(mesh, warped, face.pixels, options.seams)
            quality = QualityFloor(face, field, psnr=options.psnr, ssim=options.ssim)
            similarity = SimilarityFloor(face, field, context.guards, options.similarity)
            searches[candidate_id] = _Search(face, guides, field, quality, similarity, options)
        candidate_id = next(iter(searches))
        if len(searches) > 1 and not searches[candidate_id].already_wrong():
            candidate_id = min(searches, key=lambda one: searches[one].predicted())
        search = searches[candidate_id]
        stop = search.run()
        return Perturbation(
            pixels=search.field.image(search.point),
            candidate_id=candidate_id,
            updates=len(search.trajectory) - 1,
            stop=stop,
            trajectory=np.array(search.trajectory),
            anchors=tuple(search.anchors),
            notes=search.notes(stop),
        )


def _candidates(face: Face, gallery: Gallery, gender: CandidateGender, most: int) -> list[str]:
    """Choose the best candidates of so many different subjects; at least one, or `choose_candidate` raises."""
    chosen = [choose_candidate(face, gallery, gender)]
    subject_of = dict(zip(gallery.image_ids, gallery.subjects, strict=True))
    while len(chosen) < most:
        taken = {subject_of[candidate_id] for candidate_id in chosen}
        rest = [row for row, subject in enumerate(gallery.subjects) if subject not in taken]
        others = Gallery(
            image_ids=[gallery.image_ids[row] for row in rest],
            subjects=[gallery.subjects[row] for row in rest],
            labels=[gallery.labels[row] for row in rest],
            landmarks=gallery.landmarks[rest],
            boxes=[gallery.boxes[row] for row in rest],
            read=gallery.read,
            meshes=None if gallery.meshes is None else gallery.meshes[rest],
        )
        try:
            chosen.append(choose_candidate(face, others, gender))
        except BadInputError:
            break
    return chosen


@dataclass(frozen=True, eq=False)
class _Slopes:
    """The guides' scores as linear functions: ``margins + slopes @ (a - at)``."""

    at: NDArray[np.float64]
    margins: NDArray[np.float64]
    slopes: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Tried:
    """A point of the search that was scored."""

    point: NDArray[np.float64]
    lacking: float
    """What the worst guide lacks of its goal, as a share of its whole way."""
    score: float
    """Of the first guide."""


class _Search:
    """The state of one face's search; `point` is where it stands."""

    def __init__(
        self,
        face: Face,
        guides: Guides,
        field: MeshField,
        quality: QualityFloor,
        similarity: SimilarityFloor,
        options: DescentParameters,
    ) -> None:
        self._face, self._guides, self.field, self._options = face, guides, field, options
        self._quality, self._similarity = quality, similarity
        self._metric = field.gram()
        self._first: _Slopes | None = None
        self._helping = np.zeros((len(guides.classifiers), field.size))
        self.point = np.zeros(field.size)
        self.trajectory = [guides.first_score]
        self.anchors: list[int] = []
        self._start_over()

    def run(self) -> Stop:
        """Search, with the matchers' term if the plain search passes their floor; give why it ended."""
        if self.already_wrong():
            return "already-wrong"
        stop = self._search()
        if not self._too_unlike():
            return stop
        image, matcher = self.field.gram(), self._similarity.metric(self._options.slope_step)
        for weight in WEIGHTS:
            self._metric = blended(image, matcher, weight)
            self._start_over()
            stop = self._search()
            if not self._too_unlike():
                return stop
        self._retreat()
        return "floor"

    def predicted(self) -> float:
        """Say how large the whole change would be if the scores were linear: one gradient."""
        aim = self._aim(self._slopes(self._options.slope_step), np.zeros(self.field.size), 0.0)
        return float(aim @ self._metric @ aim)

    def notes(self, stop: Stop) -> tuple[str, ...]:
        """Say what a user should know of how it was computed and why it ended."""
        notes = []
        if not all(view.linear for view in self._views):
            notes.append("The crop of a guide is no linear map of the image, so every trial image was cropped anew.")
        if stop == "floor":
            notes.append("The floor set for image quality or similarity was reached before the flip; lower it to flip.")
        return tuple(notes)

    def _start_over(self) -> None:
        self.point = np.zeros(self.field.size)
        del self.trajectory[1:], self.anchors[:]
        self._goals = np.full(len(self._guides.classifiers), -self._options.margin)
        self._anchor(self._face)
        self._at_floor = False

    def already_wrong(self) -> bool:
        """Return whether nothing needs to be done."""
        if (self._guides.first >= -self._options.margin).any():
            return False
        return not self._options.versions or self._holds(self._look(self.point))

    # -- the way to the flip ------------------------------------------------------------------------------------------

    def _search(self) -> Stop:
        options = self._options
        step, best, fresh = options.slope_step, np.inf, True
        for number in range(1, options.rounds + 1):
            last = number >= options.stages
            left = 0.0 if last else 1 - number / options.stages
            slopes = self._slopes(step)
            # The first directions minimise the whole change; once a prediction has failed, each minimises its step.
            start = np.zeros(self.field.size) if fresh else self.point
            aim = self._aim(slopes, start, left)
            self._at_floor = False
            tried = self._along(aim, AHEAD if fresh else ANYWHERE, left)
            if not last:
                self._accept(tried)
                # Versions of the file are looked at only where it may have flipped: they tell little half-way.
                look = self._guides.look(self._face, self.field.image(tried.point), ())
                if look.found is not None:
                    self._re_anchor(look)
                continue
            if tried.lacking > 0:
                fresh = False
                gained = best - tried.lacking
                if gained > 0:
                    best = tried.lacking
                    self._accept(tried)
                else:
                    step /= 2
                if self._at_floor and gained < LEAST_PROGRESS:
                    return "floor"
                continue
            stop = self._confirm(self.point, tried)
            if stop is not None:
                return stop
            best, fresh = np.inf, False
        return "floor" if self._at_floor else "rounds"

    def _confirm(self, start: NDArray[np.float64], tried: _Tried) -> Stop | None:
        """Look at the file; where it has not flipped, re-anchor and go further the same way; None if that ends."""
        for _ in range(LOOKS):
            self._accept(tried)
            look = self._look(tried.point)
            if look.found is None:
                return "face-lost"
            self.trajectory[-1] = self._score_of(look)
            self._re_anchor(look)
            if self._holds(look):
                self._shrink()
                return "flipped"
            tried = self._try([start + t * (tried.point - start) for t in FURTHER])
            if tried.lacking > 0:
                return None
        return None

    def _slopes(self, step: float) -> _Slopes:
        """Take the gradient where the search stands; at the original it is taken once."""
        original = not self.anchors and not self.point.any()
        if original and self._first is not None and step == self._options.slope_step:
            return self._first
        found = [view.slopes(self.point, step) for view in self._views]
        sides = self._guides.sides
        margins = np.array([score for score, _ in found]) * sides
        slopes = np.stack([slope for _, slope in found]) * sides[:, None]
        for guide, margin, goal, row in zip(self._guides.classifiers, margins, self._goals, slopes, strict=True):
            if original and margin > goal and not row.any():
                raise BadInputError(
                    f"A guide whose score changes with the image was expected, but {guide.name} gives the same score "
                    "for every change that was tried; check its weights, or choose another guide.",
                    code="guide-constant",
                )
        found_slopes = _Slopes(self.point, margins, slopes)
        if original:
            self._first = found_slopes
        return found_slopes

    def _aim(self, slopes: _Slopes, start: NDArray[np.float64], left: float) -> NDArray[np.float64]:
        """Find where the guides would lack the share ``left`` if they were linear, least far from ``start``.

        Coefficients that would pass the reach are held there, and the others make up for them.
        """
        reach = self._options.reach
        goals = self._goals + left * self._guides.scales
        free = np.ones(len(start), dtype=bool)
        moved = np.zeros(len(start))
        at_most = goals - slopes.margins + slopes.slopes @ (slopes.at - start)
        for _ in range(len(start)):
            held = slopes.slopes[:, ~free] @ moved[~free]
            part = np.flatnonzero(free)
            moved[part] = least_change(self._metric[np.ix_(part, part)], slopes.slopes[:, part], at_most - held)
            beyond = free & (np.abs(start + moved) > reach * (1 + 1e-9))
            moved = np.clip(start + moved, -reach, reach) - start
            free &= ~beyond
            if not beyond.any() or not free.any():
                break
        self._helping = slopes.slopes
        return start + moved

    def _along(self, aim: NDArray[np.float64], multiples: NDArray[np.float64], left: float) -> _Tried:
        """Try points towards ``aim``."""
        return self._try([self.point + t * (aim - self.point) for t in multiples], left)

    def _try(self, points: Sequence[NDArray[np.float64]], left: float = 0.0) -> _Tried:
        """Score points in one batch; take the first that reaches the goals, else the best.

        With a share ``left``, take the one that comes nearest to it.
        """
        points = [self._limited(point) for point in points]
        margins = self._margins(points)
        lacking = self._guides.lacking(margins, self._goals)
        if left > 0:
            chosen = int(np.argmin(np.abs(lacking - left)))
        else:
            chosen = int(np.argmax(lacking <= 0)) if (lacking <= 0).any() else int(np.argmin(lacking))
        return _Tried(points[chosen], float(lacking[chosen]), float(margins[chosen, 0] * self._guides.sides[0]))

    # -- undoing what is not needed -----------------------------------------------------------------------------------

    def _shrink(self) -> None:
        """Undo what the flip does without: the coefficients that do least for their change, then a part of all."""
        low, high, undone = LEAST_SHARE, 1.0, self._undone()
        held = self.point
        if undone is not None and self._keep(undone):
            held = undone
        for _ in range(self._options.shrinks):
            middle = (low + high) / 2
            if self._keep(middle * held):
                high = middle
            else:
                low = middle

    def _undone(self) -> NDArray[np.float64] | None:
        """Return the point with the most coefficients undone that still has the flip under the last anchor, if any."""
        change = self.point * (self._metric @ self.point)
        gain = -(self._helping / self._guides.scales[:, None]).sum(axis=0) * self.point
        order = np.argsort(gain / np.maximum(np.abs(change), 1e-12), kind="stable")
        points = [self.point.copy() for _ in SHARES]
        for point, share in zip(points, SHARES, strict=True):
            point[order[: int(share * len(order))]] = 0
        lacking = self._guides.lacking(self._margins(points), self._goals)
        holding = np.flatnonzero(lacking <= 0)
        return points[int(holding[-1])] if len(holding) else None

    def _keep(self, point: NDArray[np.float64]) -> bool:
        """Move to a point if the file keeps the flip there and no floor is passed."""
        if self._quality.within(point) is not point:
            return False
        look = self._look(point)
        if not self._holds(look):
            return False
        self._accept(_Tried(point, 0.0, self._score_of(look)))
        return True

    # -- floors -------------------------------------------------------------------------------------------------------

    def _limited(self, point: NDArray[np.float64]) -> NDArray[np.float64]:
        """Keep a point within the reach and above the floor of image quality."""
        clipped = np.clip(point, -self._options.reach, self._options.reach)
        limited = self._quality.within(clipped)
        self._at_floor |= limited is not clipped
        return limited

    def _too_unlike(self) -> bool:
        return self._similarity.active and self._unlike() > 1

    def _unlike(self) -> float:
        return self._similarity.excess(find_again(self._face, self.field.image(self.point)))

    def _retreat(self) -> None:
        """Go back towards the original until the matchers' floor holds."""
        for _ in range(RETREATS):
            excess = self._unlike()
            if excess <= 1:
                return
            self.point = self.point * (0.99 / float(np.sqrt(excess)) if np.isfinite(excess) else 0.5)
        self.point = np.zeros(self.field.size)

    # -- scoring ------------------------------------------------------------------------------------------------------

    def _anchor(self, face: Face) -> None:
        self._views = [FieldInput(guide, face, self.field) for guide in self._guides.classifiers]

    def _re_anchor(self, look: Look) -> None:
        """Make the crop anew on the face found in the file, and aim past what versions of the file take back."""
        assert look.found is not None
        self._anchor(look.found)
        self.anchors.append(len(self.trajectory) - 1)
        worst = np.nan_to_num(look.margins, nan=-np.inf).max(axis=0)
        self._goals = -self._options.margin - np.maximum(worst - look.margins[0], 0)

    def _look(self, point: NDArray[np.float64]) -> Look:
        return self._guides.look(self._face, self.field.image(point), self._options.versions)

    def _holds(self, look: Look) -> bool:
        return bool((look.margins < -self._options.margin).all())

    def _score_of(self, look: Look) -> float:
        """Return the first guide's score of the file itself."""
        return float(look.margins[0, 0] * self._guides.sides[0])

    def _margins(self, points: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        values = [self.field.values(point) for point in points]
        scores = np.stack([view.scores(values) for view in self._views], axis=-1)
        margins: NDArray[np.float64] = scores * self._guides.sides
        return margins

    def _accept(self, tried: _Tried) -> None:
        self.point = tried.point
        self.trajectory.append(tried.score)
