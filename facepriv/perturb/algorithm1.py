"""Algorithm 1 of Mirjalili and Ross (IJCB 2017), with the file's own score as the test of success.

The steps and their order are the paper's. Two things are added to its stopping rule, because whoever attacks the stored
file finds the face anew: when the score under the fixed crop passes ``eta``, the rounded image is searched for its face
again and scored there, and if that has not passed, the crop is re-anchored on the landmarks just found and the loop
goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from facepriv.errors import BadInputError
from facepriv.imaging.triangulation import triangulate, warp_onto
from facepriv.perturb.anchored_crop import AnchoredCrop
from facepriv.perturb.base import Learned, Parameters, Perturbation, Perturber, find_again, side_of
from facepriv.perturb.candidates import CandidateGender, Gallery, choose_candidate
from facepriv.perturb.robust_views import VersionLook, draw_jitters, look_at_versions, make_views
from facepriv.perturb.triangle_image import TriangleImage
from facepriv.perturb.triangle_inputs import RecroppedInputs, TriangleInputs, make_inputs
from facepriv.types import AttributeClassifier, Face, FaceMatcher, Stop


class Algorithm1Parameters(Parameters):
    """The paper's parameters (section 3); ``eta`` in nats, since scores are log-odds.

    The paper knows no ``jitter``, ``jpeg`` and ``resize``; with their defaults the method is the paper's.
    """

    eps: float = Field(default=0.05, gt=0, lt=1, description="Share of the candidate blended in or out in one update")
    eta: float = Field(default=-0.1, le=0, description="Stop once score times label is below this, in nats")
    sweeps: int = Field(default=40, ge=1, le=1000, description="Most passes over all triangles")
    candidates: CandidateGender = Field(default="any", description="Gender label of the candidate: any, same, opposite")
    jitter: int = Field(
        default=0,
        ge=0,
        le=16,
        description="Crops moved a little over which the score is averaged too, so that a flip survives finding the "
        "face anew; each costs one more evaluation a direction",
    )
    jpeg: bool = Field(
        default=False, description="Average the score over a JPEG of quality 90 too, and go on until that is flipped"
    )
    resize: bool = Field(
        default=False, description="Average the score over the image at 75 % too, and go on until that is flipped"
    )

    @property
    def versions(self) -> tuple[str, ...]:
        """Versions of the stored file that must be flipped too, as keys of `facepriv.imaging.versions.VERSIONS`."""
        return ("jpeg90",) * self.jpeg + ("resize75",) * self.resize


class Algorithm1(Perturber):
    """Triangle-wise blending towards or away from a candidate until the guide flips."""

    name = "algorithm1"
    title = "Algorithm 1 (Mirjalili and Ross 2017)"
    kind = "unnoticeable"
    Parameters: ClassVar[type[Parameters]] = Algorithm1Parameters
    parameters: Algorithm1Parameters

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
        """Perturb one face, guided by the first classifier. Nothing but ``jitter`` is random.

        The trajectory holds the score of the crop anchored on the face, not the mean over jittered crops and versions.

        Raises
        ------
        BadInputError
            With code ``no-candidate``, ``degenerate-landmarks``, ``outside-image`` or ``guide-constant``.
        """
        options = self.parameters
        guide = classifiers[0]
        height, width = face.pixels.shape[:2]
        candidate_id = choose_candidate(face, gallery, options.candidates)
        mesh = triangulate(face.landmarks, height, width)
        warped = warp_onto(mesh, gallery.read(candidate_id), gallery.face_landmarks(candidate_id))
        image = TriangleImage(face.pixels, mesh, warped)

        jitters = draw_jitters(options.jitter, rng)
        crop = AnchoredCrop(guide, face)
        looks = look_at_versions(face, face.pixels, options.versions, guide)
        inputs = make_inputs(image, make_views(guide, face, crop, jitters, looks))
        scores = guide.score(inputs.current)
        side = side_of(face, float(scores[0]))
        trajectory = [float(scores[0])]
        anchors: list[int] = []
        stop: Stop = "sweeps"
        if (side * scores < options.eta).all():
            stop = "already-wrong"

        updates = unmoved = 0
        while stop == "sweeps" and updates < options.sweeps * len(mesh.triangles):
            triangle = updates % len(mesh.triangles)
            # (direction, view); the paper's loop has one view.
            costs = side * guide.score(inputs.try_pair(triangle, options.eps)).reshape(2, -1)
            towards, away = costs.mean(axis=1) if costs.shape[1] > 1 else costs[:, 0]
            # Equation 5: towards the candidate if the numerical gradient of the cost is negative, else away from it.
            which = 0 if towards < away else 1
            inputs.keep(triangle, which)
            updates += 1
            trajectory.append(side * float(costs[which, 0]))
            unmoved = unmoved + 1 if towards == away and trajectory[-1] == trajectory[-2] else 0
            if unmoved == len(mesh.triangles):
                raise _constant(guide)
            if (costs[which] < options.eta).all():
                stored = image.stored()
                found = find_again(face, stored)
                if found is None:
                    stop = "face-lost"
                    continue
                crop = AnchoredCrop(guide, found)
                passed = side * float(guide.score(crop.take(stored)[None])[0]) < options.eta
                looks = look_at_versions(face, stored, options.versions, guide)
                if passed and all(side * look.score < options.eta for look in looks):
                    stop = "flipped"
                else:
                    inputs = make_inputs(image, make_views(guide, found, crop, jitters, looks))
                    anchors.append(updates)
        return Perturbation(
            pixels=image.stored(),
            candidate_id=candidate_id,
            updates=updates,
            stop=stop,
            trajectory=np.array(trajectory),
            anchors=tuple(anchors),
            notes=_notes(guide, inputs, options.versions, looks),
        )


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
