"""Own classifiers score as what they describe, judge always, and guide where their crop allows it."""

from __future__ import annotations

import base64
import sys

import numpy as np
import pytest

from facepriv.classify.registry import classifiers
from facepriv.config import Settings
from facepriv.errors import BadInputError, ModelUnavailableError
from facepriv.imaging.crop import take_crop
from facepriv.imaging.described_crops import box_square
from facepriv.match.registry import matchers
from facepriv.perturb.base import score_face
from facepriv.perturb.registry import perturbers
from facepriv.services.models.own_models import add_model
from facepriv.store import open_store
from facepriv.types import PerturbFailure, PerturbResult
from tests.actors import TEST
from tests.own_model_files import write_program

pytestmark = pytest.mark.slow

BRIGHTNESS = """
import json, sys
import numpy as np
from PIL import Image
for line in sys.stdin:
    request = json.loads(line)
    rgb = np.asarray(Image.open(request["image"]), dtype=float)
    score = float(rgb[..., 1].mean() - rgb[..., 0].mean())
    print(json.dumps({"id": request["id"], "score": score, "size": rgb.shape}), flush=True)
"""
"""A program that scores whole images, by their colour: enough to see what it is shown."""


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FACEPRIV_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def add(home):
    def go(file):
        with open_store(Settings(home=home)) as store:
            return add_model(store, file, actor=TEST)

    return go


@pytest.fixture
def whole(add, tmp_path):
    add(write_program(tmp_path / "whole", BRIGHTNESS, name="own-whole", stays_open=True))
    return classifiers.create("own-whole")


def test_the_built_in_network_by_yaml_gives_the_very_same_scores(own_home, faces):
    built_in, own = classifiers.create("dlib-gender"), classifiers.create("own-gender")
    crops = np.stack([take_crop(own.crop(face), face.pixels) for face in faces])
    np.testing.assert_array_equal(own.score(crops), built_in.score(crops))
    assert [score_face(own, face) for face in faces] == list(built_in.score(crops)), "through the described crop"
    assert own.version != built_in.version, "the description counts too"


def test_the_built_in_matcher_by_yaml_agrees_with_it(own_home, faces):
    built_in, own = matchers.create("sface"), matchers.create("own-sface")
    some = faces[:4]
    crops = np.stack([take_crop(own.crop(face), face.pixels) for face in some])
    np.testing.assert_allclose(own.embed(some), built_in.embed_crops(crops), atol=1e-4)
    # OpenCV aligns by its own detector's points, with its own sampling, and rounds.
    assert (np.sum(own.embed(some) * built_in.embed(some), axis=1) > 0.8).all()


def test_a_command_scores_as_the_network_that_it_runs(own_home, faces):
    built_in, command = classifiers.create("dlib-gender"), classifiers.create("own-scoring-command")
    crops = np.rint([take_crop(built_in.crop(face), face.pixels) for face in faces]).astype(np.float32)
    # The program takes logarithms of float32 probabilities.
    np.testing.assert_allclose(command.score(crops), built_in.score(crops), rtol=1e-3)


def test_a_command_matcher_gives_the_templates_of_the_network_that_it_runs(own_home, faces):
    command, own = matchers.create("own-embedding-command"), matchers.create("own-sface")
    assert (np.sum(command.embed(faces[:3]) * own.embed(faces[:3]), axis=1) > 0.999).all()


def test_a_command_is_shown_the_whole_stored_image(whole, faces):
    for face in faces[:2]:
        expected = face.pixels[..., 1].mean() - face.pixels[..., 0].mean()
        assert score_face(whole, face) == pytest.approx(expected, abs=1e-9)


def test_whole_images_cannot_guide_the_colour_field_which_says_so(whole, faces, make_gallery):
    (refused,) = perturbers.create("colour-field")([faces[0]], [whole], gallery=make_gallery(faces), seed=0)
    assert isinstance(refused, PerturbFailure)
    assert refused.code == "crop-not-linear"
    assert "own-whole" in refused.sentence


@pytest.mark.slow
def test_whole_images_guide_algorithm1(whole, faces, make_gallery):
    face = faces[0]
    # Half the size: every step writes the image to a file.
    method = perturbers.create("algorithm1", eps=0.5, candidates="opposite", sweeps=1)
    (done,) = method([face], [whole], gallery=make_gallery(faces), seed=0)
    assert isinstance(done, PerturbResult)
    assert done.evaluations > 10
    assert done.file_score == pytest.approx(score_face(whole, done.file_face))
    assert done.file_score != pytest.approx(score_face(whole, face))
    assert any("not a linear map" in note for note in done.notes)


