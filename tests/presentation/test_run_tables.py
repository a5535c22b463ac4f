"""Results as rows of text: every figure of the result in its place, and a dash where there is none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from facepriv.presentation import run_sentences as sentences
from facepriv.presentation import run_tables as tables
from facepriv.presentation.help_texts import AIM_TEXTS
from facepriv.schemas.figures import Interval, OperatingPoint, Rates
from facepriv.schemas.runs import Failures, LearnedItem
from facepriv.store import LogLine
from tests.finished_run import Finished
from tests.juries import JURY

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
    assert rows[0]["Women"] == "75.0 %"
    assert rows[0]["Men"] == "25.0 %"


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
    assert row["Genuine"] == "4"
    assert row["Impostor"] == "26"
    assert row["No template"] == "0"
    # 26 pairs say nothing about a rate of one in a hundred.
    assert row["FNMR at FMR 1 %"] == row["FNMR at FMR 0.1 %"] == "–"


def test_rates_at_an_operating_point_have_their_interval_and_binned_figures_their_bound(finished: Finished):
    result = finished.run.result
    phases = result.matching["sface"]
    interval = Interval(value=0.02, low=0.0123, high=0.0456)
    point = OperatingPoint(target_fmr=0.01, threshold=0.5, fmr=0.01, fnmr=0.02, supported=True, fnmr_interval=interval)
    changes = {
        "fmr100": 0.02,
        "operating_points": [point, phases.cross.operating_points[1]],
        "auc": 0.98765,
        "auc_error": 0.00012,
        "eer": 0.05,
        "eer_error": 0.00001,
    }
    cross = phases.cross.model_copy(update=changes)
    cells = tables.recognition_cells(cross)
    assert cells["FNMR at FMR 1 %"] == "2.00 % (1.23 to 4.56 %)"
    assert cells["FNMR at FMR 0.1 %"] == "–"
    # Rounded up: a bound must not be made smaller.
    assert cells["AUC"] == "0.9877 ± 0.0002"
    assert cells["EER"] == "5.00 % ± 0.01 %"
    assert tables.recognition_cells(phases.cross)["AUC"] == f"{phases.cross.auc:.4f}", "exact"
    binned = result.model_copy(update={"matching": {"sface": phases.model_copy(update={"cross": cross})}})
    assert "AUC 0.9877 ± 0.0002" in sentences.headline(binned, finished.run.guide)
    (note,) = sentences.sampling_notes(binned)
    assert "off by at most" in note


def test_comparisons_drawn_at_random_say_so(finished: Finished):
    result = finished.run.result
    assert sentences.sampling_notes(result) == []
    cross = result.matching["sface"].cross
    point = cross.operating_points[0].model_copy(update={"fmr": 0.0098, "fmr_standard_error": 0.00012})
    sampled = cross.model_copy(
        update={
            "non_mated": 1_000,
            "non_mated_taken": "sampled",
            "non_mated_existing": 25_000,
            "operating_points": [point, cross.operating_points[1]],
        }
    )
    phases = result.matching["sface"].model_copy(update={"cross": sampled})
    drawn = result.model_copy(update={"matching": {"sface": phases}})
    assert [row["Impostor"] for row in tables.matching_rows(drawn)][-1] == "1,000 of 25,000 sampled"
    assert sentences.sampling_notes(drawn) == [
        "sface, cross: 1,000 of 25,000 sampled; FMR 0.9800 % ± 0.0120 % (± standard error)."
    ]


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
    headline = sentences.headline(finished.run.result, "dlib-gender")
    assert headline.startswith("Images whose gender is misjudged: dlib-gender from 0.0 % to 100.0 %; levi-")
    assert f"AUC {finished.run.result.matching['sface'].cross.auc:.4f}" in headline
    assert headline.endswith(" 0 of 6 images failed.")


@pytest.mark.parametrize(
    ("reasons", "said"),
    [
        ({}, "0 of 6 images failed."),
        ({"no-face": 1}, "1 of 6 images failed."),
        (
            {"not-flipped": 2},
            "On 2 of 6 images not every guide is misled: the change went as far as the method was allowed.",
        ),
        (
            {"not-flipped": 2, "no-face": 1},
            "On 2 of 6 images not every guide is misled: the change went as far as the method was allowed. 1 failed "
            "otherwise.",
        ),
    ],
)
def test_images_that_some_guide_still_gets_right_are_told_apart(finished: Finished, reasons: dict, said: str) -> None:
    failed = Failures(total=sum(reasons.values()), by_reason=reasons, items=[])
    result = finished.run.result
    assert result is not None
    assert sentences.failures(result.model_copy(update={"failures": failed})) == said


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


SOME = {
    "flipped": Rates(all=0.8, male=0.5, female=1.0),
    "survival": {"jpeg90": Rates(all=0.75, male=0.5, female=1.0), "grey": Rates(all=0.1, male=0.0, female=0.2)},
    "flipped_fixed": Rates(all=0.9, male=0.8, female=1.0),
    "notes": {"Seldom.": 1, "Often.": 5},
    "learned": [
        LearnedItem(source="folds", dataset="six", fold=1, subjects=2, images=3, evaluations=1200, sha256="ab" * 32)
    ],
}


PROCESSED = {
    "jpeg90": Rates(all=0.75, male=0.5, female=1.0),
    "grey": Rates(all=0.1, male=0.0, female=0.2),
    "webp80": Rates(all=0.7, male=0.7, female=0.7),
    "blur": Rates(all=0.6, male=0.6, female=0.6),
}


def test_flips_that_last(finished: Finished):
    rows = tables.survival_rows(finished.run.result.model_copy(update={**SOME, "survival": PROCESSED}))
    assert [list(row.values()) for row in rows] == [
        ["the file as stored", "–", "80.0 %", "100.0 %", "50.0 %"],
        ["JPEG, quality 90", "yes", "75.0 %", "100.0 %", "50.0 %"],
        ["greyscale", "yes", "10.0 %", "20.0 %", "0.0 %"],
        ["WebP, quality 80", "no", "70.0 %", "70.0 %", "70.0 %"],
        ["blurred a little (0.7 pixels)", "no", "60.0 %", "60.0 %", "60.0 %"],
        ["the original's crop (diagnostic)", "–", "90.0 %", "100.0 %", "80.0 %"],
    ]
    assert {tuple(row) for row in rows} == {("Flipped in", "Methods may use it", "All", "Women", "Men")}


def test_the_panel_has_a_sentence_with_its_worst_case(finished: Finished):
    result = finished.run.result.model_copy(update={**SOME, "survival": PROCESSED})
    (sentence,) = sentences.panel_sentences(result)
    assert "65.0 % of the images are still flipped on average" in sentence
    assert "60.0 % in the worst case (blurred a little (0.7 pixels))" in sentence
    assert sentence in sentences.limits(result)
    assert sentences.panel_sentences(finished.run.result.model_copy(update=SOME)) == []


def test_a_jury_has_rows_and_a_sentence(finished: Finished):
    result = finished.run.result.model_copy(update={"jury": JURY})
    rows = tables.jury_rows(result)
    assert [(row["Juror"], row["Images"]) for row in rows] == [
        (name, phase) for name in ("majority of 2", "mine", "yours") for phase in ("before", "after")
    ]
    assert rows[1]["Gender error"] == rows[1]["Women"] == rows[1]["Men"] == "80.0 % (40.0 to 90.0 %)"
    assert rows[1]["AUC"] == "0.200"
    assert tables.jury_rows(finished.run.result) == []
    said = sentences.headline(result, "dlib-gender")
    assert (
        "The majority of the jury (mine and yours), which guided nothing, misjudges 80.0 % (40.0 to 90.0 %) of the "
        "images (2.0 % before)" in said
    )
    assert "single jurors misjudge 50.0 % to 90.0 %." in said
    assert "jury" not in sentences.headline(finished.run.result, "dlib-gender")
    spec = finished.run.spec
    both = {
        row[tables.FIGURE]: row
        for row in tables.comparison_rows([("a", spec, result), ("b", spec, finished.run.result)])
    }
    assert both["Gender error of the jury's majority"]["a"] == "2.0 % → 80.0 %"
    assert both["Jury"]["b"] == "–"


def test_what_was_learnt_and_noted(finished: Finished):
    result = finished.run.result.model_copy(update=SOME)
    assert tables.learned_rows(result) == [
        {
            "Learned from": "six, half 2",
            "Subjects": "2",
            "Images": "3",
            "Evaluations (one-off)": "1,200",
            "SHA-256": "abababababab",
        }
    ]
    assert [row["Note"] for row in tables.note_rows(result)] == ["Often.", "Seldom."]


def test_limits_are_those_of_the_methods_kind(finished: Finished):
    result = finished.run.result.model_copy(update=SOME)
    said = " ".join(sentences.limits(result))
    least = tables.percent(result.gender_error["levi-hassner"].after.all)
    assert "works against dlib-gender only" in said
    assert f"(levi-hassner misjudges {least} of the images)" in said
    # JPEG keeps more than nine tenths of the file's flips, greyscale does not.
    assert "80.0 % of all images are flipped in the stored file, but only 10.0 % in greyscale." in said
    visible = " ".join(sentences.limits(result.model_copy(update={"kind": "visible", "survival": {}})))
    assert "Anyone who looks for the change sees it" in visible
    assert "works against" not in visible
    assert "undoes part" not in visible
    assert "did not measure" in visible, "a run of before versions of the file were looked at"
    assert "did not measure" not in said
    lost = {"jpeg90": Rates(all=0.2, male=None, female=None), "resize75": Rates(all=0.3, male=None, female=None)}
    both = " ".join(sentences.limits(result.model_copy(update={**SOME, "survival": lost})))
    assert "but only 20.0 % after JPEG compression (quality 90) and 30.0 % after a resize to 75 %." in both


@pytest.mark.parametrize(("method", "aim"), [("semantic", "unseen"), ("colour-field", "guide")])
def test_a_run_says_what_it_is_for(finished: Finished, method, aim):
    spec = finished.run.spec.model_copy(update={"method": method})
    text = AIM_TEXTS[aim]
    assert sentences.aim(spec) == f"Aim: {text.title}. {text.good_for} {text.not_for}"
    assert tables.aim_title(spec) == text.title


@pytest.mark.parametrize("method", ["algorithm1", "gone"])
def test_a_method_chosen_by_name_has_no_aim(finished: Finished, method):
    spec = finished.run.spec.model_copy(update={"method": method})
    assert sentences.aim(spec) == f"No aim stated: the method {method} was chosen by name."
    assert tables.aim_title(spec) == "no aim stated"


def test_runs_side_by_side(finished: Finished):
    spec, result = finished.run.spec, finished.run.result
    other = spec.model_copy(update={"method": "descent", "parameters": {"stages": 3}, "guards": spec.matchers[:1]})
    learnt = result.model_copy(update={**SOME, "kind": None, "matching": {}})
    rows = {row["Figure"]: row for row in tables.comparison_rows([("A", spec, result), ("B", other, learnt)])}
    assert [rows["Method"][title] for title in "AB"] == ["algorithm1", "descent"]
    assert [rows["Aim"][title] for title in "AB"] == ["no aim stated"] * 2
    assert [rows["Kind"][title] for title in "AB"] == ["unnoticeable, works against its guides", "–"]
    assert rows["Parameters"] == {"Figure": "Parameters", "A": "eps 0.3, candidates opposite", "B": "stages 3"}
    assert [rows["Guard matchers"][title] for title in "AB"] == ["–", "dlib-resnet"]
    assert [rows["Learned from"][title] for title in "AB"] == ["–", "six"]
    assert rows["Flipped: greyscale"]["B"] == "10.0 %"
    assert rows["Gender error of dlib-gender"]["A"] == "0.0 % → 100.0 % (guide)"
    assert rows["AUC of sface, old against new"]["B"] == "–"
    assert rows["Evaluations for learning (one-off)"] == {
        "Figure": "Evaluations for learning (one-off)",
        "A": "–",
        "B": "1,200",
    }


def test_parameters_of_a_plug_in_that_is_gone_are_all_shown(finished: Finished):
    spec = finished.run.spec.model_copy(update={"method": "gone", "parameters": {"a": True, "b": None, "c": (1, 2)}})
    assert tables.changed_parameters(spec) == "a yes, b none, c 1,2"


def test_log():
    at = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    lines = (LogLine(at=at, owner="here:1:ab", text="Taken up."), LogLine(at=at, owner=None, text="Asked to cancel."))
    assert tables.log_rows(lines) == [
        {"When": "2026-03-04 05:06:07 UTC", "What": "Taken up.", "Worker": "here:1:ab"},
        {"When": "2026-03-04 05:06:07 UTC", "What": "Asked to cancel.", "Worker": "–"},
    ]
