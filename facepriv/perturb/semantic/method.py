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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.optimize import minimize

from facepriv.errors import BadInputError, FaceprivError
from facepriv.perturb.base import (
    Context,
    Learned,
    Parameters,
    Perturbation,
    Perturber,
    find_again,
    score_face,
    side_of,
)
from facepriv.perturb.common.mean_faces import (
    REGIONS,
    CanonicalFrame,
    face_width,
    mean_faces,
    mean_landmarks,
    mean_shape,
    to_canonical,
)
from facepriv.perturb.gallery import Gallery
from facepriv.perturb.semantic.overlay import PARTS, Difference, Overlay
from facepriv.perturb.semantic.panel import Panel, Reading
from facepriv.perturb.semantic.probes import Probe, train_probe
from facepriv.types import FEMALE, MALE, AttributeClassifier, Face, FaceMatcher, Stop
from facepriv.wording import count

Strengths = NDArray[np.float64]

FEWEST_SUBJECTS = 4
"""Of either gender, to learn from."""
WORKING_WIDTH = 240.0
"""Width of the face, in pixels, to which larger images are shrunk while strengths are looked for."""
START, STEP = 0.6, 0.6
"""Strength of all parts at which their effects are measured, and by how much each is raised to do so."""
STEEPEST = 4.0
"""By how much one trial may be stronger than the one before."""
CHECKS = 4
"""Most looks at the file."""
ENOUGH = 0.5
"""Mean margin past zero at which an original is left alone, however much further the target lies."""
SHRINK = 0.92
"""What strengths are multiplied by when the file shows that they are too great."""


class SemanticParameters(Parameters):
    """How far the change may go, and what must hold."""

    light: float = Field(default=2.0, ge=0, le=4, description="Greatest strength of light and shade, 1 = the means'")
    colour: float = Field(default=1.6, ge=0, le=4, description="Greatest strength of colour, 1 = the means'")
    shape: float = Field(default=2.5, ge=0, le=4, description="Greatest strength of shape, 1 = the means'")
    coarse: float = Field(
        default=0.15, gt=0, le=1, description="Light coarser than this is left alone, in face widths, as skin tone is"
    )
    similarity: float = Field(
        default=0.8,
        ge=0,
        lt=1,
        description="Least similarity to the original under every guard matcher, as a share of the way from the "
        "similarity of strangers (0) to that of the same image (1)",
    )
    mean_margin: float = Field(
        default=0.9,
        ge=0,
        le=5,
        description="Mean margin of all guides to reach past zero, in spreads of their scores; since what lies past "
        "zero counts as 1 at most, a target near 1 goes as far as floors and limits allow",
    )
    trials: int = Field(default=7, ge=1, le=50, description="Most trials of the fitted change")
    visibility_weight: float = Field(
        default=200.0, ge=0, le=10000, description="How much a visible change weighs in the fit"
    )
    finish: bool = Field(
        default=False,
        description="Let the recommended unnoticeable method finish the first guide where it has not turned",
    )
    images: int = Field(default=60, ge=8, le=10000, description="Most images of either gender to learn from")


