"""Who takes part in a study."""

from __future__ import annotations

from collections import Counter

import pytest

from facepriv.errors import BadInputError
from facepriv.services.studies.people import LEAST_ON_RUNG, MOST_IMAGES, part_people
from facepriv.store import ImageRecord


def images_of(people: int, each: int = 2, *, women: float = 0.5, start: int = 0) -> list[ImageRecord]:
    return [
        ImageRecord(
            id=start + person * each + number,
            dataset_id=1,
            name=f"{person}_{number}.jpg",
            subject=f"p{person}",
            label=-1 if person < women * people else 1,
            width=10,
            height=10,
            source_sha256=f"{person:032}{number:032}",
        )
        for person in range(people)
        for number in range(each)
    ]


def names(part) -> list[str]:
    return [person[0].subject for person in part]


def test_nobody_is_in_both_parts_and_a_third_confirms():
    parted = part_people(images_of(60), seed=0)
    searched, confirming = names(parted.searched), names(parted.confirming)
    assert len(searched) == 40
    assert len(confirming) == 20
    assert not set(searched) & set(confirming)
    assert parted.rungs == (20, 40)


def test_every_rung_has_both_genders_in_proportion():
    parted = part_people(images_of(120, women=0.25), seed=3)
    for size in parted.rungs:
        labels = Counter(person[0].label for person in parted.searched[:size])
        assert labels[-1] == pytest.approx(0.25 * size, abs=1)


def test_the_order_of_the_images_does_not_matter_and_the_seed_does():
    images = images_of(60)
    assert part_people(images, seed=1) == part_people(images[::-1], seed=1)
    assert part_people(images, seed=1) != part_people(images, seed=2)


def test_large_data_sets_are_cut():
    parted = part_people(images_of(500, each=6), seed=0)
    assert len(parted.searched) == 160
    assert len(parted.confirming) == 80
    assert parted.rungs == (40, 80, 160)
    assert {len(person) for person in parted.searched} == {MOST_IMAGES}


def test_small_data_sets_have_one_rung():
    parted = part_people(images_of(30), seed=0)
    assert len(parted.rungs) == 1
    assert parted.rungs[0] < 2 * LEAST_ON_RUNG


def test_unlabelled_and_unusable_images_have_no_part():
    images = images_of(60)
    spoilt = [
        ImageRecord(**{**vars(image), "label": None if image.id % 3 == 0 else image.label}) for image in images[:30]
    ]
    parted = part_people([*spoilt, *images[30:]], seed=0)
    used = {image.id for person in (*parted.searched, *parted.confirming) for image in person}
    assert not used & {image.id for image in spoilt if image.label is None}


@pytest.mark.parametrize(("people", "each"), [(14, 2), (60, 1)], ids=["few people", "one image each"])
def test_too_few_are_refused(people: int, each: int):
    with pytest.raises(BadInputError) as error:
        part_people(images_of(people, each), seed=0)
    assert error.value.code == "too-few-subjects"
