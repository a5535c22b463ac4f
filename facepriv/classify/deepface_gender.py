"""deepface's gender network, run by deepface's own client up to its logits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepriv.deepface_models import GENDER, card_of, make_session, network_input, shared_client
from facepriv.imaging.five_points import five_point_square
from facepriv.types import CropSpec, Face

SIZE = 224
LOGITS = "facepriv_logits"
FLOOR = float(np.finfo(np.float32).tiny)
"""Smallest probability told from 0, for a graph without a softmax at its end: scores stay within 87.3 nats of 0."""


def logits_session(path: Path) -> Any:
    """Open a two-class graph so that it gives the logits before its last softmax.

    A graph that ends otherwise is opened as it is: it gives probabilities. The name of the session's output tells:
    it is ``facepriv_logits`` or the graph's own.
    """
    import onnx

    model = onnx.load(str(path))
    makers = {name: node for node in model.graph.node for name in node.output}
    last = makers.get(model.graph.output[0].name)
    while last is not None and last.op_type == "Identity":
        last = makers.get(last.input[0])
    if last is None or last.op_type != "Softmax":
        return make_session(path)
    model.graph.node.append(onnx.helper.make_node("Identity", [last.input[0]], [LOGITS]))
    # deepface's client takes the first output, so the logits become the only one.
    del model.graph.output[:]
    model.graph.output.append(onnx.helper.make_tensor_value_info(LOGITS, onnx.TensorProto.FLOAT, [None, 2]))
    return make_session(model.SerializeToString())


def log_odds_of_probabilities(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Take the logarithm of probabilities ``(n, 2)``, none below `FLOOR`; their difference is the log-odds."""
    return np.log(np.maximum(probabilities.astype(np.float64), FLOOR))


class DeepFaceGender:
    """Gender from an upright square of 224 x 224 pixels placed by five landmarks."""

    attribute = "gender"

    def __init__(self) -> None:
        self.card = card_of(GENDER)
        self._client = shared_client(GENDER, self.card, logits_session)

    @property
    def name(self) -> str:
        """Name in the registry."""
        return self.card.name

    @property
    def version(self) -> str:
        """Prefix of the weights' SHA-256."""
        return self.card.version

    def crop(self, face: Face) -> CropSpec:
        """Give the same square as the matchers get; which crop serves this network best was not measured (ADR 0005)."""
        return five_point_square(face, size=SIZE)

    def score(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score crops ``(n, 224, 224, 3)`` RGB 0..255 as ``(n,)`` log-odds in nats, male positive.

        Raises
        ------
        ModelUnavailableError
            If the weights are not here or do not have the recorded hash.
        """
        if len(inputs) == 0:
            return np.empty(0)
        from deepface.models.demography.DemographyUtils import GENDER_LABELS

        batch = np.concatenate([network_input(crop, (SIZE, SIZE)) for crop in inputs])
        with self._client.use() as client:
            outputs = np.asarray(client.predict(batch)).reshape(len(inputs), len(GENDER_LABELS))
            (output,) = client.model.get_outputs()
        logits = outputs.astype(np.float64) if output.name == LOGITS else log_odds_of_probabilities(outputs)
        scores: NDArray[np.float64] = logits[:, GENDER_LABELS.index("Man")] - logits[:, GENDER_LABELS.index("Woman")]
        return scores
