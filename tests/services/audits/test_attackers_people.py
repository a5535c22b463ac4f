"""From whom attackers learn: other people only, and what is said of those whom a method knows, too."""

from __future__ import annotations

from typing import Any

import pytest

from facepriv.errors import BadInputError, UnknownNameError
from facepriv.schemas.runs import LearnFrom
from facepriv.services.audits import attackers_people
from facepriv.services.audits.attackers_people import (
    choose_people,
    find_run_alike,
    learns_from_others,
    parting_sentences,
)
from facepriv.services.models.probe_people import Overlap
from facepriv.store import DatasetRecord, RunRecord, Store
from tests.store_examples import (
    FACELESS,
    audit_spec,
    claim_run,
    create,
    new_image,
    result_for,
    run_image,
    sha,
    spec_for,
)


def people(store: Store, name: str, numbers: range, *, prefix: str = "", **changes: Any) -> DatasetRecord:
    """Import two images of each of these people; other prefixes make other people of the same files' numbers."""
    images = [
        new_image(
            index,
            name=f"{prefix}{index:03}.png",
            subject=f"{prefix}s{index // 2}",
            **{
                "source_sha256": sha(f"{prefix} source {index}"),
                "artifact_sha256": sha(f"{prefix} {index}"),
                **changes,
            },
        )
        for number in numbers
        for index in (2 * number, 2 * number + 1)
    ]
    return create(store, name, images)


@pytest.fixture
def audited(store: Store) -> DatasetRecord:
    return people(store, "audited", range(12))


def complete(store: Store, dataset: DatasetRecord, **changes: Any) -> RunRecord:
    """Store a complete run."""
    number = store.runs.create(spec_for(store, dataset, **changes))
    assert claim_run(store, "w", only=store.runs.job_id(number)) is not None
    ids = store.runs.get(number).spec.image_ids
    for position, image_id in enumerate(ids):
        store.runs.save_image(number, "w", run_image(image_id, position))
    store.runs.finish(number, "w", result_for(len(ids)))
    return store.runs.get(number)


def subjects_of(store: Store, chosen: Any) -> set[str]:
    return {image.subject for image in store.datasets.images(chosen.dataset.id, ids=chosen.image_ids)}


def test_all_usable_people_of_another_data_set(store: Store, audited: DatasetRecord) -> None:
    images = [
        new_image(i, subject=f"o{i // 2}", source_sha256=sha(f"o{i}"), artifact_sha256=sha(f"p{i}")) for i in range(24)
    ]
    images += [new_image(90, subject="faceless", **FACELESS), new_image(92, subject="nobody knows", label=None)]
    other = create(store, "other", images)
    chosen = choose_people(store, "other", audited, None)
    assert chosen.dataset == other.ref
    assert chosen.run_id is None
    assert chosen.left_out == 0
    assert subjects_of(store, chosen) == {f"o{number}" for number in range(12)}
    assert choose_people(store, other.id, audited, None) == chosen


def test_nobody_who_is_audited_is_learnt_from(store: Store, audited: DatasetRecord) -> None:
    """Two are known by their names, one by a file, one by the pixels of a file that was written anew."""
    mine = store.datasets.images(audited.id)
    images = [
        new_image(i, subject=f"o{i // 2}", source_sha256=sha(f"o{i}"), artifact_sha256=sha(f"p{i}")) for i in range(28)
    ]
    images[1] = new_image(1, subject="s3", source_sha256=sha("o1"), artifact_sha256=sha("p1"))
    images[4] = new_image(4, subject="o2", source_sha256=mine[0].source_sha256, artifact_sha256=sha("p4"))
    images[6] = new_image(6, subject="o3", source_sha256=sha("o6"), artifact_sha256=mine[9].artifact_sha256)
    create(store, "other", images)
    chosen = choose_people(store, "other", audited, None)
    assert chosen.left_out == 3
    # With a file the whole person goes, the other images of them, too.
    assert subjects_of(store, chosen) == {f"o{number}" for number in range(14)} - {"o2", "o3"}
    assert not subjects_of(store, chosen) & {image.subject for image in mine}


def test_a_person_of_whom_only_an_unusable_image_is_audited_is_left_out(store: Store) -> None:
    audited = create(store, "audited", [*map(new_image, range(24)), new_image(30, subject="xs5", **FACELESS)])
    people(store, "other", range(12), prefix="x")
    chosen = choose_people(store, "other", audited, None)
    assert chosen.left_out == 1
    assert "xs5" not in subjects_of(store, chosen)


def test_impossible_choices_get_one_sentence(store: Store, audited: DatasetRecord) -> None:
    with pytest.raises(UnknownNameError):
        choose_people(store, "nowhere", audited, None)
    with pytest.raises(BadInputError, match="audited is what is audited") as caught:
        choose_people(store, "audited", audited, None)
    assert caught.value.code == "learns-from-same"
    people(store, "few", range(9), prefix="x")
    with pytest.raises(BadInputError, match=r"few has 9 \(. male, . female\); name a larger data set") as caught:
        choose_people(store, "few", audited, None)
    assert caught.value.code == "too-few-to-learn"
    people(store, "namesakes", range(20), source_sha256=sha("x"))
    with pytest.raises(
        BadInputError, match="once 12 subjects with the name or a file of a subject of audited are left"
    ):
        choose_people(store, "namesakes", audited, None)


