"""What deepface's attribute networks have in common: one crop, and logits from before the last softmax."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import ModelUnavailableError
from facepriv.imaging.five_points import five_point_square
from facepriv.types import CropSpec, Face
from facepriv.weights.deepface_clients import make_session, network_input, shared_client
from facepriv.weights.deepface_models import DeepFaceModel, card_of

SIZE = 224
LOGITS = "facepriv_logits"
FLOOR = float(np.finfo(np.float32).tiny)
"""Smallest probability told from 0, for a graph without a softmax at its end: scores stay within 87.3 nats of 0,
or within a few more where probabilities are added up."""


def logits_session(path: Path) -> Any:
    """Open a graph of classes so that it gives the logits before its last softmax.

    A graph that ends otherwise is opened as it is: it gives probabilities. The name of the session's output tells:
    it is ``facepriv_logits`` or the graph's own.
    """
    import onnx

    try:
        model = onnx.load(str(path))
    except Exception:  # onnx's errors share no public base class; ONNX Runtime's own is told in one sentence
        return make_session(path)
    fingerprints = {name: node for node in model.graph.node for name in node.output}
    last = fingerprints.get(model.graph.output[0].name)
    while last is not None and last.op_type == "Identity":
        last = fingerprints.get(last.input[0])
    if last is None or last.op_type != "Softmax":
        return make_session(path)
    model.graph.node.append(onnx.helper.make_node("Identity", [last.input[0]], [LOGITS]))
    # deepface's client takes the first output, so the logits become the only one.
    del model.graph.output[:]
    model.graph.output.append(onnx.helper.make_tensor_value_info(LOGITS, onnx.TensorProto.FLOAT, None))
    return make_session(model.SerializeToString())


def log_of_probabilities(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Take the logarithm of probabilities, none below `FLOOR`: logits that give the same log-odds."""
    return np.log(np.maximum(probabilities.astype(np.float64), FLOOR))


def log_odds(logits: NDArray[np.float64], positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the log-odds in nats of some classes against all others.

    Parameters
    ----------
    logits
        ``(n, classes)``
    positive
        ``(classes,)`` which classes count as positive; some, but not all.

    Returns
    -------
    ``(n,)``: the logarithm of the ratio of the two sums of probabilities, from the logits, so that it cannot saturate.
    """
    pro: NDArray[np.float64] = np.logaddexp.reduce(logits[:, positive], axis=1)
    contra: NDArray[np.float64] = np.logaddexp.reduce(logits[:, ~positive], axis=1)
    return pro - contra


class DeepFaceAttribute:
    """Classes of an attribute from an upright square of 224 x 224 pixels placed by five landmarks."""

    def __init__(self, model: DeepFaceModel) -> None:
        self.card = card_of(model)
        self._model = model
        self._client = shared_client(model, self.card, logits_session)

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

    def logits(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the logits ``(n, classes)`` of crops ``(n, 224, 224, 3)`` RGB 0..255.

        Raises
        ------
        ModelUnavailableError
            If the weights are not here, do not have the known hash, or have other classes.
        """
        from deepface.commons.onnx_utils import run_session

        with self._client.use() as client:
            # deepface's client may give less than what the network says, such as the mean of the ages.
            session = client.model
            (batch_size, *_), (output,) = session.get_inputs()[0].shape, session.get_outputs()
            batches = [network_input(crop) for crop in inputs]
            if batch_size != 1:
                batches = [np.concatenate(batches)]
            outputs = np.concatenate([np.atleast_2d(run_session(session, batch)) for batch in batches])
        if outputs.shape != (len(inputs), self._model.outputs):
            raise ModelUnavailableError(
                f"The weights {self._model.file} were expected to tell {self._model.outputs} classes, but tell "
                f"{outputs.size // len(inputs)}; use the file that the model's authors publish."
            )
        return outputs.astype(np.float64) if output.name == LOGITS else log_of_probabilities(outputs)
