"""The paper's pseudo-code, line for line and as slow as it reads, to hold the engine against.

Whole images are copied at every step, the whole image is cropped again, and the warp is written out by hand. Nothing is
scored twice. The crop is made anew for every score, as a classifier that is given images would do; it may be kept
between anchorings for a loop that is plain but not wasteful.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import FailureToAcquireError
from facepriv.imaging.acquire import acquire
from facepriv.imaging.crop import apply_operator, crop_operator, take_crop
from facepriv.imaging.triangulation import triangulate
from facepriv.types import AttributeClassifier, CropFunction, Face, PublishedClassifier


@dataclass
class Transcript:
    decisions: list[int]
    """+1 towards the candidate, -1 away, by update."""
    trajectory: list[float]
    anchors: list[int]
    pixels: NDArray[np.uint8]
    loop_seconds: float
    """CPU time from the first score on, without triangles and warp."""


def bilinear(image: NDArray[np.float64], x: float, y: float) -> NDArray[np.float64]:
    height, width = image.shape[:2]
    x, y = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
    x0, y0 = int(x), int(y)
    x1, y1 = min(x0 + 1, width - 1), min(y0 + 1, height - 1)
    fx, fy = x - x0, y - y0
    top = (1 - fx) * image[y0, x0] + fx * image[y0, x1]
    bottom = (1 - fx) * image[y1, x0] + fx * image[y1, x1]
    return (1 - fy) * top + fy * bottom


def algorithm1(
    face: Face,
    candidate: NDArray[np.uint8],
    candidate_landmarks: NDArray[np.float32],
    f: AttributeClassifier,
    g: int,
    *,
    eps: float = 0.05,
    margin: float = 0.1,
    sweeps: int = 40,
    keep_crop: bool = False,
) -> Transcript:
    eta = -margin
    X0 = face.pixels.astype(np.float32)
    height, width = X0.shape[:2]
    mesh = triangulate(face.landmarks, height, width)
    L_S = face.landmarks.astype(np.float64)
    L_C = candidate_landmarks.astype(np.float64)
    X_C = candidate.astype(np.float64)

    masks, warps = [], []
    for number, corners in enumerate(mesh.triangles):
        mask = (mesh.owner == number)[..., None].astype(np.float32)
        # A_t: the affine map between the triangles, from its three corners.
        source = np.column_stack([L_S[corners], np.ones(3)])
        A_t = np.linalg.solve(source, L_C[corners])
        warp = np.zeros_like(X0)
        for y, x in np.argwhere(mesh.owner == number):
            xc, yc = x * A_t[0] + y * A_t[1] + A_t[2]
            warp[y, x] = bilinear(X_C, xc, yc)
        masks.append(mask)
        warps.append(warp)

    def cropper(anchor: Face) -> Callable[[NDArray[np.generic]], NDArray[np.float32]]:
        spec = f.crop(anchor)
        if isinstance(spec, CropFunction) or not keep_crop:
            return lambda X: take_crop(spec, X)
        S = crop_operator(spec, height, width)
        return lambda X: apply_operator(S, X).reshape(spec.height, spec.width, 3)

    start = time.process_time()
    crop = cropper(face)

    def J(X: NDArray[np.generic]) -> float:
        return float(f.score(crop(X)[None])[0]) * g

    def J_file(stored: Face) -> float:
        return f.score_published(stored) * g if isinstance(f, PublishedClassifier) else J(stored.pixels)

    X = X0.copy()
    decisions: list[int] = []
    trajectory = [J(X) * g]
    anchors: list[int] = []

    def transcript() -> Transcript:
        return Transcript(decisions, trajectory, anchors, np.rint(X).astype(np.uint8), time.process_time() - start)

    # What the publisher's pipeline makes of the file, more or less than the crop.
    gap = J_file(face) - trajectory[0] * g
    if trajectory[0] * g + gap < eta:
        return transcript()
    for _ in range(sweeps):
        for mask, warp in zip(masks, warps, strict=True):
            tried, costs = {}, {}
            for sign in (+1, -1):
                alpha = np.float32(sign * eps)
                blended = np.clip(X + alpha * (warp - X), 0, 255)
                tried[sign] = (1 - mask) * X + mask * blended
                costs[sign] = J(tried[sign])
            gradient = (costs[+1] - costs[-1]) / (2 * eps)
            choice = +1 if gradient < 0 else -1
            X, cost = tried[choice], costs[choice]
            decisions.append(choice)
            trajectory.append(cost * g)
            if cost + gap < eta:
                stored = np.rint(X).astype(np.uint8)
                try:
                    found = acquire(stored, several="largest")
                except FailureToAcquireError:
                    return transcript()
                file_face = replace(face, pixels=stored, landmarks=found.landmarks, box=found.box)
                crop = cropper(file_face)
                if (J_of_file := J_file(file_face)) < eta:
                    return transcript()
                gap = J_of_file - J(X) if isinstance(f, PublishedClassifier) else 0.0
                anchors.append(len(decisions))
    return transcript()
