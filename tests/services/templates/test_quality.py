"""Planted errors of identities and labels are found, and nothing is found where there are none."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from facepriv.services.templates import quality as checking
from facepriv.services.templates.quality import check_template_quality, doubtful_templates, get_template_quality
from facepriv.services.templates.sets import as_rows
from facepriv.store import Store
from facepriv.store.records import NewTemplateSet
from facepriv.types import Metric, Templates

PEOPLE, EACH, WIDTH = 100, 3, 64


def people(metric: Metric = "cosine") -> Templates:
    """Three templates of each of a hundred people, with a gender that neighbours tell."""
    draw = np.random.default_rng(5)
    labels = np.repeat(np.where(np.arange(PEOPLE) % 2, 1, -1), EACH).astype(np.int8)
    middles = np.repeat(draw.normal(size=(PEOPLE, WIDTH)), EACH, axis=0)
    rows = middles + 0.04 * draw.normal(size=middles.shape) + labels[:, None] * 0.6
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return Templates(
        rows=(rows if metric == "cosine" else rows * 17).astype(np.float32),
        records=np.array([f"r{number:03d}" for number in range(len(rows))]),
        subjects=np.array([f"p{number // EACH:03d}" for number in range(len(rows))]),
        labels=labels,
        metric=metric,
        matcher="",
        version="",
    )


def check(store: Store, templates: Templates):
    store.template_sets.save(NewTemplateSet(name="some", source="", reader=""), as_rows(templates))
    report = check_template_quality(store, "some")
    assert get_template_quality(store.template_sets.get("some")) == report
    return report


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_sound_templates_raise_no_doubt(store: Store, metric: Metric) -> None:
    report = check(store, people(metric))
    assert report.alike is not None
    assert report.split is not None
    assert report.doubtful is not None
    assert (report.alike.found, report.split.found, sum(report.doubtful.found.values())) == (0, 0, 0)
    assert (report.templates, report.subjects, report.compared) == (300, 100, 300)
    assert report.labels == {"female": 150, "male": 150, "unlabelled": 0}
    assert report.subject_labels == {"female": 50, "male": 50, "unlabelled": 0}
    assert report.templates_per_subject.counts == {"subjects": [0, 0, 100]}
    assert report.not_checked == []


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_planted_errors_are_found(store: Store, metric: Metric) -> None:
    there = people(metric)
    subjects, labels = there.subjects.copy(), there.labels.copy()
    subjects[2] = "somebody else"  # one person under two names
    subjects[30:33] = "p011"  # two people under one name
    labels[60] = -labels[60]
    templates = dataclasses.replace(there, subjects=subjects, labels=labels)
    report = check(store, templates)
    assert report.alike is not None
    assert {(pair.first, pair.second) for pair in report.alike.pairs} == {(0, 2), (1, 2)}
    assert report.split is not None
    assert [{each.first // EACH, each.second // EACH} for each in report.split.subjects] == [{10, 11}]
    assert report.doubtful is not None
    assert report.doubtful.templates == [60]
    tables = doubtful_templates(templates, report)
    assert [row["Other template"] for row in tables["Different subjects that look like one person"]] == ["r002", "r002"]
    assert [row["Template"] for row in tables["Labels that all similar templates contradict"]] == ["r060"]


def test_few_people_cannot_be_checked(store: Store) -> None:
    there = people()
    few = dataclasses.replace(
        there,
        rows=there.rows[:6],
        records=there.records[:6],
        subjects=there.subjects[:6],
        labels=np.zeros(6, np.int8),
    )
    report = check(store, few)
    assert report.alike is None
    assert report.doubtful is None
    assert len(report.not_checked) == 2


def test_of_many_some_whole_subjects_are_compared(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "MOST_COMPARED", 250)
    report = check(store, people())
    assert report.compared == 249
    assert report.templates == 300
    assert any("249" in sentence for sentence in report.not_checked)
