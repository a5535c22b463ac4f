"""Mix shape and texture of a face with those of a candidate, as Othman and Ross did (ECCV workshops 2014).

The method that the paper compares Algorithm 1 with (its reference 29, section 3.1): no classifier is asked, a face is
simply moved half-way to one of the other gender. Both faces are warped, triangle by triangle, to the mixed shape, where
their textures are averaged. Outside the face there is only the source, warped along with the face's outline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from facepriv.errors import BadInputError
from facepriv.imaging.triangulation import triangulate, warp_onto
from facepriv.perturb.base import Context, Parameters, Perturbation, Perturber, score_face, side_of
from facepriv.perturb.common.face_frame import hull_mask, soft_hull
from facepriv.perturb.common.mean_faces import (
    Points,
    bounded,
    check_span,
    face_width,
    plane_of,
    points_of,
    turn_onto,
)
from facepriv.perturb.common.parameters import Candidates
from facepriv.perturb.gallery import choose_candidate
from facepriv.types import AttributeClassifier, Face, Image

SURROUNDINGS = 0.5
"""How far around both outlines the image is warped along, in face widths."""
RING = 6
"""Points on each side of the window outside of which nothing moves."""


class MixingParameters(Parameters):
    """How much of the candidate goes into the mix, and who may be one."""

    coefficient: float = Field(default=0.5, ge=0, le=1, description="Share of the candidate's shape and texture")
    candidates: Candidates = "opposite"


class Mixing(Perturber):
    """Shape and texture averaged with a candidate's; no classifier is asked."""

    name = "mixing"
    title = "Mixing with a candidate (Othman and Ross 2014)"
    kind = "visible"
    landmarkers = None
    Parameters: ClassVar[type[Parameters]] = MixingParameters
    parameters: MixingParameters

    def run(self, face: Face, classifiers: Sequence[AttributeClassifier], context: Context) -> Perturbation:
        """Mix one face; nothing is random.

        The first guide is asked only for the side of a face without a label, where the candidate's gender depends on
        it. The trajectory is empty otherwise, since nobody scored anything, and the one update is the mix itself.
        Raises BadInputError with code ``no-candidate``, ``landmark-count`` or ``degenerate-landmarks``.
        """
        options, gallery = self.parameters, context.gallery
        trajectory: list[float] = []
        labelled = face
        if face.label is None and options.candidates != "any":
            trajectory = [score_face(classifiers[0], face)]
            labelled = replace(face, label=side_of(face, trajectory[0]))
        candidate_id = choose_candidate(labelled, gallery, options.candidates)
        return Perturbation(
            pixels=mix(face, gallery.face(candidate_id), options.coefficient),
            candidate_id=candidate_id,
            updates=1,
            stop="rounds",
            trajectory=np.array(trajectory, dtype=np.float64),
        )


def mix(face: Face, candidate: Face, coefficient: float) -> Image:
    """Mix a face with a candidate into an image ``(h, w, 3)`` of the face's size.

    Raises BadInputError with code ``landmark-count`` if either has not 68 landmarks or their meshes are not alike,
    ``degenerate-landmarks`` if they span no face.

    Parameters
    ----------
    coefficient
        Share of the candidate in shape and texture, 0 (the face as it is) to 1 (the candidate's shape and texture, in
        the face's place, size and turn).
    """
    if len(face.points) != len(candidate.points):
        raise BadInputError(
            f"A candidate with {len(face.points)} points was expected, as the face has them, but it has "
            f"{len(candidate.points)}; find both with the same landmarker.",
            code="landmark-count",
        )
    own, other = outlined(face), outlined(candidate)
    turn, shift = similarity(other, own)
    placed = points_of(turn * plane_of(other) + shift)
    mixed = (1 - coefficient) * own + coefficient * placed

    height, width = face.pixels.shape[:2]
    ring = _ring(np.concatenate([own, mixed]), SURROUNDINGS * face_width(face.landmarks))
    left, top = np.clip(np.floor(ring.min(axis=0)), 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(np.ceil(ring.max(axis=0)) + 1, (left + 1, top + 1), (width, height)).astype(int)
    corner = np.array([left, top])
    window = face.pixels[top:bottom, left:right]
    size = window.shape

    mesh = triangulate(np.concatenate([mixed, ring]) - corner, size[0], size[1])
    source = warp_onto(mesh, window, np.concatenate([own, ring]) - corner).reshape(size)
    texture = warp_onto(
        mesh, candidate.pixels, np.concatenate([other, points_of((plane_of(ring) - shift) / turn)])
    ).reshape(size)

    share = np.float32(coefficient) * _mask(face, window, mixed - corner)[..., None]
    blended = source + share * (texture - source)
    # Where four points lie on one circle, rounding may leave a pixel between two triangles.
    blended = np.where(mesh.owner[..., None] >= 0, blended, window)
    pixels = face.pixels.copy()
    pixels[top:bottom, left:right] = np.clip(np.rint(blended), 0, 255).astype(np.uint8)
    return pixels


def outlined(face: Face) -> Points:
    """Return points of a face that reach round it ``(k, 2)``: its mesh, or 68 landmarks with a forehead added.

    Raises BadInputError with code ``landmark-count`` or ``degenerate-landmarks``.
    """
    if face.mesh is None:
        return bounded(face.landmarks)
    check_span(face.mesh, face.landmarks)
    return face.mesh.astype(np.float64)


def _mask(face: Face, window: Image, mixed: Points) -> NDArray[np.float32]:
    """Draw the soft mask of what is blended ``(h, w)``, 0..1, over the outline of the mixed points."""
    if face.mesh is not None:
        return soft_hull(mixed, face_width(face.landmarks), window.shape[:2])
    return hull_mask(replace(face, pixels=window, landmarks=mixed[:68].astype(np.float32)))


def similarity(points: Points, goal: Points) -> tuple[complex, complex]:
    """Return turn with scale, and shift, that take points ``(k, 2)`` nearest to a goal ``(k, 2)``, in least squares.

    They are those of ``z -> turn * z + shift`` of complex numbers. Raises BadInputError with code
    ``degenerate-landmarks`` if no size can be told from the points.
    """
    turn = turn_onto(points, goal)
    if not abs(turn) > 1e-6:
        raise BadInputError(
            "Landmarks that span a face were expected, but nothing of one face's shape is found in the other's; "
            "leave the image out.",
            code="degenerate-landmarks",
        )
    return turn, complex(plane_of(goal).mean() - turn * plane_of(points).mean())


def _ring(points: Points, margin: float) -> Points:
    """Return points ``(4 * RING, 2)`` around all others, ``margin`` pixels away from the outermost."""
    left, top = points.min(axis=0) - margin
    right, bottom = points.max(axis=0) + margin
    steps = np.arange(RING) / RING
    across, down = left + steps * (right - left), top + steps * (bottom - top)
    return np.concatenate(
        [
            np.column_stack([across, np.full(RING, top)]),
            np.column_stack([np.full(RING, right), down]),
            np.column_stack([right + left - across, np.full(RING, bottom)]),
            np.column_stack([np.full(RING, left), bottom + top - down]),
        ]
    )
