"""Optimal transport between two normal distributions, in closed form.

The linear map from N(a, A) to N(b, B) of least mean squared distance is ``x -> b + T (x - a)`` with
``T = A^-1/2 (A^1/2 B A^1/2)^1/2 A^-1/2`` (Olkin and Pukelsheim, The distance between two random vectors with given
dispersion matrices, 1982). The barycentre of two distributions lies half way along it (McCann, 1997).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facepriv.protect.base import Lesson
from facepriv.types import FEMALE, MALE, Floats64


@dataclass(frozen=True, eq=False)
class GenderTransport:
    """Means and maps of either gender towards the other."""

    male_mean: Floats64
    female_mean: Floats64
    to_female: Floats64
    """``(d, d)`` symmetric, of a man's deviation from the mean man."""
    to_male: Floats64


def learn_transport(lesson: Lesson, shrinkage: float) -> GenderTransport:
    """Learn the maps between the genders; covariances are shrunk towards a ball of the same size, 0..1."""
    male, female = (_covariance(lesson, label, shrinkage) for label in (MALE, FEMALE))
    return GenderTransport(
        lesson.mean(MALE), lesson.mean(FEMALE), transport_map(male, female), transport_map(female, male)
    )


def _covariance(lesson: Lesson, label: int, shrinkage: float) -> Floats64:
    own = lesson.labels == label
    centred = lesson.rows[own] - lesson.mean(label)
    weights = lesson.weights[own] / lesson.weights[own].sum()
    covariance = (centred * weights[:, None]).T @ centred
    width = len(covariance)
    ball = np.trace(covariance) / width * np.eye(width)
    # Of fewer people than dimensions the covariance has no inverse.
    return np.asarray((1 - shrinkage) * covariance + (shrinkage + 1e-6) * ball)


def transport_map(source: Floats64, target: Floats64) -> Floats64:
    """Return the linear part ``(d, d)`` of the transport between two covariances ``(d, d)``."""
    root = _power(source, 0.5)
    inverse = _power(source, -0.5)
    return np.asarray(inverse @ _power(root @ target @ root, 0.5) @ inverse)


def _power(matrix: Floats64, exponent: float) -> Floats64:
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return np.asarray((vectors * np.maximum(values, 1e-300) ** exponent) @ vectors.T)
