"""Write the database that a policy releases: images under their own names, some of them perturbed, none marked.

Which images were perturbed is decided by a key (`facepriv.policy.selection`). The key goes to a file of its own, beside
the folder and not in it, and nothing else tells: all images are encoded alike, and their times are the same.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from facepriv.services.releases.export import (
    IMAGES,
    MANIFEST,
    NAMES,
    file_names,
    manifest_bytes,
    new_file,
    write_file,
)
from facepriv.services.releases.key_file import choose_key_file, read_key_file, write_new_key_file
from facepriv.services.releases.output_folder import output_folder
from facepriv.services.releases.zip_pieces import zipped
from facepriv.store import ImageRecord, ReleaseRecord, RunRecord, Store
from facepriv.types import Actor
from facepriv.wording import percent

COLUMNS = ("file", "subject", "sha256")
KEY_SCHEMA = "facepriv.policy-key/1"
KEY_SUFFIX = ".policy-key.json"
ZIP = ".zip"
BEGUN, STOPPED = "policy-exported", "release-stopped"
"""What the access log calls a release, and one that was not handed out whole."""
SAME_TIME = 1_000_000_000
"""When every released file was last changed, in seconds since 1970: times must not tell which were touched later."""


@dataclass(frozen=True)
class ReleaseReport:
    """What was written where."""

    target: Path
    """Folder, or zip archive."""
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
    record: ReleaseRecord
    """As it is kept."""


@dataclass(frozen=True, eq=False, repr=False)
class PlannedRelease:
    """The mixed database of one run or of several on the same images, decided by its key; nothing is written yet."""

    runs: tuple[RunRecord, ...]
    kept: tuple[tuple[ImageRecord, str | None], ...]
    """Every image to be written, with the hash of the version that takes its place; None where it stays as it was."""
    weights: Mapping[int, float]
    select_by: SelectBy
    key: bytes
    not_perturbable: int
    """Images that the policy can only release as they were: no face was found, or perturbing them failed."""
    left_out: int
    """Images of which the data set keeps no file."""
    withheld: int
    """Images that the data set's terms of use keep back."""
    warnings: tuple[str, ...]

    @property
    def about(self) -> str:
        """The runs, in words that hold no name."""
        return f"run {', '.join(str(run.id) for run in self.runs)}"

    @property
    def policy(self) -> str:
        """How images are chosen, in words; for the auditor, not for the release."""
        shares = ", ".join(f"{percent(self.weights[run.id])} of run {run.id}" for run in self.runs)
        return f"{shares}, drawn by {self.select_by}"

    @property
    def perturbed(self) -> int:
        """How many images are perturbed; for the auditor, not for the release."""
        return sum(version is not None for _, version in self.kept)

    def key_content(self) -> dict[str, Any]:
        """Return what the key file holds."""
        return {
            "schema": KEY_SCHEMA,
            "warning": "Who holds this file can tell which images were perturbed. Keep it apart from the release.",
            "key": self.key.hex(),
            "shares": {str(run_id): weight for run_id, weight in self.weights.items()},
            "select_by": self.select_by,
            "dataset_content_sha256": self.runs[0].spec.dataset.content_sha256,
        }


def plan_release(
    store: Store, weights: Mapping[int, float], *, select_by: SelectBy, key: bytes | None = None
) -> PlannedRelease:
    """Decide which images are released, and which of them perturbed.

    Parameters
    ----------
    weights
        Proportion of the images taken from each run, by its number; the rest stays untouched.
    select_by
        Whether each image is drawn for itself or all of a subject together.
    key
        An earlier release's key (`read_key`), so that its images keep their fate; by default a new one.

    Raises
    ------
    BadInputError
        If the runs are not complete or not on the same images, or the weights are out of range; or if the data set's
        terms of use let none of its images out (code ``terms-of-use``).
    """
    if not weights:
        raise BadInputError("At least one run was expected to release images of, but none was named.", code="no-run")
    runs = runs_on_same_images(store, list(weights))
    secret = new_key() if key is None else key
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
    kept = tuple(
        (image, None if action == UNTOUCHED else versions[action - 1].get(image.id))
        for image, action in zip(images, actions.tolist(), strict=True)
        if image.artifact_sha256 is not None and image.id not in withheld
    )
    able = set().union(*versions)
    return PlannedRelease(
        runs=tuple(runs),
        kept=kept,
        weights=dict(weights),
        select_by=select_by,
        key=secret,
        not_perturbable=sum(image.id not in able for image, _ in kept),
        left_out=len(images) - len(kept) - len(withheld),
        withheld=len(withheld),
        warnings=tuple(filter(None, [withheld_sentence(dataset, len(withheld)), *_warnings(kept)])),
    )


