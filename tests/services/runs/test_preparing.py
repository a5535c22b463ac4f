"""Specs of runs: complete, repeatable, and refused in one sentence where they cannot be."""

from __future__ import annotations

from dataclasses import replace

import pytest

import facepriv
from facepriv.classify.registry import classifiers as classifier_registry
from facepriv.config import Settings
from facepriv.errors import BadInputError, UnknownNameError
from facepriv.perturb.registry import make_method, perturbers
from facepriv.schemas.requests import RunRequest
from facepriv.schemas.runs import RunSpec
from facepriv.services.datasets.importing import import_dataset
from facepriv.services.datasets.sampling import sample_images
from facepriv.services.jobs.worker_pool import processes
from facepriv.services.models.catalogue import list_models
from facepriv.services.runs.preparing import prepare_run
from facepriv.store import ImageRecord
from tests.finished_run import METHOD, Finished, copy_demo, start_run
from tests.services import plugins

pytestmark = pytest.mark.xdist_group("finished-run")


def image(number: int, subject: str) -> ImageRecord:
    return ImageRecord(
        id=number,
        dataset_id=1,
        name=f"{number}.png",
        subject=subject,
        label=None,
        width=400,
        height=400,
        source_sha256="0" * 64,
    )


def images_of(*counts: int) -> list[ImageRecord]:
    subjects = [f"s{i}" for i, count in enumerate(counts) for _ in range(count)]
    return [image(i, subject) for i, subject in enumerate(subjects)]


@pytest.mark.parametrize("counts", [(2,) * 60, (1,) * 7, (5, 1, 1, 1), (1, 1, 9), (30,)])
@pytest.mark.parametrize("limit", [1, 2, 3, 6, 10, 59, 10_000])
def test_spread_takes_no_more_than_asked_for_in_order(counts, limit):
    images = images_of(*counts)
    taken = sample_images(images, limit)
    assert 1 <= len(taken) <= limit
    ids = [i.id for i in taken]
    assert ids == sorted(set(ids))
    if limit >= len(images):
        assert len(taken) == len(images)


def test_spread_takes_whole_subjects_from_all_over():
    taken = sample_images(images_of(*(2,) * 60), 12)
    assert len(taken) == 12
    assert [i.subject for i in taken[::2]] == ["s0", "s10", "s20", "s30", "s40", "s50"]


@pytest.mark.parametrize("limit", [4, 8, 12, 20])
def test_spread_keeps_the_balance_of_labels(limit):
    images = [replace(image(i, f"s{i // 2}"), label=1 if i // 2 % 5 < 2 else -1) for i in range(100)]
    taken = sample_images(images, limit)
    men = sum(i.label == 1 for i in taken)
    assert abs(men - 0.4 * len(taken)) <= 1.2
    assert 0 < men < len(taken)


def test_a_spec_holds_everything(finished: Finished):
    record = finished.store.datasets.get("six")
    spec = prepare_run(finished.store, RunRequest(dataset="six", method=METHOD, seed=7))
    assert spec.dataset == record.ref
    assert spec.image_ids == tuple(i.id for i in finished.store.datasets.images(record.id))
    assert spec.image_sha256 == tuple(i.source_sha256 for i in finished.store.datasets.images(record.id))
    assert {"numpy", "dlib-bin", "onnxruntime"} <= set(spec.libraries)
    assert spec.parameters == make_method(METHOD, {}).parameters.model_dump(mode="json")
    assert {"eps": 0.05, "margin": 0.1, "sweeps": 40, "candidates": "any"}.items() <= spec.parameters.items()
    usable = [status.card for status in list_models() if status.usable and status.attribute in ("", "gender")]
    assert [(m.name, m.version) for m in spec.matchers] == [(c.name, c.version) for c in usable if c.kind == "matcher"]
    assert {m.name for m in spec.classifiers} == {c.name for c in usable if c.kind == "classifier"}
    assert spec.guide.name == "dlib-gender"
    assert spec.classifiers[0] == spec.guide
    assert spec.seed == 7
    assert spec.facepriv_version == facepriv.__version__
    assert RunSpec.model_validate_json(spec.model_dump_json()) == spec


def test_the_same_choices_give_the_same_spec(finished: Finished):
    record = finished.store.datasets.get("six")
    assert prepare_run(finished.store, RunRequest(dataset="six", aim="guide")) == prepare_run(
        finished.store, RunRequest(dataset=record.id, aim="guide")
    )


def test_the_guide_always_judges_and_nobody_twice(finished: Finished):
    spec = prepare_run(
        finished.store,
        RunRequest(
            dataset="six",
            classifiers=["dlib-gender", "levi-hassner", "dlib-gender"],
            matchers=["sface", "sface"],
            guides=["levi-hassner"],
        ),
    )
    assert [m.name for m in spec.classifiers] == ["levi-hassner", "dlib-gender"]
    assert [m.name for m in spec.matchers] == ["sface"]


def test_jurors_judge_too(finished: Finished):
    spec = prepare_run(finished.store, RunRequest(dataset="six", aim="guide", classifiers=[], jury=["levi-hassner"]))
    assert [m.name for m in spec.jury] == ["levi-hassner"]
    assert [m.name for m in spec.classifiers] == ["dlib-gender", "levi-hassner"]
    assert RunSpec.model_validate_json(spec.model_dump_json()) == spec
    without = prepare_run(finished.store, RunRequest(dataset="six", aim="guide", classifiers=["levi-hassner"]))
    assert "jury" not in without.model_dump(), "specs of runs without a jury stay as they were"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"jury": ["dlib-gender"]}, "juror-consulted"),
        ({"guides": ["dlib-gender", "levi-hassner"], "jury": ["levi-hassner"]}, "juror-consulted"),
        ({"guides": ["dlib-age@40"], "keep": ["dlib-gender"], "jury": ["dlib-gender"]}, "juror-consulted"),
        ({"jury": ["dlib-age@40"]}, "juror-of-another-attribute"),
    ],
)
def test_who_cannot_sit_on_a_jury(finished: Finished, options, code):
    with pytest.raises(BadInputError) as caught:
        prepare_run(finished.store, RunRequest(dataset="six", aim="guide", **options))
    assert caught.value.code == code


