"""The classifiers' scores of a run's images, and the files that they are of."""

from __future__ import annotations

from collections.abc import Mapping

from facepriv.measures.compute import SCORE, Measure, MeasuringPool, compute
from facepriv.measures.fingerprint import fingerprint
from facepriv.measures.stored_faces import StoredFace, perturbed_faces, untouched_faces
from facepriv.schemas.runs import Phase
from facepriv.services.runs.perturbing import PROCESS_LOST, UNREADABLE
from facepriv.store import Store
from facepriv.store.records import RunRecord

PhaseImage = tuple[Phase, int]
"""An image as it was imported or as the run left it."""
Scores = Mapping[int, Mapping[tuple[str, Phase], float]]
"""Log-odds by image, and by classifier and phase; without failures to acquire."""


def list_files(store: Store, run: RunRecord) -> dict[PhaseImage, StoredFace]:
    """Return the files of a run's images, before and after, in which there is a face."""
    images = store.datasets.images(run.dataset_id, ids=run.spec.image_ids)
    before = untouched_faces(store, run.dataset_id, images)
    after = perturbed_faces(store.runs.outcomes(run.id), fingerprint(run.spec.detector))
    return {("before", image_id): face for image_id, face in before.items()} | {
        ("after", image_id): face for image_id, face in after.items()
    }


def compute_scores(store: Store, run: RunRecord, pool: MeasuringPool | None = None) -> Scores:
    """Return the scores of all images of a run; those that are not known any more are computed again.

    An image that the run could not look at has none, not even where others have scored it.
    """
    unseen = {
        record.image_id
        for record in store.runs.outcomes(run.id)
        if record.failure_stage == "acquire-before" or record.failure in (UNREADABLE, PROCESS_LOST)
    }
    files = {key: face for key, face in list_files(store, run).items() if key[1] not in unseen}
    measures = [Measure(SCORE, classifier) for classifier in run.spec.classifiers]
    computed = compute(store, files, measures, pool, skip_damaged=True)
    scores: dict[int, dict[tuple[str, Phase], float]] = {image_id: {} for image_id in run.spec.image_ids}
    for measure in measures:
        for (phase, image_id), vector in computed.vectors[measure.name].items():
            scores[image_id][measure.model.name, phase] = float(vector[0])
    return scores
