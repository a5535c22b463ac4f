"""The attacker who joins all evidence and reads it by state and gender."""

from __future__ import annotations

from functools import partial

import numpy as np

from facepriv.audit.attackers.base import Knowledge, OneFit
from facepriv.audit.attackers.estimators import learn_boosting
from facepriv.audit.attackers.learning import FittedPosterior, learn_sum
from facepriv.audit.attackers.probes import MapMaker, kernel, linear, on_ranks
from facepriv.audit.attackers.sources import FILTERED, RESIDUALS, SCORES, sources
from facepriv.audit.attackers.states import learn_states
from facepriv.audit.evidence import Features
from facepriv.types import Floats64

_CLASSIFIERS, _EVERYTHING, _ADDED, _BOOSTED = (
    "scores and residuals",
    "everything",
    "added up",
    "filtered scores: boosting",
)
_JOINED: dict[str, tuple[str, ...]] = {_CLASSIFIERS: (SCORES, FILTERED, RESIDUALS)}
_NARROWER = 4.0
_RANKED: tuple[MapMaker, ...] = (
    linear,
    on_ranks(linear),
    on_ranks(kernel),
    on_ranks(partial(kernel, narrower=_NARROWER)),
)
_PLAIN: tuple[MapMaker, ...] = (linear, kernel, partial(kernel, narrower=_NARROWER))


class Joined(OneFit):
    """Tells men and women, perturbed or not, by each source of evidence, by several joined, and by the sum of all.

    What the four classes say of gender is summed up at the policy's proportion, so what perturbing inverts is read
    inverted where the image looks perturbed.
    """

    name = "joined"
    title = "All evidence together, by state"
    assumption = (
        "Has scores, filtered scores, residuals, templates, appearance and texture of the released files, labelled "
        "images of other people both untouched and processed with the same method, knows the proportion, and has "
        "learnt to tell men from women and perturbed from untouched images at the same time."
    )

    def variants(self, features: Features) -> list[str]:
        """Return the sources, those of the classifiers joined, all joined, and the sum of what each source says."""
        names = list(sources(features))
        several = len(names) > 1
        some = [name for name in _JOINED[_CLASSIFIERS] if name in names]
        return [
            *names,
            *[_CLASSIFIERS] * (1 < len(some) < len(names)),
            *[_EVERYTHING, _ADDED] * several,
            *[_BOOSTED] * (FILTERED in names),
        ]

    def fit(self, variant: str, knowledge: Knowledge, *, seed: int) -> FittedPosterior:
        """Fit the four classes."""
        if variant == _ADDED:
            return _add(knowledge, seed)
        if variant == _BOOSTED:
            return knowledge.learn(learn_boosting, self.table(variant, knowledge.released), seed=seed)
        tables = _tables(variant, knowledge.released)
        blocks = tuple(table.shape[1] for table in tables.values()) if len(tables) > 1 else ()
        maps = _RANKED if set(tables) <= set(_JOINED[_CLASSIFIERS]) else _PLAIN
        return learn_states(partial(self.table, variant), maps, blocks, knowledge, seed=seed)

    def table(self, variant: str, features: Features) -> Floats64:
        """Return the sources side by side."""
        if variant == _BOOSTED:
            return sources(features)[FILTERED]
        return np.column_stack(list(_tables(variant, features).values()))


def _tables(variant: str, features: Features) -> dict[str, Floats64]:
    tables = sources(features)
    if variant in (_EVERYTHING, _ADDED):
        return tables
    return {name: table for name, table in tables.items() if name in _JOINED.get(variant, (variant,))}


def _add(knowledge: Knowledge, seed: int) -> FittedPosterior:
    """Fit every source for itself, and a line to the sum of what they say."""
    attacker, tables = Joined(), sources(knowledge.released)
    fits = [attacker.fit_once(name, knowledge, seed=seed) for name in tables]
    total = knowledge.learn(learn_sum, np.column_stack([fit.held_out for fit in fits]), seed=seed)
    ends = np.cumsum([table.shape[1] for table in tables.values()])[:-1]

    def posterior(theirs: Floats64) -> Floats64:
        parts = np.split(theirs, ends, axis=1)
        return total.posterior(np.column_stack([fit.posterior(part) for fit, part in zip(fits, parts, strict=True)]))

    return FittedPosterior(total.held_out, posterior)
