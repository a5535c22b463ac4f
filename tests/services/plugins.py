"""A perturbation method that learns, made known to every process as an installed plug-in is: by an entry point."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from facepriv.errors import BadInputError
from facepriv.perturb.base import Arrays, Context, Parameters, Perturbation, Perturber, Progress, score_face
from facepriv.types import AttributeClassifier, Face

NAME = "tint"
ENTRY_POINTS = f"[facepriv.perturbers]\n{NAME} = {__name__}:Tint\n"


def install(folder: Path) -> Path:
    """Write what makes the method known to whoever has the folder on the path."""
    info = folder / "facepriv_test_plugins-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: facepriv-test-plugins\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    return folder


class TintParameters(Parameters):
    """What the method does."""

    learning: bool = Field(default=True, description="Learn the tint instead of taking grey")
    mood: Literal["well", "ill", "broken"] = Field(default="well", description="Whether learning works")
    pause: float = Field(default=0.0, ge=0, description="Seconds that each step of learning takes")
    channels: tuple[Literal["red", "green", "blue"], ...] = Field(default=("red", "blue"), description="What is tinted")
    share: float | None = Field(default=None, description="Share of the tint; none for a quarter")
    deadly: tuple[str, ...] = Field(default=(), description="Ids of images at which the process is killed")
    wait: float = Field(default=0.0, ge=0, description="Seconds that each image takes")
    floor: float = Field(default=0.0, ge=0, description="Least similarity under the matchers heeded")


class Tint(Perturber):
    """Moves a face towards the mean colour of the other gender's faces, as learnt from other people."""

    name = NAME
    title = "Tint of the other gender"
    kind = "visible"
    uses_guards = True
    Parameters: ClassVar[type[Parameters]] = TintParameters
    parameters: TintParameters

    @property
    def learns(self) -> bool:
        return self.parameters.learning

    def learn_in(self, context: Context, classifiers: Sequence[AttributeClassifier], on_progress: Progress) -> Arrays:
        if self.parameters.mood == "ill":
            raise BadInputError("Better people were expected to learn from; choose others.", code="ill")
        if self.parameters.mood == "broken":
            raise ZeroDivisionError
        colours: dict[int | None, list[Any]] = {-1: [], 1: []}
        gallery = context.gallery
        for step, image_id in enumerate(gallery.image_ids):
            face = gallery.face(image_id)
            time.sleep(self.parameters.pause)
            score_face(classifiers[0], face)
            left, top, right, bottom = face.box
            colours[face.label].append(face.pixels[top:bottom, left:right].mean(axis=(0, 1)))
            on_progress(step + 1, len(gallery.image_ids))
        return {
            "women": np.mean(colours[-1], axis=0),
            "men": np.mean(colours[1], axis=0),
            "luck": context.rng.random(),
        }

    def run(self, face: Face, classifiers: Sequence[AttributeClassifier], context: Context) -> Perturbation:
        if face.image_id in self.parameters.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.parameters.wait)
        goal = context.learnt_arrays.get("women" if face.label == 1 else "men", np.full(3, 128.0))
        share = 0.25 if self.parameters.share is None else self.parameters.share
        left, top, right, bottom = face.box
        pixels = face.pixels.copy()
        inside = pixels[top:bottom, left:right].astype(np.float64)
        chosen = [("red", "green", "blue").index(one) for one in self.parameters.channels]
        moved = inside + share * (goal - inside.mean(axis=(0, 1)))
        inside[..., chosen] = moved[..., chosen]
        pixels[top:bottom, left:right] = np.clip(np.rint(inside), 0, 255).astype(np.uint8)
        scores = [score_face(one, replace(face, pixels=p)) for one in classifiers[:1] for p in (face.pixels, pixels)]
        return Perturbation(
            pixels=pixels,
            updates=1,
            stop="rounds",
            trajectory=np.array(scores),
            notes=(f"{len(context.guards)} matchers were heeded.",),
        )
