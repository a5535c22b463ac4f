"""Where an image is to stop: what is drawn, from whom, and what the judge makes of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.stats import kstest

from facepriv.classify.dlib import DlibGender
from facepriv.errors import BadInputError
from facepriv.perturb.algorithm1.method import Algorithm1
from facepriv.perturb.algorithm1.parameters import Algorithm1Parameters
from facepriv.perturb.base import CountingClassifier, Perturbation, Perturber, Targets, score_face
from facepriv.perturb.colour_field.method import ColourField, ColourFieldParameters
from facepriv.perturb.common.stopping import draw_targets, untouched_scores
from facepriv.types import PerturbFailure

METHODS = [Algorithm1, ColourField]


@pytest.fixture(scope="module")
def scores(others, make_gallery):
    return untouched_scores(make_gallery(others), [DlibGender()])


def drawn(face, learnt, guides=1, draws=300, **options):
    parameters = ColourFieldParameters(**options)
    rng = np.random.default_rng(0)
    return np.array([draw_targets(parameters, face, [DlibGender()] * guides, learnt, rng).scores for _ in range(draws)])


def test_untouched_scores_are_those_of_the_labelled_images_by_label(others, make_gallery):
    guides = [DlibGender(), DlibGender()]
    gallery = make_gallery([*others, replace(others[0], image_id="unlabelled", label=None)])
    found = untouched_scores(gallery, guides)
    for name, label in (("scores_male", 1), ("scores_female", -1)):
        expected = [[score_face(guide, face) for guide in guides] for face in others if face.label == label]
        np.testing.assert_array_equal(found[name], expected)


@pytest.mark.parametrize(("label", "name"), [(1, "female"), (-1, "male")])
@pytest.mark.parametrize("method", METHODS)
def test_people_of_one_label_only_get_one_sentence(others, make_gallery, method, label, name):
    gallery = make_gallery([face for face in others if face.label == label])
    with pytest.raises(BadInputError) as caught:
        method(stopping="matched").learn(gallery, [DlibGender()], rng=np.random.default_rng(0))
    assert caught.value.code == "no-opposite-label"
    assert f"none of 10 is labelled {name}; learn from" in str(caught.value)


def test_matched_targets_are_scores_of_the_opposite_label(faces, scores):
    for face in (faces[0], faces[-1]):
        found = drawn(face, scores, stopping="matched")
        opposite = scores["scores_male" if face.label == -1 else "scores_female"]
        # 300 draws of ten: each one is missed with a probability of 2e-14.
        assert set(found[:, 0]) == set(opposite[:, 0])


def test_a_face_without_a_label_is_matched_with_the_side_the_guide_does_not_see(faces, scores):
    for face in (faces[0], faces[-1]):
        np.testing.assert_array_equal(
            drawn(replace(face, label=None), scores, stopping="matched", draws=5),
            drawn(face, scores, stopping="matched", draws=5),
        )


def test_matched_targets_of_several_guides_are_of_one_image(faces):
    rows = np.array([[-3.0, -30.0], [-4.0, -40.0]])
    learnt = {"scores_female": rows, "scores_male": -rows}
    for face in (faces[0], faces[-1]):
        found = drawn(face, learnt, guides=2, stopping="matched", draws=50)
        np.testing.assert_array_equal(found[:, 1], 10 * found[:, 0])


def test_neutral_targets_are_normal_around_zero_whatever_the_label(faces):
    man, woman = (drawn(face, {}, stopping="neutral", spread=3.0) for face in (faces[-1], faces[0]))
    np.testing.assert_array_equal(man, woman)
    assert kstest(man[:, 0] / 3.0, "norm").pvalue > 0.001
    assert not drawn(faces[0], {}, stopping="neutral", spread=0).any()


def test_neutral_targets_of_several_guides_are_drawn_apart(faces):
    found = drawn(faces[0], {}, guides=2, stopping="neutral")
    assert abs(np.corrcoef(found.T)[0, 1]) < 0.2


def test_nothing_is_drawn_for_a_fixed_stop(faces, scores):
    rng = np.random.default_rng(0)
    assert draw_targets(Algorithm1Parameters(), faces[0], [DlibGender()], scores, rng) is None
    assert rng.random() == np.random.default_rng(0).random(), "randomness of anything else stays what it was"


def test_what_was_learnt_with_other_guides_gets_one_sentence(faces, scores):
    with pytest.raises(BadInputError, match="Scores of 2 guides were expected to draw from, but those learnt are of 1"):
        drawn(faces[0], scores, guides=2, stopping="matched")
    with pytest.raises(BadInputError, match="nothing of the kind was learnt"):
        drawn(faces[0], {"male": np.zeros((1, 3))}, stopping="matched")


@pytest.mark.parametrize("method", METHODS)
def test_matched_learns_first_and_refuses_to_run_otherwise(method, faces, make_gallery):
    assert method(stopping="matched").learns
    assert not method(stopping="neutral").learns
    (failure,) = method(stopping="matched")(faces[:1], [DlibGender()], gallery=make_gallery(faces), seed=0)
    assert isinstance(failure, PerturbFailure)
    assert failure.code == "nothing-learnt"


@pytest.mark.parametrize("method", METHODS)
def test_learning_counts_what_it_cost_and_whom_it_saw(method, others, make_gallery):
    guide, steps = CountingClassifier(DlibGender()), []
    learned = method(stopping="matched").learn(
        make_gallery(others),
        [guide],
        rng=np.random.default_rng(0),
        on_progress=lambda *step: steps.append(step),
    )
    assert learned.evaluations == guide.evaluations == len(others) == learned.images
    assert learned.subjects == {face.subject for face in others}
    assert steps == [(i + 1, len(others)) for i in range(len(others))]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("options", [{"stopping": "far"}, {"spread": -1}, {"tolerance": 0}, {"tolerance": 11}])
def test_bad_parameters_are_refused(method, options):
    with pytest.raises(ValidationError):
        method(**options)


@pytest.mark.parametrize("method", METHODS)
def test_fixed_is_the_default(method, faces, make_gallery, scores):
    plain, said = (
        made(faces[:1], [DlibGender()], gallery=make_gallery(faces), seed=seed)[0]
        # Neither the spread, nor the tolerance, nor the seed changes what stops just past zero.
        for seed, made in ((0, method()), (7, method(stopping="fixed", spread=9, tolerance=5)))
    )
    assert plain.png == said.png
    assert plain.stop == said.stop == "flipped"
    assert plain.target is None
    assert plain.success
    assert plain.flipped


class Idle(Perturber):
    """Does nothing and says it has landed."""

    name = "idle"
    title = "Idle"
    kind = "unnoticeable"
    Parameters = Algorithm1Parameters
    off = 0.0

    def run(self, face, classifiers, context):
        scores = [score_face(guide, face) for guide in classifiers]
        return Perturbation(
            pixels=face.pixels.copy(),
            updates=0,
            stop="landed",
            trajectory=np.array(scores[:1]),
            targets=Targets(np.array(scores) + self.off, self.parameters.tolerance),
        )


class Short(Idle):
    """Says so half a nat away."""

    off = 0.5


def test_the_judge_tells_landed_from_flipped(faces, make_gallery):
    for face in (faces[0], faces[-1]):
        score = score_face(DlibGender(), face)
        there, short, near = (
            made([face], [DlibGender()], gallery=make_gallery(faces), seed=0)[0]
            for made in (Idle(), Short(), Short(tolerance=0.6))
        )
        assert [one.success for one in (there, short, near)] == [True, False, True]
        assert not any(one.flipped for one in (there, short, near))
        assert there.target == pytest.approx(score)
        assert short.target == pytest.approx(score + 0.5)


def test_a_face_not_found_reaches_no_target():
    targets = Targets(np.array([0.0, 1.0]), 0.25)
    assert targets.reached([0.2, 0.8])
    assert not targets.reached([0.2, 1.3])
    assert not targets.reached([0.2, float("nan")])
