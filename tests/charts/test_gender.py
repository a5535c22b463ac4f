import json

import numpy as np
import pytest

from facepriv.charts.gender import SCORE_AXIS, confusion_tables, gender_error_bars, gender_score_histograms
from facepriv.metrics.gender import confusion, gender_error, score_histograms
from facepriv.schemas.figures import Confusions, GenderError
from facepriv.wording import percent


@pytest.fixture(scope="module")
def scored():
    rng = np.random.default_rng(5)
    labels = np.repeat([1, -1], 60)
    before = labels * rng.gamma(4, 1.5, 120) + rng.normal(0, 2, 120)
    after = -labels * rng.gamma(1, 0.3, 120)
    after[[3, 70]] = np.nan
    return before, after, labels


def test_error_bars_carry_the_rates(scored):
    before, after, labels = scored
    error = GenderError(before=gender_error(before, labels), after=gender_error(after, labels))
    men_only = GenderError(before=gender_error([1.0], [1]), after=gender_error([-1.0], [1]))
    figure = gender_error_bars({"first": error, "second": men_only})
    bars_before, bars_after = figure.data
    assert list(bars_before.y[:3]) == [error.before.all, error.before.male, error.before.female]
    assert list(bars_after.y) == [error.after.all, error.after.male, error.after.female, 1.0, 1.0, None]
    assert [list(level) for level in bars_before.x] == [["first"] * 3 + ["second"] * 3, ["all", "men", "women"] * 2]
    assert bars_after.text[0] == percent(error.after.all)
    assert bars_after.text[5] == ""
    assert bars_before.marker.pattern.shape != bars_after.marker.pattern.shape
    json.loads(figure.to_json())


def test_confusion_tables_carry_the_counts(scored):
    before, after, labels = scored
    found = Confusions(before=confusion(before, labels), after=confusion(after, labels))
    figure = confusion_tables(found)
    first, second = figure.data
    assert [list(row) for row in first.customdata] == [
        list(found.before.male.values()),
        list(found.before.female.values()),
    ]
    assert [row[2] for row in second.customdata] == [1, 1]
    assert [sum(row) for row in second.z] == pytest.approx([1, 1])
    texts = [note.text for note in figure.layout.annotations]
    assert f"{found.after.male['female']}<br>{percent(found.after.male['female'] / 60)}" in texts
    json.loads(figure.to_json())


def test_the_column_of_failures_appears_only_with_failures():
    none = Confusions(before=confusion([1.0, -1.0], [1, -1]), after=confusion([1.0, 1.0], [1, -1]))
    assert all(list(trace.x) == ["male", "female"] for trace in confusion_tables(none).data)


def test_a_label_without_images_makes_no_trouble():
    men = Confusions(before=confusion([1.0], [1]), after=confusion([-1.0], [1]))
    first, second = confusion_tables(men).data
    assert list(first.y) == ["male"]
    assert [list(row) for row in first.z] == [[1, 0]]
    assert [list(row) for row in second.z] == [[0, 1]]


def test_scores_of_one_label_have_one_panel(scored):
    before, after, labels = scored
    men = labels > 0
    figure = gender_score_histograms(score_histograms(before[men], after[men], labels[men]), "dlib-gender")
    assert [note.text for note in figure.layout.annotations] == ["dlib-gender, labelled male"]
    assert len(figure.data) == 2


def test_histograms_carry_the_counts_and_mark_the_threshold(scored):
    before, after, labels = scored
    figure = gender_score_histograms(score_histograms(before, after, labels), "dlib-gender")
    assert [(trace.name, sum(trace.y)) for trace in figure.data] == [("before", 60), ("after", 59)] * 2
    assert list(figure.data[0].x) == list(figure.data[1].x), "before and after must be in the same bins"
    assert figure.data[0].line.dash != figure.data[1].line.dash
    # One line at 0 in either row.
    assert [(shape.x0, shape.x1, shape.xref) for shape in figure.layout.shapes] == [(0, 0, "x"), (0, 0, "x2")]
    assert figure.layout.xaxis2.title.text == SCORE_AXIS
    assert figure.layout.xaxis.matches == "x2"
    first = figure.data[0]
    assert all(a < x < b for x, (a, b, _) in zip(first.x, first.customdata, strict=True))
    json.loads(figure.to_json())
