"""What a data set's terms of use let out of the house: images of some subjects only, where its authors said so.

A perturbed image may hold part of a candidate's face. Then it shows two people, and both must be among those subjects.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from facepriv.errors import BadInputError
from facepriv.store import DatasetRecord, ImageRecord, RunImage, Store
from facepriv.wording import count


def find_withheld(
    store: Store, record: DatasetRecord, images: Sequence[ImageRecord], versions: Sequence[RunImage] = ()
) -> frozenset[int]:
    """Find the images that the terms keep back; return their ids.

    ``versions`` are what runs made of these images and what would be shown or passed on. An image goes with its
    version: one whose candidate may not be shown is kept back altogether.
    """
    if record.terms is None:
        return frozenset()
    showable = record.terms.showable
    blended = [
        (version.image_id, version.candidate_image_id)
        for version in versions
        if version.candidate_image_id is not None and version.artifact_sha256 is not None
    ]
    lenders = store.datasets.images(record.id, ids=sorted({candidate for _, candidate in blended}))
    forbidden = {lender.id for lender in lenders if lender.subject not in showable}
    return frozenset(
        [image.id for image in images if image.subject not in showable]
        + [image_id for image_id, candidate in blended if candidate in forbidden]
    )


def require_images(record: DatasetRecord, withheld: Collection[int], images: Collection[ImageRecord]) -> None:
    """Raise BadInputError with code ``terms-of-use`` if the terms keep all of the images back."""
    if withheld and len(withheld) == len(images):
        assert record.terms is not None
        raise BadInputError(
            f"The terms of use of {record.name} let none of these images out: {record.terms.sentence}",
            code="terms-of-use",
        )


def withheld_sentence(record: DatasetRecord, withheld: int) -> str:
    """Tell how many images were left out because of the terms; empty for none."""
    if not withheld or record.terms is None:
        return ""
    return f"{count(withheld, 'image')} left out, as the terms of use ask: {record.terms.sentence}"
