"""What a data set's terms of use let out of the house: images of some subjects only, where its authors said so."""

from __future__ import annotations

from collections.abc import Sequence

from facepriv.errors import BadInputError
from facepriv.store import DatasetRecord, ImageRecord
from facepriv.wording import count


def may_be_passed_on(record: DatasetRecord, image: ImageRecord) -> bool:
    """Say whether an image, perturbed or not, may be shown to others or passed on."""
    return record.terms is None or image.subject in record.terms.showable


def count_withheld(record: DatasetRecord, images: Sequence[ImageRecord]) -> int:
    """Count the images that the terms keep back.

    Raises
    ------
    BadInputError
        With code ``terms-of-use`` if that is all of them.
    """
    withheld = sum(not may_be_passed_on(record, image) for image in images)
    if withheld and withheld == len(images):
        assert record.terms is not None
        raise BadInputError(
            f"The terms of use of {record.name} let none of these images out: {record.terms.sentence}",
            code="terms-of-use",
        )
    return withheld


def withheld_sentence(record: DatasetRecord, withheld: int) -> str:
    """Tell how many images were left out because of the terms; empty for none."""
    if not withheld or record.terms is None:
        return ""
    return f"{count(withheld, 'image')} left out, as the terms of use ask: {record.terms.sentence}"
