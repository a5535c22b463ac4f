"""All coefficients of the blend moved together, by a few gradients and line searches instead of thousands of steps.

The images searched are those of Algorithm 1, ``X0 + c (W - X0)`` inside the face with ``W`` the warped candidate, but
the field ``c`` is given by one coefficient a landmark (or a triangle), and all of them move at once:

1. One batch of one-sided differences gives every guide's slope by every coefficient.
2. The *least change of the image* that takes all guides over, if their scores were linear, is a small least-distance
   problem; with one guide and one coefficient a triangle it is the step ``-g_T / ||W_T - X_T||^2``.
3. One batch along that direction tells how far to go, since the scores are not linear: extrapolation, bounded.
4. The way is gone in stages. After each the image is rounded, the face found anew in it, the crop re-anchored there,
   and a new gradient taken, so that the last one describes the place where the flip happens.
5. The flip counts only on the stored file (and on versions of it that are asked for), with the face found anew. What
   is not needed for it is undone: coefficients that do little for their share of the change, then a part of all.

With guarding matchers, an image that has become too unlike the original is searched again with the matchers' term in
the measure of the change (the paper's section 5 names this as future work).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from facepriv.imaging.triangulation import triangulate, warp_onto
from facepriv.perturb.base import Context, Parameters, Perturbation, Perturber
from facepriv.perturb.common.guides import Guides
from facepriv.perturb.common.parameters import (
    Candidates,
    Margin,
    Rounds,
    SurviveGrey,
    SurviveJpeg,
    SurviveResize,
    versions_to_survive,
)
from facepriv.perturb.descent.floors import QualityFloor, SimilarityFloor
from facepriv.perturb.descent.mesh_field import MeshField, Seams
from facepriv.perturb.descent.search import BlendSearch
from facepriv.perturb.gallery import choose_candidates
from facepriv.types import AttributeClassifier, Face


class DescentParameters(Parameters):
    """What may be chosen; the defaults are the gentlest for a few evaluations, on the demo set (docs/methods.md)."""

    candidates: Candidates = "opposite"
    candidate_count: int = Field(
        default=1, ge=1, le=20, description="Candidates compared by the change they promise; a gradient each"
    )
    seams: Seams = Field(
        default="smooth",
        description="smooth: no edge shows; fine: smooth with more coefficients, gentler for twice the evaluations; "
        "sharp: one coefficient a triangle, as in Algorithm 1",
    )
    stages: int = Field(default=2, ge=1, le=6, description="Gradients on the way: more are gentler and cost more")
    rounds: Rounds = 10
    reach: float = Field(
        default=2.0, gt=0, le=3, description="Largest share of the candidate blended in or out anywhere"
    )
    slope_step: float = Field(default=0.3, ge=0.01, le=1, description="Share blended in to measure a slope")
    margin: Margin = 0.1
    survive_jpeg: SurviveJpeg
    survive_resize: SurviveResize
    survive_grey: SurviveGrey
    psnr: float = Field(default=0.0, ge=0, le=80, description="Least PSNR of the face box, dB; 0 for none")
    ssim: float = Field(default=0.0, ge=0, lt=1, description="Least SSIM of the face box; 0 for none")
    similarity: float = Field(
        default=0.9, ge=0, lt=1, description="Least similarity to the original under every matcher that guards"
    )
    shrinks: int = Field(default=3, ge=0, le=10, description="Halvings of the last shrink; 0 for none")

    @property
    def versions(self) -> tuple[str, ...]:
        """Names of the versions that the flip must survive."""
        return versions_to_survive(self)


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

        Raises
        ------
        BadInputError
            With code ``no-candidate``, ``degenerate-landmarks``, ``outside-image``, ``landmarks-outside``,
            ``candidate-equal``, ``floor-unmeasurable``, or ``guide-constant`` if a guide that is to be turned gives
            everything one score.
        """
        options, gallery = self.parameters, context.gallery
        guides = Guides(classifiers, face, -options.margin)
        mesh = triangulate(face.points, *face.pixels.shape[:2])
        searches: dict[str, BlendSearch] = {}
        for candidate_id in choose_candidates(
            guides.labelled(face), gallery, options.candidates, options.candidate_count
        ):
            warped = warp_onto(mesh, gallery.read(candidate_id), gallery.face_points(candidate_id))
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
