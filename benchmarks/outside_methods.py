"""Methods that are not facepriv's own, as perturbation methods, so that the same judge measures them.

`Transcription` is the paper's pseudo-code as it reads (tests/perturb/transcription.py). `SimBA` (Guo et al. 2019) and
`Square` (Andriushchenko et al. 2020) are those of the Adversarial Robustness Toolbox. What they attack is the square
of the *image* around the pixels that feed the guide's crop: the toolbox is given that square, 0..1, and every square it
asks about is put into the image and cropped as the guide does it. It sees a two-class network whose "probability" is
the logistic function of a tenth of the log-odds past a margin: the toolbox keeps scores as float32, in which the plain
probability of a confident face is 1 whatever is done to it. An image that has just been scored is not charged again.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from facepriv.imaging.acquire import find_again
from facepriv.imaging.crop import apply_operator, crop_operator, take_crop
from facepriv.perturb.base import Context, Parameters, Perturbation, Perturber, score_face, side_of
from facepriv.perturb.gallery import CandidateGender, choose_candidate
from facepriv.types import AttributeClassifier, CropFunction, Face, Image, Stop

REPOSITORY = Path(__file__).resolve().parents[1]
SOFTNESS = 10.0
"""Nats of log-odds in one unit of the logistic function."""


def toolbox() -> bool:
    """Say whether the Adversarial Robustness Toolbox is installed."""
    return importlib.util.find_spec("art") is not None


def _transcription() -> Any:
    path = REPOSITORY / "tests" / "perturb" / "transcription.py"
    spec = importlib.util.spec_from_file_location("transcription", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["transcription"] = module
    spec.loader.exec_module(module)
    return module


class TranscriptionParameters(Parameters):
    """The paper's."""

    eps: float = Field(default=0.05, description="Share blended in one update")
    margin: float = Field(default=0.1, description="Stop once the score is so far past zero, nats")
    sweeps: int = Field(default=40, description="Most passes over all triangles")
    candidates: CandidateGender = Field(default="any", description="Gender label of the candidate")


class Transcription(Perturber):
    """Algorithm 1 line for line: whole images copied and cropped anew at every step."""

    name = "transcription"
    title = "Algorithm 1, straight transcription"
    kind = "unnoticeable"
    Parameters: ClassVar[type[Parameters]] = TranscriptionParameters
    parameters: TranscriptionParameters

    def run(self, face: Face, classifiers: Sequence[AttributeClassifier], context: Context) -> Perturbation:
        """Perturb one face; that it stopped in time is all the transcript says of why it ended."""
        options, guide, gallery = self.parameters, classifiers[0], context.gallery
        candidate = choose_candidate(face, gallery, options.candidates)
        side = side_of(face, score_face(guide, face))
        done = _transcription().algorithm1(
            face,
            gallery.read(candidate),
            gallery.face_landmarks(candidate),
            guide,
            side,
            eps=options.eps,
            margin=options.margin,
            sweeps=options.sweeps,
        )
        trajectory = np.array(done.trajectory)
        return Perturbation(
            pixels=done.pixels,
            candidate_id=candidate,
            updates=len(done.decisions),
            stop="flipped" if trajectory[-1] * side < -options.margin else "sweeps",
            trajectory=trajectory,
            anchors=tuple(done.anchors),
        )


class ToolboxParameters(Parameters):
    """What both attacks share; the defaults are those the comparison was first made with."""

    margin: float = Field(default=0.1, description="How far past zero the toolbox counts a score as the other class")
    looks: int = Field(default=1, description="Attacks at most: after each the face is found anew in the stored image")
    most: int = Field(default=3000, description="Most iterations of one attack")


class _Toolbox(Perturber):
    """An attack of the toolbox on the square of the image that feeds the guide's crop."""

    kind: ClassVar[Literal["unnoticeable", "visible"]] = "unnoticeable"
    Parameters: ClassVar[type[Parameters]] = ToolboxParameters
    parameters: ToolboxParameters

    def attack(self, estimator: Any) -> Any:
        """Make the attack."""
        raise NotImplementedError

    def run(self, face: Face, classifiers: Sequence[AttributeClassifier], context: Context) -> Perturbation:
        """Attack, look at the stored image, and attack it again if it has not flipped and looks are left."""
        from art.estimators.classification.blackbox import BlackBoxClassifierNeuralNetwork

        guide, margin = classifiers[0], self.parameters.margin
        score = score_face(guide, face)
        side = side_of(face, score)
        trajectory, anchor, stop = [score], face, "rounds"
        # The toolbox draws from numpy's global state.
        np.random.seed(int(context.rng.integers(2**32)))  # noqa: NPY002
        for _ in range(self.parameters.looks):
            square = AttackedSquare(guide, anchor, side, margin)
            start = square.of(anchor.pixels)
            estimator = BlackBoxClassifierNeuralNetwork(
                square.probabilities, input_shape=start.shape, nb_classes=2, channels_first=False, clip_values=(0, 1)
            )
            found_square = self.attack(estimator).generate(start[None], y=np.array([[1.0, 0.0]]))[0]
            stored = square.into(anchor.pixels, found_square)
            found = find_again(face, stored)
            if found is None:
                return _done(stored, trajectory, "face-lost")
            trajectory.append(score_face(guide, found))
            anchor = found
            if trajectory[-1] * side < -margin:
                stop = "flipped"
                break
        return _done(anchor.pixels, trajectory, stop)


