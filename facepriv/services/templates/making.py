"""Template sets made from data sets of images, by any matcher that can be used here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from facepriv.datasets.templates.checking import CountedProblem
from facepriv.errors import BadInputError
from facepriv.measures.compute import TEMPLATE, Measure, compute
from facepriv.measures.loaded_models import get_matcher, make_reference
from facepriv.measures.stored_faces import StoredFace, untouched_faces
from facepriv.schemas.requests import DatasetSource, TemplatesRequest
from facepriv.services.datasets.identities import why_not_matched
from facepriv.services.templates.importing import Progress
from facepriv.store import DatasetRecord, ImageRecord, Store, TemplateSetRecord
from facepriv.store.measures import Vector
from facepriv.store.records import NewTemplateSet
from facepriv.store.template_sets import TemplateRows
from facepriv.wording import some

MADE = "made"
"""In place of the format that a set was read from."""
NO_TEMPLATE = "failure-to-acquire"
Compute = Callable[[Mapping[int, StoredFace], Sequence[Measure]], dict[str, dict[int, Vector]]]
"""Returns measures of stored images, by name and image, as `facepriv.measures.compute.compute`."""


def make_templates(
    store: Store, dataset: str | int, matcher: str, name: str, *, on_progress: Progress | None = None, **fields: Any
) -> TemplateSetRecord:
    """Make the templates of a data set here and now; ``fields`` are others of `TemplatesRequest`.

    Raises as `make_from_images`.
    """
    request = TemplatesRequest(name=name, source=DatasetSource(dataset=dataset, matcher=matcher), **fields)
    return make_from_images(store, request, partial(compute, store, progress=on_progress))


def make_from_images(store: Store, request: TemplatesRequest, compute: Compute) -> TemplateSetRecord:
    """Make a template set of a data set's images; measures that are known are not computed again.

    An image without a usable face, or of which the matcher makes no template, is a failure to acquire: it is left out
    and counted. The set takes over the data set's terms of use, data sheet and last day of keeping, and is purged with
    it.

    Raises
    ------
    UnknownNameError
        If there is no such data set or matcher.
    ModelUnavailableError
        If the matcher's weights are missing.
    BadInputError
        With code ``no-templates`` if there is not one template, or as `TemplateSetStore.save`.
    """
    assert isinstance(request.source, DatasetSource)
    record = store.datasets.get(request.source.dataset)
    store.template_sets.check_name(request.name)
    ref = make_reference(get_matcher(request.source.matcher))
    measure = Measure(TEMPLATE, ref)
    images = store.datasets.images(record.id)
    vectors = compute(untouched_faces(store, record.id, images), [measure])[measure.name]
    made = [image for image in images if image.id in vectors and np.isfinite(vectors[image.id]).all()]
    problems = list(_problems(record, images, made))
    if not made:
        why = " ".join(problem.sentence for problem in problems[:2])
        raise BadInputError(f"No template could be made of the data set {record.name!r}. {why}", code="no-templates")
    new = NewTemplateSet(
        name=request.name,
        source=f"the data set {record.name}",
        reader=MADE,
        reader_reason=f"Made by {ref.name} of version {ref.version} from the images of the data set {record.name}.",
        dataset_id=record.id,
        retain_until=request.retain_until or record.retain_until,
        terms=record.terms,
        datasheet=(record.datasheet or {}) | (request.datasheet or {}) or None,
        problems=tuple(asdict(problem) for problem in problems),
    )
    content = TemplateRows(
        rows=np.stack([vectors[image.id] for image in made]).astype(np.float32),
        records=[image.name for image in made],
        subjects=[image.subject or image.name for image in made],
        labels=np.array([image.label or 0 for image in made], np.int8),
        metric="cosine",
        matcher=ref.name,
        version=ref.version,
    )
    return store.template_sets.save(new, content)


def _problems(
    record: DatasetRecord, images: Sequence[ImageRecord], made: Sequence[ImageRecord]
) -> Iterator[CountedProblem]:
    """Yield what became of images without a template, and what cannot be measured."""
    failed = [image for image in images if image.failure is not None]
    if failed:
        reasons = Counter(image.failure for image in failed)
        yield CountedProblem(
            "no-usable-face",
            len(failed),
            f"{len(failed):,} of {len(images):,} images show no usable face "
            f"({some([f'{number:,} {reason}' for reason, number in sorted(reasons.items(), key=str)])}) and have no "
            "template.",
        )
    lost = len(images) - len(failed) - len(made)
    if lost:
        yield CountedProblem(
            NO_TEMPLATE,
            lost,
            f"Of {lost:,} faces the matcher made no template (failure to acquire); they were left out.",
        )
    if made and (why := why_not_matched(record)) is not None:
        yield CountedProblem("not-people", len(made), why)
