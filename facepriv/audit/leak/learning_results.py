"""What attackers learn by number of people learnt from, and whether still more people would help them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facepriv.audit.leak.cross_fitting import Attack
from facepriv.audit.leak.learning_curve import PARTS
from facepriv.metrics.estimates import Estimate
from facepriv.metrics.leak import not_below_guessing
from facepriv.metrics.subject_bootstrap import SubjectBootstrap
from facepriv.schemas.audits import ConditionName, LearningGain, LearningPoint
from facepriv.types import Floats64

LEAST_GAIN = 0.01
"""Least gain of accuracy from half to all people that is worth a sentence."""
DOUBT = 0.05
"""Share of resamples without a gain up to which a gain is taken for more than chance."""
GUESSING = 0.5


def learning_results(
    condition: ConditionName, attacker: str, attacks: Sequence[Attack], bootstrap: SubjectBootstrap
) -> tuple[list[LearningPoint], LearningGain | None]:
    """Return an attacker's accuracy by number of people, and the gain from half of them to all.

    More people would probably help an attacker who does better than guessing and may still do better, who gained at
    least `LEAST_GAIN`, and whose accuracy rose or whose cross-entropy fell by more than chance.

    Parameters
    ----------
    attacks : on each draw of the release, with guesses from parts of the people.

    Returns
    -------
    Points by rising number of people, the last with all. None, and no gain, where no part was large enough.
    """
    guesses: dict[float, tuple[float, Floats64]] = {
        part: (
            float(np.mean([draw.partial[part].subjects for draw in attacks])),
            np.concatenate([draw.partial[part].log_odds for draw in attacks]),
        )
        for part in PARTS
        if all(part in draw.partial for draw in attacks)
    }
    if not guesses:
        return [], None
    half, before = guesses[max(guesses)]
    whole, after = float(np.mean([draw.subjects for draw in attacks])), np.stack([draw.chosen for draw in attacks])
    points = [
        LearningPoint(
            condition=condition,
            attacker=attacker,
            part=part,
            subjects=round(people),
            accuracy=not_below_guessing(_accuracy(log_odds, bootstrap).interval()),
        )
        for part, (people, log_odds) in {**guesses, 1.0: (whole, after)}.items()
    ]
    after_all = _accuracy(after, bootstrap)
    gained = after_all.minus(_accuracy(before, bootstrap))
    lost = _cross_entropy(after, bootstrap).minus(_cross_entropy(before, bootstrap))
    gain = LearningGain(
        condition=condition,
        attacker=attacker,
        from_subjects=round(half),
        to_subjects=round(whole),
        accuracy=gained.interval(),
        likely=bool(
            gained.value >= LEAST_GAIN
            and after_all.value <= 1 - LEAST_GAIN
            and (points[-1].accuracy.low or 0.0) > GUESSING
            and min(np.mean(gained.replicates <= 0), np.mean(lost.replicates >= 0)) <= DOUBT
        ),
    )
    return points, gain


def _accuracy(log_odds: Floats64, bootstrap: SubjectBootstrap) -> Estimate:
    """Estimate the balanced accuracy of guesses ``(R, n)``; log-odds of 0, and NaN, are a coin toss."""
    return bootstrap.balanced_mean((1 + np.sign(np.nan_to_num(log_odds)) * bootstrap.labels) / 2)


def _cross_entropy(log_odds: Floats64, bootstrap: SubjectBootstrap) -> Estimate:
    """Estimate the cross-entropy of the labels in nats under guesses ``(R, n)``, both genders weighing the same."""
    surprise = np.logaddexp(0.0, -np.nan_to_num(log_odds) * bootstrap.labels)
    return bootstrap.balanced_mean(surprise, scale="real")
