"""Add what tells the mean faces of the genders apart: a change that a person sees and that classifiers share.

The difference of two mean faces, learnt from other people, is laid on a face in parts: light, colour and shape in seven
soft regions each, and brows, upper lip and jaw drawn towards the other mean face itself, so that a beard goes. Their
strengths are fitted to several guides at once: the classifiers handed in, and a linear probe on every guard's
templates, within floors for the matchers' similarity and for image quality. Since the change carries meaning instead of
one network's quirks, classifiers that had no part in the fit turn too, most of them, by no means all.

Where the side is *drawn*, every image is sent to the readings of a person drawn by key, whatever its label: who reads
apparent gender reads what the key drew. Traces of the original remain, and attackers who learn from the release find
them (docs/audit.md says how often).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from facepriv.errors import FaceprivError
from facepriv.imaging.acquire import look_again
from facepriv.imaging.quality import psnr_db
from facepriv.perturb.base import (
    Arrays,
    Context,
    Learned,
    Parameters,
    Perturbation,
    Perturber,
    Progress,
    Targets,
    all_wrong,
    file_scores,
    side_of,
)
from facepriv.perturb.semantic.donors import draw_donor
from facepriv.perturb.semantic.goals import leave, reach
from facepriv.perturb.semantic.learning import learn_means, learnt_difference, working_copy
from facepriv.perturb.semantic.overlay import PARTS, Overlay
from facepriv.perturb.semantic.panel import Panel, PanelScores
from facepriv.perturb.semantic.parameters import DRAWN, SemanticParameters
from facepriv.perturb.semantic.strength_fit import Floors, StrengthFit, Strengths
from facepriv.types import AttributeClassifier, Face, FaceMatcher, Image, Stop
from facepriv.wording import count

CHECKS = 4
"""Most files rendered and scored."""
SHRINK = 0.92
"""What strengths are multiplied by when the file shows that they are too great."""
HIGHEST_FLOOR = 0.97
"""Of a matcher, as a share of the way from strangers to the same image: nothing could be changed above."""
BACK = 0.5
"""How strongly a part may be taken back for a drawn side, as a share of its greatest strength."""
TOLERANCE = 0.75
"""How far from its donor a guide may end, in spreads of the guide whose scores differ most."""
FINISHER = "colour-field"
FINISHES: tuple[dict[str, bool], ...] = ({"survive_grey": True}, {})
"""How guides are finished: so that they stay turned in greyscale, or else, where a floor forbids that, in colour."""
RESERVE = 0.25
"""Share of what the floors allow that is left for finishing."""


class Semantic(Perturber):
    """The difference of the genders' mean faces, fitted to several guides at once."""

    name = "semantic"
    title = "Difference of the mean faces (visible, transfers in part)"
    kind = "visible"
    uses_guards = True
    learns_averages = True
    learnt_by = ("images",)
    Parameters: ClassVar[type[Parameters]] = SemanticParameters
    parameters: SemanticParameters

    @property
    def learns(self) -> bool:
        """Always: the mean faces, and the probes."""
        return True

    def learn_in(self, context: Context, classifiers: Sequence[AttributeClassifier], on_progress: Progress) -> Arrays:
        """Learn mean faces, spreads of scores and probes, as `facepriv.perturb.semantic.learning` does."""
        return learn_means(context.gallery, classifiers, context.guards, self.parameters.images, on_progress)

    def run(self, face: Face, classifiers: Sequence[AttributeClassifier], context: Context) -> Perturbation:
        """Perturb one face; nothing is random but what the key draws."""
        assert context.learned is not None, "the base class sees to it"
        options, arrays = self.parameters, context.learned.arrays
        small = working_copy(face)
        panel = Panel(small, classifiers, context.guards, arrays)
        (original,) = panel.look([small.pixels])
        notes = _notes(context.learned, context.guards)
        if options.side == DRAWN:
            drawn = draw_donor(face, arrays, key=context.key, draw_by=options.draw_by)
            side, goal = -drawn.side, reach(drawn.margins)
            targets = Targets(drawn.margins[: len(classifiers)] * panel.spreads, TOLERANCE * float(panel.spreads.max()))
        else:
            side, targets = side_of(face, float(original.margins.mean())), None
            goal = leave(side)
            if original.has_left(side):
                return _perturbation(face.pixels.copy(), [original.score], "already-wrong", notes, None)
        difference = learnt_difference(arrays, side, options.coarse)
        overlay = Overlay(small, difference)
        floors = self._floors(context.guards, arrays)
        searched = floors.raised(RESERVE) if options.finish else floors
        fit = StrengthFit(panel, overlay, original, searched, goal, self._limits())
        best, trajectory = fit.search(options.trials)
        if small is not face:
            panel, overlay = Panel(face, classifiers, context.guards, arrays), Overlay(face, difference)
        pixels, file_face, scores = _render_within_floors(face, overlay, panel, searched, best.strengths, trajectory)
        stop = _reason(scores, side, targets, panel)
        perturbation = _perturbation(pixels, trajectory, stop, notes, targets)
        if not options.finish or file_face is None:
            return perturbation
        return _finish(face, file_face, perturbation, side, classifiers, panel, floors, context)

    def _floors(self, guards: Sequence[FaceMatcher], arrays: Arrays) -> Floors:
        step = self.parameters.step
        floors = []
        for guard in guards:
            strangers, floor = (float(arrays[f"{name}:{guard.name}"]) for name in ("strangers", "floor"))
            floors.append(strangers + min(floor + step.slack, HIGHEST_FLOOR) * (1 - strangers))
        return Floors(np.array(floors), step.psnr)

    def _limits(self) -> tuple[Strengths, Strengths]:
        options = self.parameters
        high = np.array([float(getattr(options, kind)) for kind, _ in PARTS])
        if options.side != DRAWN:
            return np.zeros(len(PARTS)), high
        # What already lies beyond its donor is brought back.
        return np.array([0.0 if kind == "likeness" else -BACK for kind, _ in PARTS]) * high, high


