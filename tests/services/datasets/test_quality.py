"""The quality report finds planted errors, computes nothing twice, and names nobody."""

from __future__ import annotations

import csv
import shutil

import numpy as np
import PIL.Image
import pytest

from facepriv.datasets.demo import demo_folder, read_demo
from facepriv.measures import compute
from facepriv.measures.compute import Measure, find_known
from facepriv.measures.stored_faces import untouched_faces
from facepriv.presentation.quality import quality_sentences
from facepriv.schemas.quality import QualityReport
from facepriv.schemas.requests import RunRequest
from facepriv.services.datasets.importing import import_dataset
from facepriv.services.datasets.quality import check_quality, doubtful_images, get_quality
from facepriv.services.runs.preparing import prepare_run
from tests.finished_run import write_labels
from tests.stand_ins import make_stand_in

SUBJECTS = 15


@pytest.fixture
def planted(store, settings, tmp_path):
    """Fifteen people, an image each: one of them a second time under another name, one with the wrong gender label."""
    with (demo_folder() / "faces.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    chosen = list({row["subject"]: row for row in rows}.values())[:SUBJECTS]
    folder = tmp_path / "faces"
    folder.mkdir()
    table = []
    for row in chosen:
        name = f"{row['subject']}.jpg"
        shutil.copy(demo_folder() / row["file"], folder / name)
        table.append([name, row["subject"], row["gender"]])
    twin = chosen[2]
    PIL.Image.open(demo_folder() / twin["file"]).save(folder / "twin.jpg", quality=80)
    table.append(["twin.jpg", "zz-twin", twin["gender"]])
    table[5][2] = {"male": "female", "female": "male"}[table[5][2]]
    noise = np.random.default_rng(0).integers(0, 256, (200, 150, 3), dtype=np.uint8)
    PIL.Image.fromarray(noise).save(folder / "noise.png")
    table.append(["noise.png", chosen[0]["subject"], chosen[0]["gender"]])
    write_labels(folder / "labels.csv", table)
    import_dataset(store, settings, folder, name="planted")
    return table


def test_planted_errors_are_found_and_nobody_is_named(store, planted):
    steps = []
    report = check_quality(store, "planted", on_progress=lambda done, total: steps.append((done, total)))
    assert steps[-1] == (SUBJECTS + 1, SUBJECTS + 1)
    assert get_quality(store.datasets.get("planted")) == report
    assert report.images == SUBJECTS + 2
    assert report.subjects == SUBJECTS + 1
    assert sum(found.failed for found in report.acquisition.values()) == 1
    assert report.acquisition[planted[0][2]].by_reason == {"no-face": 1}
    assert report.images_per_subject.counts == {"subjects": [SUBJECTS, 1]}
    assert report.width.minimum == 150
    assert report.height.minimum == 200
    eyes = report.inter_eye_distance
    assert eyes.summary.n == SUBJECTS + 1
    assert 50 < eyes.summary.median < 65
    assert eyes.shortfalls[0].below == 30
    assert eyes.shortfalls[0].images == 0
    assert eyes.shortfalls[-1].images == SUBJECTS + 1
    assert report.near_duplicates.matcher.name == "sface"
    assert report.near_duplicates.found == 1
    listed = doubtful_images(store, store.datasets.get("planted").id, report)
    (pair,) = listed["Different subjects that look like one person"]
    assert {pair["Subject"], pair["Its subject"]} == {planted[2][1], "zz-twin"}
    (wrong,) = listed["Labels that every classifier contradicts"]
    assert wrong["Subject"] == planted[5][1]
    assert wrong["Label"] == planted[5][2]
    told = " ".join(quality_sentences(report)) + report.model_dump_json()
    for name, subject, _ in planted:
        assert name not in told
        assert f'"{subject}"' not in told
    assert QualityReport.model_validate_json(report.model_dump_json(by_alias=True)) == report
    assert report.model_dump(by_alias=True)["schema"] == "facepriv.quality/1"


def test_what_was_measured_is_not_measured_again(store, settings, planted, monkeypatch):
    check_quality(store, "planted")

    def never(*_):
        raise AssertionError("it was measured before")

    monkeypatch.setattr(compute, "compute_task", never)
    again = check_quality(store, "planted")
    assert again.near_duplicates.found == 1
    record = store.datasets.get("planted")
    spec = prepare_run(
        store,
        RunRequest(dataset="planted", method="colour-field", classifiers=["dlib-gender"], matchers=["sface"], limit=2),
    )
    for name in ("score:dlib-gender", "template:sface"):
        assert len(_kept(store, record, spec, name)) == SUBJECTS + 1


def _kept(store, record, spec, name):
    """What a run of this spec finds computed of its untouched images."""
    ref = next(one for one in (*spec.classifiers, *spec.matchers) if one.name == name.partition(":")[2])
    measure = Measure(name.partition(":")[0], ref)
    files = untouched_faces(store, record.id, store.datasets.images(record.id))
    return find_known(store, files, [measure])[name]


def test_where_subjects_are_no_people_nobody_is_compared(store, settings, tmp_path):
    import_dataset(store, settings, make_stand_in("adience", tmp_path / "faces"), name="accounts")
    report = check_quality(store, "accounts")
    assert report.near_duplicates is None
    assert "groups that may hold several people" in " ".join(report.not_checked)
    assert report.contradictions.judged == 10


@pytest.mark.slow
def test_one_subject_that_is_several_people_is_found(store, settings, tmp_path):
    """Two folders of two people each, three of one person each."""
    images = {}
    for image in read_demo(4).images:
        images.setdefault(image.subject, []).append(image.path)
    people = list(images.values())
    inside = {f"one-{n}": people[n] for n in range(3)} | {"two-0": people[3][:2] + people[4][:2]}
    inside["two-1"] = people[5][:3] + people[6][:1]
    for name, paths in inside.items():
        (tmp_path / "set" / name).mkdir(parents=True)
        for number, path in enumerate(paths):
            shutil.copy(path, tmp_path / "set" / name / f"{number}.jpg")
    import_dataset(store, settings, tmp_path / "set", name="mixed", subjects="people")
    report = check_quality(store, "mixed")
    split = report.split_subjects
    assert (split.checked, split.found) == (5, 2)
    assert sorted(each.groups for each in split.subjects) == [[2, 2], [3, 1]]
    assert not split.groups_likely
    assert "the images of 2 of 5 subjects look like several people" in " ".join(quality_sentences(report))
    rows = doubtful_images(store, store.datasets.get("mixed").id, report)["Subjects that look like several people"]
    assert {row["Subject"] for row in rows} == {"two-0", "two-1"}
