"""Runs that were stored under earlier names of parameters are still methods with the same values."""

from __future__ import annotations

import pytest

from facepriv.perturb.earlier_parameters import rename_earlier
from facepriv.perturb.parameters import make_method

STORED = {
    "algorithm1": {"eps": 0.05, "eta": -0.2, "jpeg": True, "resize": False},
    "colour-field": {"margin": 0.5, "quality": 40.0, "spare_templates": 2.0},
    "descent": {"eta": -0.2, "pool": 3, "probe": 0.2, "rounds": 4},
    "semantic": {"keep": 0.7, "target": 0.5, "rounds": 3, "quiet": 10.0},
}


@pytest.mark.parametrize("method", STORED)
def test_every_earlier_name_has_one_of_today(method):
    made = make_method(method, STORED[method]).parameters.model_dump()
    renamed = rename_earlier(method, STORED[method])
    assert {name: made[name] for name in renamed} == renamed
    assert len(renamed) == len(STORED[method])
    assert rename_earlier(method, renamed) == renamed


@pytest.mark.parametrize("method", ["algorithm1", "descent"])
def test_a_stopping_score_becomes_a_margin(method):
    assert make_method(method, {"eta": -0.2}).parameters.margin == 0.2
