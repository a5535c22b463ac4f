"""The policy by which a run's images are released: what was asked for, or what its newest audit chose."""

from __future__ import annotations

from dataclasses import dataclass

from facepriv.errors import BadInputError
from facepriv.schemas.audits import SelectBy
from facepriv.store import Store
from facepriv.wording import percent

MOST_AUDITS = 50
"""Audits of a run that are looked at, the newest."""


@dataclass(frozen=True)
class RunPolicy:
    """A proportion of one run's images."""

    p: float
    """Greater than 0, at most 1."""
    select_by: SelectBy
    audit_id: int | None
    """The newest audit of the run that judged this very mix, or all images changed at ``p`` = 1; None if none did."""


def choose_policy(store: Store, run_id: int, p: float | None = None, select_by: SelectBy | None = None) -> RunPolicy:
    """Return the policy to release a run by.

    Parameters
    ----------
    p
        Proportion of the images to perturb; None for that of the newest complete audit of the run.
    select_by
        What is drawn; None for what that audit drew, else single images.

    Raises
    ------
    UnknownNameError
        If there is no such run.
    BadInputError
        With code ``no-policy`` if no proportion was asked for and no audit chose one, ``nothing-perturbed`` if the
        proportion is 0, so that nothing is to be released.
    """
    store.runs.get(run_id)
    stored = store.audits.list(run_id=run_id, states=("complete",), limit=MOST_AUDITS)
    audits = [store.audits.get(summary.id) for summary in stored]
    judged = [(audit, audit.result.policy.p) for audit in audits if audit.result and audit.result.policy]
    if p is None:
        if not judged:
            raise BadInputError(
                f"A proportion of the images was expected, or an audit of run {run_id} that chose one, but there is "
                f"neither; start one with `facepriv audit --run {run_id}`, or give --p.",
                code="no-policy",
            )
        p = judged[0][1]
    if not p > 0:
        raise BadInputError(
            f"At {percent(p)} no image is perturbed, so there is nothing to release; choose another proportion, or "
            "another method.",
            code="nothing-perturbed",
        )
    by: SelectBy = select_by or (judged[0][0].spec.select_by if judged else "image")
    same = [audit.id for audit, chosen in judged if p == 1 or (chosen == p and audit.spec.select_by == by)]
    return RunPolicy(p, by, same[0] if same else None)
