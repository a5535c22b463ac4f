"""Algorithm 1 of Mirjalili and Ross (IJCB 2017, section 2), with the file's own score as the test of success.

The steps and their order are the paper's: candidate (section 2.2), triangles and warp (equation 3), then the loop
(equation 5) in `loop`, which decides. Two things are added to its stopping rule, because whoever attacks the stored
file finds the face again: when the score under the fixed crop has passed ``-margin``, the rounded image is searched for
its face again and scored there, and if that has not passed, the crop is re-anchored on the landmarks just found and the
loop goes on.

With a score drawn for the image (`stopping`) the loop goes towards it from whichever side the image's own score lies
on. Where an update leads past it, and so does the file, the loop turns back, until the file is near.

Where other classifiers' scores are to be kept (the paper's future work), the cost that decides between the two
directions has a second term, ``J(X) = f(X) g + w sum |k(X) - k(X0)|`` over the kept ``k``. Both are in nats, so with
``w`` = 1 an update that changes a kept score by a nat must gain as much of the guide. The guide alone decides when to
stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from facepriv.imaging.triangulation import triangulate, warp_onto
from facepriv.perturb.algorithm1.loop import TriangleLoop
from facepriv.perturb.algorithm1.parameters import Algorithm1Parameters
from facepriv.perturb.algorithm1.triangle_image import TriangleImage
from facepriv.perturb.base import Arrays, Context, Parameters, Perturbation, Perturber, Progress
from facepriv.perturb.common.parameters import MATCHED
from facepriv.perturb.common.stopping import draw_targets, untouched_scores
from facepriv.perturb.gallery import choose_candidate
from facepriv.types import AttributeClassifier, Face


class Algorithm1(Perturber):
    """Triangle-wise blending towards or away from a candidate until the guide flips."""

    name = "algorithm1"
    title = "Algorithm 1 (Mirjalili and Ross 2017)"
    kind = "unnoticeable"
    keeps_attributes = True
    landmarkers = None
    Parameters: ClassVar[type[Parameters]] = Algorithm1Parameters
    parameters: Algorithm1Parameters

    @property
    def learns(self) -> bool:
        """Return whether scores to draw from must be learnt first."""
        return self.parameters.stopping == MATCHED

    def learn_in(self, context: Context, classifiers: Sequence[AttributeClassifier], on_progress: Progress) -> Arrays:
        """Score a gallery of untouched images, to draw matched scores from; raises as `untouched_scores`."""
        return untouched_scores(context.gallery, classifiers, on_progress)

    def run(self, face: Face, classifiers: Sequence[AttributeClassifier], context: Context) -> Perturbation:
        """Perturb one face, guided by the first classifier. Nothing but ``jitter`` and a score drawn is random.

        With a weight of 1, kept classifiers count a nat a nat. Raises BadInputError with code ``no-candidate``,
        ``degenerate-landmarks``, ``outside-image`` or ``guide-constant``; ``nothing-learnt`` or ``learnt-with-others``
        if there are no scores of these guides to draw from.
        """
        options, gallery, rng = self.parameters, context.gallery, context.rng
        targets = draw_targets(options, face, classifiers, context.learnt_arrays, rng)
        candidate_id = choose_candidate(face, gallery, options.candidates)
        mesh = triangulate(face.points, *face.pixels.shape[:2])
        candidate = gallery.face(candidate_id)
        warped = warp_onto(mesh, candidate.pixels, candidate.points)
        image = TriangleImage(face.pixels, mesh, warped)
        loop = TriangleLoop(face, classifiers[0], image, options, targets, context.kept, rng)
        return Perturbation(
            stop=loop.run(),
            pixels=image.stored(),
            candidate_id=candidate_id,
            updates=loop.updates,
            trajectory=np.array(loop.trajectory),
            anchors=tuple(loop.anchors),
            notes=loop.notes,
            targets=targets,
        )
