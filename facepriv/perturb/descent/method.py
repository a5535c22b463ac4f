"""All coefficients of the blend moved together, by a few gradients and line searches instead of thousands of steps.

The images searched are those of Algorithm 1, ``X0 + c (W - X0)`` inside the face with ``W`` the warped candidate, but
the field ``c`` is given by one coefficient a landmark (or a triangle), and all of them move at once:

1. One batch of one-sided differences gives every guide's slope by every coefficient.
2. The *least change of the image* that takes all guides over, if their scores were linear, is a small least-distance
   problem; with one guide and one coefficient a triangle it is the step ``-g_T / ||W_T - X_T||^2``.
3. One batch along that direction tells how far to go, since the scores are not linear: extrapolation, bounded.
4. This is done in stages. After each the image is rounded, the face found again in it, the crop re-anchored there,
   and a new gradient taken, so that the last one describes the place where the flip happens.
5. The flip counts only on the stored file (and on versions of it that are asked for), with the face found again. What
   is not needed for it is undone: coefficients that do little for their share of the change, then a part of all.

`search` decides each step and when to stop, `floors` what must not be passed. The least-distance problem replaces
equation 5 of the paper, whose blend (equation 3) it keeps. With guard matchers, an image that has become too unlike the
original is searched again with the matchers' term in the measure of the change (the paper's section 5 names this as
future work).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from facepriv.imaging.triangulation import triangulate, warp_onto
from facepriv.perturb.base import Context, Parameters, Perturbation, Perturber
from facepriv.perturb.common.guides import Guides
from facepriv.perturb.descent.floors import QualityFloor, SimilarityFloor
from facepriv.perturb.descent.mesh_field import MeshField
from facepriv.perturb.descent.parameters import DescentParameters
from facepriv.perturb.descent.search import BlendSearch
from facepriv.perturb.gallery import choose_candidates
from facepriv.types import AttributeClassifier, Face


class Descent(Perturber):
    """Gradient descent on the blend's coefficients, with line searches and floors."""

    name = "descent"
    title = "Descent on the blend with a candidate"
    kind = "unnoticeable"
    uses_guards = True
    landmarkers = None
    Parameters: ClassVar[type[Parameters]] = DescentParameters
    parameters: DescentParameters

    def run(self, face: Face, classifiers: Sequence[AttributeClassifier], context: Context) -> Perturbation:
        """Perturb one face until all classifiers flip. Nothing is random.

        Raises BadInputError with code ``no-candidate``, ``degenerate-landmarks``, ``outside-image``,
        ``landmarks-outside``, ``candidate-equal``, ``floor-unmeasurable``, or ``guide-constant`` if a guide that is to
        be turned gives everything one score.
        """
        options, gallery = self.parameters, context.gallery
        guides = Guides(classifiers, face, -options.margin)
        mesh = triangulate(face.points, *face.pixels.shape[:2])
        searches: dict[str, BlendSearch] = {}
        for candidate_id in choose_candidates(
            guides.labelled(face), gallery, options.candidates, options.candidate_count
        ):
            candidate = gallery.face(candidate_id)
            warped = warp_onto(mesh, candidate.pixels, candidate.points)
            field = MeshField(mesh, warped, face.pixels, options.seams)
            quality = QualityFloor(face, field, psnr=options.psnr, ssim=options.ssim)
            similarity = SimilarityFloor(face, field, context.guards, options.similarity)
            searches[candidate_id] = BlendSearch(face, guides, field, quality, similarity, options)
        candidate_id = next(iter(searches))
        if len(searches) > 1 and not searches[candidate_id].already_wrong():
            candidate_id = min(searches, key=lambda name: searches[name].predict_size())
        search = searches[candidate_id]
        stop = search.run()
        return Perturbation(
            pixels=search.field.image(search.point),
            candidate_id=candidate_id,
            updates=len(search.trajectory) - 1,
            stop=stop,
            trajectory=np.array(search.trajectory),
            anchors=tuple(search.anchors),
            notes=search.notes(stop),
        )