def test_no_judges_but_the_guide(finished: Finished):
    spec = prepare_run(finished.store, RunRequest(dataset="six", aim="guide", classifiers=[], matchers=[]))
    assert [m.name for m in spec.classifiers] == ["dlib-gender"]
    assert spec.matchers == ()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"parameters": {"eps": 0}}, "bad-parameter"),
        ({"parameters": {"eps": 1.5}}, "bad-parameter"),
        ({"parameters": {"eps": float("nan")}}, "bad-parameter"),
        ({"parameters": {"margin": -float("inf")}}, "bad-parameter"),
        ({"parameters": {"margin": -0.5}}, "bad-parameter"),
        ({"parameters": {"sweeps": 0}}, "bad-parameter"),
        ({"parameters": {"candidates": "none"}}, "bad-parameter"),
        ({"parameters": {"colour": 1}}, "bad-parameter"),
        ({"parameters": ["eps"]}, "bad-parameter"),
        ({"parameters": ["eps=0.1", "eps=0.2"]}, "bad-parameter"),
        ({"limit": 0}, "bad-limit"),
        ({"seed": -1}, "bad-seed"),
        ({"guides": []}, "bad-guides"),
        ({"keep_weight": 0}, "bad-keep-weight"),
        ({"colour": "red"}, "bad-colour"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(finished: Finished, options, code):
    with pytest.raises(BadInputError) as caught:
        prepare_run(finished.store, RunRequest(dataset="six", **{"method": METHOD, **options}))
    assert caught.value.code == code
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "known"),
    [
        ({"dataset": "seven"}, "there are: six."),
        ({"method": "magic"}, "algorithm1"),
        ({"guides": ["oracle"]}, "dlib-gender"),
        ({"classifiers": ["oracle"]}, "dlib-gender"),
        ({"matchers": ["oracle"]}, "sface"),
    ],
)
def test_unknown_names_list_the_known_ones(finished: Finished, options, known):
    with pytest.raises(UnknownNameError, match="There is no") as caught:
        prepare_run(finished.store, RunRequest(**{"dataset": "six", "method": METHOD, **options}))
    assert known in str(caught.value)


def test_images_without_a_face(store, settings, tmp_path):
    folder = copy_demo(tmp_path / "faces", ["s001_1"])
    import PIL.Image

    PIL.Image.new("RGB", (200, 200), "white").save(folder / "blank_1.png")
    import_dataset(store, settings, folder, name="blank")
    spec = prepare_run(store, RunRequest(dataset="blank", aim="guide", classifiers=[], matchers=[]))
    assert len(spec.image_ids) == 2, "an image without a face is asked for too, so that it is counted"
    with pytest.raises(BadInputError, match="has a usable face, so there is nothing to perturb") as caught:
        prepare_run(store, RunRequest(dataset="blank", aim="guide", limit=1))
    assert caught.value.code == "no-faces"


