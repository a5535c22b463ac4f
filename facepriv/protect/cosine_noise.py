"""Cosine-sensitive noise (Terhörst et al., 2019): each template is turned by a fixed angle in a random direction."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from facepriv.protect import base
from facepriv.protect.base import Arrays, Lesson, Protection, ProtectionCard, Requirement
from facepriv.protect.draws import Draws
from facepriv.types import Floats64


class Parameters(base.Parameters):
    """Parameters of cosine-sensitive noise."""

    cosine: float = Field(0.8, gt=0, le=1, description="Cosine of the angle by which a template is turned.")


class CosineNoise(Protection):
    """Turns a template by a fixed angle; in which direction, the key draws, one a person."""

    Parameters = Parameters
    card = ProtectionCard(
        name="cosine-noise",
        title="Cosine-sensitive noise",
        needs="nothing",
        label_at_enrolment="none",
        keyed=True,
        undone_by="whoever holds the key, nearly: the direction is known, and the angle is",
        broken_by="attackers who retrain on protected templates: the noise lies in all directions, gender in few",
        source="Terhörst et al., Unsupervised privacy-enhancement of face representations using similarity-sensitive "
        "noise transformations, 2019",
        irreversible=Requirement(
            "no",
            "Nothing is lost: with the key, each template is turned back. Without it, the protected template is still "
            "close to the original one, and a face may be reconstructed from it.",
        ),
        unlinkable=Requirement(
            "partly",
            "Each key turns a template in another direction, but both results stay close to the original one.",
        ),
        renewable=Requirement(
            "partly",
            "A new key draws a new direction, but a stolen template still matches as closely as before.",
        ),
    )

    def learn(self, lesson: Lesson) -> Arrays:
        """Learn nothing but how many numbers a template has."""
        return {"width": np.asarray(lesson.rows.shape[1])}

    def draw(self, arrays: Arrays, draws: Draws) -> Floats64:
        """Draw normal numbers ``(n, d)``, whose direction is as likely as any other."""
        return draws.normal(int(arrays["width"]))

    def map_rows(self, arrays: Arrays, rows: Floats64, drawn: Floats64, men: Floats64) -> Floats64:
        """Turn the templates; where the metric is Euclidean their lengths stay."""
        cosine = self.parameters.cosine
        lengths = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
        units = rows / lengths
        across = drawn - (drawn * units).sum(axis=1, keepdims=True) * units
        noise = across / np.sqrt((across * across).sum(axis=1, keepdims=True))
        result: Floats64 = lengths * (cosine * units + float(np.sqrt(1 - cosine**2)) * noise)
        return result
