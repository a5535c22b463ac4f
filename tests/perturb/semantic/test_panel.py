"""What guides and guards say of a version of a face."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facepriv.classify.dlib import DlibGender
from facepriv.errors import BadInputError
from facepriv.imaging.crop import take_crop
from facepriv.match.sface import SFace
from facepriv.perturb.base import score_face
from facepriv.perturb.common.anchored_crop import AnchoredCrop
from facepriv.perturb.semantic.panel import Panel, PanelScores
from facepriv.types import CropFunction, CropSpec


def learnt(spread=1.0):
    arrays = {"spread:dlib-gender": spread, "spread:sface": 0.5, "strangers:sface": 0.0}
    return {name: np.array(value) for name, value in arrays.items()} | {"probe:sface": np.append(np.eye(128)[5], 0.25)}


class Boxed(DlibGender):
    """The small network with a crop that is no linear map."""

    score_published = None

    def crop(self, face):
        left, top, right, bottom = (max(0, edge) for edge in face.box)
        return CropFunction(
            box=(left, top, right, bottom), height=32, width=32, function=lambda region: region[:32, :32].copy()
        )


def test_reading_is_what_guide_and_guard_say(faces):
    face = faces[0]
    guide, guard = DlibGender(), SFace()
    panel = Panel(face, [guide], [guard], learnt(4.0))
    darker = (face.pixels * 0.8).astype(np.uint8)
    (scores,) = panel.look([darker])
    assert scores.score == pytest.approx(AnchoredCrop.of(guide, face).score(darker), abs=1e-4)
    # The crop is the original's, in looks at versions of it.
    own, other = (guard.embed_crops(take_crop(guard.crop(face), pixels)[None]) for pixels in (face.pixels, darker))
    assert scores.margins == pytest.approx([scores.score / 4, (other[0, 5] + 0.25) / 0.5], abs=1e-5)
    assert scores.similarity == pytest.approx([float((own @ other.T)[0, 0])])
    np.testing.assert_array_equal(scores.templates[0], other[0].astype(np.float64))


def test_reading_anew_takes_the_new_landmarks_and_leaves_the_anchor(faces):
    face = faces[0]
    panel = Panel(face, [DlibGender()], [], learnt())
    (before,) = panel.look([face.pixels])
    left, top, right, bottom = face.box
    moved = replace(face, box=(left + 30, top + 20, right + 30, bottom + 20))
    assert panel.score_file_face(moved).score == pytest.approx(score_face(DlibGender(), moved), abs=1e-4)
    assert panel.score_file_face(moved).score != pytest.approx(before.score, abs=0.1)
    assert panel.look([face.pixels])[0].score == before.score


def test_a_crop_that_is_no_linear_map_is_taken_too(faces):
    panel = Panel(faces[0], [Boxed()], [], learnt())
    assert isinstance(DlibGender().crop(faces[0]), CropSpec)
    assert panel.look([faces[0].pixels])[0].score == pytest.approx(score_face(Boxed(), faces[0]))


def test_looks_together_are_the_looks_one_by_one(faces):
    face = faces[0]
    panel = Panel(face, [DlibGender()], [SFace()], learnt())
    images = [face.pixels, (face.pixels * 0.8).astype(np.uint8), np.ascontiguousarray(face.pixels[:, ::-1])]
    together = panel.look(images)
    for scores, image in zip(together, images, strict=True):
        (alone,) = panel.look([image])
        np.testing.assert_allclose(scores.margins, alone.margins, atol=1e-4)
        np.testing.assert_allclose(scores.similarity, alone.similarity, atol=1e-5)


def test_a_guide_long_past_cannot_outvote_the_others():
    scores = PanelScores(0.0, np.array([0.6, 0.6, -50.0]), np.empty(0), ())
    assert not scores.has_left(1)
    assert PanelScores(0.0, np.array([0.4, 0.4, -50.0]), np.empty(0), ()).has_left(1)
    assert not scores.has_left(-1)


def test_an_original_without_a_template_is_refused(faces):
    class Blind(SFace):
        def embed(self, faces):
            return np.full((len(faces), 128), np.nan, dtype=np.float32)

    with pytest.raises(BadInputError, match="template of the original") as refused:
        Panel(faces[0], [DlibGender()], [Blind()], learnt())
    assert refused.value.code == "no-template"
