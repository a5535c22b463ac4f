"""PE-MIU (Terhörst et al., 2020): a template is cut into small blocks, and their order is drawn."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from facepriv.errors import BadInputError
from facepriv.protect import base
from facepriv.protect.base import Arrays, Lesson, Protection, ProtectionCard, Requirement
from facepriv.protect.draws import Draws
from facepriv.types import Floats64, Metric


class Parameters(base.Parameters):
    """Parameters of PE-MIU."""

    block: int = Field(16, ge=1, le=256, description="Numbers in a block; a template is cut into whole blocks.")


class PeMiu(Protection):
    """Shuffles the blocks of a template; comparison finds the order in which two templates agree best."""

    Parameters = Parameters
    card = ProtectionCard(
        name="pe-miu",
        title="Shuffled blocks (PE-MIU)",
        needs="nothing",
        label_at_enrolment="none",
        keyed=True,
        undone_by="whoever holds the key, and whoever holds another template of the person: the order in which they "
        "agree best is the right one",
        broken_by="similarities: a template is most similar to templates of its own gender in whatever order (mean of "
        "the top similarities, Osorio-Roig et al., 2022; 89 to 99 % right, ADR 0036)",
        source="Terhörst et al., PE-MIU: a training-free privacy-enhancing face recognition approach based on minimum "
        "information units, 2020; it needs a comparator of its own",
        irreversible=Requirement(
            "no",
            "Nothing is lost: all numbers are there in another order. The key tells the order, and so does another "
            "template of the person.",
        ),
        unlinkable=Requirement(
            "no",
            "Two templates of a person are most alike in the right order of blocks, whatever the keys.",
        ),
        renewable=Requirement(
            "partly",
            "A new key draws a new order, but a stolen template still matches in its own.",
        ),
    )

    def learn(self, lesson: Lesson) -> Arrays:
        """Learn nothing but the number of blocks."""
        block, width = self.parameters.block, lesson.rows.shape[1]
        if width % block:
            raise BadInputError(
                f"Templates of {width} numbers cannot be cut into blocks of {block}; choose a divisor of {width}.",
                code="bad-parameter",
            )
        return {"blocks": np.asarray(width // block), "block": np.asarray(block)}

    def draw(self, arrays: Arrays, draws: Draws) -> Floats64:
        """Draw an order of the blocks, and return from which column ``(n, d)`` each number comes."""
        block = int(arrays["block"])
        columns = draws.order(int(arrays["blocks"]))[:, :, None] * block + np.arange(block)
        return columns.reshape(len(columns), -1).astype(np.float64)

    def map_rows(self, arrays: Arrays, rows: Floats64, drawn: Floats64, men: Floats64) -> Floats64:
        """Put the blocks into the order that the key draws."""
        return np.take_along_axis(rows, drawn.astype(np.int64), axis=1)

    def compare(self, arrays: Arrays, references: Floats64, probes: Floats64, metric: Metric) -> Floats64:
        """Compare templates in the order of blocks in which they agree best (an assignment problem)."""
        from scipy.optimize import linear_sum_assignment

        count = int(arrays["blocks"])
        size = references.shape[1] // count  # not -1: there may be no row
        ours, theirs = references.reshape(len(references), count, size), probes.reshape(len(probes), count, size)
        similarity = np.empty((len(references), len(probes)))
        for row, blocks in enumerate(ours):
            inner = np.einsum("bs,pcs->pbc", blocks, theirs)
            for column, agreement in enumerate(inner):
                similarity[row, column] = agreement[linear_sum_assignment(agreement, maximize=True)].sum()
        if metric == "cosine":
            return similarity
        squares = (references**2).sum(axis=1)[:, None] + (probes**2).sum(axis=1) - 2 * similarity
        return np.asarray(-np.sqrt(np.maximum(squares, 0)))
