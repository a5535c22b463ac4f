"""The attacker who detects perturbed images and reads the score of each accordingly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import expit, logit

from facepriv.audit.attackers.base import Attacker, Knowledge, learn_lasting
from facepriv.audit.attackers.ensemble import all_scores
from facepriv.audit.attackers.learning import BOUND, FittedPosterior, learn_sum
from facepriv.audit.attackers.one_score import learn_curve
from facepriv.audit.attackers.probes import kernel, linear, on_ranks, ridge
from facepriv.audit.attackers.score_features import rank_features, with_features
from facepriv.audit.attackers.states import learn_states
from facepriv.audit.evidence import Features
from facepriv.imaging.restoring import RESTORERS
from facepriv.types import Flags, Floats64, Integers

_TOGETHER, _BY_STATE = "all classifiers", "men and women by state"
_TELL_STATES = with_features(rank_features, ridge(linear, kernel))


class Detector(Attacker):
    """Weighs what the score means in either case by how likely the image is perturbed.

    ``P(male | s, r) = P(perturbed | s, r) P(male | s, perturbed) + P(untouched | s, r) P(male | s, untouched)`` with
    the score ``s`` and the residuals ``r``, taken to say no more of gender than the score once it is known whether the
    image was perturbed. Where the score of perturbed images is inverted, so is his reading of it. Where the residuals
    themselves say more, he does better to learn men and women, perturbed or not, from all of these together.
    """

    name = "detector"
    title = "Detector of perturbed images"
    assumption = (
        "Has labelled images of other people both untouched and processed with the same method, has learnt from "
        "residuals and scores to tell the one from the other, or men from women in either case, knows the proportion, "
        "and inverts the classifier where he thinks an image perturbed."
    )

    def variants(self, features: Features) -> list[str]:
        """Return the classifiers to invert, plain or after every filter, all of them together, and the four classes."""
        filtered = [f"{classifier}: {filter_}" for classifier in features.restored for filter_ in RESTORERS]
        return [*features.scores, *([_TOGETHER] if len(features.scores) > 1 else []), *filtered, _BY_STATE]

    def log_odds(self, variant: str, knowledge: Knowledge, features: Features, *, seed: int) -> Floats64:
        """Return guesses from scores, read as perturbed or untouched, or from the four classes."""
        if variant == _BY_STATE:
            return _tell_classes(knowledge, seed).posterior(_detection_features(features))
        readings = _readings(variant, knowledge, seed)
        return _add(readings, knowledge, seed).posterior(
            np.column_stack([reading.read(features) for reading in readings])
        )

    def held_out(self, variant: str, knowledge: Knowledge, *, seed: int) -> Floats64 | None:
        """Return guesses of the training images from detection and scores learned without their subject."""
        if variant == _BY_STATE:
            return _tell_classes(knowledge, seed).held_out
        return _add(_readings(variant, knowledge, seed), knowledge, seed).held_out


def _tell_classes(knowledge: Knowledge, seed: int) -> FittedPosterior:
    return learn_states(_detection_features, (linear, on_ranks(kernel)), (), knowledge, seed=seed)


@dataclass(frozen=True, eq=False)
class _Reading:
    """Values of the training images, each held out with its subject, and how those of other images are found."""

    held_out: Floats64
    read: Callable[[Features], Floats64]


def _add(readings: list[_Reading], knowledge: Knowledge, seed: int) -> FittedPosterior:
    """Fit a line to the sum of what readings say."""
    return knowledge.learn(learn_sum, np.column_stack([reading.held_out for reading in readings]), seed=seed)


def _readings(variant: str, knowledge: Knowledge, seed: int) -> list[_Reading]:
    tables = [partial(_score, name) for name in (knowledge.released.scores if variant == _TOGETHER else [variant])]
    if knowledge.perturbed.all() or not knowledge.perturbed.any() or not 0 < knowledge.p < 1:
        # All images are alike, so there is nothing to detect, and what the score means can be learned directly.
        return [_read_alike(table, knowledge, seed) for table in tables]
    versions = _perturbed_versions(knowledge)
    probability = _detect(knowledge, versions, seed)
    return [_read(table, knowledge, versions, probability, seed) for table in tables]


def _score(name: str, features: Features) -> Floats64:
    """Return one classifier's score, or that of images that were filtered first, ``(n,)``."""
    if name in features.scores:
        return features.scores[name]
    classifier, _, filter_ = name.rpartition(": ")
    return np.asarray(features.restored[classifier][:, list(RESTORERS).index(filter_)])