def test_a_run_waits_for_a_worker(store, small_spec):
    spec = small_spec()
    run = start_run(store, spec)
    assert run.state == "waiting"
    assert run.images == 3
    assert run.spec == spec
    assert run.attempts == 0


def test_a_method_is_made_with_all_parameters():
    assert make_method("algorithm1", {}).parameters == make_method("algorithm1", {"eps": 0.05}).parameters


def test_processes():
    assert processes(Settings(workers=3)) == 3
    assert processes(Settings(workers=0)) >= 1


def test_every_classifier_may_guide(finished: Finished):
    usable = [status.card.name for status in list_models() if status.usable and status.attribute == "gender"]
    assert usable
    for name in usable:
        assert name in classifier_registry.names()
        assert (
            prepare_run(
                finished.store, RunRequest(dataset="six", aim="guide", classifiers=[], matchers=[], guides=[name])
            ).guide.name
            == name
        )


def test_a_spec_names_the_method_by_its_real_name(finished: Finished):
    spec = prepare_run(finished.store, RunRequest(dataset="six", aim="guide"))
    assert spec.method == perturbers.resolve("recommended")
    assert spec.method in perturbers.names(), "the real name, which means the same in a later release"
    assert prepare_run(finished.store, RunRequest(dataset="six", method="recommended")) == spec


def test_guides_and_guards_judge_too(finished: Finished):
    spec = prepare_run(
        finished.store,
        RunRequest(
            dataset="six",
            method="descent",
            guards=["sface", "sface"],
            classifiers=[],
            matchers=["dlib-resnet"],
            guides=["levi-hassner", "dlib-gender", "levi-hassner"],
        ),
    )
    assert [ref.name for ref in spec.guides] == ["levi-hassner", "dlib-gender"]
    assert [ref.name for ref in spec.classifiers] == ["levi-hassner", "dlib-gender"]
    assert [ref.name for ref in spec.guards] == ["sface"]
    assert [ref.name for ref in spec.matchers] == ["dlib-resnet", "sface"]


def test_a_method_that_heeds_no_matcher_is_not_said_to(finished: Finished):
    with pytest.raises(BadInputError, match="heeds no matcher, but was to heed sface; leave that out") as caught:
        prepare_run(finished.store, RunRequest(dataset="six", method=METHOD, guards=["sface"]))
    assert caught.value.code == "heeds-no-matcher"


def test_an_alias_is_told_by_the_name_it_stands_for():
    with pytest.raises(BadInputError, match=f"of {perturbers.resolve('recommended')} cannot be nan"):
        make_method("recommended", {"margin": float("nan")})


def test_visible_methods_heed_those_who_judge_by_default(finished: Finished):
    given = {"method": "semantic", "classifiers": [], "matchers": ["sface"]}
    # Too few people to learn from here, whichever way; whom it heeds is decided before.
    made = make_method("semantic", {})
    assert made.uses_guards
    assert not make_method(METHOD, {}).uses_guards
    with pytest.raises(BadInputError, match="learns from one half of the people for the other") as caught:
        prepare_run(finished.store, RunRequest(dataset="six", **given, guards=[]))
    # These are demo faces, so the demo set is no way out, nor are halves of so few.
    assert str(caught.value).endswith("with a usable face; learn from another data set.")
    with pytest.raises(BadInputError, match="holds images of the demo set; learn from another data set"):
        prepare_run(finished.store, RunRequest(dataset="six", **given, guards=[], learn_from="demo"))


@pytest.mark.parametrize(
    ("written", "values"),
    [
        (["eps=0.2"], {"eps": 0.2}),
        ([" sweeps = 3 ", "candidates=same"], {"sweeps": 3, "candidates": "same"}),
        ([], {}),
    ],
)
def test_parameters_as_text(written, values):
    read = RunRequest(dataset=1, parameters=written).parameters
    assert make_method(METHOD, read).parameters == make_method(METHOD, values).parameters


def test_parameters_of_several_values_or_none(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(plugins.install(tmp_path / "plugins"))
    written = ["channels=red, green", "share=none", "learning=no", "floor=1"]
    read = RunRequest(dataset=1, parameters=written).parameters
    assert make_method(plugins.NAME, read).parameters.model_dump() == {
        "learning": False,
        "mood": "well",
        "pause": 0.0,
        "channels": ("red", "green"),
        "share": None,
        "deadly": (),
        "wait": 0.0,
        "floor": 1.0,
    }
