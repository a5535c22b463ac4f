"""Some images of a data set: whole subjects, spread evenly, in the balance of labels."""

from __future__ import annotations

from collections.abc import Sequence

from facepriv.store.records import ImageRecord


def sample_images(images: Sequence[ImageRecord], limit: int) -> tuple[ImageRecord, ...]:
    """Take about ``limit`` images, never more: whole subjects from all over, in the data set's balance of labels."""
    if limit >= len(images):
        return tuple(images)
    label_of = {image.subject: image.label for image in reversed(images)}
    by_label: dict[int | None, list[str]] = {}
    for subject in dict.fromkeys(image.subject for image in images):
        by_label.setdefault(label_of[subject], []).append(subject)
    wanted = max(1, round(limit * len(label_of) / len(images)))
    chosen: set[str] = set()
    for subjects, share in zip(by_label.values(), _shares(wanted, [len(s) for s in by_label.values()]), strict=True):
        chosen |= {subjects[i * len(subjects) // share] for i in range(share)}
    return tuple(image for image in images if image.subject in chosen)[:limit]


def _shares(wanted: int, sizes: Sequence[int]) -> list[int]:
    """Share ``wanted`` out in proportion to ``sizes``, by largest remainders, the first of equals."""
    exact = [wanted * size / sum(sizes) for size in sizes]
    shares = [int(share) for share in exact]
    by_remainder = sorted(range(len(sizes)), key=lambda i: (shares[i] - exact[i], i))
    for i in by_remainder[: wanted - sum(shares)]:
        shares[i] += 1
    return shares