@dataclass(frozen=True, eq=False)
class _Trial:
    strengths: Strengths
    reading: Reading


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

    def learn(
        self,
        gallery: Gallery,
        classifiers: Sequence[AttributeClassifier],
        *,
        guards: Sequence[FaceMatcher] = (),
        rng: np.random.Generator,
        on_progress: Callable[[int, int], None] = lambda done, steps: None,
    ) -> Learned:
        """Learn mean faces, spreads of scores and probes; nothing is random.

        Raises
        ------
        BadInputError
            With code ``too-few-to-learn`` if there are fewer than `FEWEST_SUBJECTS` labelled subjects of a gender.
        """
        names = choose_images(gallery, self.parameters.images)
        shapes = [gallery.face_landmarks(name) for name in names]
        points = mean_shape(shapes)
        labels: list[int] = []
        subjects: list[str] = []
        textures = []
        scores: dict[str, list[float]] = {classifier.name: [] for classifier in classifiers}
        templates: dict[str, list[NDArray[np.float32]]] = {guard.name: [] for guard in guards}
        for done, name in enumerate(names):
            small = working_copy(gallery.face(name))
            labels.append(int(small.label or 0))
            subjects.append(small.subject)
            textures.append(to_canonical(small.pixels, small.landmarks, points))
            for classifier in classifiers:
                scores[classifier.name].append(score_face(classifier, small))
            for guard in guards:
                templates[guard.name].append(guard.embed([small])[0])
            on_progress(done + 1, len(names))
        means = mean_faces(textures, labels, subjects)
        mean_shapes = mean_landmarks(shapes, labels, subjects, points)
        arrays: dict[str, NDArray[np.generic]] = {"points": points}
        for label, word in ((FEMALE, "female"), (MALE, "male")):
            arrays[f"mean-{word}"] = means[label]
            arrays[f"shape-{word}"] = mean_shapes[label]
        for name, own in scores.items():
            arrays[f"spread:{name}"] = np.array(_spread(name, own))
        for guard in guards:
            rows = np.stack(templates[guard.name])
            _check_templates(guard.name, rows, labels, subjects)
            probe = train_probe(rows, labels, subjects)
            arrays[f"probe:{guard.name}"] = probe.weights
            arrays[f"spread:{guard.name}"] = np.array(_spread(guard.name, [-probe.spread, probe.spread]))
            arrays[f"strangers:{guard.name}"] = np.array(_strangers(guard, rows, subjects))
        return Learned(
            arrays=arrays,
            evaluations=len(names) * len(classifiers),
            images=len(names),
            subjects=frozenset(subjects),
        )

    def run(self, face: Face, classifiers: Sequence[AttributeClassifier], context: Context) -> Perturbation:
        """Perturb one face; nothing is random."""
        assert context.learned is not None, "the base class sees to it"
        known, guards = context.learned.arrays, context.guards
        spreads, probes, strangers = _panel_of(known, classifiers, guards)
        small = working_copy(face)
        panel = Panel(small, classifiers, spreads, guards, probes)
        before = panel.read(small.pixels)
        side = side_of(face, float(before.margins.mean()))
        notes = self._notes(context.learned, guards)
        floors = strangers + self.parameters.similarity * (before.similarity - strangers)
        if before.mean(side) <= -min(self.parameters.mean_margin, ENOUGH):
            return _result(face, np.array([before.score]), "already-wrong", notes)
        overlay = Overlay(small, self._difference(known, side))
        fit = _Fit(panel, overlay, before, floors, side, self._limits(), self.parameters)
        best, trajectory = fit.search()
        whole = panel if small is face else Panel(face, classifiers, spreads, guards, probes)
        full = overlay if small is face else Overlay(face, self._difference(known, side))
        done = self._settle(face, full, whole, fit, best, trajectory, notes)
        if not self.parameters.finish or done.stop == "face-lost":
            return done
        return self._finish(face, done, side, classifiers[0], whole, fit, context)

    def _settle(
        self,
        face: Face,
        overlay: Overlay,
        panel: Panel,
        fit: _Fit,
        best: _Trial,
        trajectory: list[float],
        notes: tuple[str, ...],
    ) -> Perturbation:
        """Render at full size, look at the file as others will, and give way where a floor does not hold there."""
        strengths = best.strengths
        pixels = face.pixels
        stop: Stop = "face-lost"
        for _ in range(CHECKS):
            pixels = overlay.render(strengths)
            found = find_again(face, pixels)
            if found is not None:
                reading = panel.read_anew(found)
                trajectory.append(reading.score)
                if fit.holds(reading):
                    stop = "flipped" if fit.reached(reading) else "floor" if len(fit.floors) else "rounds"
                    break
                stop = "floor"
            strengths = strengths * SHRINK
        return Perturbation(
            pixels=pixels,
            updates=len(trajectory) - 1,
            stop=stop,
            trajectory=np.array(trajectory),
            notes=notes,
        )

    def _finish(
        self,
        face: Face,
        done: Perturbation,
        side: int,
        guide: AttributeClassifier,
        panel: Panel,
        fit: _Fit,
        context: Context,
    ) -> Perturbation:
        """Turn the first guide on the file with the unnoticeable method, if it has not and no floor falls by it."""
        from facepriv.perturb.registry import perturbers

        found = find_again(face, done.pixels)
        if found is None or side * score_face(guide, found) < 0:
            return done
        finisher = perturbers.create("recommended")
        try:
            more = finisher.run(replace(found, label=side), [guide], Context(context.gallery, context.rng))
        except FaceprivError as error:
            return replace(done, notes=(*done.notes, f"The first guide was not finished: {error}"))
        again = find_again(face, more.pixels)
        if again is None or not fit.holds(panel.read_anew(again)):
            note = f"Finishing the first guide with {finisher.name} would have passed a matcher's floor."
            return replace(done, notes=(*done.notes, note))
        return replace(
            done,
            pixels=more.pixels,
            updates=done.updates + len(more.trajectory) - 1,
            trajectory=np.concatenate([done.trajectory, more.trajectory[1:]]),
            notes=(*done.notes, f"The first guide was finished with {finisher.name}.", *more.notes),
        )

    def _limits(self) -> Strengths:
        options = self.parameters
        return np.repeat([options.light, options.colour, options.shape], len(REGIONS))

    def _difference(self, known: Mapping[str, NDArray[np.generic]], side: int) -> Difference:
        own, other = ("male", "female") if side == MALE else ("female", "male")
        return Difference.between(
            CanonicalFrame(known["points"].astype(np.float64)),
            known[f"mean-{own}"].astype(np.float32),
            known[f"mean-{other}"].astype(np.float32),
            known[f"shape-{own}"].astype(np.float64),
            known[f"shape-{other}"].astype(np.float64),
            self.parameters.coarse,
        )

    def _notes(self, learned: Learned, guards: Sequence[FaceMatcher]) -> tuple[str, ...]:
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


