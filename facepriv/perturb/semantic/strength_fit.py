"""Fit the strengths of the parts: what they gain in readings, within floors for matchers and for image quality."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from facepriv.errors import BadInputError
from facepriv.perturb.semantic.goals import Goal
from facepriv.perturb.semantic.overlay import PARTS, Overlay
from facepriv.perturb.semantic.panel import Panel, PanelScores
from facepriv.types import Image

Strengths = NDArray[np.float64]

START = STEP = np.array([0.3 if kind == "likeness" else 0.6 for kind, _ in PARTS])
"""Strengths at which the parts' effects are measured, and by how much each is raised to do so."""
REACH, CLOSER, LEAST_REACH = 3.0, 0.7, 0.3
"""By how much the first trial may differ from `START`; what that is multiplied by after each, and the least of it."""
ENOUGH = 0.04
"""Trials end where the next would change no strength by more."""
SIMILARITY_COST, PSNR_COST = 0.1, 0.1
"""What using up a floor costs, in units of the goal's loss, so that nothing is spent for nothing."""
BRINK, STEEPNESS = 0.95, 40.0
"""Share of a floor used from which on the cost of coming nearer grows steeply, and how steeply."""
LEARNING = 0.7
"""How much of an effect that was not foreseen is taken into the measured effects."""


@dataclass(frozen=True, eq=False)
class Trial:
    """Strengths that were rendered, and their scores."""

    strengths: Strengths
    scores: PanelScores


@dataclass(frozen=True)
class Floors:
    """What must hold of a changed image."""

    similarity: NDArray[np.float64]
    """``(guards,)`` least similarity to the original."""
    psnr: float
    """Least PSNR inside the face box, dB."""

    def hold(self, scores: PanelScores) -> bool:
        """Return whether every guard's similarity is at its floor or above."""
        return bool((scores.similarity >= self.similarity).all() and np.isfinite(scores.margins).all())

    def raised(self, share: float) -> Floors:
        """Return floors that allow by so large a share less: of what a similarity may lose, and of the square error."""
        return Floors(self.similarity + share * (1 - self.similarity), self.psnr - 10 * math.log10(1 - share))


class _Quadratic:
    """A cost that grows as the square of what the parts move: ``|x E + o|^2``, in shares of what is allowed."""

    def __init__(self, gram: NDArray[np.float64], linear: NDArray[np.float64], constant: float, most: float) -> None:
        self._gram, self._linear, self._constant = gram / most, linear / most, constant / most
        self._scale = 1.0

    @classmethod
    def of_moves(
        cls, effects: NDArray[np.floating], moved: NDArray[np.floating], start: Strengths, most: float
    ) -> _Quadratic:
        """Make it of effects ``(parts, d)`` and what ``start`` moved ``(d,)``."""
        rows = effects.astype(np.float64)
        offset = moved.astype(np.float64) - start @ rows
        return cls(rows @ rows.T, rows @ offset, float(offset @ offset), most)

    def __call__(self, x: Strengths) -> tuple[float, Strengths]:
        """Return the share used and its gradient."""
        gradient = self._gram @ x
        value = x @ gradient + 2 * self._linear @ x + self._constant
        return self._scale * float(value), 2 * self._scale * (gradient + self._linear)

    def learn(self, x: Strengths, used: float) -> None:
        """Take in what share was used at ``x``."""
        foreseen = self(x)[0] / self._scale
        self._scale = float(np.clip(used / max(foreseen, 1e-6), 0.2, 8.0))


