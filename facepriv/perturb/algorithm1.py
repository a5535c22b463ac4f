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
from numpy.typing import NDArray
from pydantic import Field

from facepriv.imaging.triangulation import triangulate, warp_onto
from facepriv.perturb.base import Learned, Parameters, Perturbation, Perturber, find_again, score_face, side_of
from facepriv.perturb.candidates import CandidateGender, Gallery, choose_candidate
from facepriv.perturb.linear_input import LinearInput
from facepriv.types import AttributeClassifier, Face, FaceMatcher, Image, Stop


class Algorithm1Parameters(Parameters):
    """The paper's parameters (section 3); ``eta`` in nats, since scores are log-odds."""

    eps: float = Field(default=0.05, gt=0, lt=1, description="Share of the candidate blended in or out in one update")
    eta: float = Field(default=-0.1, le=0, description="Stop once score times label is below this, in nats")
    sweeps: int = Field(default=40, ge=1, le=1000, description="Most passes over all triangles")
    candidates: CandidateGender = Field(default="any", description="Gender label of the candidate: any, same, opposite")


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
        """Perturb one face, guided by the first classifier. Nothing is random."""
        options = self.parameters
        guide = classifiers[0]
        height, width = face.pixels.shape[:2]
        candidate_id = choose_candidate(face, gallery, options.candidates)
        mesh = triangulate(face.landmarks, height, width)
        warped = warp_onto(mesh, gallery.read(candidate_id), gallery.face_landmarks(candidate_id))

        image = face.pixels.reshape(-1, 3).astype(np.float32)
        crop = LinearInput(guide, face, image, mesh.pixels)
        score = float(guide.score(crop.current)[0])
        side = side_of(face, score)
        trajectory = [score]
        anchors: list[int] = []
        stop: Stop = "sweeps"
        if side * score < options.eta:
            stop = "already-wrong"

        updates = 0
        while stop == "sweeps" and updates < options.sweeps * len(mesh.triangles):
            triangle = updates % len(mesh.triangles)
            pixels = mesh.pixels[triangle]
            towards = blend(image[pixels], warped[pixels], options.eps)
            away = blend(image[pixels], warped[pixels], -options.eps)
            scores = guide.score(crop.try_pair(triangle, (towards, away)))
            # Equation 5: towards the candidate if the numerical gradient of the cost is negative, else away from it.
            which = 0 if side * scores[0] < side * scores[1] else 1
            image[pixels] = (towards, away)[which]
            crop.accept(triangle, which)
            updates += 1
            trajectory.append(float(scores[which]))
            if side * scores[which] < options.eta:
                found = find_again(face, stored_image(image, height, width))
                if found is None:
                    stop = "face-lost"
                elif side * score_face(guide, found) < options.eta:
                    stop = "flipped"
                else:
                    crop = LinearInput(guide, found, image, mesh.pixels)
                    anchors.append(updates)
        return Perturbation(
            pixels=stored_image(image, height, width),
            candidate_id=candidate_id,
            updates=updates,
            stop=stop,
            trajectory=np.array(trajectory),
            anchors=tuple(anchors),
        )


def blend(values: NDArray[np.float32], warped: NDArray[np.float32], eps: float) -> NDArray[np.float32]:
    """Blend pixel values ``(m, 3)`` by ``eps`` towards the warped candidate (away if negative), clipped to 0..255."""
    moved: NDArray[np.float32] = np.clip(values + np.float32(eps) * (warped - values), 0, 255)
    return moved


def stored_image(image: NDArray[np.float32], height: int, width: int) -> Image:
    """Round a float image ``(h * w, 3)`` to what a file holds, ``(h, w, 3)`` uint8."""
    return np.rint(image).astype(np.uint8).reshape(height, width, 3)
