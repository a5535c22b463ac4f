"""The classifiers' scores of a run's images."""

from __future__ import annotations

from collections.abc import Mapping

from facepriv.measures.compute import SCORE, Measure, MeasuringPool, compute
from facepriv.measures.stored_faces import faces_by_phase
from facepriv.schemas.runs import Phase
from facepriv.services.runs.perturbing import PROCESS_LOST, UNREADABLE
from facepriv.store import RunRecord, Store

Scores = Mapping[int, Mapping[tuple[str, Phase], float]]
"""Log-odds by image, and by classifier and phase; without failures to acquire."""


def compute_scores(store: Store, run: RunRecord, pool: MeasuringPool | None = None) -> Scores:
    """Return the scores of all images of a run; those that are not known any more are computed again.

    An image that the run could not look at has none, not even where others have scored it.
    """
    unseen = {
        record.image_id
        for record in store.runs.outcomes(run.id)
        if record.failure_stage == "acquire-before" or record.failure in (UNREADABLE, PROCESS_LOST)
    }
    images = [
        image for image in store.datasets.images(run.dataset_id, ids=run.spec.image_ids) if image.id not in unseen
    ]
    files = faces_by_phase(store, run.dataset_id, images, run)
    measures = [Measure(SCORE, classifier) for classifier in run.spec.classifiers]
    vectors = compute(store, files, measures, pool, skip_damaged=True)
    scores: dict[int, dict[tuple[str, Phase], float]] = {image_id: {} for image_id in run.spec.image_ids}
    for measure in measures:
        for (phase, image_id), vector in vectors[measure.name].items():
            scores[image_id][measure.model.name, phase] = float(vector[0])
    return scores
