"""Template sets in words."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

from facepriv.presentation.template_sets import set_json, set_rows, summary_sentences, template_quality_sentences
from facepriv.schemas.figures import Histogram
from facepriv.schemas.template_quality import (
    AlikeSubjects,
    DoubtfulLabels,
    SplitSubjects,
    TemplateQualityReport,
)
from facepriv.store import TemplateSetRecord
from facepriv.types import Terms


def record(**changes: Any) -> TemplateSetRecord:
    values: dict[str, Any] = {
        "id": 1,
        "name": "staff",
        "source": "a.npz",
        "reader": "npz",
        "reader_reason": "Read as npz.",
        "created_at": datetime(2026, 1, 2, tzinfo=UTC),
        "metric": "cosine",
        "matcher": "arcface",
        "version": "r50",
        "templates": 1200,
        "width": 512,
        "subjects": 600,
        "male": 500,
        "female": 600,
        "quality": None,
        "rows_sha256": "0" * 64,
        "records_sha256": "1" * 64,
    }
    return TemplateSetRecord(**{**values, **changes})


def test_what_a_set_holds_is_said() -> None:
    problems = ({"code": "zero-row", "count": 2, "sentence": "2 rows were left out."},)
    terms = Terms("Nobody may be shown.", frozenset())
    said = summary_sentences(record(problems=problems, terms=terms, datasheet={"licence": "CC0"}))
    assert said[0] == (
        "staff: 1,200 templates of 600 subjects (600 female, 500 male, 100 unlabelled), 512 numbers each, by arcface "
        "of version r50, compared by cosine similarity."
    )
    assert "2 rows were left out.  [zero-row: 2]" in said
    assert "Terms of use: Nobody may be shown." in said
    assert any("licence CC0" in sentence for sentence in said)
    assert (
        "by a matcher that nobody stated, compared by Euclidean"
        in summary_sentences(record(matcher="", version="", metric="euclidean"))[0]
    )


def test_a_set_is_a_row_and_json() -> None:
    (row,) = set_rows([record(retain_until=date(2001, 1, 1))])
    assert (row["Unlabelled"], row["Keep until"]) == ("100", "2001-01-01, PAST")
    assert json.loads(json.dumps(set_json(record())))["labels"] == {"female": 600, "male": 500, "unlabelled": 100}


def test_doubts_are_said_and_name_nobody() -> None:
    report = TemplateQualityReport(
        rows_sha256="0" * 64,
        records_sha256="1" * 64,
        templates=1200,
        subjects=600,
        labels={"female": 600, "male": 500, "unlabelled": 100},
        subject_labels={"female": 300, "male": 250, "unlabelled": 50},
        templates_per_subject=Histogram(edges=[0.5, 1.5], counts={"subjects": [600]}),
        compared=1200,
        alike=AlikeSubjects(threshold=0.7, compared=1000, found=2, pairs=[]),
        split=SplitSubjects(usual=0.1, checked=600, found=1, subjects=[]),
        doubtful=DoubtfulLabels(
            neighbours=15, judged=1100, found={"female": 3, "male": 0, "unlabelled": 0}, templates=[1, 2, 3]
        ),
        not_checked=["Not all were compared."],
        seconds=1.0,
    )
    alike, split, labels, rest = template_quality_sentences(report)
    assert "2 of 1,000 pairs" in alike
    assert "1 of 600 subjects with several templates has two" in split
    assert "3 female and 0 male out of 1,100" in labels
    assert rest == "Not all were compared."
