"""PSNR and SSIM inside the face box, against scikit-image and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from facepriv.imaging.quality import difference, psnr_db, ssim


def test_psnr_is_that_of_the_box(faces):
    before = faces[0].pixels
    after = np.clip(before.astype(int) + np.random.default_rng(0).integers(-9, 10, before.shape), 0, 255)
    after = after.astype(np.uint8)
    left, top, right, bottom = box = faces[0].box
    expected = peak_signal_noise_ratio(before[top:bottom, left:right], after[top:bottom, left:right], data_range=255)
    assert psnr_db(before, after, box) == pytest.approx(expected)


def test_changes_outside_the_box_do_not_count(faces):
    before = faces[0].pixels
    after = before.copy()
    after[:5, :5] = 255 - after[:5, :5]
    assert math.isinf(psnr_db(before, after, faces[0].box))
    assert ssim(before, after, faces[0].box) == pytest.approx(1)


def test_ssim_falls_with_the_change(faces):
    before = faces[0].pixels
    noise = np.random.default_rng(0).normal(0, 1, before.shape)
    values = [
        ssim(before, np.clip(before + size * noise, 0, 255).astype(np.uint8), faces[0].box) for size in (0, 4, 16)
    ]
    assert values[0] > values[1] > values[2]


def test_a_box_that_leaves_the_image_is_cut():
    image = np.zeros((50, 50, 3), np.uint8)
    assert psnr_db(image, image + 1, (-10, -10, 60, 60)) == pytest.approx(10 * math.log10(255**2))


def test_difference_is_grey_where_nothing_changed(faces):
    before = faces[0].pixels
    after = before.copy()
    after[10, 10] = np.clip(before[10, 10].astype(int) + 5, 0, 255)
    shown = difference(before, after, gain=8)
    assert (shown[20:] == 128).all()
    assert (shown[10, 10] > 128).all()


def test_a_box_too_small_or_outside_has_no_figure():
    image = np.zeros((50, 50, 3), np.uint8)
    assert math.isnan(ssim(image, image, (45, 45, 80, 80)))
    assert math.isnan(psnr_db(image, image, (60, 60, 80, 80)))
