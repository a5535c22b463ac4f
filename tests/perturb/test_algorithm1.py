"""Algorithm 1 decides what the paper's pseudo-code decides, update for update."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facepriv.classify.dlib_gender import DlibGender
from facepriv.imaging.acquire import acquire
from facepriv.imaging.decode import decode, encode_png
from facepriv.perturb.algorithm1 import Algorithm1, blend
from facepriv.perturb.base import CountingClassifier, score_face
from facepriv.perturb.candidates import choose_candidate
from tests.perturb.transcription import algorithm1


def small(face, side: int = 150):
    """The face at half the size, found anew: small enough for the transcription's whole-image steps."""
    import PIL.Image

    height, width = face.pixels.shape[:2]
    half = PIL.Image.fromarray(face.pixels).resize((side, side * height // width), PIL.Image.Resampling.BOX)
    found = acquire(np.asarray(half), several="largest")
    return replace(face, pixels=np.asarray(half), landmarks=found.landmarks, box=found.box)


@pytest.mark.parametrize("number", [0, 3, 7, 10])
def test_decides_what_the_pseudo_code_decides(faces, make_gallery, number):
    members = [small(face) for face in faces]
    gallery = make_gallery(members)
    face = members[number]
    candidate = choose_candidate(face, gallery)
    expected = algorithm1(
        face, gallery.read(candidate), gallery.face_landmarks(candidate), DlibGender(), face.label, sweeps=8
    )

    (result,) = Algorithm1(sweeps=8)([face], [DlibGender()], gallery=gallery, seed=0)

    assert result.candidate_id == candidate
    assert result.updates == len(expected.decisions)
    assert set(expected.decisions) == {-1, 1}, "a case in which both directions are taken"
    np.testing.assert_allclose(result.trajectory, expected.trajectory, rtol=0, atol=1e-4)
    assert list(result.anchors) == expected.anchors
    np.testing.assert_array_equal(result.pixels, expected.pixels)


def test_flips_the_stored_file_with_the_face_found_anew(faces, make_gallery):
    guide = DlibGender()
    results = Algorithm1()(faces[:2] + faces[-2:], [guide], gallery=make_gallery(faces), seed=0)
    for face, result in zip(faces[:2] + faces[-2:], results, strict=True):
        stored = decode(encode_png(result.pixels), name="x", max_pixels=1_000_000).pixels
        attacker = score_face(guide, acquire(stored, several="largest"))
        assert result.stop == "flipped"
        assert result.success
        assert attacker == pytest.approx(result.file_score)
        assert attacker * face.label < -0.1
        assert len(result.trajectory) == result.updates + 1


def test_counts_two_evaluations_an_update_and_one_for_every_look_at_the_file(faces, make_gallery):
    guide = CountingClassifier(DlibGender())
    (result,) = Algorithm1()(faces[:1], [guide], gallery=make_gallery(faces), seed=0)
    looks = len(result.anchors) + 1
    # The first score, two an update, and the looks at the file inside the loop; the judge's own looks are not charged.
    assert result.evaluations == 1 + 2 * result.updates + looks
    assert guide.evaluations > result.evaluations


def test_leaves_an_image_alone_that_is_wrong_already(faces, make_gallery):
    face = replace(faces[0], label=-faces[0].label)
    (result,) = Algorithm1()([face], [DlibGender()], gallery=make_gallery(faces), seed=0)
    assert result.stop == "already-wrong"
    assert result.updates == 0
    assert result.success
    np.testing.assert_array_equal(result.pixels, face.pixels)


def test_changes_only_the_triangles(faces, make_gallery):
    face = faces[0]
    (result,) = Algorithm1()([face], [DlibGender()], gallery=make_gallery(faces), seed=0)
    changed = np.argwhere((result.pixels != face.pixels).any(axis=2))[:, ::-1]
    low, high = face.landmarks.min(axis=0), face.landmarks.max(axis=0)
    assert len(changed) > 1000
    assert (changed >= low).all()
    assert (changed <= high).all()


def test_stops_after_the_last_sweep(faces, make_gallery):
    (result,) = Algorithm1(sweeps=1, eps=0.0001)(faces[:1], [DlibGender()], gallery=make_gallery(faces), seed=0)
    assert result.stop == "sweeps"
    assert not result.success


def test_an_unlabelled_face_is_moved_away_from_the_guides_own_verdict(faces, make_gallery):
    labelled, unlabelled = (
        Algorithm1()([replace(faces[0], label=label)], [DlibGender()], gallery=make_gallery(faces), seed=0)[0]
        for label in (faces[0].label, None)
    )
    np.testing.assert_array_equal(labelled.pixels, unlabelled.pixels)
    assert unlabelled.success


def test_a_gallery_of_one_subject_is_a_failure_with_a_sentence(faces, make_gallery):
    own = [face for face in faces if face.subject == faces[0].subject]
    (failure,) = Algorithm1()(own[:1], [DlibGender()], gallery=make_gallery(own), seed=0)
    assert failure.code == "no-candidate"
    assert "add images of other subjects" in failure.sentence


@pytest.mark.parametrize(
    ("values", "warped", "eps", "expected"),
    [
        (100.0, 200.0, 0.05, 105.0),
        (100.0, 200.0, -0.05, 95.0),
        (254.0, 0.0, -0.05, 255.0),
        (1.0, 255.0, -0.05, 0.0),
    ],
)
def test_blend_is_equation_3_clipped(values, warped, eps, expected):
    found = blend(np.full((1, 3), values, np.float32), np.full((1, 3), warped, np.float32), eps)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
