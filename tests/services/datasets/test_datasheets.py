"""Data sheets: what is stated is kept, shown and changed with a line in the log; nothing is made up."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest

from facepriv.datasets.reading import NOT_STATED
from facepriv.errors import BadInputError
from facepriv.services.datasets.datasheets import (
    edit_datasheet,
    make_datasheet,
    parse_parts,
    read_datasheet,
    shown_datasheet,
)
from facepriv.store.records import NewDataset
from tests.actors import ADA


@pytest.fixture
def imported(store):
    def make(licence="CC-BY 4.0", **told):
        with store.datasets.importing(NewDataset(name="faces", source="", reader="flat", licence=licence, **told)):
            pass
        return store.datasets.get("faces")

    return make


def test_what_nobody_stated_is_shown_as_such(imported):
    shown = shown_datasheet(imported(licence=NOT_STATED))
    assert set(shown.values()) == {"not stated"}


def test_the_licence_of_the_convention_is_the_default(store, imported):
    record = imported(datasheet=make_datasheet({"source": " a  studio ", "consent": "", "purpose": None}))
    assert record.datasheet == {"source": "a studio"}
    assert shown_datasheet(record)["Licence"] == "CC-BY 4.0"
    changed = edit_datasheet(store, record.id, {"licence": "by contract"}, actor=ADA)
    assert shown_datasheet(changed)["Licence"] == "by contract"
    assert shown_datasheet(edit_datasheet(store, record.id, {"licence": ""}, actor=ADA))["Licence"] == "CC-BY 4.0"


def test_every_change_is_in_the_log_by_its_parts_only(store, imported):
    record = imported()
    day = date.today() + timedelta(days=30)
    changes = parse_parts(["consent=signed forms of 2024", "contact=x=y", f"retention={day}"])
    record = edit_datasheet(store, record.id, changes, actor=ADA)
    assert record.datasheet == {"consent": "signed forms of 2024", "contact": "x=y"}
    assert record.retain_until == day
    edit_datasheet(store, record.id, {"contact": "x=y"}, actor=ADA)
    lines = [(line.actor, line.action, line.detail) for line in store.access.list()]
    assert sorted(lines) == [
        ("ada", "dataset-retained", f"until {day}"),
        ("ada", "datasheet-edited", "consent, contact"),
    ]


@pytest.mark.parametrize(
    "parts", [{"colour": "red"}, {"source": "x" * 2001}, {"source": 3}], ids=["unknown", "long", "number"]
)
def test_what_cannot_be_stated(parts):
    with pytest.raises(BadInputError) as caught:
        make_datasheet(parts)
    assert caught.value.code == "bad-datasheet"


@pytest.mark.parametrize("setting", ["consent", "colour=red"])
def test_how_parts_are_written(setting):
    with pytest.raises(BadInputError, match="part=text"):
        parse_parts([setting])


def test_files(tmp_path):
    stated = {"source": "a studio", "consent": "signed forms"}
    (tmp_path / "sheet.json").write_text(json.dumps(stated))
    (tmp_path / "sheet.toml").write_text('source = "a studio"\nconsent = "signed forms"\n')
    assert read_datasheet(tmp_path / "sheet.json") == read_datasheet(tmp_path / "sheet.toml") == stated
    for name, text in (("list.json", "[]"), ("cut.json", "{"), ("cut.toml", "source"), ("gone.json", None)):
        if text is not None:
            (tmp_path / name).write_text(text)
        with pytest.raises(BadInputError) as caught:
            read_datasheet(tmp_path / name)
        assert caught.value.code == "bad-datasheet"
