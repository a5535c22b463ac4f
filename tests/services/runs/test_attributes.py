"""Other attributes than gender: their labels, runs that turn them, and runs that keep them."""

from __future__ import annotations

import pytest

from facepriv.classify.registry import classifiers
from facepriv.errors import BadInputError
from facepriv.measures.loaded_models import get_classifier
from facepriv.presentation import run_sentences
from facepriv.presentation import run_tables as tables
from facepriv.schemas.requests import AuditRequest, RunRequest
from facepriv.schemas.runs import AttributeClasses, RunSpec
from facepriv.services.audits.preparing import prepare_audit
from facepriv.services.datasets.importing import import_dataset
from facepriv.services.jobs.worker import run_worker
from facepriv.services.releases.export import run_document
from facepriv.services.runs.attributes import UNLABELLED_NOTE, check_guides, classes_of, label_by, labelled_by
from facepriv.services.runs.estimate import estimate_run
from facepriv.services.runs.preparing import prepare_run
from facepriv.store import ImageRecord
from facepriv.store.rows import ImageRow
from tests.finished_run import FAST, METHOD, Finished, labelled_demo, scores_of, start_run
from tests.store.tampering import set_columns

SOME = ("s001_1", "s003_1")


class Told:
    """What tells race, as far as labels go."""

    attribute, option, positive = "race", "positive", "Middle-Eastern"


class Bare:
    """What tells something without an option."""

    attribute = "glasses"


def image(**attributes: str | float) -> ImageRecord:
    return ImageRecord(
        id=1,
        dataset_id=1,
        name="a",
        subject="a",
        label=-1,
        width=9,
        height=9,
        source_sha256="0" * 64,
        attributes=attributes,
    )


@pytest.mark.parametrize(
    ("positive", "said", "label"),
    [
        ("latino-hispanic", "Latino_Hispanic", 1),
        ("latino-hispanic", "Latino Hispanic", 1),
        ("latino-hispanic", "White", -1),
        ("middle-eastern", "Middle Eastern", 1),
        ("asian", "East Asian", 1),
        ("asian", "Southeast Asian", 1),
        ("white", "Southeast Asian", -1),
        ("asian", "Others", None),
        ("asian", "west_asian", None),
    ],
)
def test_data_sets_words_for_race_are_understood(positive, said, label):
    model = classifiers.create(f"deepface-race@{positive}")
    assert label_by(model, image(race=said)) == label


@pytest.mark.parametrize(
    ("said", "label"),
    [(40, 1), (39.9, -1), ("41", 1), (0, -1), ("old", None), ("", None), (float("nan"), None), (float("inf"), None)],
)
def test_age_is_at_least_the_boundary_or_below_it(said, label):
    assert label_by(classifiers.create("dlib-age@40"), image(age=said)) == label


@pytest.mark.parametrize(("said", "label"), [("middle-eastern ", 1), ("white", -1), ("", None)])
def test_race_is_the_word_or_another(said, label):
    assert label_by(Told(), image(race=said)) == label


def test_what_is_missing_is_unlabelled():
    assert label_by(classifiers.create("dlib-age@40"), image(race="white")) is None
    assert label_by(Told(), image(age=30)) is None
    assert label_by(classifiers.create("dlib-gender"), image(age=30)) == -1
    assert [one.label for one in labelled_by(classifiers.create("dlib-age@30"), [image(age=30), image()])] == [1, None]


def test_classes_have_names():
    assert classes_of(classifiers.create("dlib-age@30")) == AttributeClasses(
        attribute="age", positive="30 and over", negative="under 30"
    )
    assert classes_of(Told()).negative == "not Middle-Eastern"
    assert classes_of(classifiers.create("dlib-gender")).positive == "male"
    assert classes_of(Bare()).attribute == "glasses"


def test_guides_must_agree():
    made = [
        classifiers.create(name)
        for name in ("dlib-age@30", "levi-hassner-age@30", "levi-hassner-age@40", "dlib-gender")
    ]
    assert check_guides(made[:2]).positive == "30 and over"
    for pair in (made[1:3], made[2:]):
        with pytest.raises(BadInputError, match="Guides that all tell the same were expected, but levi") as caught:
            check_guides(pair)
        assert caught.value.code == "guides-differ"