def test_a_run_of_the_same_method_and_settings_processes_their_images(store: Store, audited: DatasetRecord) -> None:
    other = people(store, "other", range(12), prefix="x")
    mine = complete(store, audited)
    assert choose_people(store, "other", audited, mine).run_id is None
    complete(store, other, parameters={"eps": 0.3})
    complete(store, other, guards=(mine.spec.matchers[0],))
    assert find_run_alike(store, other, mine) is None
    alike = complete(store, other, seed=99, image_ids=tuple(i.id for i in store.datasets.images(other.id))[:22])
    chosen = choose_people(store, "other", audited, mine)
    assert chosen.run_id == alike.id
    assert len(chosen.image_ids) == 22, "only those that the run took"
    # A method that learned from the audited people is none that an attacker without them can have.
    source = LearnFrom(source="dataset", dataset=audited.ref)
    complete(store, other, learn_from=source)
    assert find_run_alike(store, other, mine) == store.runs.get(alike.id)


def test_a_run_of_too_few_people_does_not_count(store: Store, audited: DatasetRecord) -> None:
    other = people(store, "other", range(12), prefix="x")
    mine = complete(store, audited)
    complete(store, other, image_ids=tuple(i.id for i in store.datasets.images(other.id))[:10])
    chosen = choose_people(store, "other", audited, mine)
    assert chosen.run_id is None
    assert len(chosen.image_ids) == 24


def test_who_learns_from_whom(store: Store, audited: DatasetRecord) -> None:
    other = people(store, "other", range(12), prefix="x")
    mine, names = complete(store, audited), ("sign", "template")

    def learners(run: RunRecord | None, learn_from: Any) -> list[str]:
        spec = audit_spec(
            store, audited, run_id=None if run is None else run.id, attackers=names, learn_from=learn_from
        )
        return [name for name in names if learns_from_others(spec, name)]

    assert learners(None, None) == []
    imported = choose_people(store, "other", audited, None)
    assert learners(None, imported) == ["sign", "template"]
    # Without a run on the others there is nothing that an attacker who knows the policy could learn from there.
    assert learners(mine, choose_people(store, "other", audited, mine)) == ["template"]
    complete(store, other)
    assert learners(mine, choose_people(store, "other", audited, mine)) == ["sign", "template"]


def test_what_is_said_of_the_people_learnt_from(store: Store, audited: DatasetRecord) -> None:
    people(store, "other", range(12), prefix="x")
    mine = complete(store, audited)
    chosen = choose_people(store, "other", audited, None)
    spec = audit_spec(store, audited, attackers=("sign", "template"), learn_from=chosen)
    assert parting_sentences(store, spec) == [
        "The attackers learned from 24 images of 12 subjects of other, none of whom is audited."
    ]
    of_run = spec.model_copy(update={"run_id": mine.id, "learn_from": chosen.model_copy(update={"left_out": 1})})
    first, second, third = parting_sentences(store, of_run)
    assert first.startswith("The attacker template learned from 24 images")
    assert second.startswith("The attacker sign would process images of other with the policy")
    assert third.startswith("1 subject of other was not learned from")
    assert parting_sentences(store, audit_spec(store, audited)) == []


@pytest.mark.parametrize("source", ["folds", "dataset", "elsewhere"])
def test_a_method_that_knows_the_attackers_people_is_named(store: Store, audited: DatasetRecord, source: str) -> None:
    other, third = people(store, "other", range(12), prefix="x"), people(store, "third", range(12), prefix="y")
    teacher = {"folds": None, "dataset": other.ref, "elsewhere": third.ref}[source]
    learned = LearnFrom(source="folds" if teacher is None else "dataset", dataset=teacher)
    mine = complete(store, audited, learn_from=learned)
    complete(store, other)
    chosen = choose_people(store, "other", audited, mine)

    def warnings(learn_from: Any) -> list[str]:
        spec = audit_spec(store, audited, run_id=mine.id, learn_from=learn_from)
        return [one for one in parting_sentences(store, spec) if "learned from the same people" in one]

    assert len(warnings(None)) == (source == "folds")
    assert len(warnings(chosen)) == (source == "dataset")


def test_a_classifier_that_was_trained_on_the_attackers_people_is_named(
    store: Store, audited: DatasetRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(store, "other", range(12), prefix="x")
    chosen = choose_people(store, "other", audited, None)
    spec = audit_spec(store, audited, learn_from=chosen)
    trained_on = {image.subject for image in store.datasets.images(chosen.dataset.id)}

    def overlaps(names: Any, images: Any) -> list[Overlap]:
        shared = len({image.subject for image in images} & trained_on)
        return [Overlap(name, 0, shared) for name in names if shared]

    monkeypatch.setattr(attackers_people, "find_overlaps", overlaps)
    (_, warning) = parting_sentences(store, spec)
    assert warning.startswith(f"The classifier {spec.classifiers[0].name} was trained on people of other")
