"""Train probes: classifiers on a matcher's templates of a labelled data set."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

import facepriv
from facepriv.classify.probe import IMAGES, SUBJECTS, WEIGHTS, crop_matcher
from facepriv.errors import BadInputError, UnknownNameError
from facepriv.measures.compute import CROPPED, Measure, compute
from facepriv.measures.loaded_models import make_reference
from facepriv.measures.stored_faces import untouched_faces
from facepriv.own_models.description import ProbeModel, TrainedOn, Weight
from facepriv.own_models.stored import PROBE, OwnModel, write_own_model
from facepriv.services.models.own_models import check_name, new_folder, put_in_place
from facepriv.services.models.probe_people import subject_sha256
from facepriv.store import Store
from facepriv.store.records import DatasetRecord, ImageRecord
from facepriv.types import FEMALE, GENDER_NAMES, MALE, Actor, CropMatcher
from facepriv.weights.files import require_all
from facepriv.wording import count

MAX_FOLDS = 5
MIN_SUBJECTS = 3
"""Fewest subjects of either label with whom a probe can be tried on people left out."""
PENALTY = 0.01
"""Inverse strength of the penalty on weights of standardised numbers: a template has about as many numbers as a small
data set has people, so a weak one would be sure of everybody whom it was trained on."""
Report = Callable[[int, int], None]


def train_probe(
    store: Store,
    name: str,
    *,
    matcher: str,
    dataset: str,
    exclude: Sequence[str] = (),
    seed: int = 0,
    replace: bool = False,
    actor: Actor,
    on_progress: Report | None = None,
) -> OwnModel:
    """Train a probe on a matcher's templates of a labelled data set and keep it as a classifier.

    Parameters
    ----------
    exclude
        Data sets whose images and people are left out, so that the probe may judge them.
    replace
        Whether it may take the place of a probe of that name.

    Raises
    ------
    UnknownNameError, ModelUnavailableError
        If a data set or the matcher does not exist or cannot be used.
    BadInputError
        If the name is taken, the matcher takes no crops, too few labelled people are left, or the data set was removed
        meanwhile.
    """
    check_name(name, replace=replace, form="probe")
    if seed < 0:
        raise BadInputError(f"A seed of 0 or more was expected, got {seed}; choose such a number.", code="bad-seed")
    model = crop_matcher(matcher)
    require_all(model.card)
    record = store.datasets.get(dataset)
    images = _labelled(store, record, exclude)
    _check_enough(record.name, images, exclude)
    templates = _templates(store, record, model, images, on_progress)
    usable = np.flatnonzero(np.isfinite(templates).all(axis=1) & (templates.shape[1] > 0))
    images = [images[place] for place in usable]
    _check_enough(record.name, images, exclude)
    weights, accuracy = _fit(templates[usable], images, seed)
    labels = Counter(image.label or 0 for image in images)
    subjects = Counter({image.subject: image.label or 0 for image in images}.values())
    trained_on = TrainedOn(
        dataset_id=record.id,
        dataset=record.name,
        content_sha256=record.ref.content_sha256,
        excluded=tuple(exclude),
        images={GENDER_NAMES[label]: number for label, number in sorted(labels.items())},
        subjects={GENDER_NAMES[label]: number for label, number in sorted(subjects.items())},
        seed=seed,
        scikit_learn=version("scikit-learn"),
        facepriv=facepriv.__version__,
        **accuracy,
    )
    description = _describe(name, model, trained_on)
    with new_folder() as folder:
        arrays: dict[str, Any] = {
            WEIGHTS: weights,
            IMAGES: np.array(sorted(image.source_sha256 for image in images)),
            SUBJECTS: np.array(sorted({subject_sha256(image.subject) for image in images})),
        }
        np.savez(folder / PROBE, **arrays)
        write_own_model(folder, description)
        own = put_in_place(folder, name)
    _refuse_outliving(store, record, own)
    store.access.record(
        actor, "probe-trained", f"model {name}", f"on dataset {record.id}, {count(len(images), 'image')}"
    )
    return own


def _describe(name: str, matcher: CropMatcher, trained_on: TrainedOn) -> ProbeModel:
    people = " and ".join(f"{number} {label}" for label, number in trained_on.subjects.items())
    return ProbeModel(
        name=name,
        kind="classifier",
        title=f"Probe on {matcher.name}",
        licence=f"that of {matcher.name} ({matcher.card.licence}) and of its training images",
        source=f"trained here on {trained_on.dataset}",
        notes=f"Trained on {sum(trained_on.images.values()):,} images of {people} subjects of {trained_on.dataset}; on "
        f"subjects left out, accuracy {trained_on.accuracy:.3f} and AUC {trained_on.auc:.3f}.",
        matcher=matcher.name,
        matcher_version=matcher.version,
        matcher_weights=tuple(
            Weight(name=weight.name, sha256=weight.sha256, package=weight.package, inside=weight.inside)
            for weight in matcher.card.weights
        ),
        trained_on=trained_on,
    )


def _refuse_outliving(store: Store, record: DatasetRecord, own: OwnModel) -> None:
    """Remove a probe if its data set was removed meanwhile; a later purge finds the probe in its place."""
    try:
        store.datasets.get(record.id)
    except UnknownNameError as error:
        shutil.rmtree(own.folder)
        raise BadInputError(
            f"The data set {record.name} was removed while a probe was trained on it, so the probe was not kept; train "
            "on another.",
            code="dataset-gone",
        ) from error


def _labelled(store: Store, record: DatasetRecord, exclude: Sequence[str]) -> list[ImageRecord]:
    excluded = [image for name in exclude for image in store.datasets.images(store.datasets.get(name).id)]
    files, people = {image.source_sha256 for image in excluded}, {image.subject for image in excluded}
    images = store.datasets.images(record.id, failed=False)
    # A file that the data set has twice, under two names, would be on both sides of a fold.
    first = {image.source_sha256: image.id for image in reversed(images)}
    return [
        image
        for image in images
        if image.label is not None
        and first[image.source_sha256] == image.id
        and image.source_sha256 not in files
        and image.subject not in people
    ]


def _check_enough(name: str, images: Iterable[ImageRecord], exclude: Sequence[str]) -> None:
    people: dict[int, set[str]] = {FEMALE: set(), MALE: set()}
    for image in images:
        people[image.label or 0].add(image.subject)
    if min(map(len, people.values())) < MIN_SUBJECTS:
        raise BadInputError(
            f"A probe needs {MIN_SUBJECTS} labelled women and {MIN_SUBJECTS} labelled men with a usable face, but "
            f"{name} has {len(people[FEMALE])} and {len(people[MALE])}"
            f"{' besides those excluded' if exclude else ''}; train on another data set.",
            code="too-few-to-learn",
        )


def _templates(
    store: Store, record: DatasetRecord, matcher: CropMatcher, images: Sequence[ImageRecord], report: Report | None
) -> NDArray[np.float64]:
    """Return templates of the images' crops, rows in the order of the images; NaN where there is none."""
    measure = Measure(CROPPED, make_reference(matcher))
    templates = compute(store, untouched_faces(store, record.id, images), [measure], progress=report)[measure.name]
    missing = np.full(len(next(iter(templates.values()), ())), np.nan)
    rows = [templates.get(image.id, missing) for image in images]
    return np.array(rows, dtype=np.float64).reshape(len(images), len(missing))


