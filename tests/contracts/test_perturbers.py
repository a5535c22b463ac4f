"""Every registered perturbation method keeps the contract of `Perturber`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from facepriv.classify.dlib_gender import DlibGender
from facepriv.perturb import Perturber, perturbers
from facepriv.perturb.base import Learned


def _made() -> list[Perturber]:
    """Every method, and each of its ways of stopping."""
    made = []
    for name in perturbers.names():
        plain = perturbers.create(name)
        ways = ("fixed", "matched", "neutral") if "stopping" in type(plain.parameters).model_fields else ()
        made += [perturbers.create(name, stopping=way) for way in ways] or [plain]
    return made


def _named(method: Perturber) -> str:
    return f"{method.name}-{getattr(method.parameters, 'stopping', 'plain')}"


def _cases() -> list[Any]:
    """Drawn stopping scores take Algorithm 1 many more steps, the same ones as its fixed score."""
    drawn = [method.name == "algorithm1" and method.parameters.stopping != "fixed" for method in _made()]
    marks = [[pytest.mark.slow] if one else [] for one in drawn]
    return [pytest.param(one, marks=mark, id=_named(one)) for one, mark in zip(_made(), marks, strict=True)]


@pytest.fixture(params=_cases())
def method(request) -> Perturber:
    return request.param


@pytest.fixture
def gallery(faces, make_gallery):
    return make_gallery(faces)


@pytest.fixture(scope="module")
def lessons() -> dict[str, Learned]:
    """Hold what methods have learnt, by name: once for all tests."""
    return {}


@pytest.fixture
def learned(method, others, make_gallery, lessons) -> Learned | None:
    """Let a method that learns do so on other people's images."""
    if not method.learns:
        return None
    if _named(method) not in lessons:
        rng = np.random.default_rng(0)
        lessons[_named(method)] = method.learn(make_gallery(others), [DlibGender()], rng=rng)
    return lessons[_named(method)]


def test_describes_itself(method):
    assert method.name in perturbers.names()
    assert method.title
    assert method.kind in ("unnoticeable", "visible")
    for name, field in method.Parameters.model_fields.items():
        assert field.description, f"{name} has a description for the help text"
        assert not field.is_required(), f"{name} has a default"


def test_no_face_gives_no_result(method, gallery, learned):
    assert method([], [DlibGender()], gallery=gallery, seed=0, learned=learned) == []


def test_result_is_judged_on_what_is_stored(method, faces, gallery, learned):
    face = faces[0]
    (result,) = method([face], [DlibGender()], gallery=gallery, seed=0, learned=learned)
    assert result.image_id == face.image_id
    assert result.pixels.shape == face.pixels.shape
    assert result.pixels.dtype == np.uint8
    assert result.found is not None
    np.testing.assert_array_equal(result.found.pixels, result.pixels)
    assert result.flipped == (result.file_score * face.label < 0)
    if result.target is None:
        assert result.success == result.flipped
    else:
        assert result.success == (abs(result.file_score - result.target) <= method.parameters.tolerance)
    assert (result.evaluations > 0) == (len(result.trajectory) > 0), "scores are shown by those who paid for them"


def test_leaves_the_face_alone(method, faces, gallery, learned):
    before = faces[1].pixels.copy()
    method([faces[1]], [DlibGender()], gallery=gallery, seed=0, learned=learned)
    np.testing.assert_array_equal(faces[1].pixels, before)


def test_same_seed_same_bytes_in_any_order_and_company(method, faces, gallery, learned):
    pair = [faces[0], faces[4]]
    together = method(pair, [DlibGender()], gallery=gallery, seed=5, learned=learned)
    turned = method(pair[::-1], [DlibGender()], gallery=gallery, seed=5, learned=learned, positions=[1, 0])
    for a, b in zip(together, turned[::-1], strict=True):
        np.testing.assert_array_equal(a.pixels, b.pixels)
        assert a.updates == b.updates


def test_reports_progress(method, faces, gallery, learned):
    seen = []
    method(faces[:2], [DlibGender()], gallery=gallery, seed=0, learned=learned, on_progress=seen.append)
    assert seen == [1, 2]