class _Fit:
    """Look for the strengths that move the mean margin most for what they cost."""

    def __init__(
        self,
        panel: Panel,
        overlay: Overlay,
        before: Reading,
        floors: NDArray[np.float64],
        side: int,
        limits: Strengths,
        options: SemanticParameters,
    ) -> None:
        self._panel = panel
        self._overlay = overlay
        self._before = before
        self.floors = floors
        self._side = side
        self._limits = limits
        self._options = options

    def holds(self, reading: Reading) -> bool:
        """Return whether every guard's similarity is at its floor or above."""
        return bool((reading.similarity >= self.floors).all() and np.isfinite(reading.margins).all())

    def reached(self, reading: Reading) -> bool:
        """Return whether the mean margin is at its target or beyond."""
        return reading.mean(self._side) <= -self._options.mean_margin

    def search(self) -> tuple[_Trial, list[float]]:
        """Measure every part's effect, then try solutions of growing strength between too weak and too strong.

        Returns
        -------
        The weakest trial that reached the target with all floors holding, or else the one that came nearest, and the
        first guide's score after every trial that was better than those before it.
        """
        self._measure()
        best = _Trial(np.zeros(len(PARTS)), self._before)
        trajectory = [self._before.score]
        low, high = 0.0, np.inf
        push = self._first_push()
        for _ in range(self._options.trials):
            strengths = self._solve(push)
            reading = self._panel.read(self._overlay.render(strengths))
            trial = _Trial(strengths, reading)
            if self.holds(reading) and (
                self.reached(reading)
                or (not self.reached(best.reading) and reading.mean(self._side) < best.reading.mean(self._side))
            ):
                best = trial
                trajectory.append(reading.score)
            if self.holds(reading) and not self.reached(reading):
                low = push
            else:
                high = push
            if low > 0 and high / low < 1.05:
                break
            push = low * STEEPEST if not np.isfinite(high) else np.sqrt(low * high) if low > 0 else high / STEEPEST
        return best, trajectory

    def _measure(self) -> None:
        """Take the effect of every part on margins and templates, with all parts at a middling strength."""
        self._start = np.minimum(START, self._limits / 2)
        usable = self._limits > 0
        at_start = self._panel.read(self._overlay.render(self._start))
        if not np.isfinite(at_start.margins).all():
            raise BadInputError(
                "A template of the changed face was expected of every matcher to be heeded, but one gave none; leave "
                "the image out, or choose other matchers.",
                code="no-template",
            )
        self._mean = at_start.mean(self._side)
        self._slope = np.zeros(len(PARTS))
        self._moved = [a - b for a, b in zip(at_start.templates, self._before.templates, strict=True)]
        self._effects = [np.zeros((len(PARTS), len(moved))) for moved in self._moved]
        for part in np.flatnonzero(usable):
            step = min(STEP, self._limits[part] / 2)
            raised = self._start.copy()
            raised[part] += step
            reading = self._panel.read(self._overlay.render(raised))
            if not np.isfinite(reading.margins).all():
                continue
            self._slope[part] = (reading.mean(self._side) - self._mean) / step
            for effect, after, at in zip(self._effects, reading.templates, at_start.templates, strict=True):
                effect[part] = (after - at) / step
        # A unit template that moved by d has lost d^2 / 2 of its cosine; what may be lost is the way to the floor.
        allowed = 2 * np.maximum(self._before.similarity - self.floors, 1e-6)
        self._cost = self._options.visibility_weight * self._overlay.visibility()
        self._lean = np.zeros(len(PARTS))
        for moved, effect, most in zip(self._moved, self._effects, allowed, strict=True):
            offset = moved - self._start @ effect
            self._cost += effect @ effect.T / most
            self._lean += effect @ offset / most
        self._cost += 1e-6 * np.eye(len(PARTS))

    def _solve(self, push: float) -> Strengths:
        """Minimise ``push * margin + cost`` of the measured model within the limits."""

        def value(c: Strengths) -> tuple[float, Strengths]:
            gradient = self._cost @ c
            return (
                float(push * self._slope @ c + self._lean @ c + c @ gradient / 2),
                push * self._slope + self._lean + gradient,
            )

        found = minimize(
            value, self._start, jac=True, method="L-BFGS-B", bounds=[(0.0, limit) for limit in self._limits]
        )
        strengths: Strengths = np.asarray(found.x, dtype=np.float64)
        return strengths

    def _first_push(self) -> float:
        """Guess from the model the push at which the first floor or the target is met."""
        allowed = 2 * np.maximum(self._before.similarity - self.floors, 1e-6)
        low, high = 1e-2, 1e3
        for _ in range(20):
            push = float(np.sqrt(low * high))
            strengths = self._solve(push)
            lost = [
                float(np.sum((moved + (strengths - self._start) @ effect) ** 2)) / most
                for moved, effect, most in zip(self._moved, self._effects, allowed, strict=True)
            ]
            margin = self._mean + self._slope @ (strengths - self._start)
            if max(lost, default=0.0) > 1 or margin <= -self._options.mean_margin:
                high = push
            else:
                low = push
        return float(np.sqrt(low * high))