def _reason(scores: PanelScores | None, side: int, targets: Targets | None, panel: Panel) -> Stop:
    """Return why a perturbation ended, by the scores of its file; None where no face was found in it."""
    if scores is None:
        return "face-lost"
    if targets is not None:
        guides = scores.margins[: len(panel.spreads)] * panel.spreads
        return "landed" if targets.reached(guides) else "floor"
    return "flipped" if scores.has_left(side) else "floor"


def _render_within_floors(
    face: Face, overlay: Overlay, panel: Panel, floors: Floors, strengths: Strengths, trajectory: list[float]
) -> tuple[Image, Face | None, PanelScores | None]:
    """Render at full size, and weaken the change while a matcher's floor does not hold on the file.

    The score of every file is added to the trajectory. Return the last file's pixels, the face found in it and its
    scores; None where there is no face.
    """
    pixels, file_face, scores = face.pixels, None, None
    for _ in range(CHECKS):
        pixels = overlay.render(strengths)
        file_face = look_again(face, pixels)
        scores = None if file_face is None else panel.score_file_face(file_face)
        if scores is not None:
            trajectory.append(scores.score)
            if floors.hold(scores):
                break
        strengths = strengths * SHRINK
    return pixels, file_face, scores


def _finish(
    face: Face,
    file_face: Face,
    perturbation: Perturbation,
    side: int,
    guides: Sequence[AttributeClassifier],
    panel: Panel,
    floors: Floors,
    context: Context,
) -> Perturbation:
    """Turn all guides on the file by the unnoticeable method, where one has not turned and all floors still hold."""
    if all_wrong(file_scores(guides, file_face), [side] * len(guides)):
        return perturbation
    from facepriv.perturb.registry import perturbers

    for options in FINISHES:
        finisher = perturbers.create(FINISHER, **options)
        try:
            finish = finisher.run(replace(file_face, label=side), guides, Context(context.gallery, context.rng))
        except FaceprivError as error:
            return replace(perturbation, notes=(*perturbation.notes, f"The guides were not finished: {error}"))
        finished_face = look_again(file_face, finish.pixels)
        if (
            finished_face is not None
            and floors.hold(panel.score_file_face(finished_face))
            and psnr_db(face.pixels, finish.pixels, face.box) >= floors.psnr
        ):
            how = ", in greyscale, too" if options else ""
            return replace(
                perturbation,
                pixels=finish.pixels,
                updates=perturbation.updates + len(finish.trajectory) - 1,
                trajectory=np.concatenate([perturbation.trajectory, finish.trajectory[1:]]),
                notes=(*perturbation.notes, f"The guides were finished with {FINISHER}{how}.", *finish.notes),
            )
    note = f"Finishing the guides with {FINISHER} would have passed a floor."
    return replace(perturbation, notes=(*perturbation.notes, note))


def _notes(learned: Learned, guards: Sequence[FaceMatcher]) -> tuple[str, ...]:
    notes = [
        f"The change was learnt from {count(learned.images, 'image')} of "
        f"{count(len(learned.subjects), 'other subject')}."
    ]
    if not guards:
        notes.append(
            "No matcher was to be heeded, so the strength limits alone held the change back, and no probe on a "
            "matcher's templates guided it."
        )
    return tuple(notes)


def _perturbation(
    pixels: Image, trajectory: list[float], stop: Stop, notes: tuple[str, ...], targets: Targets | None
) -> Perturbation:
    return Perturbation(
        pixels=pixels,
        updates=len(trajectory) - 1,
        stop=stop,
        trajectory=np.array(trajectory),
        notes=notes,
        targets=targets,
    )