def _read_alike(table: Callable[[Features], Floats64], knowledge: Knowledge, seed: int) -> _Reading:
    fit = knowledge.learn(learn_curve, table(knowledge.released), seed=seed)
    return _Reading(fit.held_out, lambda features: fit.posterior(table(features)))


@dataclass(frozen=True, eq=False)
class _Versions:
    """Perturbed versions of the training images."""

    processed: Features
    """``(k,)`` the perturbed versions."""
    rows: Integers
    """``(k,)`` rows of the training images that they are of."""
    released: Flags
    """``(k,)`` whether the policy released that version."""


def _perturbed_versions(knowledge: Knowledge) -> _Versions:
    processed = knowledge.released if knowledge.processed is None else knowledge.processed
    # An image that could not be perturbed looks untouched, because it is.
    changed = (_detection_features(processed) != _detection_features(knowledge.untouched)).any(axis=1)
    rows = np.flatnonzero(changed & np.isfinite(_detection_features(processed)).all(axis=1))
    return _Versions(processed.rows(rows), rows, knowledge.perturbed[rows])


def _detect(knowledge: Knowledge, versions: _Versions, seed: int) -> _Reading:
    """Return the probability that each image is perturbed."""
    images = len(knowledge.labels)
    x = np.concatenate([_detection_features(knowledge.untouched), _detection_features(versions.processed)])
    state = np.repeat([-1, 1], [images, len(versions.rows)])
    subjects = np.concatenate([knowledge.untouched.subjects, versions.processed.subjects])
    fit = learn_lasting(_TELL_STATES, x, state, subjects, seed=seed)
    held_out = _as_released(fit.held_out[:images], fit.held_out[images:], versions)
    prior = float(logit(knowledge.p))
    return _Reading(
        expit(held_out + prior), lambda features: expit(fit.posterior(_detection_features(features)) + prior)
    )


def _read(
    table: Callable[[Features], Floats64], knowledge: Knowledge, versions: _Versions, probability: _Reading, seed: int
) -> _Reading:
    """Return log-odds of gender from one score and the probability of being perturbed."""
    before = knowledge.learn(learn_curve, table(knowledge.untouched), seed=seed, lasting=True)
    processed = versions.processed
    labels = knowledge.labels[versions.rows]
    after = learn_lasting(learn_curve, table(processed), labels, processed.subjects, seed=seed)
    # Each training image is in one of the two states, and the reading of that one has not learned from its subject.
    scores = table(knowledge.released)
    released = np.zeros(len(scores), dtype=np.bool_)
    released[versions.rows] = versions.released
    if_untouched = np.where(released, before.posterior(scores), before.held_out)
    if_perturbed = _as_released(after.posterior(scores), after.held_out, versions)

    def read(features: Features) -> Floats64:
        other = table(features)
        return _mix(before.posterior(other), after.posterior(other), probability.read(features))

    return _Reading(_mix(if_untouched, if_perturbed, probability.held_out), read)


def _as_released(untouched: Floats64, perturbed: Floats64, versions: _Versions) -> Floats64:
    """Return the values of the released files: ``(k,)`` where a perturbed version was released, else ``(n,)``."""
    values = untouched.copy()
    values[versions.rows[versions.released]] = perturbed[versions.released]
    return values


def _mix(if_untouched: Floats64, if_perturbed: Floats64, perturbed: Floats64) -> Floats64:
    male = (1 - perturbed) * expit(if_untouched) + perturbed * expit(if_perturbed)
    return np.asarray(np.clip(logit(male), -BOUND, BOUND))


def _detection_features(features: Features) -> Floats64:
    """Return features that may betray a perturbation: residuals, scores and their sizes."""
    scores = all_scores(features)
    return np.column_stack([features.residuals, scores, np.abs(scores)])
