"""deepface's attribute networks: logits from before the last softmax, judged on what deepface itself feeds them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from facepriv.classify.age_groups import AgeGroupClassifier
from facepriv.classify.class_logits import LogitsClassifier, log_odds
from facepriv.errors import BadInputError, ModelUnavailableError
from facepriv.imaging.crop import take_crop
from facepriv.imaging.deepface_alignment import deepface_input
from facepriv.imaging.five_points import five_point_square
from facepriv.types import CropSpec, Face
from facepriv.weights.deepface_clients import network_input, shared_client
from facepriv.weights.deepface_models import MODELS, DeepFaceModel, card_of
from facepriv.weights.onnx_session import make_session

SIZE = 224
LOGITS = "facepriv_logits"
FLOOR = float(np.finfo(np.float32).tiny)
"""Smallest probability told from 0, for a graph without a softmax at its end: scores stay within 87.3 nats of 0,
or within a few more where probabilities are added up."""

RACES = ("asian", "indian", "black", "white", "middle-eastern", "latino-hispanic")
"""The network's words in its order, with hyphens for spaces."""
SYNONYMS = {
    "east-asian": "asian",
    "southeast-asian": "asian",
    "hispanic": "latino-hispanic",
    "latino": "latino-hispanic",
    "middle-east": "middle-eastern",
}
"""Words of data sets, such as FairFace's, for the network's words; in the form that `class_of` makes of them."""


def logits_session(path: Path) -> Any:
    """Open a graph of classes so that it gives the logits before its last softmax, under the name `LOGITS`.

    A graph that ends otherwise is opened as it is, and gives probabilities under its own name.
    """
    import onnx

    try:
        model = onnx.load(str(path))
    except Exception:  # onnx's errors share no public base class; opening by ONNX Runtime raises ours
        return make_session(path)
    producers = {name: node for node in model.graph.node for name in node.output}
    last = producers.get(model.graph.output[0].name)
    while last is not None and last.op_type == "Identity":
        last = producers.get(last.input[0])
    if last is None or last.op_type != "Softmax":
        return make_session(path)
    model.graph.node.append(onnx.helper.make_node("Identity", [last.input[0]], [LOGITS]))
    # deepface's client takes the first output, so the logits become the only one.
    del model.graph.output[:]
    model.graph.output.append(onnx.helper.make_tensor_value_info(LOGITS, onnx.TensorProto.FLOAT, None))
    return make_session(model.SerializeToString())


def log_of_probabilities(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the logarithm of probabilities, none below `FLOOR`: logits that give the same log-odds."""
    return np.log(np.maximum(probabilities.astype(np.float64), FLOOR))


class DeepFaceAttribute(LogitsClassifier):
    """Classes of an attribute from an upright square of 224 x 224 pixels placed by five landmarks."""

    model: ClassVar[DeepFaceModel]

    def __init__(self) -> None:
        super().__init__()
        self.card = card_of(self.model)
        self._client = shared_client(self.model, self.card, logits_session)

    def crop(self, face: Face) -> CropSpec:
        """Return the matchers' square; which crop serves this network best was not measured (ADR 0005)."""
        return five_point_square(face, size=SIZE)

    def score_published(self, face: Face) -> float:
        """Score a face as ``DeepFace.analyze`` does by default, log-odds in nats.

        Where its default detector finds no face, deepface gives no answer; the score is then that of the crop.
        """
        batch = deepface_input(face, SIZE, SIZE)
        if batch is None:
            batch = network_input(take_crop(self.crop(face), face.pixels))
        return float(log_odds(self._run([batch]), self.positive)[0])

    def logits(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the logits ``(n, classes)`` of crops ``(n, 224, 224, 3)`` RGB 0..255.

        Raises ModelUnavailableError if the weights are not here, do not have the known hash, or have other classes.
        """
        return self._run([network_input(crop) for crop in inputs])

    def _run(self, batches: list[NDArray[np.float32]]) -> NDArray[np.float64]:
        """Return the logits ``(n, classes)`` of inputs ``(1, 224, 224, 3)`` BGR 0..1."""
        from deepface.commons.onnx_utils import run_session

        count = len(batches)
        with self._client.use() as client:
            # deepface's client may give less than what the network says, such as the mean of the ages.
            session = client.model
            (batch_size, *_), (output,) = session.get_inputs()[0].shape, session.get_outputs()
            if batch_size != 1:
                batches = [np.concatenate(batches)]
            outputs = np.concatenate([np.atleast_2d(run_session(session, batch)) for batch in batches])
        if outputs.shape != (count, self.model.outputs):
            raise ModelUnavailableError(
                f"The weights {self.model.file} were expected to give {self.model.outputs} classes, but give "
                f"{outputs.size // count}; use the file that the model's authors publish."
            )
        return outputs.astype(np.float64) if output.name == LOGITS else log_of_probabilities(outputs)


class DeepFaceGender(DeepFaceAttribute):
    """Gender from an upright square of 224 x 224 pixels placed by five landmarks, male positive."""

    model = MODELS["deepface-gender"]
    attribute = "gender"
    positive = (0, 1)


class DeepFaceAge(AgeGroupClassifier, DeepFaceAttribute):
    """Age group from an upright square of 224 x 224 pixels placed by five landmarks."""

    model = MODELS["deepface-age"]
    bands = tuple((year, year) for year in range(101))


class DeepFaceRace(DeepFaceAttribute):
    """Race, as the network's makers worded it, from an upright square of 224 x 224 pixels placed by five landmarks.

    Raises BadInputError with code ``unknown-class`` if the network has no such word.

    Parameters
    ----------
    word
        The word that is positive; all others are negative.
    """

    model = MODELS["deepface-race"]
    attribute = "race"
    option: ClassVar[str] = "word"

    def __init__(self, word: str = RACES[0]) -> None:
        if word not in RACES:
            raise BadInputError(
                f"The class of {self.model.name} must be one of: {', '.join(RACES)}; not {word!r}. Write for instance "
                f"{self.model.name}@{RACES[0]}.",
                code="unknown-class",
            )
        super().__init__()
        self.word = word
        self.positive = tuple(float(race == word) for race in RACES)

    @property
    def name(self) -> str:
        """Name in the registry and the positive word: ``deepface-race@asian``."""
        return f"{self.card.name}@{self.word}"

    def class_of(self, text: str) -> str | None:
        """Return the network's word for what a data set says; None where it has none.

        Case, spaces, underscores and hyphens do not matter.
        """
        folded = "-".join(re.split(r"[\s_/-]+", text.strip().casefold()))
        word = SYNONYMS.get(folded, folded)
        return word if word in RACES else None
