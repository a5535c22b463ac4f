"""Days until which data sets may be kept."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from facepriv.errors import BadInputError
from facepriv.services.datasets import retention
from facepriv.services.datasets.retention import expired, is_past, read_day, refuse_past, retain, retention_day
from facepriv.store import Store
from tests.actors import ADA
from tests.store_examples import add_dataset

TODAY = date(2027, 3, 31)
YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture(autouse=True)
def calendar(monkeypatch: pytest.MonkeyPatch):
    """The calendar shows one day, however long the tests take."""

    class Calendar(date):
        @classmethod
        def today(cls) -> date:
            return TODAY

    monkeypatch.setattr(retention, "date", Calendar)


def test_days_are_read():
    assert read_day("2027-03-31") == date(2027, 3, 31)
    assert read_day("none") is None
    for wrong in ("31.3.2027", "", "soon"):
        with pytest.raises(BadInputError, match="A day like 2027-03-31, or none, was expected"):
            read_day(wrong)


def test_the_last_day_itself_is_not_past(store: Store):
    record = add_dataset(store)
    assert not is_past(record)
    assert retention_day(record) == ""
    assert expired(store) == ()
    record = retain(store, record.id, TODAY, actor=ADA)
    assert not is_past(record)
    assert retention_day(record) == str(TODAY)
    assert expired(store) == ()
    record = retain(store, record.id, YESTERDAY, actor=ADA)
    assert is_past(record)
    assert retention_day(record) == f"{YESTERDAY}, PAST"
    assert expired(store) == (record,)
    record = retain(store, record.id, None, actor=ADA)
    assert expired(store) == ()
    lines = [(line.actor, line.subject, line.detail) for line in store.access.list(action="dataset-retained")]
    assert lines == [("ada", "dataset 1", f"until {day}") for day in ("no day", YESTERDAY, TODAY)]


def test_nothing_is_imported_past_its_day():
    refuse_past(None)
    refuse_past(TODAY)
    with pytest.raises(BadInputError, match="is past; name a day from today on") as caught:
        refuse_past(YESTERDAY)
    assert caught.value.code == "past-day"
