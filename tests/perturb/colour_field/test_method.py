"""The method against one classifier: little change, few evaluations, and a flip that holds on file and versions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from facepriv.classify.dlib import DlibGender
from facepriv.classify.levi_hassner import LeviHassner
from facepriv.errors import BadInputError
from facepriv.imaging.acquire import find_again
from facepriv.imaging.quality import psnr_db
from facepriv.imaging.versions import VERSIONS, make_version
from facepriv.perturb.base import CountingClassifier, score_face
from facepriv.perturb.colour_field.method import DIRECTIONS, LEARN_FROM, ColourField, _directions, _spread, is_grey
from facepriv.perturb.colour_field.search import RETREAT
from facepriv.perturb.common import guides
from facepriv.perturb.registry import AIM_METHODS, perturbers
from facepriv.types import CropFunction, PerturbFailure, PerturbResult

pytestmark = pytest.mark.xdist_group("colour-field")


@pytest.fixture(scope="module")
def gallery(faces, make_gallery):
    return make_gallery(faces)


@pytest.fixture(scope="module")
def results(faces, gallery):
    return ColourField()(faces, [DlibGender()], gallery=gallery, seed=0)


def test_is_the_method_against_guides_and_still_called_as_before():
    assert AIM_METHODS["guide"] == ColourField.name
    assert isinstance(perturbers.create("recommended"), ColourField)


def test_flips_hold_on_the_file_as_jpeg_and_resized(results):
    assert all(isinstance(result, PerturbResult) for result in results)
    assert [result.success for result in results] == [True] * len(results)
    assert all(result.survived["jpeg90"] and result.survived["resize75"] for result in results)
    assert all(result.stop == "flipped" for result in results)


def test_changes_little_with_few_evaluations(faces, results):
    quality = [psnr_db(face.pixels, result.pixels, face.box) for face, result in zip(faces, results, strict=True)]
    assert np.median(quality) >= 40
    assert min(quality) >= 35
    assert np.median([result.evaluations for result in results]) <= 300


def test_margin_is_kept_by_the_file(faces, gallery):
    (result,) = ColourField(margin=2.0)(faces[:1], [DlibGender()], gallery=gallery, seed=0)
    assert result.file_score * faces[0].label <= -2.0


def test_weaker_margin_changes_less(faces, gallery):
    def quality(margin):
        (result,) = ColourField(margin=margin)(faces[:1], [DlibGender()], gallery=gallery, seed=0)
        return psnr_db(faces[0].pixels, result.pixels, faces[0].box)

    assert quality(0.0) > quality(4.0)


def test_needs_no_candidate(faces, make_gallery):
    alone = make_gallery([f for f in faces if f.subject == faces[0].subject])
    (result,) = ColourField()(faces[:1], [DlibGender()], gallery=alone, seed=0)
    assert isinstance(result, PerturbResult)
    assert result.candidate_id is None
    assert result.success


def test_counts_every_image_the_guide_scores(faces, gallery):
    guide = CountingClassifier(DlibGender())
    (result,) = ColourField()(faces[:1], [guide], gallery=gallery, seed=0)
    # The judge scores on its own: the file, the file in the original's crop, and every version.
    judged = 2 + len(VERSIONS)
    assert guide.evaluations == result.evaluations + judged


def test_trajectory_starts_at_the_original_and_ends_at_the_file(faces, results):
    for face, result in zip(faces, results, strict=True):
        assert result.trajectory[0] * face.label > 0
        assert result.trajectory[-1] == pytest.approx(result.file_score)
        assert result.updates == len(result.trajectory) - 1
        assert all(0 < anchor <= result.updates for anchor in result.anchors)


def test_leaves_an_image_alone_that_is_wrong_already(faces, gallery):
    face = replace(faces[0], label=-faces[0].label)
    (result,) = ColourField()([face], [DlibGender()], gallery=gallery, seed=0)
    assert result.stop == "already-wrong"
    np.testing.assert_array_equal(result.pixels, face.pixels)


def test_face_without_a_label_leaves_the_side_the_guide_sees(faces, gallery):
    (labelled,) = ColourField()(faces[:1], [DlibGender()], gallery=gallery, seed=0)
    (unlabelled,) = ColourField()([replace(faces[0], label=None)], [DlibGender()], gallery=gallery, seed=0)
    np.testing.assert_array_equal(labelled.pixels, unlabelled.pixels)


@pytest.mark.slow
def test_survives_greyscale_if_asked(faces, gallery):
    some = [faces[0], faces[-1]]
    plain = ColourField()(some, [DlibGender()], gallery=gallery, seed=0)
    kept = ColourField(survive_grey=True)(some, [DlibGender()], gallery=gallery, seed=0)
    assert not any(result.survived["grey"] for result in plain)
    assert all(result.survived[version] for result in kept for version in VERSIONS)
    assert all(result.success for result in kept)


@pytest.mark.slow
def test_turns_two_guides_at_once(faces, gallery):
    guides = [DlibGender(), LeviHassner()]
    some = [faces[0], faces[-1]]
    for face, result in zip(some, ColourField()(some, guides, gallery=gallery, seed=0), strict=True):
        assert result.success
        for guide in guides:
            assert score_face(guide, result.file_face) * face.label < 0


def test_brightness_alone_works_too(faces, gallery):
    (result,) = ColourField(basis="brightness")(faces[:1], [DlibGender()], gallery=gallery, seed=0)
    assert result.success
    change = result.pixels.astype(int) - faces[0].pixels
    inside = ((result.pixels > 0) & (result.pixels < 255)).all(axis=2)
    assert np.abs(change - change.mean(axis=2, keepdims=True))[inside].max() <= 1.5, "all channels move alike"
    assert inside.mean() > 0.5


def test_photo_without_colour_gets_none(faces, gallery):
    grey = replace(faces[0], pixels=make_version(faces[0].pixels, "grey"))
    result, coloured = ColourField()([grey, faces[0]], [DlibGender()], gallery=gallery, seed=0)
    assert result.success
    assert is_grey(result.pixels)
    assert result.survived["grey"]
    assert any("no colour" in note for note in result.notes)
    assert not is_grey(coloured.pixels)
    assert not coloured.notes


def test_rounds_end_the_search(faces, gallery):
    (result,) = ColourField(rounds=1)(faces[:1], [DlibGender()], gallery=gallery, seed=0)
    assert result.stop == "rounds"
    assert not result.success
    assert result.updates == 1


@pytest.mark.parametrize("options", [{"rounds": 0}, {"margin": -1}, {"psnr": 99}, {"basis": "sepia"}, {"eps": 1}])
def test_bad_parameters_are_refused(options):
    with pytest.raises(ValidationError):
        ColourField(**options)


class Constant(DlibGender):
    def score(self, inputs):
        return np.full(len(inputs), 3.0)


class NotANumber(DlibGender):
    def score(self, inputs):
        return np.full(len(inputs), np.nan)


class Curved(Constant):
    def crop(self, face):
        return CropFunction(face.box, height=32, width=32, function=lambda region: region[:32, :32].astype(np.float32))


@pytest.mark.parametrize(
    ("guide", "code"),
    [(Constant(), "guide-constant"), (NotANumber(), "guide-not-finite"), (Curved(), "crop-not-linear")],
)
def test_guides_that_cannot_guide_get_one_sentence(faces, gallery, guide, code):
    # Labelled male, which a constant score of 3 agrees with.
    face = next(face for face in faces if face.label == 1)
    (failure,) = ColourField()([face], [guide], gallery=gallery, seed=0)
    assert isinstance(failure, PerturbFailure)
    assert failure.code == code
    assert "\n" not in failure.sentence
    assert failure.sentence.endswith(".")


class Bowl(DlibGender):
    """Is surest of the image that it saw first: no change ever brings it nearer to a flip."""

    def __init__(self):
        self.first = None

    def score(self, inputs):
        if self.first is None:
            self.first = inputs[0].copy()
        return 3 + ((inputs - self.first) ** 2).mean(axis=(1, 2, 3)).astype(np.float64)


def test_a_guide_that_no_change_turns_ends_the_search(faces, gallery):
    face = next(face for face in faces if face.label == 1)
    (result,) = ColourField(rounds=2)([face], [Bowl()], gallery=gallery, seed=0)
    assert result.stop == "rounds"
    assert not result.success


@pytest.mark.slow
def test_trajectory_ends_at_the_file_where_a_later_field_was_no_better(faces, gallery):
    # A quality that no flip has: further fields are tried after the first that holds.
    for result in ColourField(psnr=60)(faces[:4], [DlibGender()], gallery=gallery, seed=0):
        assert result.success
        assert result.trajectory[-1] == pytest.approx(result.file_score)
        assert result.updates == len(result.trajectory) - 1


def test_a_face_that_a_field_hides_is_found_again_with_less_of_it(faces, gallery, monkeypatch):
    changes = []

    def lost_once(face, stored):
        if stored.shape == face.pixels.shape:
            changes.append(np.abs(stored.astype(int) - face.pixels).mean())
        # The second field goes the whole way; the first went half of it.
        return None if len(changes) == 2 and stored.shape == face.pixels.shape else find_again(face, stored)

    monkeypatch.setattr(guides, "look_again", lost_once)
    method = ColourField(margin=0.5, survive_jpeg90=False, survive_resize75=False, survive_mirror=False)
    (result,) = method(faces[:1], [DlibGender()], gallery=gallery, seed=0)
    assert changes[2] == pytest.approx(RETREAT * changes[1], rel=0.1)
    assert np.isnan(result.trajectory).sum() == 1
    assert result.stop == "flipped"
    assert result.success


def test_a_face_that_cannot_be_found_ends_the_search_at_once(faces, gallery):
    blank = replace(faces[0], pixels=np.full_like(faces[0].pixels, 128))
    (result,) = ColourField()([blank], [DlibGender()], gallery=gallery, seed=0)
    assert result.stop == "face-lost"
    assert result.evaluations < 250


def test_landmarks_that_are_no_numbers_get_one_sentence(faces, gallery):
    gone = replace(faces[0], landmarks=np.full_like(faces[0].landmarks, np.nan))
    (failure,) = ColourField()([gone], [DlibGender()], gallery=gallery, seed=0)
    assert failure.code == "degenerate-landmarks"


def test_landmarks_outside_the_image_fail_alone(faces, gallery):
    gone = replace(faces[0], landmarks=faces[0].landmarks + np.float32(5000))
    failure, result = ColourField()([gone, faces[1]], [DlibGender()], gallery=gallery, seed=0)
    assert isinstance(failure, PerturbFailure)
    assert isinstance(result, PerturbResult)
    assert result.success


# What can be learnt from others.


@pytest.fixture(scope="module")
def learned(others, make_gallery):
    method = ColourField(learned=True)
    steps = []
    lesson = method.learn(
        make_gallery(others), [DlibGender()], rng=np.random.default_rng(0), on_progress=lambda *step: steps.append(step)
    )
    assert steps == [(i + 1, len(others)) for i in range(len(others))]
    return lesson


def test_learns_only_when_asked():
    assert not ColourField().learns
    assert ColourField(learned=True).learns


@pytest.mark.slow
def test_learnt_directions_are_unit_rows_for_either_side(learned, others):
    for side in ("male", "female"):
        assert learned.arrays[side].shape[0] <= DIRECTIONS
        np.testing.assert_allclose(np.linalg.norm(learned.arrays[side], axis=1), 1, rtol=1e-5)
    assert learned.subjects == {face.subject for face in others}
    assert learned.images == len(others)
    assert learned.evaluations > 50 * len(others)


@pytest.mark.slow
def test_learnt_directions_save_evaluations(faces, gallery, learned, results):
    quick = ColourField(learned=True)(faces, [DlibGender()], gallery=gallery, seed=0, learned=learned)
    assert all(result.success for result in quick)
    assert np.median([result.evaluations for result in quick]) <= 40
    assert np.median([result.evaluations for result in results]) > 100


def test_what_was_learnt_is_heeded_only_if_asked(faces, gallery, learned, results):
    (result,) = ColourField()(faces[:1], [DlibGender()], gallery=gallery, seed=0, learned=learned)
    np.testing.assert_array_equal(result.pixels, results[0].pixels)


def test_what_was_learnt_with_another_basis_gets_one_sentence(faces, gallery, learned):
    method = ColourField(learned=True, basis="mixed")
    (failure,) = method(faces[:1], [DlibGender()], gallery=gallery, seed=0, learned=learned)
    assert failure.code == "learnt-with-others"
    assert "learn again" in failure.sentence


def test_directions_are_those_that_the_fields_span_and_no_noise():
    fields = np.random.default_rng(0).normal(size=(3, 40))
    directions = _directions(fields)
    # Three fields: their mean, and two directions around it.
    assert len(directions) == 3
    np.testing.assert_allclose(fields @ directions.T @ directions, fields, atol=1e-4)
    assert len(_directions(np.repeat(fields[:1], 5, axis=0))) == 1


@pytest.fixture(scope="module")
def eight(others):
    """Four women and four men."""
    return [face for label in (-1, 1) for face in [one for one in others if one.label == label][:4]]


@pytest.fixture(scope="module")
def learned_from_eight(eight, make_gallery):
    return ColourField(learned=True).learn(make_gallery(eight), [DlibGender()], rng=np.random.default_rng(0))


@pytest.mark.slow
def test_a_face_without_a_place_in_its_image_teaches_nothing(eight, make_gallery, learned_from_eight):
    gone = replace(eight[0], image_id="gone", subject="gone", landmarks=eight[0].landmarks + np.float32(5000))
    with_it = ColourField(learned=True).learn(
        make_gallery([gone, *eight]), [DlibGender()], rng=np.random.default_rng(0)
    )
    for name, array in learned_from_eight.arrays.items():
        np.testing.assert_array_equal(with_it.arrays[name], array)


@pytest.mark.slow
def test_learning_twice_gives_the_same_bytes(eight, make_gallery, learned_from_eight):
    again = ColourField(learned=True).learn(make_gallery(eight), [DlibGender()], rng=np.random.default_rng(7))
    for name, array in learned_from_eight.arrays.items():
        assert array.tobytes() == again.arrays[name].tobytes()


def test_refuses_someone_it_has_learnt_from(others, make_gallery, learned):
    (failure,) = ColourField(learned=True)(
        others[:1], [DlibGender()], gallery=make_gallery(others), seed=0, learned=learned
    )
    assert failure.code == "learnt-from-subject"


def test_too_few_people_to_learn_from_get_one_sentence(others, make_gallery):
    men = [face for face in others if face.label == 1][:3]
    with pytest.raises(BadInputError, match="of one there are 0") as caught:
        ColourField(learned=True).learn(make_gallery(men), [DlibGender()], rng=np.random.default_rng(0))
    assert caught.value.code == "too-few-to-learn-from"


def test_learns_from_many_subjects_before_second_images(faces, make_gallery):
    chosen = _spread(make_gallery(faces))
    assert len(chosen) == len(faces) <= 2 * LEARN_FROM
    subject_of = {face.image_id: face.subject for face in faces}
    men = [subject_of[i] for i in chosen if next(f for f in faces if f.image_id == i).label == 1]
    assert len(set(men[:3])) == 3