def make_files(store: Store, planned: PlannedRelease) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of every file of a release, images first, the manifest last; none tells its fate."""
    rows = []
    names = file_names([image.name for image, _ in planned.kept])
    for (image, version), name in zip(planned.kept, names, strict=True):
        assert image.artifact_sha256 is not None
        # Encoded again, both kinds by one function: nothing in a file's form may tell them apart.
        data = encode_png(stored_pixels(store.artifacts, version or image.artifact_sha256))
        path = f"{IMAGES}/{name}"
        rows.append({"file": path, "subject": image.subject, "sha256": hashlib.sha256(data).hexdigest()})
        yield path, data
    yield MANIFEST, manifest_bytes(COLUMNS, rows)


def stream_release(store: Store, planned: PlannedRelease, *, verdict: str, actor: Actor) -> Iterator[bytes]:
    """Yield the zip archive of a release piece by piece; the key is not in it, and nothing is written to the disk.

    The access log says that it begins. Once all was handed out, the release is kept with the hash of its manifest; if
    whoever takes it stops before, the log says after how many images.

    Parameters
    ----------
    verdict
        What was said of its protection, kept with the release.
    """
    store.access.record(actor, BEGUN, planned.about)
    noted = _Noted()
    try:
        yield from zipped(noted(make_files(store, planned)), SAME_TIME)
    except BaseException:  # the reader went away, too
        store.access.record(actor, STOPPED, planned.about, f"after {noted.done:,} of {len(planned.kept):,} images")
        raise
    _keep(store, planned, noted.last, verdict, actor)


class _Noted:
    """Counts the files that were handed on, and keeps the last one, which is the manifest."""

    def __init__(self, on_file: Callable[[int], None] = lambda done: None) -> None:
        self.done, self.last = 0, b""
        self._on_file = on_file

    def __call__(self, files: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
        for path, data in files:
            yield path, data
            self.done, self.last = self.done + 1, data
            self._on_file(self.done)


def _keep(store: Store, planned: PlannedRelease, manifest: bytes, verdict: str, actor: Actor) -> ReleaseRecord:
    """Keep that all of a release was handed out."""
    return store.releases.add(
        dataset_id=planned.runs[0].dataset_id,
        about=planned.about,
        policy=planned.policy,
        items=len(planned.kept),
        manifest_sha256=hashlib.sha256(manifest).hexdigest(),
        verdict=verdict,
        released_by=actor.name,
    )


def write_release(
    store: Store,
    weights: Mapping[int, float],
    target: Path,
    *,
    select_by: SelectBy,
    actor: Actor,
    verdict: str = "",
    key_file: Path | None = None,
    key: bytes | None = None,
) -> ReleaseReport:
    """Write the mixed database of one run or of several on the same images.

    Parameters
    ----------
    weights, select_by, key
        As for `plan_release`.
    target
        A new or empty folder, or a new file whose name ends with ``.zip``; images go below ``images``, the manifest
        beside them.
    actor
        Who asked, for the access log.
    verdict
        What is known of its protection, kept with the release.
    key_file
        Where the key goes, a new file with mode 0600; by default beside the target.

    Raises
    ------
    BadInputError
        As `plan_release`, and if the folder holds something, or the archive or the key file exists.
    """
    planned = plan_release(store, weights, select_by=select_by, key=key)
    key_file = choose_key_file(target, key_file, KEY_SUFFIX)
    record = write_planned(store, planned, target, actor=actor, verdict=verdict, key_file=key_file)
    return ReleaseReport(
        target=target,
        key_file=key_file,
        images=len(planned.kept),
        perturbed=planned.perturbed,
        not_perturbable=planned.not_perturbable,
        left_out=planned.left_out,
        withheld=planned.withheld,
        warnings=planned.warnings,
        record=record,
    )


def write_planned(
    store: Store,
    planned: PlannedRelease,
    target: Path,
    *,
    actor: Actor,
    verdict: str,
    key_file: Path | None,
    on_file: Callable[[int], None] = lambda done: None,
) -> ReleaseRecord:
    """Write a planned release into a new or empty folder, or into a new archive, and keep that it was released.

    Parameters
    ----------
    actor, verdict
        As for `write_release`.
    key_file
        Where the key goes, as `choose_key_file` returns it; None where it is handed out otherwise.
    on_file
        Called with the number of files written so far; what it raises ends the release, of which nothing is left.

    Raises BadInputError if the folder holds something, or the archive exists.
    """
    noted = _Noted(on_file)
    if target.suffix.lower() == ZIP:
        with new_file(target) as stream:
            store.access.record(actor, BEGUN, planned.about)
            for piece in zipped(noted(make_files(store, planned)), SAME_TIME):
                stream.write(piece)
            if key_file is not None:
                write_new_key_file(key_file, planned.key_content())
    else:
        with output_folder(target, NAMES):
            store.access.record(actor, BEGUN, planned.about)
            for path, data in noted(make_files(store, planned)):
                file = write_file(target, path, data)
                os.utime(file, (SAME_TIME, SAME_TIME))
            if key_file is not None:
                write_new_key_file(key_file, planned.key_content(), of=target)
    return _keep(store, planned, noted.last, verdict, actor)


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