def _done(pixels: Image, trajectory: list[float], stop: Any) -> Perturbation:
    ended: Stop = stop
    return Perturbation(pixels, len(trajectory) - 1, ended, np.array(trajectory), tuple(range(1, len(trajectory))))


class AttackedSquare:
    """The square of an image that feeds a guide's crop, and what the guide says of an image with another square."""

    def __init__(self, guide: AttributeClassifier, face: Face, side: int, margin: float) -> None:
        self._guide, self._face, self._side, self._stopping_margin = guide, face, side, margin
        height, width = face.pixels.shape[:2]
        self._spec = guide.crop(face)
        if isinstance(self._spec, CropFunction):
            box = self._spec.box
        else:
            self._operator = crop_operator(self._spec, height, width)
            feeding = np.unique(self._operator.indices)
            ys, xs = feeding // width, feeding % width
            box = (int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1)
        self.left, self.top, self.side = square_around(box, height, width)
        self._known: dict[bytes, float] = {}

    def of(self, pixels: Image) -> NDArray[np.float32]:
        """Cut the square out, ``(side, side, 3)`` 0..1."""
        cut = pixels[self.top : self.top + self.side, self.left : self.left + self.side]
        return cut.astype(np.float32) / 255

    def into(self, pixels: Image, square: NDArray[np.float32]) -> Image:
        """Put a square back, rounded."""
        whole = pixels.copy()
        rows, columns = slice(self.top, self.top + self.side), slice(self.left, self.left + self.side)
        whole[rows, columns] = np.rint(np.clip(square, 0, 1) * 255).astype(np.uint8)
        return whole

    def probabilities(self, squares: NDArray[np.float32]) -> NDArray[np.float64]:
        """Give ``(n, 2)``: how far each is from the goal, and 1 less that."""
        margins = np.array([self._margin(square) for square in squares])
        held = 1 / (1 + np.exp(-(margins + self._stopping_margin) / SOFTNESS))
        return np.column_stack([held, 1 - held])

    def _margin(self, square: NDArray[np.float32]) -> float:
        key = square.tobytes()
        if key not in self._known:
            if len(self._known) > 2:
                del self._known[next(iter(self._known))]
            whole = self._face.pixels.astype(np.float32)
            whole[self.top : self.top + self.side, self.left : self.left + self.side] = square * 255
            if isinstance(self._spec, CropFunction):
                crop = take_crop(self._spec, whole)
            else:
                crop = apply_operator(self._operator, whole).reshape(self._spec.height, self._spec.width, 3)
            self._known[key] = float(self._guide.score(crop[None])[0]) * self._side
        return self._known[key]


def square_around(box: tuple[int, int, int, int], height: int, width: int) -> tuple[int, int, int]:
    """Give left, top and side of the smallest square around a box that fits into the image, or the largest there is."""
    left, top, right, bottom = box
    side = min(max(right - left, bottom - top), height, width)
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    return (
        int(np.clip(round(middle_x - side / 2), 0, width - side)),
        int(np.clip(round(middle_y - side / 2), 0, height - side)),
        side,
    )


class SimBAParameters(ToolboxParameters):
    """SimBA in the discrete cosine basis; the defaults are its 40 frequencies and step of 1 for 400 pixels."""

    frequencies: float = Field(default=0.1, description="Lowest frequencies tried first, along an axis, a pixel")
    size: float = Field(default=0.64, description="Root mean square of a step along one basis image, of 255")


class SimBA(_Toolbox):
    """Simple black-box attack: cosine by cosine, keep what helps."""

    name = "simba"
    title = "SimBA-DCT (Adversarial Robustness Toolbox)"
    Parameters: ClassVar[type[Parameters]] = SimBAParameters
    parameters: SimBAParameters

    def attack(self, estimator: Any) -> Any:
        """Make the attack."""
        from art.attacks.evasion import SimBA as Attack

        side = estimator.input_shape[0]
        return Attack(
            estimator,
            attack="dct",
            max_iter=self.parameters.most,
            # A basis image of one channel has length 1 over side x side pixels.
            epsilon=self.parameters.size / 255 * side,
            freq_dim=max(1, min(round(self.parameters.frequencies * side), side)),
            stride=1,
            verbose=False,
        )


class SquareParameters(ToolboxParameters):
    """Square Attack in the maximum norm."""

    bound: float = Field(default=8.0, description="Largest change of a value, of 255")


class Square(_Toolbox):
    """Square Attack: random squares at the bound, keep what helps."""

    name = "square"
    title = "Square Attack (Adversarial Robustness Toolbox)"
    Parameters: ClassVar[type[Parameters]] = SquareParameters
    parameters: SquareParameters

    def attack(self, estimator: Any) -> Any:
        """Make the attack."""
        from art.attacks.evasion import SquareAttack

        return SquareAttack(
            estimator,
            norm=np.inf,
            eps=self.parameters.bound / 255,
            max_iter=self.parameters.most,
            batch_size=1,
            verbose=False,
        )


OUTSIDE: dict[str, Callable[..., Perturber]] = {"transcription": Transcription, "simba": SimBA, "square": Square}