def _fit(
    templates: NDArray[np.float64], images: Sequence[ImageRecord], seed: int
) -> tuple[NDArray[np.float64], dict[str, Any]]:
    """Fit a logistic regression to standardised templates, and to all folds but one to try it on people left out.

    Returns the weights ``(d + 1,)``, the last one the bias, and what `TrainedOn` says of the accuracy.
    """
    labels = np.array([image.label for image in images])
    subjects = np.array([image.subject for image in images])
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score, roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=PENALTY, class_weight="balanced", max_iter=1000, tol=1e-8)
    )
    folds = min(MAX_FOLDS, *(len(set(subjects[labels == label])) for label in (FEMALE, MALE)))
    parts = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    # One thread, so that the weights do not depend on how many cores there are.
    with threadpool_limits(1):
        held_out = cross_val_predict(model, templates, labels, groups=subjects, cv=parts, method="decision_function")
        model.fit(templates, labels)
    scaler, regression = model[0], model[1]
    slopes = regression.coef_[0] / scaler.scale_
    bias = float(regression.intercept_[0] - slopes @ scaler.mean_)
    predicted = np.where(held_out >= 0, MALE, FEMALE)
    return np.append(slopes, bias), {
        "folds": folds,
        "accuracy": float(balanced_accuracy_score(labels, predicted)),
        "auc": float(roc_auc_score(labels, held_out)),
    }