def test_crops_of_a_command_guide_the_colour_field(own_home, faces, make_gallery):
    guide = classifiers.create("own-scoring-command")
    (done,) = perturbers.create("colour-field")([faces[0]], [guide], gallery=make_gallery(faces), seed=0)
    assert isinstance(done, PerturbResult)
    assert done.flipped
    assert (score_face(classifiers.create("dlib-gender"), done.file_face) >= 0) != (faces[0].label == 1)


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        ({"score": "high"}, ModelUnavailableError),
        ({"probability_male": 1.2}, ModelUnavailableError),
        ({"score": float("nan")}, ModelUnavailableError),
        ({"error": "no face"}, BadInputError),
    ],
)
def test_wrong_answers_of_a_classifier_are_refused_at_adding(add, home, tmp_path, answer, raised):
    code = f"import json, sys\nfor n, line in enumerate(sys.stdin, 1): print(json.dumps({{'id': n, **{answer!r}}}))"
    code = code.replace("nan", "float('nan')")
    with pytest.raises(raised, match="own-command"):
        add(write_program(tmp_path / "w", code))
    assert not list((home / "models").iterdir())


def test_probabilities_of_a_command_become_log_odds(add, tmp_path, faces):
    code = (
        "import json, sys\nfrom PIL import Image\n"
        "for line in sys.stdin:\n"
        "    request = json.loads(line)\n"
        "    p = Image.open(request['image']).convert('L').resize((1, 1)).getpixel((0, 0)) / 255\n"
        "    print(json.dumps({'id': request['id'], 'probability_male': p}), flush=True)"
    )
    add(write_program(tmp_path / "p", code, name="own-probability", stays_open=True))
    scores = [score_face(classifiers.create("own-probability"), face) for face in faces[:2]]
    assert np.isfinite(scores).all()
    assert all(abs(score) < 15.95 for score in scores)


def embedding(template):
    return (
        "import json, sys\nfrom PIL import Image\nfor n, line in enumerate(sys.stdin, 1):\n"
        "    size = Image.open(json.loads(line)['image']).resize((3, 1)).convert('L')\n"
        f"    row = [float(v) + 1 for v in size.tobytes()]\n    print(json.dumps({{'id': n, {template}}}))"
    )


def test_a_matcher_that_finds_no_face_gives_no_template(add, tmp_path, faces):
    code = embedding("**({'error': 'no face'} if row[1] % 2 else {'template': row})")
    add(write_program(tmp_path / "m", code, name="own-picky", kind="matcher"))
    rows = matchers.create("own-picky").embed(faces)
    lost = np.isnan(rows).any(axis=1)
    assert 0 < lost.sum() < len(faces)
    assert np.isnan(rows[lost]).all()
    np.testing.assert_allclose(np.linalg.norm(rows[~lost], axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ("'template': row[:1 + n % 2]", "templates of one length"),
        ("'template': 'no base64!'", "a template of finite numbers"),
        ("'template': []", "a template of finite numbers"),
        ("'error': 'no licence'", "none of them has one"),
        (f"'template': {base64.b64encode(b'12345').decode()!r}", "a template of finite numbers"),
    ],
)
def test_wrong_answers_of_a_matcher_are_refused_at_adding(add, tmp_path, template, sentence):
    with pytest.raises(ModelUnavailableError, match=sentence):
        add(write_program(tmp_path / "m", embedding(template), kind="matcher"))


def test_a_program_that_was_changed_is_not_run(add, tmp_path):
    file = write_program(tmp_path / "c", BRIGHTNESS)
    add(file)
    (file.parent / "program.py").write_text("raise SystemExit")
    changed = classifiers.create("own-command")
    from facepriv.weights.files import require_all

    with pytest.raises(ModelUnavailableError, match="it was changed"):
        require_all(changed.card)


def test_a_box_square_is_the_box_with_its_margin(faces):
    face = faces[0]
    left, top, right, bottom = face.box
    spec = box_square(face, size=right - left, margin=0)
    if right - left == bottom - top:
        np.testing.assert_array_equal(take_crop(spec, face.pixels), face.pixels[top:bottom, left:right])
    wide = box_square(face, size=50, margin=0.5)
    corners = wide.matrix @ np.array([[-0.5, -0.5, 1], [49.5, 49.5, 1]]).T
    edge = max(right - left, bottom - top)
    np.testing.assert_allclose(corners[:, 1] - corners[:, 0], 2 * edge)
    np.testing.assert_allclose(corners.mean(axis=1), [(left + right - 1) / 2, (top + bottom - 1) / 2])


def test_python_is_found_on_the_path(add, tmp_path, monkeypatch):
    from pathlib import Path

    program = Path(sys.executable)
    monkeypatch.setenv("PATH", f"{program.parent}")
    added = add(write_program(tmp_path / "n", BRIGHTNESS, command=[program.name, "program.py"]))
    assert added.description.command == (str(program), str(tmp_path / "n" / "program.py"))
