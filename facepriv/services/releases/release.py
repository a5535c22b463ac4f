"""Write the database that a policy releases: images under their own names, some of them perturbed, none marked.

Which images were perturbed is decided by a key (`facepriv.policy.selection`). The key goes to a file of its own, beside
the folder and not in it, and nothing else tells: all images are encoded alike, and their times are the same.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facepriv.datasets.gender_words import GENDER_FOLDERS
from facepriv.errors import BadInputError
from facepriv.imaging.png import encode_png
from facepriv.measures.stored_faces import stored_pixels
from facepriv.policy.selection import UNTOUCHED, choose_actions, new_key
from facepriv.schemas.audits import SelectBy
from facepriv.services.datasets.terms import find_withheld, require_images, withheld_sentence
from facepriv.services.releases.export import NAMES, file_names, write_image, write_manifest
from facepriv.services.releases.key_file import choose_key_file, read_key_file, write_new_key_file
from facepriv.services.releases.output_folder import output_folder
from facepriv.store import ImageRecord, RunRecord, Store
from facepriv.types import Actor

COLUMNS = ("file", "subject", "sha256")
KEY_SCHEMA = "facepriv.policy-key/1"
KEY_SUFFIX = ".policy-key.json"
SAME_TIME = 1_000_000_000
"""When every released file was last changed, in seconds since 1970: times must not tell which were touched later."""


@dataclass(frozen=True)
class ReleaseReport:
    """What was written where."""

    folder: Path
    key_file: Path
    images: int
    perturbed: int
    """How many images are perturbed; for the auditor, not for the release."""
    not_perturbable: int
    """Images that the policy can only release as they were: no face was found, or perturbing them failed."""
    left_out: int
    """Images of which the data set keeps no file."""
    withheld: int
    """Images that the data set's terms of use keep back."""
    warnings: tuple[str, ...]


def write_release(
    store: Store,
    weights: Mapping[int, float],
    folder: Path,
    *,
    select_by: SelectBy,
    actor: Actor,
    key_file: Path | None = None,
    key: bytes | None = None,
) -> ReleaseReport:
    """Write the mixed database of one run or of several on the same images.

    Parameters
    ----------
    weights
        Proportion of the images taken from each run, by its number; the rest stays untouched.
    folder
        New or empty; images go below ``images``, the manifest beside them.
    select_by
        Whether each image is drawn for itself or all of a subject together.
    actor
        Who asked, for the access log.
    key_file
        Where the key goes, a new file with mode 0600; by default beside the folder.
    key
        An earlier release's key (`read_key`), so that its images keep their fate; by default a new one.

    Raises
    ------
    BadInputError
        If the runs are not complete or not on the same images, the weights are out of range, the folder holds something
        or the key file exists; or if the data set's terms of use let none of its images out (code ``terms-of-use``).
    """
    if not weights:
        raise BadInputError("At least one run was expected to release images of, but none was named.", code="no-run")
    runs = runs_on_same_images(store, list(weights))
    secret = new_key() if key is None else key
    target = choose_key_file(folder, key_file, KEY_SUFFIX)
    dataset = store.datasets.get(runs[0].dataset_id)
    images = store.datasets.images(dataset.id, ids=runs[0].spec.image_ids)
    actions = choose_actions(
        select_by,
        [image.source_sha256 for image in images],
        [image.subject for image in images],
        secret,
        list(weights.values()),
    )
    perturbed = [[image for image in store.runs.run_images(run.id) if image.after_box is not None] for run in runs]
    # Whatever the key chose: were only chosen images kept back, fewer than ``p`` would be perturbed.
    in_use = [image for run, of_run in zip(runs, perturbed, strict=True) if weights[run.id] > 0 for image in of_run]
    withheld = find_withheld(store, dataset, images, in_use)
    require_images(dataset, withheld, images)
    versions = [{image.image_id: image.artifact_sha256 for image in of_run} for of_run in perturbed]
    kept = [
        (image, None if action == UNTOUCHED else versions[action - 1].get(image.id))
        for image, action in zip(images, actions.tolist(), strict=True)
        if image.artifact_sha256 is not None and image.id not in withheld
    ]
    with output_folder(folder, NAMES):
        store.access.record(actor, "policy-exported", f"run {', '.join(str(run.id) for run in runs)}")
        _write_images(store, folder, kept)
        content = _key_content(secret, weights, select_by, runs[0].spec.dataset.content_sha256)
        write_new_key_file(target, content, of=folder)
    able = set().union(*versions)
    return ReleaseReport(
        folder=folder,
        key_file=target,
        images=len(kept),
        perturbed=sum(version is not None for _, version in kept),
        not_perturbable=sum(image.id not in able for image, _ in kept),
        left_out=len(images) - len(kept) - len(withheld),
        withheld=len(withheld),
        warnings=tuple(filter(None, [withheld_sentence(dataset, len(withheld)), *_warnings(kept)])),
    )


def runs_on_same_images(store: Store, run_ids: Sequence[int]) -> list[RunRecord]:
    """Return complete runs on the same images of one data set.

    Raises
    ------
    UnknownNameError
        If one does not exist.
    BadInputError
        With code ``runs-differ`` if one is not complete, or on other images.
    """
    runs = [store.runs.get(run_id) for run_id in run_ids]
    for run in runs:
        if run.result is None or run.spec.image_ids != runs[0].spec.image_ids or run.dataset_id != runs[0].dataset_id:
            raise BadInputError(
                f"Complete runs on the same images were expected, but run {run.id} is "
                f"{run.state if run.result is None else 'on other images'}; choose others.",
                code="runs-differ",
            )
    return runs


def read_key(file: Path) -> bytes:
    """Read the key of an earlier release; raises BadInputError if the file is missing or no such key."""
    return read_key_file(file, KEY_SCHEMA, "an earlier release")


def _write_images(store: Store, folder: Path, kept: Sequence[tuple[ImageRecord, str | None]]) -> None:
    names = file_names([image.name for image, _ in kept])
    rows = []
    for (image, version), name in zip(kept, names, strict=True):
        assert image.artifact_sha256 is not None
        # Encoded again, both kinds by one function: nothing in a file's form may tell them apart.
        data = encode_png(stored_pixels(store.artifacts, version or image.artifact_sha256))
        target = write_image(folder, name, data)
        os.utime(target, (SAME_TIME, SAME_TIME))
        file, sha256 = target.relative_to(folder).as_posix(), hashlib.sha256(data).hexdigest()
        rows.append({"file": file, "subject": image.subject, "sha256": sha256})
    write_manifest(folder, COLUMNS, rows)


def _key_content(key: bytes, weights: Mapping[int, float], select_by: SelectBy, content_sha256: str) -> dict[str, Any]:
    return {
        "schema": KEY_SCHEMA,
        "warning": "Who holds this file can tell which images were perturbed. Keep it apart from the release.",
        "key": key.hex(),
        "shares": {str(run_id): weight for run_id, weight in weights.items()},
        "select_by": select_by,
        "dataset_content_sha256": content_sha256,
    }


def _warnings(kept: Sequence[tuple[ImageRecord, str | None]]) -> tuple[str, ...]:
    revealing = sum(
        not GENDER_FOLDERS.keys().isdisjoint(re.split(r"[^a-z]+", f"{image.name} {image.subject}".lower()))
        for image, _ in kept
    )
    if not revealing:
        return ()
    return (
        f"The names of {revealing:,} of {len(kept):,} images contain a word such as male or female, which reveals "
        "gender without a classifier. Rename them in the data set before you release it.",
    )
