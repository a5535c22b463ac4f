"""Every registered perturbation method keeps the contract of `Perturber`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from facepriv.classify.dlib import DlibGender
from facepriv.perturb.base import Learned, Perturber
from facepriv.perturb.registry import perturbers
from facepriv.types import Face, PerturbFailure, PerturbResult


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
    return [
        # What a method has learnt and made is there once a process.
        pytest.param(
            one, marks=[pytest.mark.xdist_group(_named(one)), *([pytest.mark.slow] if slow else [])], id=_named(one)
        )
        for one, slow in zip(_made(), drawn, strict=True)
    ]


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


@dataclass(frozen=True)
class Outcome:
    """What a method made of two faces, and what it told meanwhile."""

    faces: list[Face]
    before: list[np.ndarray]
    results: list[PerturbResult | PerturbFailure]
    progress: list[int]


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    """Hold what methods have made, by name: once for all tests."""
    return {}


@pytest.fixture
def outcome(method, faces, gallery, learned, outcomes) -> Outcome:
    if _named(method) not in outcomes:
        pair, progress = [faces[0], faces[4]], []
        before = [face.pixels.copy() for face in pair]
        results = method(pair, [DlibGender()], gallery=gallery, seed=5, learned=learned, on_progress=progress.append)
        outcomes[_named(method)] = Outcome(pair, before, results, progress)
    return outcomes[_named(method)]


def test_describes_itself(method):
    assert method.name in perturbers.names()
    assert method.title
    assert method.kind in ("unnoticeable", "visible")
    for name, field in method.Parameters.model_fields.items():
        assert field.description, f"{name} has a description for the help text"
        assert not field.is_required(), f"{name} has a default"


def test_no_face_gives_no_result(method, gallery, learned):
    assert method([], [DlibGender()], gallery=gallery, seed=0, learned=learned) == []


def test_result_is_judged_on_what_is_stored(method, outcome):
    face, result = outcome.faces[0], outcome.results[0]
    assert result.image_id == face.image_id
    assert result.pixels.shape == face.pixels.shape
    assert result.pixels.dtype == np.uint8
    assert result.file_face is not None
    np.testing.assert_array_equal(result.file_face.pixels, result.pixels)
    assert result.flipped == (result.file_score * face.label < 0)
    if result.target is None:
        assert result.success == result.flipped
    else:
        assert result.success == (abs(result.file_score - result.target) <= method.parameters.tolerance)
    assert (result.evaluations > 0) == (len(result.trajectory) > 0), "scores are shown by those who paid for them"


def test_leaves_the_faces_alone(outcome):
    for face, before in zip(outcome.faces, outcome.before, strict=True):
        np.testing.assert_array_equal(face.pixels, before)


def test_same_seed_same_bytes_in_any_order(method, gallery, learned, outcome):
    turned = method(outcome.faces[::-1], [DlibGender()], gallery=gallery, seed=5, learned=learned, positions=[1, 0])
    for a, b in zip(outcome.results, turned[::-1], strict=True):
        np.testing.assert_array_equal(a.pixels, b.pixels)
        assert a.updates == b.updates


def test_reports_progress(outcome):
    assert outcome.progress == [1, 2]
