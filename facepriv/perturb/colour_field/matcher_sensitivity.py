"""How much face matchers notice each pattern of a field: measured once, and kept as a file of the package.

Moving a pattern by one grey level moves a matcher's template by a column of its Jacobian ``J``. ``J' J``, averaged over
some faces and divided by its trace, tells which changes of an image matchers notice, whichever face it is. Counting
these as change, too, makes a field avoid them. ``benchmarks/matcher_sensitivity.py`` measures the matrix; it rests on
eight of the synthetic demo faces and on both packaged matchers, and on no label.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepriv.perturb.colour_field.cosine_field import AXES, Pattern

FILE = Path(__file__).with_name("matcher_sensitivity.npz")


@cache
def _measured(file: Path) -> tuple[dict[Pattern, int], NDArray[np.float64]]:
    with np.load(file) as stored:
        names = list(AXES)
        rows = {Pattern(names[axis], int(i), int(j)): row for row, (axis, i, j) in enumerate(stored["patterns"])}
        return rows, stored["factor"].astype(np.float64)


def matcher_sensitivity(patterns: Sequence[Pattern], file: Path = FILE) -> NDArray[np.float64]:
    """Return the mean square change of templates by coefficients as a matrix ``(n, n)``, of trace 1 over all measured.

    A pattern that was not measured counts for nothing.
    """
    rows, factor = _measured(file)
    chosen = np.zeros((len(patterns), factor.shape[1]))
    for place, pattern in enumerate(patterns):
        if pattern in rows:
            chosen[place] = factor[rows[pattern]]
    return chosen @ chosen.T