def spec_of(finished: Finished, **options) -> RunSpec:
    given = {"method": METHOD, "parameters": FAST, "classifiers": [], "matchers": []}
    return prepare_run(finished.store, RunRequest(dataset="six", **{**given, **options}))


class TestSpec:
    def test_the_guides_say_the_attribute(self, finished: Finished):
        spec = spec_of(finished, guides=["dlib-age@30"], classifiers=None)
        assert spec.attribute == "age"
        assert spec.guide.name == "dlib-age@30"
        assert spec.keep == ()
        assert {"dlib-gender", "levi-hassner"} <= {ref.name for ref in spec.classifiers}
        assert spec_of(finished).attribute == "gender"

    def test_one_model_by_two_names_is_one(self, finished: Finished):
        spec = spec_of(finished, keep=["dlib-age", "dlib-age@40"], classifiers=["dlib-age", "dlib-age@30"])
        assert [ref.name for ref in spec.keep] == ["dlib-age@40"]
        assert [ref.name for ref in spec.classifiers] == ["dlib-gender", "dlib-age@40", "dlib-age@30"]

    def test_a_spec_of_before_turned_gender_and_kept_nothing(self, finished: Finished):
        spec = spec_of(finished)
        old = spec.model_dump(exclude={"attribute", "keep", "keep_weight"})
        assert RunSpec.model_validate(old) == spec

    @pytest.mark.parametrize(
        ("options", "code"),
        [
            ({"guides": ["dlib-gender", "dlib-age@30"]}, "guides-differ"),
            ({"guides": ["dlib-age@30", "dlib-age@40"]}, "guides-differ"),
            ({"keep": ["dlib-gender"]}, "kept-guide"),
            ({"guides": ["dlib-age"], "keep": ["dlib-age@40"]}, "kept-guide"),
            ({"keep": ["dlib-age@40"], "keep_weight": 0.0}, "bad-keep-weight"),
            ({"keep": ["dlib-age@40"], "keep_weight": float("nan")}, "bad-keep-weight"),
            ({"keep": ["dlib-age@40"], "method": "descent", "parameters": {}}, "keeps-nothing"),
            ({"guides": ["dlib-age@40"], "method": "semantic", "parameters": {}}, "learns-gender-only"),
            ({"guides": ["dlib-age@400"]}, "bad-boundary"),
            ({"guides": ["dlib-gender@4"]}, "takes-no-value"),
        ],
    )
    def test_what_cannot_be(self, finished: Finished, options, code):
        with pytest.raises(BadInputError) as caught:
            spec_of(finished, **options)
        assert caught.value.code == code
        assert str(caught.value).endswith(".")

    def test_an_audit_is_about_gender(self, finished: Finished):
        with pytest.raises(BadInputError, match="learn about gender, but dlib-age@40 tells age; name gender") as caught:
            prepare_audit(finished.store, AuditRequest(run=finished.run.id, classifiers=["dlib-age"]))
        assert caught.value.code == "not-gender"

    def test_keeping_takes_longer(self, finished: Finished):
        plain, kept = (
            estimate_run(
                finished.store, finished.settings, RunRequest(dataset=1, method="descent", keep=keep), 50
            ).seconds
            for keep in ((), ("dlib-age@30",))
        )
        assert kept > plain


def give_ages(settings, ages: dict[str, float]) -> None:
    """Let a data set say the ages of subjects."""
    for subject, age in ages.items():
        set_columns(settings, ImageRow, ImageRow.subject == subject, attributes={"age": age})


def run_on(store, settings, tmp_path, ages, **options):
    """Import a few demo images with ages and run on them."""
    import_dataset(store, settings, labelled_demo(tmp_path / "faces", SOME), name="few")
    give_ages(settings, ages)
    given = {"method": METHOD, "parameters": FAST, "classifiers": ["dlib-gender"], "matchers": []}
    run = start_run(store, prepare_run(store, RunRequest(dataset="few", **{**given, **options})))
    run_worker(settings, job_id=run.job_id)
    done = store.runs.get(run.id)
    assert done.state == "complete", done.error
    return done


AGED = {"guides": ["dlib-age@30"], "parameters": {"eps": 0.3}}


