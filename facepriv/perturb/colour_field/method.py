"""Flip the guides by a smooth, mirror-symmetric colour field: far less change than triangles, and no candidate face.

The field is a sum of masked cosine patterns in the face's own coordinates (`cosine_field`). `search` finds its
coefficients and decides when to stop, `landing` where a score was drawn; this module also learns from other people.
The paper has no such method.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from facepriv.errors import BadInputError
from facepriv.perturb.base import (
    Arrays,
    Context,
    Parameters,
    Perturbation,
    Perturber,
    Progress,
    find_side,
)
from facepriv.perturb.colour_field.cosine_field import Pattern, patterns
from facepriv.perturb.colour_field.landing import FieldLanding
from facepriv.perturb.colour_field.search import FieldSearch, Plan
from facepriv.perturb.common.parameters import (
    MATCHED,
    Margin,
    Rounds,
    Spread,
    Stopping,
    SurviveGrey,
    SurviveJpeg,
    SurviveMirror,
    SurviveResize,
    Tolerance,
    versions_to_survive,
)
from facepriv.perturb.common.stopping import draw_targets, untouched_scores
from facepriv.perturb.gallery import Gallery
from facepriv.types import GENDER_NAMES, AttributeClassifier, Face, Image

Basis = Literal["colour", "brightness", "mixed"]

CORE: dict[Basis, list[Pattern]] = {
    "colour": patterns(("red-blue", "green-magenta"), 5, 13),
    "brightness": patterns(("brightness",), 5, 14),
    "mixed": patterns(("red-blue", "green-magenta", "brightness"), 5, 13),
}
"""Patterns that are tried on every face."""
MORE: dict[Basis, list[Pattern]] = {
    "colour": patterns(("brightness",), 5, 14),
    "brightness": [],
    "mixed": [],
}
"""Patterns added on a face that the first ones would change too much."""
BRIGHTNESS_WEIGHT = 3.0
"""What a squared grey level of brightness counts for beside one of colour: matchers forgive colour more, and people see
it less."""
NOTICED = 30.0
"""Square grey levels that the mean sensitivity of matchers adds to the metric, in all, at ``template_weight`` = 1."""
MOST_TINT = 2
"""Grey levels between the channels of an image without colour."""
GREY_NOTE = "The photo has no colour, so its brightness was changed instead."
LEARN_FROM = 20
"""Images of either side that a direction is learnt from."""
LEARN_LEAST = 3
"""The same, at least."""
DIRECTIONS = 4
"""Learnt directions of either side, at most: the mean, and the principal ones around it."""
LEAST_LENGTH = 1e-6
"""Principal directions along which unit fields differ by less than this, root mean square, are none."""


class ColourFieldParameters(Parameters):
    """Parameters of the colour field; scores are in nats."""

    basis: Literal["auto", "colour", "brightness", "mixed"] = Field(
        default="auto",
        description="What is changed: colour, brightness or both; auto takes colour, "
        "both if greyscale counts, and brightness on a photo without colour",
    )
    # Far enough past zero that the crops of other users, and files compressed or shrunk, are flipped too (ADR 32).
    margin: Margin = 3.0
    survive_jpeg90: SurviveJpeg
    survive_resize75: SurviveResize
    survive_mirror: SurviveMirror
    survive_grey: SurviveGrey
    psnr: float = Field(
        default=38.0, ge=0, le=80, description="PSNR of the face box, dB, below which more patterns are tried"
    )
    template_weight: float = Field(
        default=1.0,
        ge=0,
        le=100,
        description="How much a change that face recognition notices counts beside one of the pixels; 0 is the highest "
        "PSNR",
    )
    rounds: Rounds = 6
    learned: bool = Field(
        default=False,
        description="Learn the usual directions from other people first (about 10,000 evaluations, once); a face then "
        "takes some 20 evaluations instead of 225",
    )
    stopping: Stopping
    spread: Spread
    tolerance: Tolerance


class ColourField(Perturber):
    """A smooth colour field, found with few evaluations and judged on the stored file and its versions."""

    name = "colour-field"
    title = "Smooth colour field"
    kind = "unnoticeable"
    keeps_attributes = True
    Parameters: ClassVar[type[Parameters]] = ColourFieldParameters
    parameters: ColourFieldParameters

    @property
    def learns(self) -> bool:
        """Return whether directions, or scores to draw from, must be learnt first."""
        return self.parameters.learned or self.parameters.stopping == MATCHED

    def run(self, face: Face, classifiers: Sequence[AttributeClassifier], context: Context) -> Perturbation:
        """Perturb one face so that all guides flip, or come near the scores drawn for it. No candidate is needed.

        Nothing is random but the scores drawn and how they are landed at. The weight of kept classifiers is explained
        in `facepriv.perturb.colour_field.kept_score_slopes`. Raises BadInputError with code ``no-hull`` or
        ``degenerate-landmarks`` for a face without a place in the image, ``guide-constant`` or ``crop-not-linear`` for
        a guide or kept classifier that cannot be used, ``nothing-learnt`` or ``learnt-with-others`` if what was learnt
        is of another basis or of other guides.
        """
        options, rng, kept = self.parameters, context.rng, context.kept
        targets = draw_targets(options, face, classifiers, context.learnt_arrays, rng)

        def search(plan: Plan) -> Perturbation:
            if targets is None:
                return FieldSearch(face, classifiers, plan, kept).result()
            return FieldLanding(face, classifiers, plan, targets, rng, kept).result()

        if options.basis == "auto" and is_grey(face.pixels):
            perturbation = search(self._plan(None, usual="brightness"))
            return replace(perturbation, notes=(*perturbation.notes, GREY_NOTE))
        directions = None
        if options.learned:
            directions = context.learnt_arrays[GENDER_NAMES[find_side(face, classifiers[0])]].astype(np.float64)
        plan = self._plan(directions)
        if directions is not None and directions.shape[1] != len(plan.core):
            raise BadInputError(
                f"Directions of {len(plan.core)} patterns were expected for this basis, but those learnt have "
                f"{directions.shape[1]}; learn again with the parameters that are to be used.",
                code="learnt-with-others",
            )
        return search(plan)

    def learn_in(self, context: Context, classifiers: Sequence[AttributeClassifier], on_progress: Progress) -> Arrays:
        """Search the fields of some other people and keep what they have in common, score all of them, or both.

        Raises BadInputError with code ``too-few-to-learn-from`` if fewer than `LEARN_LEAST` images of a side could be
        turned, ``no-opposite-label`` if there is no image of one label to draw scores from.

        With ``learned``, arrays ``male`` and ``female``, ``(d, patterns)`` each, at most `DIRECTIONS` rows: what turns
        a face of that side. With matched stopping, those of `untouched_scores`.
        """
        options, gallery = self.parameters, context.gallery
        chosen = _spread(gallery) if options.learned else []
        scored = len(gallery.image_ids) if options.stopping == MATCHED else 0
        arrays: dict[str, NDArray[np.generic]] = {}

        def report(done: int) -> None:
            on_progress(done, scored + len(chosen))

        if scored:
            arrays.update(untouched_scores(gallery, classifiers, lambda done, _: report(done)))
        if chosen:
            arrays.update(self._learn_directions(gallery, chosen, classifiers, lambda done: report(scored + done)))
        return arrays

    def _learn_directions(
        self,
        gallery: Gallery,
        chosen: Sequence[str],
        guides: Sequence[AttributeClassifier],
        report: Callable[[int], None],
    ) -> dict[str, NDArray[np.float32]]:
        fields: dict[int, list[NDArray[np.float64]]] = {1: [], -1: []}
        plan = self._plan(None)
        for done, image_id in enumerate(chosen):
            try:
                search = FieldSearch(gallery.face(image_id), guides, plan)
                if search.result().stop == "flipped":
                    fields[search.sides[0]].append(search.coefficients)
            except BadInputError as error:
                # A face without a place in its image teaches nothing; a guide that cannot guide ends it.
                if error.code not in ("no-hull", "degenerate-landmarks"):
                    raise
            report(done + 1)
        fewest = min(len(of_side) for of_side in fields.values())
        if fewest < LEARN_LEAST:
            raise BadInputError(
                f"At least {LEARN_LEAST} images of either gender that can be turned were expected to learn from, but "
                f"of one there are {fewest}; learn from a larger data set, or switch learning off.",
                code="too-few-to-learn-from",
            )
        return {GENDER_NAMES[side]: _directions(np.array(of_side)) for side, of_side in fields.items()}

    def _plan(self, directions: NDArray[np.float64] | None, usual: Basis | None = None) -> Plan:
        options = self.parameters
        automatic: Basis = usual or ("mixed" if options.survive_grey else "colour")
        basis = automatic if options.basis == "auto" else options.basis
        return Plan(
            core=CORE[basis],
            more=MORE[basis],
            weights={"brightness": BRIGHTNESS_WEIGHT} if MORE[basis] else {},
            versions=versions_to_survive(options),
            margin=options.margin,
            psnr=options.psnr,
            noticed=NOTICED * options.template_weight,
            rounds=options.rounds,
            directions=directions,
        )


def is_grey(pixels: Image) -> bool:
    """Return whether an image ``(h, w, 3)`` has no colour at all, but for rounding."""
    return bool(np.ptp(pixels, axis=2).max() <= MOST_TINT)


def _spread(gallery: Gallery) -> list[str]:
    """Choose images of many subjects, as many of either label."""
    seen: dict[str, int] = {}
    rank = []
    for row, subject in enumerate(gallery.subjects):
        # First one image of every subject, then the second of each.
        rank.append((seen.setdefault(subject, 0), row))
        seen[subject] += 1
    by_label: dict[int | None, list[str]] = {}
    for _, row in sorted(rank):
        by_label.setdefault(gallery.labels[row], []).append(gallery.image_ids[row])
    share = 2 * LEARN_FROM // max(1, len(by_label))
    return [image_id for _, ids in sorted(by_label.items(), key=lambda item: str(item[0])) for image_id in ids[:share]]


def _directions(fields: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the mean direction of fields ``(m, n)`` and principal ones around it: `DIRECTIONS` unit rows at most."""
    unit = fields / np.linalg.norm(fields, axis=1, keepdims=True)
    mean = unit.mean(axis=0)
    mean /= np.linalg.norm(mean)
    rest = unit - np.outer(unit @ mean, mean)
    _, lengths, principal = np.linalg.svd(rest, full_matrices=False)
    # Of m fields m - 1 directions around the mean are left; any further one would be noise of the last digits.
    principal = principal[lengths > LEAST_LENGTH * np.sqrt(len(fields))]
    # The sign of a principal direction is arbitrary; fixed here, so that the same images always give the same bytes.
    signs = np.where(principal[np.arange(len(principal)), np.abs(principal).argmax(axis=1)] < 0, -1.0, 1.0)
    return np.vstack([mean, (principal * signs[:, None])[: DIRECTIONS - 1]]).astype(np.float32)
