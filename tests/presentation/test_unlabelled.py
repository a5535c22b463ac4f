"""Images without labels, or with those of one gender, are shown with what applies to them and nothing else."""

from __future__ import annotations

import pytest

from facepriv.presentation import run_tables
from facepriv.presentation.preview import balance, preview_sentences
from facepriv.presentation.report_sections import classifiers_section, key_figures
from facepriv.presentation.run_sentences import headline
from facepriv.report.document import Figure, Table
from facepriv.schemas.figures import GenderError, Rates
from facepriv.schemas.runs import RunResult
from tests.finished_run import Finished

pytestmark = pytest.mark.xdist_group("finished-run")


def with_errors(result: RunResult, rates: Rates) -> RunResult:
    errors = {name: GenderError(before=rates, after=rates) for name in result.gender_error}
    return result.model_copy(update={"gender_error": errors})


def test_without_labels_no_gender_error_is_shown(finished: Finished) -> None:
    result = with_errors(finished.run.result, Rates(all=None, male=None, female=None))
    assert run_tables.gender_error_rows(result) == []
    assert "The images have no labels" in headline(result, finished.run.guide)
    assert not [title for title in key_figures(finished.run, result, None) if "wrong about gender" in title]
    shown = {block.name for block in classifiers_section(result).blocks if isinstance(block, Table | Figure)}
    assert "gender-error" not in shown
    assert "flips" in shown


def test_of_one_gender_there_is_one_column(finished: Finished) -> None:
    result = with_errors(finished.run.result, Rates(all=0.25, male=None, female=0.25))
    assert list(run_tables.gender_error_rows(result)[0]) == ["Classifier", "Images", "Gender error", "Women"]


def test_a_preview_says_what_there_is_and_that_it_is_too_small_for_an_audit() -> None:
    assert balance({"female": 3, "male": 0, "unlabelled": 1}) == "3 labelled female, 1 unlabelled"
    assert balance({"female": 0, "male": 0, "unlabelled": 4}) == "none has a gender label"
    document = {
        "reader_reason": "Read.",
        "images": 4,
        "subjects": 2,
        "labels": {"female": 2, "male": 2, "unlabelled": 0},
        "no_audit": "An audit needs more.",
        "identities": "people",
        "attributes": [],
        "protocol": None,
        "licence": "none",
        "terms": None,
    }
    assert preview_sentences(document)[1:3] == [
        "4 images of 2 subjects: 2 labelled female, 2 male.",
        "An audit needs more.",
    ]
    del document["no_audit"]
    assert "An audit needs more." not in preview_sentences(document), "as stored before"
