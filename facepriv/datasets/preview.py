"""Preview of a data set, before any of its images is decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from facepriv.datasets.reading import ReadResult
from facepriv.types import Identities, LabelledImage, Problem, Terms

ROWS = 10
"""Images shown as examples."""
COMMONEST = 12
"""Words of an attribute that are counted one by one."""


@dataclass(frozen=True)
class AttributeCount:
    """Values of one attribute over the images."""

    name: str
    images: int
    """Images with a value."""
    lowest: float | None
    """Smallest number; None if the values are words."""
    highest: float | None
    words: Mapping[str, int]
    """Images by word, the commonest first and at most `COMMONEST` of them; empty if the values are numbers."""


@dataclass(frozen=True)
class SampleRow:
    """One image as the data set describes it."""

    name: str
    subject: str
    label: int | None
    """+1 male, -1 female, None where the data set says nothing."""
    attributes: Mapping[str, str | float]


@dataclass(frozen=True)
class ProtocolSize:
    """How many comparisons the data set's own protocol asks for, of images that are there."""

    folds: int
    mated: int
    non_mated: int

    @property
    def pairs(self) -> int:
        """All comparisons."""
        return self.mated + self.non_mated


@dataclass(frozen=True)
class Preview:
    """A data set in numbers and a few rows; nothing in it was decoded or stored."""

    reader: str
    why: str
    licence: str
    terms: Terms | None
    table: str
    """Name of the label table, empty if there is none."""
    identities: Identities
    images: int
    subjects: int
    male: int
    female: int
    unlabelled: int
    attributes: tuple[AttributeCount, ...]
    """By name."""
    rows: tuple[SampleRow, ...]
    """Examples spread evenly over the sorted names."""
    problems: tuple[Problem, ...]
    protocol: ProtocolSize | None
    """None if the data set brings no protocol."""


def preview(result: ReadResult, rows: int = ROWS) -> Preview:
    """Return the counts and some rows of a data set; fast for hundreds of thousands of images."""
    labels = Counter(image.label for image in result.images)
    return Preview(
        reader=result.reader,
        why=result.why,
        licence=result.licence,
        terms=result.terms,
        table=result.table,
        identities=result.identities,
        images=len(result.images),
        subjects=len({image.subject for image in result.images}),
        male=labels[1],
        female=labels[-1],
        unlabelled=labels[None],
        attributes=_attributes(result.images),
        rows=tuple(
            SampleRow(image.name, image.subject, image.label, dict(image.attributes))
            for image in _spread(result.images, rows)
        ),
        problems=tuple(result.problems),
        protocol=_protocol(result),
    )


def _spread(images: list[LabelledImage], most: int) -> list[LabelledImage]:
    """Return images at even distances, the first and the last among them."""
    if len(images) <= most:
        return images
    if most < 2:
        return images[:most]
    return [images[i * (len(images) - 1) // (most - 1)] for i in range(most)]


def _attributes(images: list[LabelledImage]) -> tuple[AttributeCount, ...]:
    values: dict[str, Counter[str | float]] = {}
    for image in images:
        for name, value in image.attributes.items():
            values.setdefault(name, Counter())[value] += 1
    return tuple(_count(name, values[name]) for name in sorted(values))


def _count(name: str, values: Counter[str | float]) -> AttributeCount:
    numbers = [value for value in values if not isinstance(value, str)]
    words = {value: n for value, n in values.most_common() if isinstance(value, str)}
    return AttributeCount(
        name=name,
        images=values.total(),
        lowest=min(numbers, default=None),
        highest=max(numbers, default=None),
        words=dict(list(words.items())[:COMMONEST]),
    )


def _protocol(result: ReadResult) -> ProtocolSize | None:
    if not result.protocol:
        return None
    mated = sum(pair.mated for pair in result.protocol)
    return ProtocolSize(len({pair.fold for pair in result.protocol}), mated, len(result.protocol) - mated)
