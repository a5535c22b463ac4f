"""What a study may try."""

from __future__ import annotations

import pytest

from facepriv.errors import BadInputError, UnknownNameError
from facepriv.schemas.requests import StudyRequest
from facepriv.services.studies.space import list_candidates, list_settings, refuse_nothing


def settings_of(**fields):
    request = StudyRequest(dataset="faces", **fields)
    settings = list_settings(request, [])
    return settings, list_candidates(request, settings)


def test_the_default_space_has_some_dozens_of_candidates_and_what_is_advised_then_cheap_ones_come_first():
    settings, candidates = settings_of()
    assert 20 <= len(candidates) <= 60
    advised = [each for each in settings if each.method == "semantic"]
    assert settings[: len(advised)] == advised
    assert [each.parameters["strength"] for each in advised] == [s for s in ("strong", "middle", "light") for _ in "12"]
    costs = [each.cost for each in settings[len(advised) :]]
    assert costs == sorted(costs)
    for things in (settings, candidates):
        names = [each.name for each in things]
        assert len(set(names)) == len(names)
    assert {each.method for each in settings} >= {"mixing", "colour-field", "semantic"}
    assert {(each.parameters.get("strength"), each.parameters.get("side")) for each in settings} >= {
        ("light", "opposite"),
        ("strong", "drawn"),
        (None, None),
    }


def test_where_sides_are_drawn_everything_is_changed():
    settings, candidates = settings_of(methods=("semantic",), strengths=("strong",))
    by_setting = {each.name: [c for c in candidates if c.setting == each.name] for each in settings}
    (drawn,) = by_setting["semantic strong drawn"]
    assert drawn.p == 1.0
    assert len(by_setting["semantic strong opposite"]) == 5


def test_finer_choices_wait_for_the_second_rung():
    _, candidates = settings_of(methods=("mixing",))
    assert {(each.p, each.select_by) for each in candidates if each.from_rung == 0} == {(1.0, "image"), (0.5, "image")}
    assert {(each.p, each.select_by) for each in candidates if each.from_rung == 1} == {
        (0.75, "image"),
        (0.75, "subject"),
        (0.5, "subject"),
    }


def test_templates_are_searched_by_protection():
    settings, candidates = settings_of(release="templates", protections=("leace", "recommended"))
    assert [each.method for each in settings] == ["identity-subspace", "leace"]
    assert {each.released for each in settings} == {"templates"}
    assert [each.p for each in candidates] == [1.0, 1.0]
    both, _ = settings_of(release="both", methods=("mixing",), protections=("leace",))
    assert {each.released for each in both} == {"images", "templates"}


@pytest.mark.parametrize("wrong", [{"methods": ("nothing",)}, {"strengths": ("huge",)}], ids=str)
def test_what_does_not_exist_is_refused(wrong):
    with pytest.raises(UnknownNameError):
        settings_of(**wrong)


def test_a_study_of_nothing_is_refused():
    with pytest.raises(BadInputError) as error:
        refuse_nothing([])
    assert error.value.code == "nothing-to-try"
