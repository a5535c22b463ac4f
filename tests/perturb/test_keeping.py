"""Scores of other classifiers are kept while the guides are turned; without any, nothing is as if kept."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from facepriv.classify.dlib import DlibGender
from facepriv.perturb.algorithm1.kept_score_cost import KeptScoreCost
from facepriv.perturb.base import CountingClassifier, KeptClassifiers, score_face
from facepriv.perturb.colour_field.kept_score_slopes import SQUARE_LEVELS, KeptScores
from facepriv.perturb.common.least_change import exact_change, least_change
from facepriv.perturb.registry import perturbers
from facepriv.types import PerturbFailure, PerturbResult
from tests.perturb.warmth import Warmth

METHODS = {"algorithm1": {"eps": 0.2}, "colour-field": {}}
KEEPING = [name for name in perturbers.names() if perturbers.load(name).keeps_attributes]


def perturbed(method, faces, gallery, keep=None, **parameters):
    made = perturbers.create(method, **{**METHODS[method], **parameters})
    results = made(faces, [DlibGender()], gallery=gallery, seed=3, keep=keep)
    assert all(isinstance(one, PerturbResult) for one in results)
    return results


def changes(classifier, faces, results) -> np.ndarray:
    return np.array(
        [
            abs(score_face(classifier, one.file_face) - score_face(classifier, face))
            for face, one in zip(faces, results, strict=True)
        ]
    )


@pytest.fixture(scope="module")
def gallery(faces, make_gallery):
    return make_gallery(faces)


def test_every_method_that_keeps_is_tried_here():
    assert sorted(KEEPING) == sorted(METHODS)


@pytest.mark.parametrize(
    "method", [pytest.param(one, marks=pytest.mark.slow) if one == "colour-field" else one for one in METHODS]
)
def test_what_is_kept_changes_less_and_the_guide_is_turned(method, faces, gallery):
    some = faces[:8:2]
    plain = perturbed(method, some, gallery)
    kept = perturbed(method, some, gallery, KeptClassifiers([Warmth()]))
    assert all(one.flipped for one in (*plain, *kept))
    assert changes(Warmth(), some, kept).mean() < 0.5 * changes(Warmth(), some, plain).mean()
    assert sum(one.evaluations for one in kept) > sum(one.evaluations for one in plain)


@pytest.mark.parametrize("method", METHODS)
def test_keeping_is_the_same_in_any_company(method, faces, gallery):
    keep = KeptClassifiers([Warmth()], 0.5)
    together = perturbed(method, faces[:2], gallery, keep)
    made = perturbers.create(method, **METHODS[method])
    (alone,) = made(faces[1:2], [DlibGender()], gallery=gallery, seed=3, positions=[1], keep=keep)
    assert alone.png == together[1].png
    assert alone.evaluations == together[1].evaluations


@pytest.mark.parametrize("method", METHODS)
def test_keeping_nothing_is_not_keeping(method, faces, gallery):
    (plain,) = perturbed(method, faces[:1], gallery)
    (nothing,) = perturbed(method, faces[:1], gallery, KeptClassifiers([]))
    assert nothing.png == plain.png
    assert nothing.evaluations == plain.evaluations


@pytest.mark.parametrize("method", METHODS)
def test_what_is_kept_is_counted(method, faces, gallery):
    guide, kept = CountingClassifier(DlibGender()), CountingClassifier(Warmth())
    (one,) = perturbers.create(method, **METHODS[method])(
        faces[:1], [guide], gallery=gallery, seed=3, keep=KeptClassifiers([kept])
    )
    # The judge's own looks are not charged to the method.
    assert kept.evaluations > 0
    assert kept.evaluations < one.evaluations < kept.evaluations + guide.evaluations


def test_drawn_scores_are_landed_at_while_keeping(faces, gallery):
    results = perturbed("colour-field", faces[:2], gallery, KeptClassifiers([Warmth()]), stopping="neutral")
    assert all(one.success for one in results)


@pytest.mark.parametrize("method", [name for name in perturbers.names() if name not in KEEPING])
def test_other_methods_say_that_they_cannot(method, faces, gallery):
    (failure,) = perturbers.create(method)(
        faces[:1], [DlibGender()], gallery=gallery, seed=0, keep=KeptClassifiers([Warmth()])
    )
    assert isinstance(failure, PerturbFailure)
    assert failure.code == "keeps-nothing"
    assert "warmth" in failure.sentence


class TestKeptScores:
    @pytest.fixture
    def problem(self, faces):
        rng = np.random.default_rng(1)
        units = 6
        root = rng.normal(size=(units, units))
        kept = KeptScores(KeptClassifiers([Warmth(), Warmth()], 0.3), faces[0], units)
        first = score_face(Warmth(), faces[0])
        changes, slopes = np.array([0.7, -1.1]), rng.normal(size=(2, units))
        kept.anchor(first + changes, slopes, np.arange(units))
        moved = rng.normal(size=units)
        return kept, root @ root.T + np.eye(units), slopes, changes, moved, rng.normal(size=(2, units))

    @pytest.mark.parametrize("solve", [least_change, exact_change])
    def test_the_step_costs_least_of_size_and_changes(self, problem, solve):
        """The same least as a general optimiser finds of the cost written out."""
        kept, metric, slopes, changes, moved, demands = problem
        wanted = np.array([-2.0, -3.0])

        def cost(step):
            off = changes + slopes @ (moved + step)
            return step @ metric @ step + 0.3 * SQUARE_LEVELS * off @ off

        found = kept.solve_step(solve, metric, demands, wanted, np.ones(6, dtype=bool), moved)
        kind = "eq" if solve is exact_change else "ineq"
        best = minimize(
            cost,
            np.zeros(6),
            constraints={"type": kind, "fun": lambda step: wanted - demands @ step},
            options={"ftol": 1e-12},
        )
        assert (demands @ found <= wanted + 1e-6).all()
        assert cost(found) == pytest.approx(best.fun, rel=1e-3)

    def test_changes_cost_their_squares(self, problem):
        kept = problem[0]
        assert kept.cost(np.array([2.0, 1.0])) == pytest.approx(0.3 * SQUARE_LEVELS * 5)
        assert kept.changes(None).tolist() == [np.inf, np.inf]

    def test_without_kept_classifiers_nothing_costs(self, faces):
        none = KeptScores(None, faces[0], 4)
        rng = np.random.default_rng(0)
        slopes, wanted = rng.normal(size=(1, 4)), np.array([-1.0])
        step = none.solve_step(least_change, np.eye(4), slopes, wanted, np.ones(4, dtype=bool), rng.normal(size=4))
        assert step.tolist() == least_change(np.eye(4), slopes, wanted).tolist()
        assert len(none.changes(faces[0])) == 0


def test_the_term_of_algorithm_1_is_that_of_cropping_the_whole_image(faces, gallery):
    """After some updates, ``w sum |k(X) - k(X0)|`` of either direction, beside the image rendered and scored."""
    from facepriv.imaging.crop import take_crop
    from facepriv.imaging.triangulation import triangulate, warp_onto
    from facepriv.perturb.algorithm1.triangle_image import TriangleImage

    face, other = faces[0], faces[5]
    mesh = triangulate(face.landmarks, *face.pixels.shape[:2])
    image = TriangleImage(face.pixels, mesh, warp_onto(mesh, other.pixels, other.landmarks))
    kept = Warmth()
    cost = KeptScoreCost(KeptClassifiers([kept], 2.0), face, image)
    for triangle in (40, 41, 60):
        cost.try_pair(triangle, 0.5)
        cost.accept(triangle, 0)
    term = cost.try_pair(61, 0.5)
    cost.accept(61, 1)
    whole = kept.score(take_crop(kept.crop(face), image.exact())[None])[0]
    assert term[1] == pytest.approx(2 * abs(whole - score_face(kept, face)), rel=1e-5)
    assert term[1] > 0
