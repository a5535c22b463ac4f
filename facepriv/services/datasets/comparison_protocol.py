"""A matcher's accuracy under the comparison protocol that a data set brings, before and after a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.matching.comparison_protocol import ProtocolResult, protocol_result
from facepriv.errors import BadInputError
from facepriv.measures.audit_measures import TEMPLATE, Vector, measure_what_can_be
from facepriv.measures.fingerprint import fingerprint
from facepriv.measures.loaded_models import get_matcher, make_reference
from facepriv.measures.stored_faces import StoredFace, perturbed_face, stored_face
from facepriv.presentation.protocol_tables import Phase
from facepriv.schemas.base import ModelRef
from facepriv.services.datasets.identities import refuse_matching
from facepriv.store import DatasetRecord, Store
from facepriv.store.records import ImagePair, RunRecord
from facepriv.types import FaceMatcher

Progress = Callable[[int, int], None]
"""Called with images embedded and images to be embedded."""
SCHEMA = "facepriv.protocol/1"
SAVE_EVERY = 50
"""Images after which templates are kept, so that an interruption costs no more."""


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
        With code ``no-protocol``, ``not-people``, ``run-not-complete`` or ``other-dataset``.
    StoreError
        If a stored file is missing or damaged.
    """
    record = store.datasets.get(dataset)
    refuse_matching(record, [matcher_name])
    pairs = store.datasets.protocol(record.id)
    if not pairs:
        raise BadInputError(
            f"{record.name} brings no comparison protocol; one comes with a data set such as LFW whose list of pairs "
            "lies beside the images when it is imported.",
            code="no-protocol",
        )
    chosen = None if run is None else _run_on(store, record, run)
    model = get_matcher(matcher_name)
    taken = pairs if chosen is None else _of_run(pairs, chosen)
    work = _Embedding(store, record, model, sorted({i for pair in taken for i in (pair.first, pair.second)}))
    before = work.untouched()
    after = None if chosen is None else work.perturbed_face(chosen)
    work.finish(on_progress)
    scores: dict[Phase, NDArray[np.float64]] = {"before": _compare(model, taken, before, before)}
    if after is not None:
        scores["after"] = _compare(model, taken, after, after)
        scores["across"] = _compare(model, taken, before, after)
    return ProtocolScores(
        dataset=record,
        matcher=make_reference(model),
        run_id=run,
        folds=np.array([pair.fold for pair in taken], dtype=np.int64),
        mated=np.array([pair.mated for pair in taken], dtype=bool),
        scores=scores,
        not_in_run=len(pairs) - len(taken),
    )


def evaluate(scored: ProtocolScores) -> dict[Phase, ProtocolResult]:
    """Return the accuracy of each phase.

    Raises
    ------
    BadInputError
        As `facepriv.audit.matching.comparison_protocol.protocol_result` does.
    """
    return {phase: protocol_result(scores, scored.mated, scored.folds) for phase, scores in scored.scores.items()}


def protocol_document(scored: ProtocolScores, results: Mapping[Phase, ProtocolResult]) -> dict[str, Any]:
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
            for phase, result in results.items()
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
    kept = tuple(pair for pair in pairs if pair.first in taken and pair.second in taken)
    if not kept:
        raise BadInputError(
            f"Run {run.id} took both images of none of the protocol's {len(pairs):,} pairs; start one on more images.",
            code="no-protocol",
        )
    return kept


class _Embedding:
    """Templates of a protocol's images: those that are kept, and those still to be computed."""

    def __init__(self, store: Store, record: DatasetRecord, model: FaceMatcher, images: Sequence[int]) -> None:
        self._store = store
        self._record = record
        self._ref = make_reference(model)
        self._name = f"{TEMPLATE}:{model.name}"
        self._images = images
        self._left: list[tuple[dict[int, Vector], int, StoredFace, Callable[[Mapping[int, Vector]], None]]] = []

    def untouched(self) -> dict[int, Vector]:
        """Return the templates of the untouched images; those that `finish` is to compute come in later."""
        made_by = fingerprint(self._ref, self._record.found_by or "")
        known = self._known(self._store.measures.of_images(self._record.id, self._name, made_by))
        files = {
            image.id: stored_face(image) for image in self._store.datasets.images(self._record.id, ids=self._images)
        }
        self._want(known, files, lambda found: self._store.measures.save_of_images(self._name, made_by, found))
        return known

    def perturbed_face(self, run: RunRecord) -> dict[int, Vector]:
        """Return the templates of the images as a run left them, as `untouched` does."""
        made_by = fingerprint(self._ref, fingerprint(run.spec.detector))
        known = self._known(self._store.measures.of_run(run.id, self._name, made_by))
        files = {record.image_id: perturbed_face(record) for record in self._store.runs.outcomes(run.id)}
        self._want(known, files, lambda found: self._store.measures.save_of_run(run.id, self._name, made_by, found))
        return known

    def finish(self, on_progress: Progress | None) -> None:
        """Compute what is left and keep it."""
        fresh: dict[int, Vector] = {}
        for number, (known, image_id, stored, keep) in enumerate(self._left, start=1):
            vector = measure_what_can_be(self._store.artifacts, stored, [self._name]).get(self._name)
            if vector is not None:
                known[image_id] = vector
                fresh[image_id] = vector.astype(np.float32)
            last = number == len(self._left) or self._left[number][0] is not known
            if fresh and (last or len(fresh) >= SAVE_EVERY):
                keep(fresh)
                fresh = {}
            if on_progress is not None:
                on_progress(number, len(self._left))

    def _known(self, kept: Mapping[int, NDArray[Any]]) -> dict[int, Vector]:
        wanted = set(self._images)
        return {image_id: np.asarray(vector) for image_id, vector in kept.items() if image_id in wanted}

    def _want(
        self,
        known: dict[int, Vector],
        files: Mapping[int, StoredFace | None],
        keep: Callable[[Mapping[int, Vector]], None],
    ) -> None:
        for image_id in self._images:
            stored = files.get(image_id)
            if image_id not in known and stored is not None:
                self._left.append((known, image_id, stored, keep))


def _compare(
    model: FaceMatcher, pairs: Sequence[ImagePair], first: Mapping[int, Vector], second: Mapping[int, Vector]
) -> NDArray[np.float64]:
    """Compare pair by pair: ``(n,)``, NaN where a template is missing or a failure to acquire."""
    scores = np.full(len(pairs), np.nan)
    for place, pair in enumerate(pairs):
        one, other = first.get(pair.first), second.get(pair.second)
        if one is not None and other is not None and np.isfinite(one).all() and np.isfinite(other).all():
            score = model.compare(one[None].astype(np.float32), other[None].astype(np.float32))
            scores[place] = float(score[0, 0])
    return scores
