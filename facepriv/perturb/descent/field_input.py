"""A classifier's scores for images of a field, with the crop's operator made once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from facepriv.imaging.crop import apply_operator
from facepriv.perturb.common.anchored_crop import AnchoredCrop
from facepriv.perturb.descent.mesh_field import MeshField
from facepriv.types import AttributeClassifier, Face

BATCH_VALUES = 2_000_000
"""Most numbers in a batch of inputs, so that a network with large inputs needs no gigabytes."""


class FieldInput:
    """Scores of one classifier, its crop anchored on one face, for coefficients of a field.

    Between two anchorings a linear crop is a fixed sparse matrix ``S``, and what a coefficient adds to the input is one
    column of ``S diag(W - X0) B``, ``B`` the weights of the field: one sparse product for all of them. Where the crop
    is no linear map, every image is rendered and cropped. A batch of inputs has at most ``batch_values`` numbers.
    """

    def __init__(
        self, classifier: AttributeClassifier, anchor: Face, field: MeshField, *, batch_values: int = BATCH_VALUES
    ) -> None:
        self._classifier = classifier
        self._field = field
        self._crop = AnchoredCrop.of(classifier, anchor)
        self._shape = (self._crop.spec.height, self._crop.spec.width, 3)
        self._most = max(1, batch_values // int(np.prod(self._shape)))
        operator = self._crop.operator
        self.linear = operator is not None
        if operator is not None:
            self._base = apply_operator(operator, field.placed(field.original))
            self._operator = operator.tocsc()[:, field.inside].tocsr()

    def scores(self, values: Iterable[NDArray[np.float32]]) -> NDArray[np.float64]:
        """Score images, each given by its pixels ``(n, 3)`` inside the face."""
        return self._score(self._input(pixels) for pixels in values)

    def slopes(self, coefficients: NDArray[np.float64], step: float) -> tuple[float, NDArray[np.float64]]:
        """Return the score at coefficients ``(k,)``, and its slopes ``(k,)`` by moving each of them by a step.

        They are one-sided differences, k + 1 evaluations in one batch, of the image before clipping: where a pixel
        cannot go further, the line search finds out.
        """
        scores = self._score(self._neighbours(coefficients, step))
        return float(scores[0]), (scores[1:] - scores[0]) / step

    def _input(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        if not self.linear:
            return self._crop.take(self._field.placed(values))
        return self._base + self._operator @ (values - self._field.original)

    def _neighbours(self, coefficients: NDArray[np.float64], step: float) -> Iterator[NDArray[np.float32]]:
        field = self._field
        values = field.values(coefficients)
        here = self._input(values)
        yield here
        if not self.linear:
            columns = field.weights.tocsc()
            for k in range(field.size):
                column = columns[:, [k]].toarray() * np.float32(step)
                yield self._crop.take(field.placed(values + column * field.direction))
            return
        effects = [
            (self._operator @ (sparse.diags_array(field.direction[:, c] * np.float32(step)) @ field.weights)).tocsc()
            for c in range(3)
        ]
        for k in range(field.size):
            moved = here.copy()
            for channel, effect in enumerate(effects):
                entries = slice(effect.indptr[k], effect.indptr[k + 1])
                moved[effect.indices[entries], channel] += effect.data[entries]
            yield moved

    def _score(self, inputs: Iterable[NDArray[np.float32]]) -> NDArray[np.float64]:
        scores: list[NDArray[np.float64]] = []
        batch: list[NDArray[np.float32]] = []
        for each in inputs:
            batch.append(each.reshape(self._shape))
            if len(batch) == self._most:
                scores.append(self._classifier.score(np.stack(batch)))
                batch = []
        if batch:
            scores.append(self._classifier.score(np.stack(batch)))
        return np.concatenate(scores) if scores else np.empty(0)
