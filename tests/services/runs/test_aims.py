"""The aim of a run decides what its request leaves open: method, guides, guards; and a seed that is a key is drawn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from facepriv.config import Settings
from facepriv.errors import BadInputError
from facepriv.match.registry import matchers
from facepriv.perturb.registry import AIM_METHODS, PAPER_METHOD, aim_of, perturbers
from facepriv.schemas.requests import RunRequest
from facepriv.services.datasets.importing import import_dataset
from facepriv.services.models.catalogue import usable_classifiers
from facepriv.services.runs.aims import choose_aim, choose_guides, choose_method
from facepriv.services.runs.estimate import estimate_run
from facepriv.services.runs.methods import list_methods
from facepriv.services.runs.preparing import KEY_BITS, prepare_run
from facepriv.store import Store, open_store
from tests.services.runs.test_learning import copy_people

pytestmark = pytest.mark.xdist_group("learning")
DATASET = "twelve"
DRAWN = {"side": "drawn"}


@pytest.fixture(scope="module")
def twelve(tmp_path_factory) -> Iterator[Store]:
    """A store with as many people as a method needs that learns from one half of them for the other."""
    home = tmp_path_factory.mktemp("twelve")
    settings = Settings(home=home / "home", workers=1)
    with open_store(settings) as store:
        import_dataset(store, settings, copy_people(home / "faces", slice(0, 6), slice(0, 6)), name=DATASET)
        yield store


@pytest.mark.parametrize(
    ("named", "aim", "method"),
    [
        ({}, "unseen", "semantic"),
        ({"aim": "unseen"}, "unseen", "semantic"),
        ({"aim": "guide"}, "guide", "colour-field"),
        ({"guides": ["levi-hassner"]}, "guide", "colour-field"),
        ({"guides": ["levi-hassner"], "aim": "unseen"}, "unseen", "semantic"),
        ({"method": "algorithm1"}, None, "algorithm1"),
        ({"method": "semantic", "aim": "unseen"}, "unseen", "semantic"),
        ({"method": "recommended"}, None, "colour-field"),
        ({"method": "recommended", "aim": "guide"}, "guide", "colour-field"),
    ],
)
def test_what_is_named_says_the_aim_and_the_method(named, aim, method):
    request = RunRequest(dataset="few", **named)
    assert choose_aim(request) == aim
    assert choose_method(request) == method


@pytest.mark.parametrize(
    ("aim", "method"),
    [("unseen", "colour-field"), ("unseen", "recommended"), ("guide", "semantic"), ("guide", "oracle")],
)
def test_a_method_for_another_aim_is_refused_in_one_sentence(twelve: Store, aim, method):
    with pytest.raises(BadInputError) as caught:
        prepare_run(twelve, RunRequest(dataset=DATASET, aim=aim, method=method))
    assert caught.value.code == "other-aim"
    for part in (f"The aim {aim}", AIM_METHODS[aim], method):
        assert part in str(caught.value)


def test_methods_for_an_aim_come_first_and_others_have_none():
    first, second, *others = (method.name for method in list_methods())
    assert [aim_of(first), aim_of(second)] == ["unseen", "guide"]
    assert {aim_of(name) for name in others} == {None}
    assert PAPER_METHOD in others
    assert {first, second, *others} == set(perturbers.names())


def test_classifiers_never_asked_are_turned_by_all_there_are(twelve: Store):
    spec = prepare_run(twelve, RunRequest(dataset=DATASET))
    assert spec == prepare_run(twelve, RunRequest(dataset=DATASET, aim="unseen"))
    assert spec.method == "semantic"
    assert [ref.name for ref in spec.guides] == usable_classifiers()
    assert {"dlib-gender", "levi-hassner"} <= {ref.name for ref in spec.guides}
    assert {"dlib-resnet", "sface"} <= {ref.name for ref in spec.guards} <= set(matchers.names())
    assert spec.guards == spec.matchers
    assert (spec.parameters["strength"], spec.parameters["side"]) == ("middle", "opposite")
    assert spec.learn_from.source == "folds"
    assert spec.seed == 0, "nothing is drawn by key, so everybody gets the same bytes"


def test_strength_and_side_are_parameters(twelve: Store):
    given = ["strength=strong", "side=drawn"]
    spec = prepare_run(twelve, RunRequest(dataset=DATASET, aim="unseen", parameters=given))
    assert (spec.parameters["strength"], spec.parameters["side"]) == ("strong", "drawn")


def test_jurors_guide_nothing_and_named_guides_are_taken(twelve: Store):
    spec = prepare_run(twelve, RunRequest(dataset=DATASET, aim="unseen", jury=["levi-hassner"]))
    assert [ref.name for ref in spec.guides] == ["dlib-gender"]
    assert [ref.name for ref in spec.jury] == ["levi-hassner"]
    spec = prepare_run(twelve, RunRequest(dataset=DATASET, aim="unseen", guides=["levi-hassner"]))
    assert [ref.name for ref in spec.guides] == ["levi-hassner"]


def test_one_classifier_is_fooled_by_its_own_method(twelve: Store):
    spec = prepare_run(twelve, RunRequest(dataset=DATASET, aim="guide"))
    assert (spec.method, [ref.name for ref in spec.guides], spec.guards) == ("colour-field", ["dlib-gender"], ())
    named = prepare_run(twelve, RunRequest(dataset=DATASET, guides=["levi-hassner"]))
    assert (named.method, named.guide.name) == ("colour-field", "levi-hassner")


def test_a_method_by_name_has_the_guide_it_had(twelve: Store):
    """Scripts of before there were aims get the same bytes."""
    assert choose_guides(RunRequest(dataset=DATASET, method="semantic")) == ("dlib-gender",)


def test_the_estimate_counts_all_guides_and_guards(twelve: Store):
    def seconds(**named: object) -> float:
        request = RunRequest(dataset=DATASET, **named)  # type: ignore[arg-type]
        return estimate_run(twelve, Settings(workers=1), request, 12).seconds

    whole = seconds(aim="unseen")
    assert whole == seconds(aim="unseen", guides=usable_classifiers(), guards=["sface", "dlib-resnet"])
    assert whole > seconds(aim="unseen", guides=usable_classifiers(), guards=["none"])
    assert whole > seconds(aim="unseen", guides=["dlib-gender"])


def test_a_seed_that_is_a_key_is_drawn_unless_it_is_given(twelve: Store):
    drawn = [prepare_run(twelve, RunRequest(dataset=DATASET, parameters=DRAWN)) for _ in range(2)]
    assert drawn[0].seed != drawn[1].seed
    assert all(2**20 < spec.seed < 2**KEY_BITS for spec in drawn), "nobody tries them all"
    assert all(spec.has_secret_seed for spec in drawn)
    for seed in (0, 7):
        given = prepare_run(twelve, RunRequest(dataset=DATASET, parameters=DRAWN, seed=seed))
        assert given.seed == seed
        assert given.has_secret_seed, "whoever gave it"
    assert not prepare_run(twelve, RunRequest(dataset=DATASET, seed=7)).has_secret_seed


def test_whom_halves_hold_follows_from_the_seed_that_is_stored(twelve: Store, monkeypatch):
    monkeypatch.setattr("facepriv.services.runs.preparing.secrets.randbits", lambda bits: 2**bits - 1)
    seeds = []

    def choose(*_, seed: int, **__) -> None:
        seeds.append(seed)

    monkeypatch.setattr("facepriv.services.runs.preparing.choose_source", choose)
    spec = prepare_run(twelve, RunRequest(dataset=DATASET, parameters=DRAWN))
    assert seeds == [spec.seed] == [2**KEY_BITS - 1]


def test_requests_of_before_there_were_aims_mean_what_they_meant():
    old = '{"dataset": 1, "method": "recommended", "guides": ["dlib-gender"], "seed": 0}'
    request = RunRequest.model_validate_json(old)
    assert choose_method(request) == "colour-field"
    assert choose_guides(request) == ("dlib-gender",)
