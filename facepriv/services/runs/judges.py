"""Which images a run or an audit takes, and which models judge them, where a request leaves that open."""

from __future__ import annotations

from collections.abc import Sequence

from facepriv.services.datasets.identities import refuse_matching, why_not_matched
from facepriv.services.datasets.sampling import sample_images
from facepriv.services.models.catalogue import usable_classifiers, usable_matchers
from facepriv.services.models.probe_people import independent_classifiers
from facepriv.store import DatasetRecord, ImageRecord, Store


def choose_images(
    store: Store, record: DatasetRecord, limit: int | None, *, ids: Sequence[int] | None = None
) -> Sequence[ImageRecord]:
    """Return the images of a data set, all or those with these ids; at most so many of them."""
    images = store.datasets.images(record.id, ids=ids)
    return images if limit is None else sample_images(images, limit)


def choose_classifiers(names: Sequence[str] | None, images: Sequence[ImageRecord]) -> Sequence[str]:
    """Return the classifiers that were named, or all usable ones that were trained on nobody in these images."""
    return independent_classifiers(usable_classifiers(), images) if names is None else names


def choose_matchers(record: DatasetRecord, names: Sequence[str] | None, guards: Sequence[str] = ()) -> Sequence[str]:
    """Return the matchers that were named, or all usable ones where a data set's subjects are people.

    Raises BadInputError if some were named, or are to guard, although its subjects are no people.
    """
    refuse_matching(record, [*(names or ()), *guards])
    if names is not None:
        return names
    return usable_matchers() if why_not_matched(record) is None else ()
