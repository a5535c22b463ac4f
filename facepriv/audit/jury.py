"""What a jury of gender classifiers that guided nothing makes of a run's images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from facepriv.errors import BadInputError
from facepriv.metrics.gender import predicted_labels
from facepriv.metrics.matching import auc
from facepriv.metrics.subject_bootstrap import SubjectBootstrap
from facepriv.schemas.figures import GROUPS, Group, Interval
from facepriv.schemas.runs import PHASES, Jury, JuryError, JuryErrors, Phase
from facepriv.types import FEMALE, GENDERS, MALE, Floats64, Integers


def jury_of(scores: Mapping[str, Mapping[Phase, Floats64]], labels: Integers, subjects: Sequence[str]) -> Jury | None:
    """Compute the errors of a jury's majority and of each juror; None without jurors or labelled images.

    Parameters
    ----------
    scores : by juror and phase ``(n,)`` log-odds in nats, male positive; NaN = failure to acquire, no vote.
    labels : (n,) +1 male, -1 female, 0 unlabelled (left out).
    subjects : (n,) whom each image shows.
    """
    labelled = labels != 0
    if not scores or not labelled.any():
        return None
    judge = _Judge(labels[labelled], [subject for subject, kept in zip(subjects, labelled, strict=True) if kept])
    own = {name: {phase: phases[phase][labelled] for phase in PHASES} for name, phases in scores.items()}
    together = {phase: np.stack([phases[phase] for phases in own.values()]) for phase in PHASES}
    return Jury(
        majority=JuryErrors(**{phase: judge.majority(scores) for phase, scores in together.items()}),
        jurors={
            name: JuryErrors(**{phase: judge.juror(scores) for phase, scores in phases.items()})
            for name, phases in own.items()
        },
    )


def majority_wrong(scores: Floats64, labels: Integers) -> Floats64:
    """Return whether most jurors ``(k, n)`` that scored an image are wrong about it: 1, 0, or 0.5 at equal votes.

    NaN where no juror scored the image. Labels ``(n,)`` are +1 or -1.
    """
    surplus = male_share(scores) - 0.5
    wrong: Floats64 = np.where(np.isnan(surplus), np.nan, (1 - np.sign(surplus) * labels) / 2)
    return wrong


def male_share(scores: Floats64) -> Floats64:
    """Return the proportion of jurors ``(k, n)`` that say male, of those that scored an image; NaN without any."""
    votes = np.isfinite(scores).sum(axis=0)
    male = (scores >= 0).sum(axis=0).astype(np.float64)
    share: Floats64 = np.divide(male, votes, out=np.full(len(votes), np.nan), where=votes > 0)
    return share


class _Judge:
    """The labelled images of a run, and intervals over their subjects where there are enough."""

    def __init__(self, labels: Integers, subjects: Sequence[str]) -> None:
        self._labels = labels
        self._bootstrap: SubjectBootstrap | None = None
        try:
            self._bootstrap = SubjectBootstrap(list(subjects), labels)
        except BadInputError as error:
            if error.code != "too-few-subjects":
                raise

    def juror(self, scores: Floats64) -> JuryError:
        """Return the errors of one classifier at its own threshold, and its AUC."""
        wrong = np.where(np.isnan(scores), np.nan, predicted_labels(scores) != self._labels)
        return self._error(wrong, scores)

    def majority(self, scores: Floats64) -> JuryError:
        """Return the errors of the majority of scores ``(k, n)``, and the AUC of the proportion that says male."""
        return self._error(majority_wrong(scores, self._labels), male_share(scores))

    def _error(self, wrong: Floats64, scores: Floats64) -> JuryError:
        return JuryError(**{group: self._mean(wrong, group) for group in GROUPS}, auc=self._auc(scores))

    def _mean(self, wrong: Floats64, group: Group) -> Interval:
        members = self._labels == GENDERS[group] if group != "all" else self._labels != 0
        measured = wrong[members & ~np.isnan(wrong)]
        if self._bootstrap is None or not measured.size:
            return Interval(value=float(measured.mean()) if measured.size else None, low=None, high=None)
        return self._bootstrap.mean(wrong, group).interval()

    def _auc(self, scores: Floats64) -> Interval:
        men, women = (scores[(self._labels == label) & ~np.isnan(scores)] for label in (MALE, FEMALE))
        if self._bootstrap is None or not men.size or not women.size:
            return Interval(value=auc(men, women), low=None, high=None)
        return self._bootstrap.auc(scores).interval()
