"""How long data sets may be kept: a day for each, told when it is past; nothing is removed without the user's word."""

from __future__ import annotations

from datetime import date

from facepriv.errors import BadInputError
from facepriv.store import DatasetRecord, Store, TemplateSetRecord
from facepriv.types import Actor

NO_DAY = "none"


def read_day(text: str) -> date | None:
    """Read a day like 2027-03-31, None for ``none``; raise BadInputError with code ``bad-day`` for anything else."""
    if text == NO_DAY:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadInputError(
            f"A day like 2027-03-31, or {NO_DAY}, was expected, but {text!r} was given; write year, month and day.",
            code="bad-day",
        ) from error


def refuse_past(until: date | None) -> None:
    """Raise BadInputError with code ``past-day`` if the day until which a data set may be kept is past."""
    if until is not None and until < date.today():
        raise BadInputError(
            f"A data set is imported to be kept for a while, but {until} is past; name a day from today on.",
            code="past-day",
        )


def is_past(record: DatasetRecord | TemplateSetRecord) -> bool:
    """Return whether the last day on which a set may be kept is past, on this machine's calendar."""
    return record.retain_until is not None and record.retain_until < date.today()


def expired(store: Store) -> tuple[DatasetRecord, ...]:
    """Return the data sets whose day is past, by name."""
    return tuple(record for record in store.datasets.list() if is_past(record))


def retain(store: Store, dataset_id: int, until: date | None, *, actor: Actor) -> DatasetRecord:
    """Set the last day on which a data set may be kept, None for no such day; the access log keeps a line of it."""
    store.datasets.save_retention(dataset_id, until)
    store.access.record(actor, "dataset-retained", f"dataset {dataset_id}", f"until {until or 'no day'}")
    return store.datasets.get(dataset_id)


def retention_day(record: DatasetRecord | TemplateSetRecord) -> str:
    """Write until when a set may be kept, with a clear sign if that is past; empty where no day was set."""
    if record.retain_until is None:
        return ""
    return f"{record.retain_until}, PAST" if is_past(record) else f"{record.retain_until}"
