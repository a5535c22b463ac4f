"""Choose the candidate face that is blended in: the one whose landmarks correlate best (paper, section 2.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import BadInputError
from facepriv.types import Box, Face, Image

CandidateGender = Literal["any", "same", "opposite"]


@dataclass(frozen=True, eq=False)
class Gallery:
    """The faces to choose candidates from; pixels are read only for the chosen one."""

    image_ids: Sequence[str]
    subjects: Sequence[str]
    labels: Sequence[int | None]
    landmarks: NDArray[np.float32]
    """``(n, k, 2)``."""
    boxes: Sequence[Box]
    """left, top, right, bottom of every face."""
    read: Callable[[str], Image]
    """Returns the pixels of an image id."""
    meshes: NDArray[np.float32] | None = None
    """``(n, k, 2)`` points of another landmarker, as `Face.mesh`."""

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {image_id: row for row, image_id in enumerate(self.image_ids)}

    @property
    def points(self) -> NDArray[np.float32]:
        """Return the corners ``(n, k, 2)`` of everybody's triangles: the meshes, else the landmarks."""
        return self.landmarks if self.meshes is None else self.meshes

    @classmethod
    def of(cls, faces: Sequence[Face]) -> Gallery:
        """Make a gallery of faces held in memory; it has meshes if all of them have."""
        meshes = [face.mesh for face in faces if face.mesh is not None]
        pixels = {face.image_id: face.pixels for face in faces}
        return cls(
            image_ids=[face.image_id for face in faces],
            subjects=[face.subject for face in faces],
            labels=[face.label for face in faces],
            landmarks=np.stack([face.landmarks for face in faces]),
            boxes=[face.box for face in faces],
            read=pixels.__getitem__,
            meshes=np.stack(meshes) if len(meshes) == len(faces) else None,
        )

    def joined(self, other: Gallery) -> Gallery:
        """Return a gallery of the faces of both, which must have different image ids; without meshes."""
        mine = frozenset(self.image_ids)
        return Gallery(
            image_ids=[*self.image_ids, *other.image_ids],
            subjects=[*self.subjects, *other.subjects],
            labels=[*self.labels, *other.labels],
            landmarks=np.concatenate([self.landmarks, other.landmarks]),
            boxes=[*self.boxes, *other.boxes],
            read=lambda image_id: self.read(image_id) if image_id in mine else other.read(image_id),
        )

    def face(self, image_id: str) -> Face:
        """Read an image with its face."""
        row = self._rows[image_id]
        return Face(
            image_id=image_id,
            subject=self.subjects[row],
            label=self.labels[row],
            pixels=self.read(image_id),
            landmarks=self.landmarks[row],
            box=self.boxes[row],
            mesh=None if self.meshes is None else self.meshes[row],
        )

    def face_landmarks(self, image_id: str) -> NDArray[np.float32]:
        """Return the landmarks ``(k, 2)`` of an image."""
        return self.landmarks[self._rows[image_id]]


def landmark_correlation(landmarks: NDArray[np.float32], gallery: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean Pearson correlations ``(n,)`` of x and y of landmarks ``(k, 2)`` with a gallery's."""
    a = landmarks.astype(np.float64) - landmarks.mean(axis=0, dtype=np.float64)
    b = gallery.astype(np.float64) - gallery.mean(axis=1, keepdims=True, dtype=np.float64)
    covariance = np.einsum("kc,nkc->nc", a, b)
    spread = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        means: NDArray[np.float64] = (covariance / spread).mean(axis=1)
    # Landmarks on one line have no correlation; they are never the best.
    return np.nan_to_num(means, nan=-1.0)


def choose_candidate(face: Face, gallery: Gallery, gender: CandidateGender = "any") -> str:
    """Choose the best candidate; raises as `choose_candidates`."""
    return choose_candidates(face, gallery, gender, 1)[0]


def choose_candidates(face: Face, gallery: Gallery, gender: CandidateGender, most: int) -> list[str]:
    """Choose gallery images, by their ids, of different other subjects by their landmark correlation, the best first.

    Raises BadInputError with code ``no-candidate`` if no image qualifies, ``landmark-count`` if the gallery has other
    points.

    Parameters
    ----------
    gender
        Whether the candidate's label must be the same as the face's, the opposite, or any.
    most
        How many, if there are so many; at least one.
    """
    if len(gallery.image_ids) and gallery.points.shape[1:] != face.points.shape:
        raise BadInputError(
            f"A gallery with {len(face.points)} points a face was expected, as the face has them, but it has "
            f"{gallery.points.shape[1]}; find all with the same landmarker.",
            code="landmark-count",
        )
    allowed = np.array([subject != face.subject for subject in gallery.subjects], dtype=bool)
    if gender != "any":
        wanted = None if face.label is None else (face.label if gender == "same" else -face.label)
        allowed &= np.array([wanted is not None and label == wanted for label in gallery.labels], dtype=bool)
    if not allowed.any():
        raise BadInputError(
            f"A candidate image of another subject with {gender} gender label was expected, but there is none; "
            "add images of other subjects or choose candidates of any gender.",
            code="no-candidate",
        )
    order = np.argsort(-landmark_correlation(face.points, gallery.points), kind="stable")
    best: dict[str, str] = {}
    for row in order[allowed[order]]:
        best.setdefault(gallery.subjects[row], gallery.image_ids[row])
    return list(best.values())[:most]
