"""Fit the strengths of the parts: the margin they gain against what they cost in visibility and similarity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from facepriv.errors import BadInputError
from facepriv.perturb.semantic.overlay import PARTS, Overlay
from facepriv.perturb.semantic.panel import Panel, PanelScores
from facepriv.perturb.semantic.parameters import SemanticParameters

Strengths = NDArray[np.float64]

START, STEP = 0.6, 0.6
"""Strength of all parts at which their effects are measured, and by how much each is raised to do so."""
STEEPEST = 4.0
"""By how much one trial may be stronger than the one before."""


@dataclass(frozen=True, eq=False)
class Trial:
    """Strengths that were rendered, and their scores."""

    strengths: Strengths
    scores: PanelScores


class StrengthFit:
    """Search the strengths that move the mean margin most for what they cost."""

    def __init__(
        self,
        panel: Panel,
        overlay: Overlay,
        original: PanelScores,
        floors: NDArray[np.float64],
        side: int,
        limits: Strengths,
        options: SemanticParameters,
    ) -> None:
        self._panel, self._overlay, self._original = panel, overlay, original
        self.floors = floors
        self._side, self._limits, self._options = side, limits, options

    def holds_floors(self, scores: PanelScores) -> bool:
        """Return whether every guard's similarity is at its floor or above."""
        return bool((scores.similarity >= self.floors).all() and np.isfinite(scores.margins).all())

    def reaches_margin(self, scores: PanelScores) -> bool:
        """Return whether the mean margin is as far past zero as wanted."""
        return scores.mean_margin(self._side) <= -self._options.mean_margin

    def search(self) -> tuple[Trial, list[float]]:
        """Measure every part's effect, then try solutions of growing strength between too weak and too strong.

        Return the weakest trial that reached the target with all floors holding, or else the one that came nearest, and
        the first guide's score after every trial that was better than those before it.
        """
        self._measure()
        best = Trial(np.zeros(len(PARTS)), self._original)
        trajectory = [self._original.score]
        low, high = 0.0, np.inf
        weight = self._first_weight()
        for _ in range(self._options.trials):
            strengths = self._solve(weight)
            scores = self._panel.score(self._overlay.render(strengths))
            holds, reached = self.holds_floors(scores), self.reaches_margin(scores)
            nearer = scores.mean_margin(self._side) < best.scores.mean_margin(self._side)
            if holds and (reached or (nearer and not self.reaches_margin(best.scores))):
                best = Trial(strengths, scores)
                trajectory.append(scores.score)
            if holds and not reached:
                low = weight
            else:
                high = weight
            if low > 0 and high / low < 1.05:
                break
            weight = low * STEEPEST if not np.isfinite(high) else np.sqrt(low * high) if low > 0 else high / STEEPEST
        return best, trajectory

    def _measure(self) -> None:
        """Measure the effect of every part on margins and templates, with all parts at a middling strength."""
        self._start = np.minimum(START, self._limits / 2)
        usable = self._limits > 0
        at_start = self._panel.score(self._overlay.render(self._start))
        if not np.isfinite(at_start.margins).all():
            raise BadInputError(
                "A template of the changed face was expected of every matcher to be heeded, but one gave none; leave "
                "the image out, or choose other matchers.",
                code="no-template",
            )
        self._mean = at_start.mean_margin(self._side)
        self._slope = np.zeros(len(PARTS))
        self._displacements = [a - b for a, b in zip(at_start.templates, self._original.templates, strict=True)]
        self._effects = [np.zeros((len(PARTS), len(displacement))) for displacement in self._displacements]
        for part in np.flatnonzero(usable):
            step = min(STEP, self._limits[part] / 2)
            raised = self._start.copy()
            raised[part] += step
            scores = self._panel.score(self._overlay.render(raised))
            if not np.isfinite(scores.margins).all():
                continue
            self._slope[part] = (scores.mean_margin(self._side) - self._mean) / step
            for effect, after, at in zip(self._effects, scores.templates, at_start.templates, strict=True):
                effect[part] = (after - at) / step
        # A unit template that moved by d has lost d^2 / 2 of its cosine; what may be lost is the way to the floor.
        allowed = 2 * np.maximum(self._original.similarity - self.floors, 1e-6)
        self._cost = self._options.visibility_weight * self._overlay.visibility()
        self._linear_cost = np.zeros(len(PARTS))
        for displacement, effect, most in zip(self._displacements, self._effects, allowed, strict=True):
            offset = displacement - self._start @ effect
            self._cost += effect @ effect.T / most
            self._linear_cost += effect @ offset / most
        self._cost += 1e-6 * np.eye(len(PARTS))

    def _solve(self, weight: float) -> Strengths:
        """Minimise ``weight * margin + cost`` of the measured model within the limits."""

        def value(c: Strengths) -> tuple[float, Strengths]:
            gradient = self._cost @ c
            return (
                float(weight * self._slope @ c + self._linear_cost @ c + c @ gradient / 2),
                weight * self._slope + self._linear_cost + gradient,
            )

        solution = minimize(
            value, self._start, jac=True, method="L-BFGS-B", bounds=[(0.0, limit) for limit in self._limits]
        )
        return np.asarray(solution.x, dtype=np.float64)

    def _first_weight(self) -> float:
        """Estimate from the model the weight at which the first floor or the wanted margin is met."""
        allowed = 2 * np.maximum(self._original.similarity - self.floors, 1e-6)
        low, high = 1e-2, 1e3
        for _ in range(20):
            weight = float(np.sqrt(low * high))
            strengths = self._solve(weight)
            lost = [
                float(np.sum((displacement + (strengths - self._start) @ effect) ** 2)) / most
                for displacement, effect, most in zip(self._displacements, self._effects, allowed, strict=True)
            ]
            margin = self._mean + self._slope @ (strengths - self._start)
            if max(lost, default=0.0) > 1 or margin <= -self._options.mean_margin:
                high = weight
            else:
                low = weight
        return float(np.sqrt(low * high))
