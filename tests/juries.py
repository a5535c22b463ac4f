"""What a jury of two says of a run."""

from __future__ import annotations

from facepriv.schemas.figures import Interval
from facepriv.schemas.runs import Jury, JuryError, JuryErrors


def _error(value: float) -> JuryError:
    interval = Interval(value=value, low=value / 2, high=(1 + value) / 2)
    return JuryError(all=interval, female=interval, male=interval, auc=Interval(value=1 - value, low=None, high=None))


JURY = Jury(
    majority=JuryErrors(before=_error(0.02), after=_error(0.8)),
    jurors={
        "mine": JuryErrors(before=_error(0.02), after=_error(0.5)),
        "yours": JuryErrors(before=_error(0.04), after=_error(0.9)),
    },
)
