"""Base of dlib's age and gender networks (Cydral 2024), run by ONNX Runtime up to their logits."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from facepriv.classify.class_logits import LogitsClassifier
from facepriv.imaging.crop import aligned_chip
from facepriv.types import CropSpec, Face, ModelCard
from facepriv.weights.files import require_all
from facepriv.weights.instances import SharedModel

PADDING = 0.2
"""Margin of the chip."""
# The networks' own normalisation: (RGB - mean) / 256.
MEAN = np.array([122.782, 117.001, 104.298], dtype=np.float32)


def make_session(card: ModelCard, classes: int) -> Any:
    """Open a network so that it also gives the logits of its classes.

    Raises
    ------
    ModelUnavailableError
        If the weights are not here or do not have the pinned hash.
    """
    import onnx
    import onnxruntime

    (path,) = require_all(card)
    model = onnx.load(str(path))
    # The file ends in a softmax, which saturates in float32; the log-odds are made from the logits before it.
    logits = onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["N", classes])
    model.graph.output.append(logits)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


class DlibNetwork(LogitsClassifier):
    """A network that reads dlib's upright face chip."""

    size: ClassVar[int]
    """Pixels along an edge of the chip."""
    session: ClassVar[SharedModel[Any]]

    def crop(self, face: Face) -> CropSpec:
        """Return dlib's face chip with a margin of 0.2, as the networks' own package cuts it."""
        return aligned_chip(face, size=self.size, padding=PADDING)

    def logits(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the logits ``(n, classes)`` of crops ``(n, size, size, 3)`` RGB 0..255."""
        # In as few passes as possible: this is called for every step of a perturbation.
        batch = np.subtract(inputs.transpose(0, 3, 1, 2), MEAN[:, None, None], order="C", dtype=np.float32)
        batch /= np.float32(256)
        with self.session.use() as session:
            (logits,) = session.run(["logits"], {"images": batch})
        wide: NDArray[np.float64] = logits.astype(np.float64)
        return wide