class StrengthFit:
    """Search the strengths that come nearest to a goal within the floors."""

    def __init__(
        self,
        panel: Panel,
        overlay: Overlay,
        original: PanelScores,
        floors: Floors,
        goal: Goal,
        limits: tuple[Strengths, Strengths],
    ) -> None:
        self._panel, self._overlay, self._original = panel, overlay, original
        self.floors = floors
        self._goal = goal
        self._limits = limits

    def search(self, trials: int) -> tuple[Trial, list[float]]:
        """Measure every part's effect, then try what the model of them makes the best, and correct the model.

        Return the trial nearest to the goal with all floors holding, or else the one that passed them least, and the
        first guide's score after every trial that was better than those before it.
        """
        start, effects, costs = self._measure()
        at, margins, reach = start.strengths, start.scores.margins, REACH
        allowed = np.maximum(1 - self.floors.similarity, 1e-6)
        best, best_rank = Trial(np.zeros(len(PARTS)), self._original), (False, self._goal(self._original.margins)[0])
        trajectory = [self._original.score]
        for number in range(trials):
            strengths = self._solve(at, margins, effects, costs, reach)
            if number and np.abs(strengths - at).max() < ENOUGH:
                break
            pixels = self._overlay.render(strengths)
            (scores,) = self._panel.look([pixels])
            reach = max(LEAST_REACH, CLOSER * reach)
            if not np.isfinite(scores.margins).all():
                continue
            used = np.append((1 - scores.similarity) / allowed, self._overlay.mean_square(pixels) / self._most_error)
            passes = used.max() > 1
            rank = (passes, float(used.max()) if passes else self._goal(scores.margins)[0])
            if rank < best_rank:
                best, best_rank = Trial(strengths, scores), rank
                trajectory.append(scores.score)
            step = strengths - at
            if step @ step > 1e-9:
                missed = scores.margins - margins - effects @ step
                effects = effects + LEARNING * np.outer(missed, step) / (step @ step)
            for cost, share in zip(costs, used, strict=True):
                cost.learn(strengths, float(share))
            at, margins = strengths, scores.margins
        return best, trajectory

    @property
    def _most_error(self) -> float:
        """Greatest mean square error, as a share of 255 squared."""
        return float(10 ** (-self.floors.psnr / 10))

    def _measure(self) -> tuple[Trial, NDArray[np.float64], list[_Quadratic]]:
        """Measure the effect of every part on readings, templates and pixels, with all parts at a middling strength.

        Return that trial, effects on the margins ``(guides + guards, parts)``, and the costs: of every guard's
        similarity, and of the mean square error.
        """
        low, high = self._limits
        start = np.minimum(START, high / 2)
        parts = [part for part in range(len(PARTS)) if high[part] > low[part]]
        steps = np.minimum(STEP, high / 2)
        images: list[Image] = [self._overlay.render(start)]
        for part in parts:
            raised = start.copy()
            raised[part] += steps[part]
            images.append(self._overlay.render(raised))
        at_start, *looks = self._panel.look(images)
        if not np.isfinite(at_start.margins).all():
            raise BadInputError(
                "A template of the changed face was expected of every matcher to be heeded, but one gave none; leave "
                "the image out, or choose other matchers.",
                code="no-template",
            )
        effects = np.zeros((len(at_start.margins), len(PARTS)))
        moves = [np.zeros((len(PARTS), len(template))) for template in at_start.templates]
        for part, scores in zip(parts, looks, strict=True):
            if not np.isfinite(scores.margins).all():
                continue
            effects[:, part] = (scores.margins - at_start.margins) / steps[part]
            for move, after, before in zip(moves, scores.templates, at_start.templates, strict=True):
                move[part] = (after - before) / steps[part]
        costs = []
        for guard, move in enumerate(moves):
            moved = at_start.templates[guard] - self._original.templates[guard]
            # A unit template that moved by d has lost d^2 / 2 of its cosine.
            most = 2 * max(1 - float(self.floors.similarity[guard]), 1e-6)
            costs.append(_Quadratic.of_moves(move, moved, start, most))
        gram, linear, constant = self._overlay.squares(images[0], images[1:], parts, steps, start)
        costs.append(_Quadratic(gram, linear, constant, self._most_error))
        return Trial(start, at_start), effects, costs

    def _solve(
        self,
        at: Strengths,
        margins: NDArray[np.float64],
        effects: NDArray[np.float64],
        costs: list[_Quadratic],
        reach: float,
    ) -> Strengths:
        """Minimise the model's loss and costs within the limits, no further than ``reach`` from ``at``."""
        weights = [SIMILARITY_COST] * (len(costs) - 1) + [PSNR_COST]

        def value(x: Strengths) -> tuple[float, Strengths]:
            loss, slope = self._goal(margins + effects @ (x - at))
            gradient = effects.T @ slope
            for weight, cost in zip(weights, costs, strict=True):
                used, growth = cost(x)
                over = max(0.0, used - BRINK)
                loss += weight * used + STEEPNESS * over**2
                gradient = gradient + (weight + 2 * STEEPNESS * over) * growth
            return loss, gradient

        low, high = np.maximum(self._limits[0], at - reach), np.minimum(self._limits[1], at + reach)
        solution = minimize(
            value, np.clip(at, low, high), jac=True, method="L-BFGS-B", bounds=list(zip(low, high, strict=True))
        )
        return np.asarray(solution.x, dtype=np.float64)
