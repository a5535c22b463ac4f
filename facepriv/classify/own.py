"""Own classifiers: an ONNX graph, or a program."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import BadInputError, ModelUnavailableError
from facepriv.imaging.described_crops import described_crop, whole_image
from facepriv.imaging.png import encode_crops
from facepriv.own_models.description import ClassifierOutput, CommandClassifier, NetworkClassifier
from facepriv.own_models.network import prepare_input, shared_network
from facepriv.own_models.program import Answer, get_number, shared_program
from facepriv.own_models.stored import OwnModel, read_own_model
from facepriv.types import AttributeClassifier, Crop, CropSpec, Face
from facepriv.weights.carded_model import CardedModel
from facepriv.wording import count, some

LEAST_PROBABILITY = float(np.finfo(np.float32).eps)
"""Probabilities nearer to 0 or 1 cannot be told from them in float32: scores stay within 15.9 nats of 0."""


class OwnNetworkClassifier(CardedModel):
    """An ONNX graph described by YAML."""

    def __init__(self, own: OwnModel, described: NetworkClassifier) -> None:
        self.card = own.card
        self.attribute: str = described.attribute
        self._description = described
        self._network = shared_network(own)

    def crop(self, face: Face) -> CropSpec:
        """Return the crop of the description."""
        return described_crop(face, self._description.crop, self._description.input.size)

    def score(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score crops ``(n, size, size, 3)`` RGB 0..255 as ``(n,)`` log-odds in nats, male positive.

        Raises ModelUnavailableError if the graph is not here, was changed, or gives something else than described.
        """
        if len(inputs) == 0:
            return np.empty(0)
        batch = prepare_input(inputs, self._description.input)
        with self._network.use() as network:
            return scores_of_outputs(network(batch), self._description.output)


def scores_of_outputs(outputs: NDArray[np.float64], described: ClassifierOutput) -> NDArray[np.float64]:
    """Turn a network's outputs ``(n, k)`` into ``(n,)`` log-odds in nats, male positive.

    Raises ModelUnavailableError if there are more or fewer numbers than described, or probabilities outside 0..1.
    """
    numbers = _pick(outputs, described)
    width = numbers.shape[1]
    male = described.labels.index("male")
    sign = 1 if male == 1 else -1
    if described.apply == "argmax":
        # Ties go to the first, as numpy's and the frameworks' do.
        last_wins = numbers[:, 1] > numbers[:, 0]
        scores = np.where(last_wins, sign, -sign) * -np.log(LEAST_PROBABILITY)
    elif described.apply == "sigmoid":
        # log sigmoid(x) without losing what is beyond the precision of probabilities
        last, other = (-np.logaddexp(0, -numbers[:, -1]), -np.logaddexp(0, numbers[:, -1]))
        if width == 2:
            other = -np.logaddexp(0, -numbers[:, 0])
        scores = sign * (last - other)
    elif described.meaning == "logits" or described.apply == "softmax":
        scores = numbers[:, male] - numbers[:, 1 - male]
    elif described.meaning == "logit":
        scores = sign * numbers[:, 0]
    else:
        outputs = numbers
        if (outputs < 0).any() or (outputs > 1).any():
            raise ModelUnavailableError(
                "The network should give probabilities from 0 to 1, but gives others; if they are logits, say so in "
                "the YAML."
            )
        last = outputs[:, -1]
        other = outputs[:, 0] if width == 2 else 1 - last
        scores = sign * (_log(last) - _log(other))
    return np.asarray(scores, dtype=np.float64)


_KNOWN = {
    18: "FairFace's 18 numbers: columns: [7, 8] with labels: [male, female]",
    3: "insightface's three numbers: columns: [0, 1] with labels: [female, male]",
}
"""Networks of several heads, by how many numbers they give."""


def _pick(outputs: NDArray[np.float64], described: ClassifierOutput) -> NDArray[np.float64]:
    """Return the numbers that tell the gender: ``(n, 1)`` or ``(n, 2)``, in the order of the labels."""
    there = outputs.shape[1]
    kind = described.meaning or described.apply
    if not described.columns:
        if there not in described.widths:
            wanted = " or ".join(count(width, "number") for width in described.widths)
            known = f" ({_KNOWN[there]})" if there in _KNOWN else ""
            raise ModelUnavailableError(
                f"An output for {kind} should have {wanted} for each image, but this one has {there}; say under "
                "output.columns in the YAML which of them tell the gender, counted from 0 and in the order of labels"
                f"{known}."
            )
        return outputs
    groups = [(each,) if isinstance(each, int) else each for each in described.columns]
    last = max(place for group in groups for place in group)
    if last >= there:
        raise ModelUnavailableError(
            f"The output should have at least {last + 1} numbers for each image, since columns names the one at place "
            f"{last}, counted from 0, but it has {there}; correct columns under output in the YAML."
        )
    join = np.sum if described.meaning == "probabilities" else np.max if described.apply == "argmax" else _log_sum_exp
    return np.stack([join(outputs[:, list(group)], axis=1) for group in groups], axis=1)


def _log_sum_exp(logits: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    return np.asarray(np.logaddexp.reduce(logits, axis=axis))


def _log(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log(np.clip(probabilities, LEAST_PROBABILITY, 1.0)))


class OwnCommandClassifier(CardedModel):
    """A program described by YAML."""

    def __init__(self, own: OwnModel, described: CommandClassifier) -> None:
        self.card = own.card
        self.attribute: str = described.attribute
        self._description = described
        self._program = shared_program(own)

    def crop(self, face: Face) -> Crop:
        """Return the whole image, or the crop of the description."""
        described = self._description
        if described.crop is None or described.size is None:
            return whole_image(face)
        return described_crop(face, described.crop, described.size)

    def score(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score images ``(n, h, w, 3)`` RGB 0..255, rounded to whole grey levels, as ``(n,)`` log-odds in nats.

        Raises ModelUnavailableError if the program fails, or answers something else than a score. Raises BadInputError
        with code ``command-error`` if it says of an image that it cannot score it.
        """
        if len(inputs) == 0:
            return np.empty(0)
        with self._program.use() as program:
            answers = program.ask(encode_crops(inputs))
        refused = sum("error" in answer for answer in answers)
        if refused:
            raise BadInputError(
                f"The command of {self.name} cannot score {refused} of {len(answers)} images; leave out the images or "
                "the classifier.",
                code="command-error",
            )
        return np.array([self._score(answer) for answer in answers])

    def _score(self, answer: Answer) -> float:
        score = get_number(answer, "score")
        if score is not None:
            return score
        male = get_number(answer, "probability_male")
        if male is not None and 0 <= male <= 1:
            pair = _log(np.array([male, 1 - male]))
            return float(pair[0] - pair[1])
        raise ModelUnavailableError(
            f"The command of {self.name} should answer with a finite score, or a probability_male from 0 to 1, but its "
            f"answer has the fields {some(sorted(answer))}; correct the program."
        )


def make_classifier(own: OwnModel) -> AttributeClassifier:
    """Return the classifier of an own model."""
    if isinstance(own.description, NetworkClassifier):
        return OwnNetworkClassifier(own, own.description)
    assert isinstance(own.description, CommandClassifier)
    return OwnCommandClassifier(own, own.description)


def make(name: str) -> AttributeClassifier:
    """Return an own classifier by its name."""
    return make_classifier(read_own_model(name))
