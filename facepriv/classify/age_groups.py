"""Age as a binary attribute: at least so many years, or younger.

A network that gives every age or band of ages a logit tells the log-odds of the two groups exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from facepriv.classify.class_logits import LogitsClassifier
from facepriv.errors import BadInputError

DEFAULT_BOUNDARY = 40
"""Years from which on a face counts as older, where no other boundary is given."""
Bands = Sequence[tuple[int, int]]
"""First and last year of each class."""


class AgeGroupClassifier(LogitsClassifier):
    """A network of ages or bands of ages; older faces are positive.

    Raises BadInputError with code ``bad-boundary`` if it is no such whole number.

    Parameters
    ----------
    boundary
        Years from which on a face counts as older, from 1 to the last year of the bands.
    """

    attribute = "age"
    option: ClassVar[str] = "boundary"
    bands: ClassVar[Bands]

    def __init__(self, boundary: int = DEFAULT_BOUNDARY) -> None:
        super().__init__()
        last = self.bands[-1][1]
        if not isinstance(boundary, int) or isinstance(boundary, bool) or not 1 <= boundary <= last:
            raise BadInputError(
                f"The boundary of {self.card.name} must be a whole number of years from 1 to {last}, not {boundary!r}; "
                f"write for instance {self.card.name}@{DEFAULT_BOUNDARY}.",
                code="bad-boundary",
            )
        self.boundary = boundary
        self.positive = tuple(older_shares(self.bands, boundary).tolist())

    @property
    def name(self) -> str:
        """Name in the registry and the boundary, such as ``dlib-age@40``."""
        return f"{self.card.name}@{self.boundary}"


def older_shares(bands: Bands, boundary: int) -> NDArray[np.float64]:
    """Return the share ``(classes,)`` of each band's years that lies at or above a boundary.

    The network says nothing about where inside a band a face lies, so every year of a band counts the same: a face that
    it takes for nothing but 38 to 43 scores log 4/2 for a boundary of 40.
    """
    first, last = np.array(bands, dtype=np.float64).T
    return np.clip((last + 1 - boundary) / (last + 1 - first), 0.0, 1.0)
