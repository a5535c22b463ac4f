"""Check the quality of a data set: what it is like, and what in it deserves a second look.

Templates and scores are saved by `facepriv.measures.compute`, so that a later run computes none of them again. The
report is for people to judge: no label is changed, and no image is left out because of it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.matching.near_duplicates import LEAST_COMPARISONS, LISTED, find_alike
from facepriv.audit.matching.pairs import Pairs
from facepriv.audit.matching.split_subjects import APART, find_split
from facepriv.audit.matching.streamed_scores import pilot
from facepriv.imaging.crop import eye_centres
from facepriv.measures.compute import SCORE, TEMPLATE, Measure, compute
from facepriv.measures.loaded_models import get_classifier, get_matcher, make_reference
from facepriv.measures.stored_faces import untouched_faces
from facepriv.metrics.summary import summarise
from facepriv.schemas.base import ModelRef
from facepriv.schemas.figures import Histogram
from facepriv.schemas.quality import (
    EYES_BELOW,
    LABELS,
    Acquisition,
    Contradiction,
    Contradictions,
    InterEyeDistance,
    Label,
    NearDuplicate,
    NearDuplicates,
    QualityReport,
    Shortfall,
    SplitSubject,
    SplitSubjects,
)
from facepriv.services.datasets.folder_evidence import MATCHER, SAME
from facepriv.services.datasets.identities import why_not_matched
from facepriv.services.datasets.importing import Progress
from facepriv.services.models.catalogue import usable_classifiers, usable_matchers
from facepriv.services.models.probe_people import independent_classifiers
from facepriv.store import DatasetRecord, ImageRecord, Store
from facepriv.store.measures import Vector
from facepriv.types import GENDER_NAMES

PREFERRED = "sface"
"""Matcher that looks for one person under several names where it can be used: it finds more of them than the other and
takes less time, as docs/importing.md shows."""
MOST_IMAGES = 20
"""Number of images of a subject from which on subjects are counted together."""
EYE_BINS = 30


def check_quality(store: Store, dataset: int | str, *, on_progress: Progress | None = None) -> QualityReport:
    """Check a data set, keep the report with it, and return it.

    Raises UnknownNameError if there is no such data set, StoreError if a stored image is missing or damaged.
    """
    begun = time.monotonic()
    record = store.datasets.get(dataset)
    images = store.datasets.images(record.id)
    usable = [image for image in images if image.failure is None]
    # A probe would find the labels right that it was trained on.
    judges = [make_reference(get_classifier(name)) for name in independent_classifiers(usable_classifiers(), images)]
    not_checked = []
    compared_by = None
    if (why := why_not_matched(record)) is not None:
        not_checked.append(f"Images of one person under several names were not looked for. {why}")
    elif not (names := usable_matchers()):
        not_checked.append(
            "Images of one person under several names were not looked for, since no matcher can be used here; "
            "facepriv models --full says why."
        )
    else:
        compared_by = make_reference(get_matcher(PREFERRED if PREFERRED in names else names[0]))
    if not judges:
        not_checked.append(
            "Labels were not compared with what classifiers say, since none can be used here; facepriv models --full "
            "says why."
        )
    measures = [Measure(SCORE, judge) for judge in judges]
    if compared_by is not None:
        measures.append(Measure(TEMPLATE, compared_by))
    files = untouched_faces(store, record.id, usable)
    measured = compute(store, files, measures, progress=on_progress)
    near = None if compared_by is None else _near_duplicates(usable, compared_by, measured)
    if compared_by is not None and near is None:
        not_checked.append("Images of one person under several names were not looked for: there are too few subjects.")
    report = QualityReport(
        content_sha256=record.content_sha256,
        images=len(images),
        subjects=len({image.subject for image in images}),
        labels=_by_label([_label(image) for image in images]),
        subject_labels=_by_label([label for _, label in {(image.subject, _label(image)) for image in images}]),
        acquisition=_acquisition(images),
        images_per_subject=_images_per_subject(images),
        width=summarise([image.width for image in images]),
        height=summarise([image.height for image in images]),
        inter_eye_distance=_inter_eye_distance(usable),
        near_duplicates=near,
        contradictions=_contradictions(usable, judges, measured) if judges else None,
        split_subjects=None if compared_by is None else _split_subjects(usable, compared_by, measured),
        not_checked=not_checked,
        seconds=time.monotonic() - begun,
    )
    store.datasets.save_quality(record.id, report.model_dump(mode="json", by_alias=True))
    return report


def get_quality(record: DatasetRecord) -> QualityReport | None:
    """Return the report that is kept with a data set; None where it was not checked."""
    return None if record.quality is None else QualityReport.model_validate(record.quality)


def doubtful_images(store: Store, dataset_id: int, report: QualityReport) -> dict[str, list[dict[str, str]]]:
    """Name the images that deserve a second look, as rows of tables by their titles; this is personal data."""
    near = [] if report.near_duplicates is None else report.near_duplicates.pairs
    labels = [] if report.contradictions is None else report.contradictions.images
    split = [] if report.split_subjects is None else report.split_subjects.subjects
    pairs = [(pair.first, pair.second) for pair in near] + [(pair.first, pair.second) for pair in split]
    ids = {*(image for pair in pairs for image in pair), *(doubt.image for doubt in labels)}
    images = {image.id: image for image in store.datasets.images(dataset_id, ids=sorted(ids))}
    return {
        "Different subjects that look like one person": [
            {
                "Image": images[pair.first].name,
                "Subject": images[pair.first].subject,
                "Other image": images[pair.second].name,
                "Its subject": images[pair.second].subject,
                "Score": f"{pair.score:.3f}",
            }
            for pair in near
        ],
        "Subjects that look like several people": [
            {
                "Subject": images[each.first].subject,
                "Groups": " + ".join(map(str, each.groups)),
                "Image": images[each.first].name,
                "Least like it": images[each.second].name,
                "Score": f"{each.score:.3f}",
            }
            for each in split
        ],
        "Labels that every classifier contradicts": [
            {
                "Image": images[doubt.image].name,
                "Subject": images[doubt.image].subject,
                "Label": _label(images[doubt.image]),
                "By at least": f"{doubt.least:.1f} nats",
            }
            for doubt in labels
        ],
    }


# What is found


def _label(image: ImageRecord) -> Label:
    return "unlabelled" if image.label is None else GENDER_NAMES[image.label]


def _by_label(labels: Sequence[Label]) -> dict[Label, int]:
    counts = Counter(labels)
    return {label: counts[label] for label in LABELS}


def _acquisition(images: Sequence[ImageRecord]) -> dict[Label, Acquisition]:
    acquisition = {}
    for label in LABELS:
        labelled = [image for image in images if _label(image) == label]
        reasons = Counter(image.failure for image in labelled if image.failure is not None)
        acquisition[label] = Acquisition(
            images=len(labelled), failed=reasons.total(), by_reason=dict(sorted(reasons.items()))
        )
    return acquisition


def _images_per_subject(images: Sequence[ImageRecord]) -> Histogram:
    sizes = np.array(list(Counter(image.subject for image in images).values()))
    counts = np.bincount(np.minimum(sizes, MOST_IMAGES), minlength=MOST_IMAGES + 1)[1:]
    most = int(np.flatnonzero(counts)[-1]) + 1
    edges = [size + 0.5 for size in range(most + 1)]
    if sizes.max() > MOST_IMAGES:
        edges[-1] = sizes.max() + 0.5
    return Histogram(edges=edges, counts={"subjects": counts[:most].tolist()})


def _inter_eye_distance(usable: Sequence[ImageRecord]) -> InterEyeDistance | None:
    landmarks = [image.landmarks for image in usable if image.landmarks is not None]
    if not landmarks:
        return None
    distances = np.array([float(np.linalg.norm(np.diff(eye_centres(points), axis=0))) for points in landmarks])
    counts, edges = np.histogram(distances, bins=EYE_BINS, range=(0.0, max(distances.max(), EYES_BELOW[-1])))
    return InterEyeDistance(
        summary=summarise(distances),
        histogram=Histogram(edges=edges.tolist(), counts={"images": counts.tolist()}),
        shortfalls=[Shortfall(below=below, images=int((distances < below).sum())) for below in EYES_BELOW],
    )


def _near_duplicates(
    usable: Sequence[ImageRecord], compared_by: ModelRef, measured: Mapping[str, Mapping[int, Vector]]
) -> NearDuplicates | None:
    templates = measured[f"{TEMPLATE}:{compared_by.name}"]
    with_template = [image for image in usable if image.id in templates]
    if not with_template:
        return None
    table = np.stack([templates[image.id] for image in with_template]).astype(np.float32)
    compare = get_matcher(compared_by.name).compare
    alike = find_alike(Pairs(table, None, [image.subject for image in with_template], compare))
    if alike is None:
        return None
    return NearDuplicates(
        matcher=compared_by,
        threshold=alike.threshold,
        compared=alike.compared,
        found=alike.found,
        pairs=[
            NearDuplicate(first=with_template[first].id, second=with_template[second].id, score=score)
            for first, second, score in alike.pairs
        ],
    )


def _split_subjects(
    usable: Sequence[ImageRecord], compared_by: ModelRef, measured: Mapping[str, Mapping[int, Vector]]
) -> SplitSubjects | None:
    templates = measured[f"{TEMPLATE}:{compared_by.name}"]
    known = [image for image in usable if image.id in templates and np.isfinite(templates[image.id]).all()]
    if not known:
        return None
    table = np.stack([templates[image.id] for image in known]).astype(np.float32)
    compare = get_matcher(compared_by.name).compare
    subjects = [image.subject for image in known]
    pairs = Pairs(table, None, subjects, compare)
    if pairs.non_mated >= LEAST_COMPARISONS:
        threshold = float(np.quantile(pilot(pairs).scores, APART))
    elif compared_by.name == MATCHER:
        threshold = SAME
    else:
        return None
    checked, found = find_split(table, subjects, compare, threshold)
    return SplitSubjects(
        matcher=compared_by,
        threshold=threshold,
        checked=checked,
        found=len(found),
        subjects=[
            SplitSubject(
                groups=[len(group) for group in each.groups],
                first=known[each.first].id,
                second=known[each.second].id,
                score=each.score,
            )
            for each in found[:LISTED]
        ],
    )


def _contradictions(
    usable: Sequence[ImageRecord], judges: Sequence[ModelRef], measured: Mapping[str, Mapping[int, Vector]]
) -> Contradictions:
    labelled = [image for image in usable if image.label is not None]
    scores: NDArray[np.float64] = np.full((len(labelled), len(judges)), np.nan)
    for column, judge in enumerate(judges):
        values = measured[f"{SCORE}:{judge.name}"]
        scores[:, column] = [values[image.id][0] if image.id in values else np.nan for image in labelled]
    judged = np.isfinite(scores).all(axis=1)
    against = -scores * np.array([image.label or 0 for image in labelled]).reshape(-1, 1)
    least = np.where(judged, np.min(against, axis=1, initial=np.inf), -np.inf)
    wrong = sorted((i for i in range(len(labelled)) if least[i] > 0), key=lambda i: -least[i])
    return Contradictions(
        classifiers=list(judges),
        judged=int(judged.sum()),
        found=_by_label([_label(labelled[i]) for i in wrong]),
        images=[Contradiction(image=labelled[i].id, least=float(least[i])) for i in wrong[:LISTED]],
    )
