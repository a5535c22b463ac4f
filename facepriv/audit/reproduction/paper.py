"""Numbers that Mirjalili and Ross published of their experiments (IJCB 2017), to compare one's own with.

Error rates are fractions 0..1. Classifier ``a`` guided the paper's first experiment and ``b`` its second; images of the
third were mixed by the method of Othman and Ross (2014), which no classifier guides. Figures 5 to 7 were printed as
pictures without a table, so of them there are only words.
"""

from __future__ import annotations

from dataclasses import dataclass

from facepriv.schemas.figures import Confusion, Confusions
from facepriv.schemas.reproductions import Experiment, Slot
from facepriv.types import Gender

CLASSIFIERS: dict[Slot, str] = {"a": "IntraFace", "b": "GCOTS"}
"""The paper's classifiers; the second is a commercial product that it does not name."""
MATCHERS = ("MCOTS", "VGG face descriptor")
"""The paper's matchers; the first is a commercial product that it does not name."""
ETA = -0.1
"""Threshold of Algorithm 1 in the paper's experiments (section 3)."""


@dataclass(frozen=True)
class DataSet:
    """One of the paper's data sets (section 3)."""

    images: int
    subjects: int


DATA_SETS: dict[str, DataSet] = {
    # The number of MUCT's images is the total of Table 4.
    "MUCT": DataSet(images=3600, subjects=276),
    "LFW": DataSet(images=13227, subjects=5740),
}

GENDER_ERROR: dict[str, dict[Experiment, dict[Slot, float]]] = {
    "MUCT": {
        "original": {"a": 0.149, "b": 0.051},
        "by-a": {"a": 0.766, "b": 0.054},
        "by-b": {"a": 0.241, "b": 0.901},
        "mixing": {"a": 0.502, "b": 0.519},
    },
    "LFW": {
        "original": {"a": 0.105, "b": 0.027},
        "by-a": {"a": 0.900, "b": 0.025},
        "by-b": {"a": 0.243, "b": 0.686},
        "mixing": {"a": 0.555, "b": 0.450},
    },
}
"""Table 3: share of images that a classifier calls other than labelled, by data set, experiment and classifier."""

CONFUSIONS = Confusions(
    before=Confusion(male={"male": 1762, "female": 17, "failed": 0}, female={"male": 521, "female": 1300, "failed": 0}),
    after=Confusion(male={"male": 276, "female": 1503, "failed": 0}, female={"male": 1255, "female": 566, "failed": 0}),
)
"""Table 4: images of MUCT by label and by what classifier ``a`` predicts, before and after perturbing guided by it."""


@dataclass(frozen=True)
class MeanUpdates:
    """Mean number of updates of successful images with its standard error (section 3.2)."""

    mean: float
    standard_error: float


UPDATES: dict[Slot, dict[Gender, MeanUpdates]] = {
    "a": {"male": MeanUpdates(1084.5, 20), "female": MeanUpdates(667.2, 18)},
    "b": {"male": MeanUpdates(1592, 32), "female": MeanUpdates(782, 22)},
}
"""Updates by guide and label; the paper does not say on which data set."""

FIGURES: dict[int, str] = {
    5: "On MUCT, each guide's scores of men and women change sides, while mixing lays both on top of each other.",
    6: "On MUCT, genuine and impostor scores of both matchers stay well apart, before, after and across.",
    7: "ROC curves of both matchers before, after and across differ little in most cases, on MUCT and on LFW.",
}
"""What the paper's figures show, in words."""
