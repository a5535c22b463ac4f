"""The method `semantic`: what it learns, what it heeds, and whom it turns."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from facepriv.classify.dlib import DlibGender
from facepriv.classify.levi_hassner import LeviHassner
from facepriv.errors import BadInputError
from facepriv.imaging.acquire import find_again
from facepriv.imaging.quality import psnr_db
from facepriv.match.sface import SFace
from facepriv.perturb.semantic.donors import draw_donor
from facepriv.perturb.semantic.learning import FEWEST_SUBJECTS, USUAL, choose_images, working_copy
from facepriv.perturb.semantic.method import Semantic
from facepriv.perturb.semantic.overlay import PARTS
from facepriv.types import PerturbFailure, PerturbResult

pytestmark = pytest.mark.xdist_group("semantic")


class Recorder(SFace):
    """SFace that remembers what it was shown."""

    def __init__(self):
        self.shown = []

    def embed(self, faces):
        self.shown += faces
        return super().embed(faces)


@pytest.fixture(scope="module")
def gallery(others, make_gallery):
    return make_gallery(others)


@pytest.fixture(scope="module")
def learned(gallery):
    """Learnt with the guide dlib-gender, the guard SFace."""
    return Semantic().learn(gallery, [DlibGender()], guards=[SFace()], rng=np.random.default_rng(0))


@pytest.fixture(scope="module")
def results(faces, make_gallery, learned) -> list[PerturbResult]:
    """A woman and a man, perturbed."""
    chosen = [faces[0], faces[-1]]
    return Semantic()(chosen, [DlibGender()], gallery=make_gallery(faces), seed=0, guards=[SFace()], learned=learned)


def test_learns_from_the_gallery_given_and_nobody_else(others, make_gallery):
    guard = Recorder()
    part = others[:8] + others[10:18]
    learned = Semantic().learn(make_gallery(part), [DlibGender()], guards=[guard], rng=np.random.default_rng(0))
    assert {face.subject for face in guard.shown} == {face.subject for face in part} == learned.subjects
    assert learned.images == len(part) == learned.evaluations


def test_learning_is_deterministic_and_plain_arrays(gallery, learned):
    again = Semantic().learn(gallery, [DlibGender()], guards=[SFace()], rng=np.random.default_rng(1))
    assert again.arrays.keys() == learned.arrays.keys()
    for name, array in learned.arrays.items():
        assert type(array) is np.ndarray
        assert array.dtype.kind == "f"
        np.testing.assert_array_equal(array, again.arrays[name], err_msg=name)


def test_learning_reports_progress(others, make_gallery):
    seen = []
    few = [f for label in (-1, 1) for f in [o for o in others if o.label == label][:FEWEST_SUBJECTS]]
    Semantic().learn(
        make_gallery(few),
        [DlibGender()],
        rng=np.random.default_rng(0),
        on_progress=lambda done, of: seen.append((done, of)),
    )
    assert seen == [(number + 1, len(few)) for number in range(len(few))]


@pytest.mark.parametrize(
    "change",
    [
        lambda faces: [f for f in faces if f.label == 1],
        lambda faces: [replace(f, label=None) for f in faces],
        lambda faces: [f for label in (-1, 1) for f in [g for g in faces if g.label == label][: FEWEST_SUBJECTS - 1]],
        lambda faces: [replace(f, subject=f"only {f.label}") for f in faces],
    ],
    ids=["one gender", "no labels", "too few", "one subject each"],
)
def test_too_few_to_learn_from_is_said_in_a_sentence(others, make_gallery, change):
    with pytest.raises(BadInputError, match="at least 4 subjects of either gender were expected") as refused:
        Semantic().learn(make_gallery(change(others)), [DlibGender()], rng=np.random.default_rng(0))
    assert refused.value.code == "too-few-to-learn"


def test_a_matcher_without_templates_is_said_in_a_sentence(gallery):
    class Blind(SFace):
        def embed(self, faces):
            return np.full((len(faces), 128), np.nan, dtype=np.float32)

    with pytest.raises(BadInputError, match="expected of the matcher sface") as refused:
        Semantic().learn(gallery, [DlibGender()], guards=[Blind()], rng=np.random.default_rng(0))
    assert refused.value.code == "too-few-to-learn"


@pytest.mark.parametrize(("score", "code"), [(np.nan, "guide-not-finite"), (3.0, "guide-constant")])
def test_a_guide_that_says_nothing_is_said_in_a_sentence(gallery, score, code):
    class Mute(DlibGender):
        def score(self, inputs):
            return np.full(len(inputs), score)

    with pytest.raises(BadInputError, match="expected") as refused:
        Semantic().learn(gallery, [Mute()], rng=np.random.default_rng(0))
    assert refused.value.code == code


def test_one_image_of_every_subject_comes_before_a_second_of_any(faces, others, make_gallery):
    gallery = make_gallery([replace(f, image_id=f"{n}") for n, f in enumerate([*faces, *others])])
    chosen = choose_images(gallery, 8)
    assert len(chosen) == 16
    subjects = [gallery.face(name).subject for name in chosen]
    assert len(set(subjects)) == 16


def test_refuses_whom_it_was_learnt_from(others, gallery, learned):
    (failure,) = Semantic()(others[:1], [DlibGender()], gallery=gallery, seed=0, guards=[SFace()], learned=learned)
    assert isinstance(failure, PerturbFailure)
    assert failure.code == "learnt-from-subject"


def test_refuses_guides_and_guards_it_did_not_learn_with(faces, gallery, learned):
    (failure,) = Semantic()(faces[:1], [LeviHassner()], gallery=gallery, seed=0, learned=learned)
    assert isinstance(failure, PerturbFailure)
    assert failure.code == "learnt-with-others"
    assert "levi-hassner" in failure.sentence


def test_floors_of_the_guard_and_of_the_picture_hold_on_the_file(results, faces, learned):
    guard = SFace()
    strangers, usual = (float(learned.arrays[f"{name}:sface"]) for name in ("strangers", "floor"))
    step = Semantic().parameters.step
    floor = strangers + (usual + step.slack) * (1 - strangers)
    for result, face in zip(results, [faces[0], faces[-1]], strict=True):
        similarity = float(guard.compare(guard.embed([face]), guard.embed([result.file_face]))[0, 0])
        assert floor <= similarity < 0.999
        assert psnr_db(face.pixels, result.pixels, face.box) > step.psnr - 0.3


def test_an_image_at_its_floor_would_still_pass_at_the_threshold(learned, others):
    """The floor is where a genuine comparison of a usual similarity comes down to the threshold at FMR 0.1 %."""
    guard = SFace()
    rows = guard.embed(others)
    different = [guard.compare(rows[a : a + 1], rows[b : b + 1])[0, 0] for b in range(len(others)) for a in range(b)]
    strangers = float(learned.arrays["strangers:sface"])
    assert strangers == pytest.approx(np.mean(different), abs=1e-5)
    threshold = (np.quantile(different, 0.999) - strangers) / (1 - strangers)
    assert float(learned.arrays["floor:sface"]) == pytest.approx(threshold / USUAL, abs=1e-4)


def test_both_genders_move_towards_the_other(results, faces):
    for result, face in zip(results, [faces[0], faces[-1]], strict=True):
        moved = (result.trajectory[-1] - result.trajectory[0]) * -face.label
        assert moved > 2, "nats towards the other gender"
        assert result.trajectory[-1] == pytest.approx(result.file_score, abs=0.5), "but for the publisher's rounding"


def test_a_stronger_step_changes_more_and_turns_further(faces, gallery, learned, results):
    guard = SFace()
    (strong,) = Semantic(strength="strong")(
        faces[:1], [DlibGender()], gallery=gallery, seed=0, guards=[guard], learned=learned
    )
    (light,) = Semantic(strength="light")(
        faces[:1], [DlibGender()], gallery=gallery, seed=0, guards=[guard], learned=learned
    )
    kept = [psnr_db(faces[0].pixels, r.pixels, faces[0].box) for r in (light, results[0], strong)]
    assert kept[0] > kept[1] + 1 > kept[2] + 2
    margins = [r.file_score * faces[0].label for r in (light, strong)]
    assert margins[0] > margins[1] + 1


def test_strengths_stay_within_their_limits(faces, gallery, learned, monkeypatch):
    import facepriv.perturb.semantic.method as module

    seen = []

    class Watched(module.Overlay):
        def render(self, strengths):
            seen.append(np.array(strengths))
            return super().render(strengths)

    monkeypatch.setattr(module, "Overlay", Watched)
    method = Semantic(light=0.9, colour=0, shape=0.3, likeness=0.5, strength="strong", trials=3)
    method(faces[:1], [DlibGender()], gallery=gallery, seed=0, guards=[SFace()], learned=learned)
    strengths = np.array(seen)
    assert strengths.shape[1] == len(PARTS)
    assert strengths.min() >= 0
    limits = np.array([{"light": 0.9, "colour": 0.0, "shape": 0.3, "likeness": 0.5}[kind] for kind, _ in PARTS])
    assert (strengths <= limits + 1e-9).all()
    assert strengths.max() > 0.5


def test_says_what_it_was_learnt_from_and_what_was_not_heeded(faces, others, gallery):
    method = Semantic(trials=1)
    learned = method.learn(gallery, [DlibGender()], rng=np.random.default_rng(0))
    (result,) = method(faces[:1], [DlibGender()], gallery=gallery, seed=0, learned=learned)
    assert f"{len(others)} images of {len(others)} other subjects" in result.notes[0]
    assert "No matcher was to be heeded" in result.notes[1]


def test_a_face_taken_for_the_other_gender_is_left_alone(faces, gallery, learned):
    face = replace(faces[0], label=-faces[0].label)
    (result,) = Semantic()([face], [DlibGender()], gallery=gallery, seed=0, guards=[SFace()], learned=learned)
    assert result.stop == "already-wrong"
    np.testing.assert_array_equal(result.pixels, face.pixels)
    assert result.success


def test_a_drawn_side_is_reached_whatever_the_label(faces, gallery, learned):
    method = Semantic(side="drawn", strength="strong")
    chosen = [faces[0], replace(faces[0], label=-faces[0].label), faces[-1]]
    results = method(chosen, [DlibGender()], gallery=gallery, seed=3, guards=[SFace()], learned=learned)
    np.testing.assert_array_equal(results[0].pixels, results[1].pixels, err_msg="the label is not looked at")
    for result, face in zip(results, chosen, strict=True):
        key = hashlib.sha256(b"facepriv run\x003").digest()
        drawn = draw_donor(face, learned.arrays, key=key, draw_by="subject")
        assert result.target == pytest.approx(drawn.margins[0] * learned.arrays["spread:dlib-gender"])
        assert result.success == (result.stop == "landed")
        away = [abs(score - result.target) for score in (result.trajectory[0], result.file_score)]
        assert away[1] < 0.5 * away[0] or result.success


def test_large_images_are_fitted_small_and_written_in_full(faces, gallery, learned):
    import cv2

    face = faces[0]
    big = cv2.resize(face.pixels, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    found = find_again(face, big)
    assert found is not None
    small = working_copy(found)
    assert small.pixels.shape[0] < big.shape[0]
    np.testing.assert_allclose(small.landmarks / small.pixels.shape[1], found.landmarks / big.shape[1], atol=0.003)
    (result,) = Semantic(trials=2)([found], [DlibGender()], gallery=gallery, seed=0, guards=[SFace()], learned=learned)
    assert result.pixels.shape == big.shape
    assert abs(result.file_score - result.trajectory[0]) > 2


def test_the_unnoticeable_method_may_finish_the_guides(faces, gallery, learned):
    # So little strength that the guide stays where it is.
    weak = {"light": 0.3, "colour": 0.0, "shape": 0.3, "likeness": 0.1, "trials": 1}
    guards = [SFace()]
    alone, finished = (
        Semantic(**weak, finish=finish)(
            faces[:1], [DlibGender()], gallery=gallery, seed=0, guards=guards, learned=learned
        )[0]
        for finish in (False, True)
    )
    assert not alone.success
    assert finished.success
    assert finished.updates == len(finished.trajectory) - 1 > alone.updates
    assert any("finished with colour-field" in note for note in finished.notes)


@pytest.mark.slow
def test_turns_classifiers_that_had_no_part_in_it(faces, others, make_gallery):
    """Each of the two networks guides, with a probe on SFace, and the other judges the stored file."""
    gallery = make_gallery(others)
    chosen = [face for face in faces if face.image_id in {"0", "3", "5", "6", "9", "11"}]
    before, after = [], []
    for guide, judge in ((DlibGender(), LeviHassner()), (LeviHassner(), DlibGender())):
        method = Semantic(strength="strong")
        learned = method.learn(gallery, [guide], guards=[SFace()], rng=np.random.default_rng(0))
        results = method(chosen, [guide], gallery=gallery, seed=0, guards=[SFace()], learned=learned)
        before += [score(judge, face) * face.label for face in chosen]
        after += [score(judge, result.file_face) * face.label for face, result in zip(chosen, results, strict=True)]
    assert np.min(before) > 1, "nats on the right side"
    assert np.median(np.subtract(before, after)) > 5
    assert np.mean(np.array(after) < 0) >= 0.6


def score(classifier, face) -> float:
    from facepriv.perturb.base import score_face

    return score_face(classifier, face)
