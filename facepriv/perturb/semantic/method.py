"""Add what tells the mean faces of the genders apart: a change that a person sees and that classifiers share.

The difference of two mean faces, learnt from other people, is laid on a face in 21 parts, light, colour and shape in
seven soft regions each, with strengths from 0 up. Strengths are fitted to the mean margin of several guides: the
classifiers handed in, and a linear probe on every guard's templates, while guards hold the matchers' similarity up.
Since the change carries meaning instead of one network's quirks, some classifiers that had no part in the fit turn
too, by no means all. With the default parameters on 32 real photos, one of two networks and two probes left out of the
fit at a time, that one erred on 44 to 56 %; women were turned more than men by three of the four. Both matchers
accepted every image, also the matcher left out; with `dlib-resnet` left out its FNMR rose by one image in 32. A floor
of 0.75 turned no more by that judge, and `dlib-resnet`, left out, no longer accepted one image in eight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from facepriv.errors import FaceprivError
from facepriv.imaging.acquire import find_again
from facepriv.perturb.base import (
    Arrays,
    Context,
    Learned,
    Parameters,
    Perturbation,
    Perturber,
    Progress,
    all_wrong,
    score_face,
    side_of,
)
from facepriv.perturb.common.mean_faces import REGIONS
from facepriv.perturb.semantic.learning import learn_means, learnt_difference, working_copy
from facepriv.perturb.semantic.overlay import Overlay
from facepriv.perturb.semantic.panel import Panel
from facepriv.perturb.semantic.parameters import SemanticParameters
from facepriv.perturb.semantic.strength_fit import StrengthFit, Strengths
from facepriv.types import AttributeClassifier, Face, FaceMatcher, Image, Stop
from facepriv.wording import count

CHECKS = 4
"""Most files rendered and scored."""
ENOUGH = 0.5
"""Mean margin past zero at which an original is left alone, however much further the target lies."""
SHRINK = 0.92
"""What strengths are multiplied by when the file shows that they are too great."""


class Semantic(Perturber):
    """The difference of the genders' mean faces, fitted to several guides at once."""

    name = "semantic"
    title = "Difference of the mean faces (visible, transfers in part)"
    kind = "visible"
    uses_guards = True
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
        """Perturb one face; nothing is random."""
        assert context.learned is not None, "the base class sees to it"
        options, arrays = self.parameters, context.learned.arrays
        small = working_copy(face)
        panel = Panel(small, classifiers, context.guards, arrays)
        original = panel.score(small.pixels)
        side = side_of(face, float(original.margins.mean()))
        notes = _notes(context.learned, context.guards)
        if original.mean_margin(side) <= -min(options.mean_margin, ENOUGH):
            return _perturbation(face.pixels.copy(), [original.score], "already-wrong", notes)
        difference = learnt_difference(arrays, side, options.coarse)
        overlay = Overlay(small, difference)
        floors = panel.strangers + options.similarity * (original.similarity - panel.strangers)
        limits = np.repeat([options.light, options.colour, options.shape], len(REGIONS))
        fit = StrengthFit(panel, overlay, original, floors, side, limits, options)
        best, trajectory = fit.search()
        if small is not face:
            panel, overlay = Panel(face, classifiers, context.guards, arrays), Overlay(face, difference)
        pixels, stop = _render_within_floors(face, overlay, panel, fit, best.strengths, trajectory)
        perturbation = _perturbation(pixels, trajectory, stop, notes)
        if not options.finish or stop == "face-lost":
            return perturbation
        return _finish(face, perturbation, side, classifiers[0], panel, fit, context)


def _render_within_floors(
    face: Face, overlay: Overlay, panel: Panel, fit: StrengthFit, strengths: Strengths, trajectory: list[float]
) -> tuple[Image, Stop]:
    """Render at full size, and weaken the change while a floor does not hold on the file.

    The score of every file is added to the trajectory.
    """
    pixels = face.pixels
    stop: Stop = "face-lost"
    for _ in range(CHECKS):
        pixels = overlay.render(strengths)
        file_face = find_again(face, pixels)
        if file_face is not None:
            scores = panel.score_file_face(file_face)
            trajectory.append(scores.score)
            if fit.holds_floors(scores):
                return pixels, "flipped" if fit.reaches_margin(scores) else "floor" if len(fit.floors) else "rounds"
            stop = "floor"
        strengths = strengths * SHRINK
    return pixels, stop


def _finish(
    face: Face,
    perturbation: Perturbation,
    side: int,
    guide: AttributeClassifier,
    panel: Panel,
    fit: StrengthFit,
    context: Context,
) -> Perturbation:
    """Flip the first guide on the file by the unnoticeable method, if it has not flipped and all floors still hold."""
    from facepriv.perturb.registry import perturbers

    file_face = find_again(face, perturbation.pixels)
    if file_face is None or all_wrong([score_face(guide, file_face)], [side]):
        return perturbation
    finisher = perturbers.create("recommended")
    try:
        finish = finisher.run(replace(file_face, label=side), [guide], Context(context.gallery, context.rng))
    except FaceprivError as error:
        return replace(perturbation, notes=(*perturbation.notes, f"The first guide was not finished: {error}"))
    finished_face = find_again(face, finish.pixels)
    if finished_face is None or not fit.holds_floors(panel.score_file_face(finished_face)):
        note = f"Finishing the first guide with {finisher.name} would have passed a matcher's floor."
        return replace(perturbation, notes=(*perturbation.notes, note))
    return replace(
        perturbation,
        pixels=finish.pixels,
        updates=perturbation.updates + len(finish.trajectory) - 1,
        trajectory=np.concatenate([perturbation.trajectory, finish.trajectory[1:]]),
        notes=(*perturbation.notes, f"The first guide was finished with {finisher.name}.", *finish.notes),
    )


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


def _perturbation(pixels: Image, trajectory: list[float], stop: Stop, notes: tuple[str, ...]) -> Perturbation:
    return Perturbation(
        pixels=pixels, updates=len(trajectory) - 1, stop=stop, trajectory=np.array(trajectory), notes=notes
    )
