"""Gender that lies in the texture of images alone is found as well as by a plain support vector machine."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from facepriv.audit.evidence import Evidence
from facepriv.imaging.texture import texture_features

from .planted import accuracy, bits, guess, people, seen
from .test_leaks_that_scripts_find import POINTS, drawn, script
from .test_planted_nothing import interval

PEOPLE = 120
CHEEKS = ((2, 31), (14, 35))
"""Landmarks between which a cheek lies."""
PLAIN = make_pipeline(StandardScaler(), SVC())


def with_cheeks(face, roughness, rng):
    """Add noise of so many grey levels to the cheeks, and a little to the whole image."""
    shape = face.pixels.shape[:2]
    rows, columns = np.indices(shape)
    size = np.full(shape, 2.0)
    for side, nose in CHEEKS:
        x, y = face.landmarks[[side, nose]].mean(axis=0)
        radius = 0.5 * np.hypot(*(face.landmarks[side] - face.landmarks[nose]))
        size[np.hypot(columns - x, rows - y) < radius] = roughness
    # Coarse enough to outlast the crop, and of one standard deviation.
    noise = cv2.GaussianBlur(rng.normal(size=shape), (0, 0), 1.5) * (2 * np.sqrt(np.pi) * 1.5)
    return np.clip(np.rint(face.pixels + (size * noise)[..., None]), 0, 255).astype(np.uint8)


def rough(labels, lean, rng):
    """Draw how rough cheeks are, grey levels: log-normal, rougher for label +1 where ``lean`` is positive."""
    return np.exp(2 + 0.5 * rng.normal(size=len(labels)) + lean * labels)


def images_of(faces, roughness, rng, more=lambda pixels: pixels):
    """Measure the texture of faces that have nothing to do with the label."""
    bases = rng.integers(len(faces), size=len(roughness))
    made = [
        replace(faces[base], pixels=more(with_cheeks(faces[base], own, rng)))
        for base, own in zip(bases, roughness, strict=True)
    ]
    return np.array([texture_features(face) for face in made], dtype=np.float64)


def tinted(pixels):
    """Leave a trace of having been perturbed: a slow wave of colour."""
    wave = 6 * np.cos(np.arange(pixels.shape[0]) / 2)
    return np.clip(pixels + np.rint(wave)[:, None, None] * (1, -1, 0), 0, 255).astype(np.uint8)


def evidence_of(names, labels, *tables):
    return Evidence(labels, *(seen(names, np.zeros(len(labels)), texture=table) for table in tables))


def test_rough_cheeks_are_found_as_a_script_finds_them(faces):
    rng = np.random.default_rng(5)
    names, labels = people(PEOPLE, 1)
    table = images_of(faces, rough(labels, 0.6, rng), rng)
    found = accuracy(1.0 * script(PLAIN, table, labels, names), labels)
    assert found > 0.75, "the script finds the leak"
    evidence = evidence_of(names, labels, table)
    for name in ("texture", "joined"):
        assert accuracy(guess(name, evidence), labels) > found - POINTS, name


def test_cheeks_that_are_smooth_where_perturbed_are_read_by_state(faces):
    rng = np.random.default_rng(6)
    names, labels = people(PEOPLE, 1)
    before = images_of(faces, rough(labels, 0.6, rng), rng)
    after = images_of(faces, rough(labels, -0.6, rng), rng, tinted)
    chosen = drawn(PEOPLE, rng)
    evidence = evidence_of(names, labels, before, after)
    released = evidence.release(chosen).texture
    four = script(PLAIN, released, labels + 4 * chosen, names)
    found = accuracy(1.0 * np.where(four > 2, four - 4, four), labels)
    assert found > 0.7, "the script finds the leak"
    assert accuracy(guess("texture", evidence, chosen, 0.5), labels) > found - POINTS


@pytest.mark.parametrize("seed", range(3))
def test_rough_cheeks_of_anybody_tell_nothing(faces, seed):
    rng = np.random.default_rng([7, seed])
    names, labels = people(PEOPLE, 1, seed)
    before, after = (images_of(faces, rough(labels, 0, rng), rng, more) for more in (lambda pixels: pixels, tinted))
    found = guess("texture", evidence_of(names, labels, before, after), drawn(PEOPLE, rng), 0.5)
    low, high = interval(found, labels, names, sure=3)
    assert low <= 0.5
    assert high > 0.45  # people left out of learning lean away from what is learnt without them
    assert bits(found, labels) < 0.03
