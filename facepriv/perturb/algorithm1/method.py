"""Algorithm 1 of Mirjalili and Ross (IJCB 2017), with the file's own score as the test of success.

The steps and their order are the paper's. Two things are added to its stopping rule, because whoever attacks the stored
file finds the face anew: when the score under the fixed crop has passed ``-margin``, the rounded image is searched for
its face again and scored there, and if that has not passed, the crop is re-anchored on the landmarks just found and the
loop goes on.

With a score drawn for the image (`stopping`) the loop goes towards it from whichever side the image's own score lies
on. Where an update leads past it, and so does the file, the loop goes back in the same way, until the file is near.

Where other classifiers' scores are to be kept (the paper's future work), the cost that decides between the two
directions has a second term, ``J(X) = f(X) g + w sum |k(X) - k(X0)|`` over the kept ``k``. Both are in nats, so with
``w`` = 1 an update that strays by a nat must bring the guide as much. When to stop is still the guide's to say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from facepriv.errors import BadInputError
from facepriv.imaging.triangulation import triangulate, warp_onto
from facepriv.perturb.algorithm1.kept_scores import KeptScoreCost
from facepriv.perturb.algorithm1.robust_views import VersionLook, draw_jitters, look_at_versions, make_views
from facepriv.perturb.algorithm1.triangle_image import TriangleImage
from facepriv.perturb.algorithm1.triangle_inputs import RecroppedInputs, TriangleInputs, make_inputs
from facepriv.perturb.base import (
    CountingClassifier,
    KeptClassifiers,
    Learned,
    Parameters,
    Perturbation,
    Perturber,
    find_again,
    side_of,
)
from facepriv.perturb.common.anchored_crop import AnchoredCrop
from facepriv.perturb.common.parameters import (
    FIXED,
    MATCHED,
    Candidates,
    Margin,
    Spread,
    Stopping,
    SurviveJpeg,
    SurviveResize,
    Tolerance,
    versions_to_survive,
)
from facepriv.perturb.common.stopping import draw_targets, untouched_scores
from facepriv.perturb.gallery import Gallery, choose_candidate
from facepriv.perturb.targets import Targets
from facepriv.types import AttributeClassifier, Face, FaceMatcher, Stop


class Algorithm1Parameters(Parameters):
    """The paper's parameters (section 3); ``margin`` is its ``-eta``, in nats, since scores are log-odds.

    The paper knows no ``jitter``, ``survive_*`` and ``stopping``; with their defaults the method is the paper's.
    """

    eps: float = Field(default=0.05, gt=0, lt=1, description="Share of the candidate blended in or out in one update")
    margin: Margin = 0.1
    sweeps: int = Field(default=40, ge=1, le=1000, description="Most passes over all triangles")
    candidates: Candidates = "any"
    jitter: int = Field(
        default=0,
        ge=0,
        le=16,
        description="Crops moved a little over which the score is averaged too, so that a flip survives finding the "
        "face anew; each costs one more evaluation a direction",
    )
    survive_jpeg: SurviveJpeg = False
    survive_resize: SurviveResize = False
    stopping: Stopping
    spread: Spread
    tolerance: Tolerance

    @property
    def versions(self) -> tuple[str, ...]:
        """Versions of the stored file that must be flipped too, as keys of `facepriv.imaging.versions.VERSIONS`.

        None with a drawn score: its versions would have to lie at some other score.
        """
        return versions_to_survive(self) if self.stopping == FIXED else ()


class Algorithm1(Perturber):
    """Triangle-wise blending towards or away from a candidate until the guide flips."""

    name = "algorithm1"
    title = "Algorithm 1 (Mirjalili and Ross 2017)"
    kind = "unnoticeable"
    keeps = True
    landmarkers = None
    Parameters: ClassVar[type[Parameters]] = Algorithm1Parameters
    parameters: Algorithm1Parameters

    @property
    def learns(self) -> bool:
        """Whether scores to draw from must be learnt first."""
        return self.parameters.stopping == MATCHED

    def learn(
        self,
        gallery: Gallery,
        classifiers: Sequence[AttributeClassifier],
        *,
        guards: Sequence[FaceMatcher] = (),
        rng: np.random.Generator,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Learned:
        """Score a gallery of untouched images, to draw matched scores from.

        Raises
        ------
        BadInputError
            With code ``no-opposite-label`` if there is no image of one label.
        """
        counting = [CountingClassifier(classifier) for classifier in classifiers]
        return Learned(
            arrays=untouched_scores(gallery, counting, on_progress),
            evaluations=sum(one.evaluations for one in counting),
            images=len(gallery.image_ids),
            subjects=frozenset(gallery.subjects),
        )

    def run(
        self,
        face: Face,
        classifiers: Sequence[AttributeClassifier],
        *,
        gallery: Gallery,
        rng: np.random.Generator,
        guards: Sequence[FaceMatcher] = (),
        learned: Learned | None = None,
    ) -> Perturbation:
        """Perturb one face, guided by the first classifier. Nothing but ``jitter`` and a score drawn is random.

        The trajectory holds the score of the crop anchored on the face, not the mean over jittered crops and versions.

        Raises
        ------
        BadInputError
            With code ``no-candidate``, ``degenerate-landmarks``, ``outside-image`` or ``guide-constant``;
            ``nothing-learnt`` or ``learnt-with-others`` if there are no scores of these guides to draw from.
        """
        return self._run(face, classifiers, gallery, rng, learned, None)

    def run_keeping(
        self,
        face: Face,
        classifiers: Sequence[AttributeClassifier],
        *,
        keep: KeptClassifiers,
        gallery: Gallery,
        rng: np.random.Generator,
        guards: Sequence[FaceMatcher] = (),
        learned: Learned | None = None,
    ) -> Perturbation:
        """Perturb one face as `run` does, and lean towards what brings kept scores back; a weight of 1 is a nat a nat.

        Raises
        ------
        BadInputError
            As `run`.
        """
        return self._run(face, classifiers, gallery, rng, learned, keep)

    def _run(
        self,
        face: Face,
        classifiers: Sequence[AttributeClassifier],
        gallery: Gallery,
        rng: np.random.Generator,
        learned: Learned | None,
        keep: KeptClassifiers | None,
    ) -> Perturbation:
        options = self.parameters
        guide = classifiers[0]
        targets = draw_targets(options, face, classifiers, None if learned is None else learned.arrays, rng)
        height, width = face.pixels.shape[:2]
        candidate_id = choose_candidate(face, gallery, options.candidates)
        mesh = triangulate(face.points, height, width)
        warped = warp_onto(mesh, gallery.read(candidate_id), gallery.face_points(candidate_id))
        image = TriangleImage(face.pixels, mesh, warped)

        jitters = draw_jitters(options.jitter, rng)
        crop = AnchoredCrop(guide, face)
        looks = look_at_versions(face, face.pixels, options.versions, guide)
        inputs = make_inputs(image, make_views(guide, face, crop, jitters, looks))
        straying = None if keep is None else KeptScoreCost(keep, face, image)
        scores = guide.score(inputs.current)
        side, goal = side_of(face, float(scores[0])), -options.margin
        if targets is not None:
            side = 1 if scores[0] >= targets.scores[0] else -1
            goal = side * float(targets.scores[0])
        trajectory = [float(scores[0])]
        anchors: list[int] = []
        stop: Stop = "sweeps"
        if targets is not None:
            stop = "landed" if _is_near(targets, float(scores[0])) else stop
        elif (side * scores < goal).all():
            stop = "already-wrong"

        updates = unmoved = 0
        while stop == "sweeps" and updates < options.sweeps * len(mesh.triangles):
            triangle = updates % len(mesh.triangles)
            # (direction, view); the paper's loop has one view.
            costs = side * guide.score(inputs.try_pair(triangle, options.eps)).reshape(2, -1)
            towards, away = costs.mean(axis=1) if costs.shape[1] > 1 else costs[:, 0]
            # Equation 5: towards the candidate if the numerical gradient of the cost is negative, else away from it.
            if straying is not None:
                strayed = straying.try_pair(triangle, options.eps)
                towards, away = towards + strayed[0], away + strayed[1]
            which = 0 if towards < away else 1
            inputs.keep(triangle, which)
            if straying is not None:
                straying.keep(triangle, which)
            updates += 1
            trajectory.append(side * float(costs[which, 0]))
            unmoved = unmoved + 1 if towards == away and trajectory[-1] == trajectory[-2] else 0
            if unmoved == len(mesh.triangles):
                if targets is not None and np.ptp(trajectory) > 0:
                    break  # the way to a far target may end where every pixel is black, white or the candidate's
                raise _constant(guide)
            # A drawn score is for the image itself to pass; jittered views only steady the direction.
            if (costs[which] < goal).all() if targets is None else costs[which, 0] < goal:
                stored = image.stored()
                found = find_again(face, stored)
                if found is None:
                    stop = "face-lost"
                    continue
                crop = AnchoredCrop(guide, found)
                score = float(guide.score(crop.take(stored)[None])[0])
                looks = look_at_versions(face, stored, options.versions, guide)
                if targets is not None and _is_near(targets, score):
                    stop = "landed"
                elif targets is None and side * score < goal and all(side * look.score < goal for look in looks):
                    stop = "flipped"
                else:
                    if targets is not None and side * score < goal:
                        side, goal = -side, -goal
                    inputs = make_inputs(image, make_views(guide, found, crop, jitters, looks))
                    if straying is not None:
                        straying.anchor(found)
                    anchors.append(updates)
        return Perturbation(
            pixels=image.stored(),
            candidate_id=candidate_id,
            updates=updates,
            stop=stop,
            trajectory=np.array(trajectory),
            anchors=tuple(anchors),
            notes=_notes(guide, inputs, options.versions, looks),
            targets=targets,
        )


def _is_near(targets: Targets, score: float) -> bool:
    """Return whether the first guide's score is near its target; the others are the judge's to ask."""
    return bool(abs(score - targets.scores[0]) <= targets.tolerance)


def _constant(guide: AttributeClassifier) -> BadInputError:
    return BadInputError(
        f"Scores that change with the image were expected of the classifier {guide.name}, but a whole pass over all "
        "triangles never changed its score; check its weights and its crop, or choose another guide.",
        code="guide-constant",
    )


def _notes(
    guide: AttributeClassifier, inputs: TriangleInputs, versions: Sequence[str], looks: Sequence[VersionLook]
) -> tuple[str, ...]:
    notes = []
    if isinstance(inputs, RecroppedInputs):
        notes.append(
            f"The crop of the classifier {guide.name} is not a linear map of the image, so what it reads was cropped "
            "again at every update: the decisions are the same, the loop is slower."
        )
    for version in sorted(set(versions) - {look.version for look in looks}):
        notes.append(f"No face was found in the version {version} of the file, so it was not heeded.")
    return tuple(notes)
