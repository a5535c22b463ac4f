"""One person under several names is found, whoever else is there; the result depends on nothing but the templates."""

from __future__ import annotations

import numpy as np
import pytest

from facepriv.audit.matching.near_duplicates import LEAST_DISTANCE, find_alike
from facepriv.audit.matching.pairs import Pairs


def cosine(gallery: np.ndarray, probes: np.ndarray) -> np.ndarray:
    return gallery @ probes.T


def people(subjects: int, images: int = 2, spread: float = 0.3) -> tuple[np.ndarray, list[str]]:
    """Templates of people that are far from each other, those of one near together."""
    random = np.random.default_rng(3)
    centres = random.normal(size=(subjects, 128))
    templates = np.repeat(centres, images, axis=0) + spread * random.normal(size=(subjects * images, 128))
    templates /= np.linalg.norm(templates, axis=1, keepdims=True)
    return templates.astype(np.float32), [f"s{number // images}" for number in range(subjects * images)]


def test_nothing_is_found_where_everybody_is_somebody_else() -> None:
    templates, subjects = people(60)
    found = find_alike(Pairs(templates, None, subjects, cosine))
    assert found is not None
    assert found.found == 0
    assert found.pairs == ()
    assert found.compared == 60 * 59 // 2 * 4


def test_one_person_under_two_names_is_found() -> None:
    templates, subjects = people(60)
    subjects[9] = "another"  # was s4, as image 8 is
    found = find_alike(Pairs(templates, None, subjects, cosine))
    assert found is not None
    ((first, second, score),) = found.pairs
    assert first == 8
    assert second == 9
    assert score == pytest.approx(float(templates[8] @ templates[9]), abs=1e-6)
    assert score >= found.threshold


def test_tiles_do_not_matter() -> None:
    templates, subjects = people(80, images=3)
    for image in (1, 100, 200):
        subjects[image] = f"other {image}"
    whole = find_alike(Pairs(templates, None, subjects, cosine))
    assert find_alike(Pairs(templates, None, subjects, cosine, tile=(7, 13))) == whole
    assert whole is not None
    assert whole.found == 6


def test_the_most_alike_are_listed() -> None:
    templates, subjects = people(80, images=3)
    every = [f"{subject}-{number}" for number, subject in enumerate(subjects)]
    found = find_alike(Pairs(templates, None, every, cosine), listed=5)
    assert found is not None
    assert found.found > 5
    scores = cosine(templates, templates)[np.triu_indices(len(templates), 1)]
    assert [score for _, _, score in found.pairs] == pytest.approx(sorted(scores, reverse=True)[:5], abs=1e-6)


def test_too_few_to_say() -> None:
    templates, subjects = people(5)
    assert find_alike(Pairs(templates, None, subjects, cosine)) is None


def test_one_photo_saved_twice_is_found_however_alike_all_are() -> None:
    templates, _ = people(30, images=1)
    # All of them near one another, as a matcher that is of no use has them.
    blurred = templates + 3 * np.ones(128, np.float32) / 128**0.5
    blurred = np.vstack([blurred, blurred[:1] * (1 + 1e-6)])
    blurred /= np.linalg.norm(blurred, axis=1, keepdims=True)
    found = find_alike(Pairs(blurred.astype(np.float32), None, [f"s{number}" for number in range(31)], cosine))
    assert found is not None
    assert found.threshold <= 1 - LEAST_DISTANCE**2 / 2 + 1e-6
    assert found.pairs[0][:2] == (0, 30)
