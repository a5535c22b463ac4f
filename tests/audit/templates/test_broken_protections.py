"""Protections of the literature are broken as the literature says, on the demo's faces."""

from __future__ import annotations

import numpy as np
import pytest

from facepriv.audit.templates.judging import judge_protection
from facepriv.datasets.demo import read_demo
from facepriv.errors import FailureToAcquireError
from facepriv.imaging.acquire import acquire
from facepriv.imaging.decode import decode
from facepriv.match.registry import matchers
from facepriv.protect.registry import make_protection
from facepriv.schemas.templates import TemplateAudit
from facepriv.types import Face, Templates

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo() -> Templates:
    faces: list[Face] = []
    for image in read_demo(images_per_subject=2).images:
        pixels = decode(image.path, name=image.name, max_pixels=50_000_000).pixels
        try:
            faces.append(acquire(pixels, image_id=image.name, subject=image.subject, label=image.label))
        except FailureToAcquireError:
            continue
    matcher = matchers.create("dlib-resnet")
    rows = matcher.embed(faces)
    names, subjects = (np.array([getattr(face, of) for face in faces]) for of in ("image_id", "subject"))
    labels = np.array([face.label for face in faces], dtype=np.int8)
    return Templates(rows, names, subjects, labels, "cosine", matcher.name, matcher.version)


def accuracy(audit: TemplateAudit, attacker: str, knowledge: str) -> float:
    return audit.attack(attacker, knowledge).reversed_accuracy.value


def test_pe_miu_hides_gender_from_probes_and_not_from_similarities(demo):
    audit = judge_protection(make_protection("pe-miu"), demo, partings=2, resamples=200)
    probes = [accuracy(audit, attacker, "aware") for attacker in ("linear", "rbf", "boosted", "neighbours", "neural")]
    assert max(probes) < 0.75
    assert accuracy(audit, "top-k", "aware") > 0.88
    assert audit.worst.attacker == "top-k"


def test_ive_hides_gender_from_who_does_not_know_of_it_and_not_from_who_trains_again(demo):
    audit = judge_protection(make_protection("ive"), demo, partings=2, resamples=200)
    trained_again = max(accuracy(audit, attacker, "aware") for attacker in ("linear", "rbf", "neural"))
    assert trained_again > 0.75
    assert audit.attack("linear", "aware").accuracy.value > audit.attack("linear", "unaware").accuracy.value
    assert audit.chance.as_high < 0.01
