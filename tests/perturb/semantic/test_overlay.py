"""Laying the difference of mean faces on an image."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from facepriv.perturb.common.mean_faces import (
    LUMA,
    REGIONS,
    CanonicalFrame,
    bounded,
    mean_faces,
    mean_landmarks,
    mean_shape,
    to_canonical,
)
from facepriv.perturb.semantic.overlay import CEILING, PARTS, Difference, Overlay

LIGHT, COLOUR, SHAPE, LIKENESS = (
    np.array([float(own == kind) for own, _ in PARTS]) for kind in ("light", "colour", "shape", "likeness")
)


@pytest.fixture(scope="module")
def difference(others) -> Difference:
    points = mean_shape([face.landmarks for face in others])
    labels, subjects = [face.label for face in others], [face.subject for face in others]
    means = mean_faces([to_canonical(f.pixels, f.landmarks, points) for f in others], labels, subjects)
    shapes = mean_landmarks([face.landmarks for face in others], labels, subjects, points)
    return Difference.between(CanonicalFrame(points), means[-1], means[1], shapes[-1], shapes[1], 0.15)


@pytest.fixture(scope="module")
def overlay(faces, difference) -> Overlay:
    return Overlay(faces[0], difference)


def hull_of(face) -> np.ndarray:
    inside = np.zeros(face.pixels.shape[:2], dtype=np.uint8)
    cv2.fillConvexPoly(inside, cv2.convexHull(bounded(face.landmarks).round().astype(np.int32)), 1)
    return inside.astype(bool)


def test_no_strength_leaves_the_image_as_it_is(overlay, faces):
    np.testing.assert_array_equal(overlay.render(np.zeros(len(PARTS))), faces[0].pixels)


@pytest.mark.parametrize("part", [LIGHT, COLOUR, SHAPE, 0.5 * LIKENESS])
def test_each_kind_changes_the_face_and_nothing_around_it(overlay, faces, part):
    changed = (overlay.render(part) != faces[0].pixels).any(axis=2)
    assert changed.mean() > 0.02
    assert not (changed & ~cv2.dilate(hull_of(faces[0]).astype(np.uint8), np.ones((5, 5))).astype(bool)).any()


def test_men_are_darker_around_the_mouth_and_have_heavier_brows(difference):
    # What twenty demo people teach: the light to be added to a woman's face.
    regions = difference.frame.regions
    for name in ("brows", "jaw"):
        weight = regions[REGIONS.index(name)]
        assert (difference.light[..., 0] * weight).min() < -2


def test_likeness_comes_nearer_to_the_other_mean_and_leaves_the_lips(faces, difference):
    face = faces[0]
    overlay = Overlay(face, difference)
    frame = difference.frame
    jaw = frame.regions[REGIONS.index("jaw")] > 0.5

    def away(pixels):
        seen = to_canonical(pixels, face.landmarks, frame.points)
        tone = np.median(seen[jaw], axis=0) / np.median(difference.other[jaw], axis=0)
        return np.abs(seen[jaw] - tone * difference.other[jaw]).mean()

    out = overlay.render(0.8 * LIKENESS)
    assert away(out) < 0.7 * away(face.pixels)
    lips = cv2.fillConvexPoly(
        np.zeros(face.pixels.shape[:2], np.uint8), cv2.convexHull(face.landmarks[48:60].round().astype(np.int32)), 1
    ).astype(bool)
    assert np.abs(out[lips].astype(int) - face.pixels[lips]).max() <= 5


def test_mean_square_error_is_foreseen_from_the_parts(overlay):
    start = np.full(len(PARTS), 0.3)
    steps = np.full(len(PARTS), 0.3)
    parts = range(len(PARTS))
    raised = [overlay.render(start + steps * np.eye(len(PARTS))[part]) for part in parts]
    gram, linear, constant = overlay.squares(overlay.render(start), raised, parts, steps, start)
    for x in (start, np.linspace(0.1, 0.5, len(PARTS))):
        foreseen = x @ gram @ x + 2 * linear @ x + constant
        assert foreseen == pytest.approx(overlay.mean_square(overlay.render(x)), rel=0.15)


def test_no_seam_at_the_edge(overlay, faces):
    face = faces[0]
    change = overlay.render(LIGHT + COLOUR).astype(float) - face.pixels
    rim = hull_of(face) & ~cv2.erode(hull_of(face).astype(np.uint8), np.ones((3, 3))).astype(bool)
    assert np.abs(change[rim]).max() <= 3


def test_added_light_makes_no_halo(faces, difference):
    bright = replace(difference, light=np.full_like(difference.light, 60))
    for face in faces[::4]:
        out = Overlay(face, bright).render(3 * LIGHT)
        width = np.hypot(*(face.landmarks[16] - face.landmarks[0]))
        reach = int(np.ceil(0.03 * width)) + 4  # four more: what is brightest near by is blurred by one pixel
        ceiling = cv2.dilate(face.pixels, np.ones((2 * reach + 1, 2 * reach + 1))).astype(float) + CEILING
        assert (out <= np.maximum(ceiling, face.pixels) + 1).all()
        assert (out > face.pixels).any()


def test_skin_is_not_turned_blue(faces, difference):
    blue = replace(difference, colour=np.full_like(difference.colour, 0) + np.float32([-30, 4.9, 54]))
    for face in faces[::4]:
        out = Overlay(face, blue).render(COLOUR).astype(float)
        skin = (face.pixels[..., 2].astype(float) < face.pixels @ LUMA - 3) & (out != face.pixels).any(axis=2)
        assert skin.any()
        assert (out[..., 2] <= out @ LUMA + 12)[skin].all(), "unheld, blue would stand 54 above"


def test_dark_skin_is_changed_less(faces, difference):
    face = faces[0]
    dark = replace(face, pixels=(face.pixels * 0.4).astype(np.uint8))
    change = [np.abs(Overlay(f, difference).render(LIGHT).astype(float) - f.pixels).mean() for f in (face, dark)]
    assert 0.25 * change[0] < change[1] < 0.6 * change[0]


def test_brows_are_met_where_the_face_has_them(faces, difference):
    face = faces[0]
    overlay = Overlay(face, difference)
    # The same face with landmarks that sit too high on its brows: the brow's light follows the brow, not the landmarks.
    brows = REGIONS.index("brows")
    landmarks = face.landmarks.copy()
    landmarks[17:27, 1] -= 0.015 * np.hypot(*(landmarks[16] - landmarks[0]))
    moved = Overlay(replace(face, landmarks=landmarks), difference)

    def centre(one: Overlay) -> float:
        change = one.render(np.eye(len(PARTS))[brows] * 1.5).astype(float) - face.pixels
        dark = np.clip(-change.sum(axis=2), 0, None) ** 2
        return float((dark.sum(axis=1) * np.arange(dark.shape[0])).sum() / dark.sum())

    lifted = float(face.landmarks[17:27, 1].mean() - landmarks[17:27, 1].mean())
    assert abs(centre(overlay) - centre(moved)) < 0.75 * lifted


def test_shape_moves_towards_the_other_gender(faces, difference):
    # A bright dot on the tip of the nose goes where the difference of the shapes says.
    face = faces[0]
    x, y = face.landmarks[30]
    pixels = np.full_like(face.pixels, 90)
    cv2.circle(pixels, (round(float(x)), round(float(y))), 3, (250, 250, 250), -1)
    raised = replace(difference, shift=np.full_like(difference.shift, 0) + np.float32([0, -5]))
    for one, down in (
        (raised, -5.0),
        (difference, difference.shift[tuple(difference.frame.points[30, ::-1].astype(int))][1]),
    ):
        out = Overlay(replace(face, pixels=pixels), one).render(SHAPE)
        rows = [image[..., 0].astype(float) - 90 for image in (pixels, out)]
        before, after = [float((r.sum(axis=1) * np.arange(len(r))).sum() / r.sum()) for r in rows]
        scale = np.hypot(*(face.landmarks[16] - face.landmarks[0])) / 160
        assert after - before == pytest.approx(down * scale, rel=0.35, abs=0.3)


def test_points_move_without_folding(difference):
    shift = difference.frame.by_region(difference.shift, difference.frame.inner).sum(axis=0)
    down, across = np.gradient(shift[..., 1], axis=0), np.gradient(shift[..., 0], axis=1)
    assert min(down.min(), across.min()) > -0.6


def test_light_on_skin_has_the_skins_colour(faces, difference):
    face = faces[0]
    even = replace(face, pixels=np.full_like(face.pixels, 0) + np.uint8([160, 110, 90]))
    out = Overlay(even, difference).render(LIGHT).astype(float)
    darker = out[..., 0] < 150
    assert darker.any()
    np.testing.assert_allclose(out[darker][:, 2] / out[darker][:, 0], 90 / 160, atol=0.02)