def choose_images(gallery: Gallery, most: int) -> list[str]:
    """Choose up to ``most`` labelled images of either gender, one of every subject before a second of any.

    Raises
    ------
    BadInputError
        With code ``too-few-to-learn`` if there are fewer than `FEWEST_SUBJECTS` subjects of a gender.
    """
    chosen: list[str] = []
    for label, word in ((FEMALE, "female"), (MALE, "male")):
        turns: dict[str, list[str]] = {}
        for image_id, subject, own in zip(gallery.image_ids, gallery.subjects, gallery.labels, strict=True):
            if own == label:
                turns.setdefault(subject, []).append(image_id)
        if len(turns) < FEWEST_SUBJECTS:
            raise BadInputError(
                f"Images of at least {FEWEST_SUBJECTS} subjects of either gender were expected to learn from, but only "
                f"{count(len(turns), 'subject')} labelled {word} came; add labelled images of other people.",
                code="too-few-to-learn",
            )
        ordered = sorted((turn, subject, name) for subject in turns for turn, name in enumerate(turns[subject]))
        chosen += [name for _, _, name in ordered[:most]]
    return chosen


def working_copy(face: Face) -> Face:
    """Shrink an image whose face is wider than `WORKING_WIDTH`; any other is given as it is."""
    scale = WORKING_WIDTH / max(face_width(face.landmarks), 1.0)
    if scale >= 1:
        return face
    height, width = (max(1, round(side * scale)) for side in face.pixels.shape[:2])
    smaller = cv2.resize(np.ascontiguousarray(face.pixels), (width, height), interpolation=cv2.INTER_AREA)
    # A pixel's centre lies half a pixel inside its edge, at either size.
    factor = np.array([width / face.pixels.shape[1], height / face.pixels.shape[0]])
    landmarks = ((face.landmarks + 0.5) * factor - 0.5).astype(np.float32)
    left, top, right, bottom = (round(edge * float(factor[i % 2])) for i, edge in enumerate(face.box))
    return replace(face, pixels=smaller, landmarks=landmarks, box=(left, top, right, bottom))


