"""A matcher's accuracy under the comparison protocol that a data set brings, before and after a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.matching.comparison_protocol import ProtocolResult, protocol_result
from facepriv.errors import BadInputError
from facepriv.measures.compute import TEMPLATE, Measure, compute
from facepriv.measures.loaded_models import get_matcher, make_reference
from facepriv.measures.stored_faces import PhaseImage, faces_by_phase
from facepriv.presentation.protocol_tables import Phase
from facepriv.schemas.base import ModelRef
from facepriv.schemas.runs import Phase as FilePhase
from facepriv.services.datasets.identities import refuse_matching
from facepriv.store import DatasetRecord, Store
from facepriv.store.measures import Vector
from facepriv.store.records import ImagePair, RunRecord
from facepriv.types import FaceMatcher

Progress = Callable[[int, int], None]
"""Called with the number of images embedded and of images to be embedded."""
SCHEMA = "facepriv.protocol/1"


@dataclass(frozen=True, eq=False)
class ProtocolScores:
    """What a matcher says of a protocol's pairs, in the protocol's order."""

    dataset: DatasetRecord
    matcher: ModelRef
    run_id: int | None
    folds: NDArray[np.int64]
    """``(n,)``."""
    mated: NDArray[np.bool_]
    """``(n,)``."""
    scores: Mapping[Phase, NDArray[np.float64]]
    """``(n,)`` similarity each; NaN where one of the two images gave no template."""
    results: Mapping[Phase, ProtocolResult]
    """The accuracy of each phase."""
    not_in_run: int
    """Pairs that were left out since the run did not take both images."""


def protocol_scores(
    store: Store,
    dataset: str,
    matcher_name: str,
    *,
    run: int | None = None,
    on_progress: Progress | None = None,
) -> ProtocolScores:
    """Compare the pairs of a data set's protocol; templates that are kept already are not computed again.

    Parameters
    ----------
    run
        A complete run on the data set, whose images are compared too.

    Raises
    ------
    UnknownNameError
        If there is no such data set, matcher or run.
    ModelUnavailableError
        If the matcher's weights are missing.
    BadInputError
        With code ``no-protocol``, ``not-people``, ``run-not-complete`` or ``other-dataset``, and as
        `facepriv.audit.matching.comparison_protocol.protocol_result` does.
    StoreError
        If a stored file is missing or damaged.
    """
    record = store.datasets.get(dataset)
    pairs = store.datasets.protocol(record.id)
    if not pairs:  # pairs say who is one person, whatever subjects are
        refuse_matching(record, [matcher_name])
        raise BadInputError(
            f"{record.name} brings no comparison protocol; put a list of pairs, such as LFW's pairs.txt or a CSV "
            "file1,file2,label, beside the images and import them again.",
            code="no-protocol",
        )
    chosen = None if run is None else _run_on(store, record, run)
    model = get_matcher(matcher_name)
    taken = pairs if chosen is None else _of_run(pairs, chosen)
    ids = sorted({image_id for pair in taken for image_id in pair.images})
    files = faces_by_phase(store, record.id, store.datasets.images(record.id, ids=ids), chosen)
    measure = Measure(TEMPLATE, make_reference(model))
    templates = compute(store, files, [measure], progress=on_progress)[measure.name]
    scores: dict[Phase, NDArray[np.float64]] = {"before": _compare(model, taken, templates, "before", "before")}
    if chosen is not None:
        scores["after"] = _compare(model, taken, templates, "after", "after")
        scores["across"] = _compare(model, taken, templates, "before", "after")
    folds = np.array([pair.fold for pair in taken], dtype=np.int64)
    mated = np.array([pair.mated for pair in taken], dtype=bool)
    return ProtocolScores(
        dataset=record,
        matcher=make_reference(model),
        run_id=run,
        folds=folds,
        mated=mated,
        scores=scores,
        results={phase: protocol_result(similarity, mated, folds) for phase, similarity in scores.items()},
        not_in_run=len(pairs) - len(taken),
    )


def protocol_document(scored: ProtocolScores) -> dict[str, Any]:
    """Put the figures together as ``--json`` writes them; no image and no subject is named."""
    return {
        "schema": SCHEMA,
        "dataset": scored.dataset.name,
        "content_sha256": scored.dataset.content_sha256,
        "matcher": scored.matcher.model_dump(),
        "run_id": scored.run_id,
        "pairs_not_in_run": scored.not_in_run,
        "phases": {
            phase: {**asdict(result), "pairs": result.pairs, "failed": result.failed}
            for phase, result in scored.results.items()
        },
    }


def _run_on(store: Store, record: DatasetRecord, run_id: int) -> RunRecord:
    run = store.runs.get(run_id)
    if run.dataset_id != record.id:
        raise BadInputError(
            f"Run {run_id} is not on {record.name}; choose a run on it, or the data set that the run is on.",
            code="other-dataset",
        )
    if run.state != "complete":
        raise BadInputError(
            f"A complete run was expected, but run {run_id} is {run.state}; wait for its end or choose another.",
            code="run-not-complete",
        )
    return run


def _of_run(pairs: Sequence[ImagePair], run: RunRecord) -> tuple[ImagePair, ...]:
    taken = set(run.spec.image_ids)
    kept = tuple(pair for pair in pairs if taken.issuperset(pair.images))
    if not kept:
        raise BadInputError(
            f"Run {run.id} took both images of none of the protocol's {len(pairs):,} pairs; start one on more images.",
            code="no-protocol",
        )
    return kept


def _compare(
    model: FaceMatcher,
    pairs: Sequence[ImagePair],
    templates: Mapping[PhaseImage, Vector],
    first_phase: FilePhase,
    second_phase: FilePhase,
) -> NDArray[np.float64]:
    """Compare pair by pair: ``(n,)``, NaN where a template is missing or a failure to acquire."""
    scores = np.full(len(pairs), np.nan)
    for place, pair in enumerate(pairs):
        sides = zip((first_phase, second_phase), pair.sides, strict=True)
        first, second = (_fuse([templates.get((phase, image)) for image in images]) for phase, images in sides)
        if first is not None and second is not None:
            scores[place] = float(model.compare(first[None], second[None])[0, 0])
    return scores


def _fuse(vectors: Sequence[Vector | None]) -> Vector | None:
    """Return the template of several images: the mean of those that have one, of length 1; None if none has."""
    there = [vector for vector in vectors if vector is not None and np.isfinite(vector).all()]
    if len(there) < 2:
        return there[0] if there else None
    mean = np.mean(there, axis=0, dtype=np.float64)
    length = float(np.linalg.norm(mean))
    return (mean / length).astype(there[0].dtype) if length > 0 else None
