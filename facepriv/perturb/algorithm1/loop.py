"""The loop of Algorithm 1 on one face: it decides every update of a triangle, and when to stop.

Lines of the paper's pseudo-code and their methods here: the sign of the numerical gradient (equation 5) is
`TriangleLoop._update`, ``X +- eps (W - X)`` inside a triangle (equation 3) `TriangleImage.blend`, the test ``J < eta``
`TriangleLoop._has_passed`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import BadInputError
from facepriv.imaging.acquire import look_again
from facepriv.perturb.algorithm1.kept_score_cost import KeptScoreCost
from facepriv.perturb.algorithm1.parameters import Algorithm1Parameters
from facepriv.perturb.algorithm1.robust_views import draw_jitters, make_views, score_versions
from facepriv.perturb.algorithm1.triangle_image import TriangleImage
from facepriv.perturb.algorithm1.triangle_inputs import RecroppedInputs, make_inputs
from facepriv.perturb.base import KeptClassifiers, Targets, score_face, side_of
from facepriv.perturb.common.anchored_crop import AnchoredCrop
from facepriv.types import AttributeClassifier, Face, PublishedClassifier, Stop


class TriangleLoop:
    """Updates of one image, triangle by triangle, until the stored file has flipped or is near its target.

    Scores are multiplied by the side to leave, so that costs fall; `trajectory` holds plain scores ``f`` of the crop
    anchored on the face, not the mean over jittered crops and versions.

    The loop changes the image. It stops ``margin`` past zero where there are no targets; the generator draws the
    jitter.
    """

    def __init__(
        self,
        face: Face,
        guide: AttributeClassifier,
        image: TriangleImage,
        options: Algorithm1Parameters,
        targets: Targets | None,
        kept: KeptClassifiers | None,
        rng: np.random.Generator,
    ) -> None:
        self.image = image
        self._face, self._guide, self._options, self._targets = face, guide, options, targets
        self._jitters = draw_jitters(options.jitter, rng)
        self._versions = score_versions(face, face.pixels, options.versions, guide)
        scores = self._anchor(face)
        self._kept = None if kept is None else KeptScoreCost(kept, face, image)
        score = float(scores[0])
        self.trajectory = [score]
        self.anchors: list[int] = []
        self.stop: Stop = "sweeps"
        if targets is None:
            self._side, self._goal = side_of(face, score), -options.margin
            if self._has_passed(self._side * scores):
                self.stop = "already-wrong"
        else:
            self._side = 1 if score >= targets.scores[0] else -1
            self._goal = self._side * float(targets.scores[0])
            if self._is_near(score):
                self.stop = "landed"

    @property
    def updates(self) -> int:
        """Number of updates made."""
        return len(self.trajectory) - 1

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on how it was computed that a user should know of."""
        notes = []
        if isinstance(self._inputs, RecroppedInputs):
            notes.append(
                f"The crop of the classifier {self._guide.name} is not a linear map of the image, so what it reads was "
                "cropped again at every update: the decisions are the same, the loop is slower."
            )
        for version in sorted(set(self._options.versions) - {score.version for score in self._versions}):
            notes.append(f"No face was found in the version {version} of the file, so it was not heeded.")
        return tuple(notes)

    def run(self) -> Stop:
        """Update triangle after triangle; return why it ended."""
        triangles = len(self.image.spans)
        idle = 0  # updates in a row that changed no score
        while self.stop == "sweeps" and self.updates < self._options.sweeps * triangles:
            costs, tie = self._update(self.updates % triangles)
            idle = idle + 1 if tie and self.trajectory[-1] == self.trajectory[-2] else 0
            if idle == triangles and self._targets is not None and np.ptp(self.trajectory) > 0:
                break  # on the way to a far target every pixel may have become black, white or the candidate's
            # A plateau on the way to the other side may end: the paper's loop goes on until its limit of sweeps.
            if idle == triangles and np.ptp(self.trajectory) == 0:
                raise BadInputError(
                    f"Scores that change with the image were expected of the classifier {self._guide.name}, but a "
                    "whole pass over all triangles never changed its score; check its weights and its crop, or choose "
                    "another guide.",
                    code="guide-constant",
                )
            if self._has_passed(costs):
                self._check_file()
        return self.stop

    def _update(self, triangle: int) -> tuple[NDArray[np.float64], bool]:
        """Blend one triangle; return the costs ``(views,)`` of the direction taken, and whether both cost the same."""
        inputs = self._inputs.try_pair(triangle, self._options.eps)
        # (direction, view); the paper's loop has one view.
        costs = self._side * self._guide.score(inputs).reshape(2, -1)
        towards, away = costs.mean(axis=1) if costs.shape[1] > 1 else costs[:, 0]
        if self._kept is not None:
            terms = self._kept.try_pair(triangle, self._options.eps)
            towards, away = towards + terms[0], away + terms[1]
        # Equation 5: towards the candidate if the numerical gradient of the cost is negative, else away from it.
        direction = 0 if towards < away else 1
        self._inputs.accept(triangle, direction)
        if self._kept is not None:
            self._kept.accept(triangle, direction)
        self.trajectory.append(self._side * float(costs[direction, 0]))
        return costs[direction], towards == away

    def _has_passed(self, costs: NDArray[np.float64]) -> bool:
        """Return whether costs ``(views,)`` are past the goal; with a drawn score that of the image itself is enough.

        Jittered views only steady the direction then. What the publisher's pipeline made of the file when the crop was
        anchored, more or less than the crop itself, is expected of it again.
        """
        expected = costs + self._side * self._gaps
        return bool((expected < self._goal).all() if self._targets is None else expected[0] < self._goal)

    def _check_file(self) -> None:
        """Find the face again in the rounded image and score it there; stop, or anchor the crops on it and go on."""
        stored = self.image.stored()
        file_face = look_again(self._face, stored)
        if file_face is None:
            self.stop = "face-lost"
            return
        score = score_face(self._guide, file_face)
        self._versions = score_versions(self._face, stored, self._options.versions, self._guide)
        passed = self._side * score < self._goal
        if self._targets is not None and self._is_near(score):
            self.stop = "landed"
        elif self._targets is None and passed and all(self._side * v.score < self._goal for v in self._versions):
            self.stop = "flipped"
        else:
            if self._targets is not None and passed:
                self._side, self._goal = -self._side, -self._goal  # past the target: back in the same way
            self._anchor(file_face, score)
            if self._kept is not None:
                self._kept.anchor(file_face)
            self.anchors.append(self.updates)

    def _anchor(self, face: Face, score: float | None = None) -> NDArray[np.float64]:
        """Make the guide's inputs again: the crop on a face's landmarks, jittered ones, and one for each version.

        Parameters
        ----------
        score
            The guide's score of the face, if it is known.

        Returns
        -------
        ndarray
            The guide's scores of these inputs ``(views,)``; empty where nobody needs them.
        """
        crop = AnchoredCrop.of(self._guide, face)
        views = make_views(self._guide, face, crop, self._jitters, self._versions)
        self._inputs = make_inputs(self.image, views)
        self._gaps = np.zeros(len(views))
        if score is not None and not isinstance(self._guide, PublishedClassifier):
            return np.empty(0)
        scores = self._guide.score(self._inputs.current)
        if isinstance(self._guide, PublishedClassifier):
            published = score_face(self._guide, face) if score is None else score
            self._gaps += published - scores[0]
            for place, version in enumerate(self._versions, start=1 + len(self._jitters)):
                self._gaps[place] = version.score - scores[place]
        return scores

    def _is_near(self, score: float) -> bool:
        """Return whether the first guide's score is near its target; the others are the judge's to ask."""
        assert self._targets is not None
        return bool(abs(score - self._targets.scores[0]) <= self._targets.tolerance)