def _spread(name: str, scores: Sequence[float]) -> float:
    if not np.isfinite(scores).all():
        raise BadInputError(
            f"Finite scores were expected of {name}, but not all of {len(scores)} are; check its weights, or choose "
            "another guide.",
            code="guide-not-finite",
        )
    spread = float(np.std(scores))
    if not spread > 0:
        raise BadInputError(
            f"Scores of {name} that differ between people were expected, but all {len(scores)} are the same; choose "
            "another guide or matcher.",
            code="guide-constant",
        )
    return spread


def _check_templates(name: str, rows: NDArray[np.float32], labels: Sequence[int], subjects: Sequence[str]) -> None:
    usable = [bool(np.isfinite(row).all()) for row in rows]
    for label in (FEMALE, MALE):
        people = {s for s, own, good in zip(subjects, labels, usable, strict=True) if good and own == label}
        if len(people) < FEWEST_SUBJECTS:
            raise BadInputError(
                f"Templates of at least {FEWEST_SUBJECTS} subjects of either gender were expected of the matcher "
                f"{name} to learn from, but only {len(people)} came of one; choose another matcher or other images.",
                code="too-few-to-learn",
            )


def _strangers(guard: FaceMatcher, rows: NDArray[np.float32], subjects: Sequence[str]) -> float:
    """Return the mean similarity of different people."""
    similarity = guard.compare(rows, rows)
    different = [similarity[a, b] for a, b in combinations(range(len(rows)), 2) if subjects[a] != subjects[b]]
    return float(np.nanmean(different))


def _panel_of(
    known: Mapping[str, NDArray[np.generic]], classifiers: Sequence[AttributeClassifier], guards: Sequence[FaceMatcher]
) -> tuple[list[float], dict[str, Probe], NDArray[np.float64]]:
    missing = [c.name for c in classifiers if f"spread:{c.name}" not in known]
    missing += [g.name for g in guards if f"probe:{g.name}" not in known]
    if missing:
        raise BadInputError(
            f"The method semantic must learn with the guides and matchers that it is run with, but it has not met "
            f"{', '.join(missing)}; learn again with them.",
            code="learnt-with-others",
        )
    spreads = [float(known[f"spread:{c.name}"]) for c in classifiers]
    probes = {
        g.name: Probe(known[f"probe:{g.name}"].astype(np.float64), float(known[f"spread:{g.name}"])) for g in guards
    }
    strangers = np.array([float(known[f"strangers:{g.name}"]) for g in guards])
    return spreads, probes, strangers


def _result(face: Face, trajectory: NDArray[np.float64], stop: Stop, notes: tuple[str, ...]) -> Perturbation:
    return Perturbation(
        pixels=face.pixels.copy(),
        updates=len(trajectory) - 1,
        stop=stop,
        trajectory=trajectory,
        notes=notes,
    )