@pytest.mark.slow
def test_age_is_turned_and_told_apart_from_gender(store, settings, tmp_path):
    """Two images that the network takes for under 30, one labelled older, so wrong from the start."""
    run = run_on(store, settings, tmp_path, {"s001": 28, "s003": 35}, **AGED)
    result = run.result
    assert result.attribute == "age"
    error = result.attribute_error["dlib-age@30"]
    assert error.classes == AttributeClasses(attribute="age", positive="30 and over", negative="under 30")
    scores = scores_of(store, run, "dlib-age@30")
    images = store.datasets.images(run.dataset_id)
    sides = {one.id: 1 if one.subject == "s003" else -1 for one in images}
    for phase in ("before", "after"):
        wrong = [(scores[i, phase] >= 0) != (side > 0) for i, side in sides.items()]
        assert getattr(error, phase).all == sum(wrong) / 2
        assert getattr(error, phase).positive == float(scores[next(i for i in sides if sides[i] > 0), phase] < 0)
    assert error.labelled == 2
    assert error.after.all == 1.0 == result.flipped.all
    # Gender has its own figures, of the classifier that tells it.
    assert list(result.gender_error) == list(result.gender_scores) == list(result.gender_confusion) == ["dlib-gender"]
    change = result.attribute_changes["dlib-gender"]
    assert not change.kept
    assert change.images == 2
    assert change.classes.attribute == "gender"
    assert list(result.attribute_changes) == ["dlib-gender"]
    assert UNLABELLED_NOTE not in result.notes
    sentence = run_sentences.headline(result, "dlib-age@30")
    assert "Images whose age is misjudged: dlib-age@30 from" in sentence
    assert "Images whose gender is misjudged: dlib-gender from" in sentence
    assert any("measure gender only" in one for one in run_sentences.limits(result))
    document = run_document(store, run.id).model_dump(mode="json")
    assert document["attribute_error"]["dlib-age@30"]["classes"]["negative"] == "under 30"
    assert document["spec"]["attribute"] == "age"


@pytest.mark.slow
def test_without_labels_the_guides_verdict_stands_in(store, settings, tmp_path):
    result = run_on(store, settings, tmp_path, {}, **AGED).result
    assert result.flipped.all == 1.0
    assert result.attribute_error == {}
    assert result.notes[UNLABELLED_NOTE] == 2
    assert "no labels of age" in run_sentences.headline(result, "dlib-age@30")


@pytest.mark.slow
def test_age_is_kept_while_gender_is_turned(store, settings, tmp_path):
    plain = run_on(store, settings, tmp_path, {}, classifiers=["dlib-age@30"]).result
    spec = prepare_run(
        store,
        RunRequest(dataset="few", method=METHOD, parameters=FAST, keep=["dlib-age@30"], classifiers=[], matchers=[]),
    )
    run = start_run(store, spec)
    run_worker(settings, job_id=run.job_id)
    kept = store.runs.get(run.id).result
    before, after = (one.attribute_changes["dlib-age@30"] for one in (plain, kept))
    assert not before.kept
    assert after.kept
    assert after.images == 2
    assert after.mean_change < before.mean_change
    assert kept.flipped.all == 1.0
    assert kept.gender_error["dlib-gender"].after.all == 1.0
    assert list(kept.gender_error) == ["dlib-gender"]
    # The figures are those of the scores that were stored.
    scores = scores_of(store, run, "dlib-age@30")
    moved = [abs(scores[i, "after"] - scores[i, "before"]) for i in {image for image, _ in scores}]
    assert after.mean_change == pytest.approx(sum(moved) / 2)
    assert "dlib-age@30, which was to keep its answers, kept" in run_sentences.headline(kept, "dlib-gender")
    row = tables.attribute_change_rows(kept)[0]
    assert row["Classifier"] == "dlib-age@30"
    assert row["Kept on purpose"] == "yes"
    comparison = tables.comparison_rows([("a", run.spec, kept)])
    assert {"Figure": "Kept", "a": "dlib-age@30"} in comparison
    # A model of the same name is asked for by the very name that the spec holds.
    assert get_classifier(run.spec.keep[0].name).boundary == 30
