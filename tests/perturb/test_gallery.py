"""Candidates: best landmark correlation, another subject, the gender asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facepriv.errors import BadInputError
from facepriv.perturb.gallery import Gallery, choose_candidate, choose_candidates, landmark_correlation


def test_correlation_is_the_mean_of_both_axes(faces):
    gallery = np.stack([face.landmarks for face in faces])
    found = landmark_correlation(faces[0].landmarks, gallery)
    expected = [
        np.mean([np.corrcoef(faces[0].landmarks[:, c], other[:, c])[0, 1] for c in (0, 1)]) for other in gallery
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_correlation_does_not_see_place_and_scale(faces):
    moved = faces[1].landmarks * 3 + 40
    assert landmark_correlation(faces[1].landmarks, moved[None])[0] == pytest.approx(1)


@pytest.mark.parametrize("gender", ["any", "same", "opposite"])
def test_takes_the_best_of_those_that_qualify(faces, make_gallery, gender):
    gallery = make_gallery(faces)
    face = faces[0]
    wanted = {"any": (-1, 1), "same": (face.label,), "opposite": (-face.label,)}[gender]
    qualified = [other for other in faces if other.subject != face.subject and other.label in wanted]
    best = max(qualified, key=lambda o: landmark_correlation(face.landmarks, o.landmarks[None])[0])
    assert choose_candidate(face, gallery, gender) == best.image_id


def test_one_subject_has_no_candidate(faces, make_gallery):
    own = [face for face in faces if face.subject == faces[0].subject]
    with pytest.raises(BadInputError, match="another subject") as caught:
        choose_candidate(own[0], make_gallery(own))
    assert caught.value.code == "no-candidate"


def test_landmarks_on_a_line_are_never_the_best(faces):
    flat = np.column_stack([np.arange(68), np.zeros(68)]).astype(np.float32)
    found = landmark_correlation(faces[0].landmarks, np.stack([flat, faces[1].landmarks]))
    assert found[0] == -1
    assert found[1] > 0.9


def test_candidates_are_of_different_subjects_and_the_first_is_the_best_correlated(faces, make_gallery):
    gallery = make_gallery(faces)
    subjects = {face.image_id: face.subject for face in faces}
    candidates = choose_candidates(faces[0], gallery, "opposite", 2)
    assert candidates[0] == choose_candidate(faces[0], gallery, "opposite")
    assert subjects[candidates[0]] != subjects[candidates[1]]
    # Six subjects: three of either gender.
    assert len(choose_candidates(faces[0], gallery, "opposite", 20)) == 3
    assert len(choose_candidates(faces[0], gallery, "any", 20)) == 5


def test_galleries_are_joined_face_by_face(faces, others):
    few = [replace(face, image_id=f"other {face.image_id}") for face in others[:3]]
    joined = Gallery.of(faces[:2]).joined(Gallery.of(few))
    for face in (*faces[:2], *few):
        found = joined.face(face.image_id)
        assert (found.subject, found.label, found.box) == (face.subject, face.label, face.box)
        np.testing.assert_array_equal(found.pixels, face.pixels)
        np.testing.assert_array_equal(found.landmarks, face.landmarks)
