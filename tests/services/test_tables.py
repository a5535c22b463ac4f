"""Results as rows of text: every figure of the result in its place, and a dash where there is none."""

from __future__ import annotations

import pytest

from facepriv.results import Rates
from facepriv.services import tables
from tests.services.conftest import Finished

pytestmark = pytest.mark.xdist_group("finished-run")


@pytest.mark.parametrize(
    ("rate", "digits", "text"),
    [(0.0, 1, "0.0 %"), (1.0, 1, "100.0 %"), (0.12345, 2, "12.35 %"), (0.001, 2, "0.10 %"), (None, 1, "–")],
)
def test_percent(rate, digits, text):
    assert tables.percent(rate, digits) == text


@pytest.mark.parametrize(("value", "digits", "text"), [(1234.56, 1, "1,234.6"), (0.99996, 4, "1.0000"), (None, 1, "–")])
def test_number(value, digits, text):
    assert tables.number(value, digits) == text


def test_gender_error(finished: Finished):
    rows = tables.gender_error_rows(finished.run.result)
    assert [(row["Classifier"], row["Images"]) for row in rows] == [
        (name, phase) for name in finished.run.result.gender_error for phase in ("before", "after")
    ]
    assert rows[1] == {
        "Classifier": "dlib-gender",
        "Images": "after",
        "Gender error": "100.0 %",
        "Women": "100.0 %",
        "Men": "100.0 %",
    }


def test_women_and_men_are_not_swapped(finished: Finished):
    result = finished.run.result
    error = result.gender_error["dlib-gender"].model_copy(update={"before": Rates(all=0.5, male=0.25, female=0.75)})
    rows = tables.gender_error_rows(result.model_copy(update={"gender_error": {"dlib-gender": error}}))
    assert (rows[0]["Women"], rows[0]["Men"]) == ("75.0 %", "25.0 %")


def test_confusion(finished: Finished):
    rows = tables.confusion_rows(finished.run.result, "dlib-gender")
    assert list(rows[0])[:4] == ["Images", "Label", "Predicted male", "Predicted female"]
    counts = {(r["Images"], r["Label"]): tuple(r.values())[2:] for r in rows}
    assert counts == {
        ("before", "male"): ("3", "0", "0"),
        ("before", "female"): ("0", "3", "0"),
        ("after", "male"): ("0", "3", "0"),
        ("after", "female"): ("3", "0", "0"),
    }


def test_matching(finished: Finished):
    rows = tables.matching_rows(finished.run.result)
    assert [(row["Matcher"], row["Comparison"]) for row in rows] == [
        (name, phase) for name in finished.run.result.matching for phase in ("before", "after", "cross")
    ]
    cross = finished.run.result.matching["sface"].cross
    row = next(row for row in rows if (row["Matcher"], row["Comparison"]) == ("sface", "cross"))
    assert row["AUC"] == f"{cross.auc:.4f}"
    assert (row["Genuine"], row["Impostor"], row["No template"]) == ("4", "26", "0")
    # 26 pairs say nothing about a rate of one in a hundred.
    assert row["FNMR at FMR 1 %"] == row["FNMR at FMR 0.1 %"] == "–"


def test_effort(finished: Finished):
    updates, evaluations = tables.effort_rows(finished.run.result)
    summary = finished.run.result.updates.female
    assert updates["Of successful images"] == "Updates"
    assert updates["Women (mean ± standard error)"] == (
        f"{summary.mean:,.1f} ± {summary.standard_error:,.1f}  (n = {summary.n})"
    )
    assert evaluations["All (mean ± standard error)"].endswith("(n = 6)")


def test_quality(finished: Finished):
    psnr, ssim = tables.quality_rows(finished.run.result)
    result = finished.run.result
    assert psnr["Mean"] == f"{result.psnr_db.mean:.1f} dB"
    assert psnr["Worst"] == f"{result.psnr_db.minimum:.1f} dB"
    assert ssim["Median"] == f"{result.ssim.median:.3f}"
    assert psnr["Images"] == ssim["Images"] == "6"


def test_headline(finished: Finished):
    sentence = tables.headline(finished.run.result, "dlib-gender")
    assert sentence.startswith("dlib-gender errs on 0.0 % of the labels before and 100.0 % after; levi-")
    assert "sface matches before against after with AUC " in sentence
    assert sentence.endswith("; 0 of 6 images failed.")


def test_all_rows_of_a_table_have_the_same_columns(finished: Finished):
    result = finished.run.result
    for rows in (
        tables.gender_error_rows(result),
        tables.confusion_rows(result, "dlib-gender"),
        tables.matching_rows(result),
        tables.effort_rows(result),
        tables.quality_rows(result),
    ):
        assert len({tuple(row) for row in rows}) == 1
    assert tables.failure_rows(result) == []
