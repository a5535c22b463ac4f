"""Add, check and remove models that a user brings: nothing is kept that has not been tried on demo faces."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepriv.classify import own as own_classifiers
from facepriv.classify.registry import classifiers
from facepriv.config import make_private_folder, temporary_folder
from facepriv.datasets.demo import read_demo
from facepriv.errors import BadInputError, FaceprivError, ModelUnavailableError
from facepriv.imaging.acquire import CARD as DETECTOR
from facepriv.imaging.acquire import acquire
from facepriv.imaging.crop import take_crop
from facepriv.imaging.decode import decode
from facepriv.match import own as own_matchers
from facepriv.match.registry import matchers
from facepriv.own_models.description import (
    NAME,
    AnyModel,
    CommandClassifier,
    CommandMatcher,
    NetworkClassifier,
    NetworkMatcher,
    ProbeModel,
    read_yaml,
)
from facepriv.own_models.network import MOST_BYTES, open_network
from facepriv.own_models.program import shared_program
from facepriv.own_models.stored import NETWORK, OwnModel, damaged, models_folder, own_names, read, readable, write
from facepriv.perturb.base import score_face
from facepriv.store import Store
from facepriv.types import AttributeClassifier, Face, FaceMatcher
from facepriv.weights.files import require_all
from facepriv.wording import count

TRIAL_SUBJECTS = 2
"""Demo subjects of either label that a model is tried on, two images of each."""
AGAIN = 2
"""Of these faces, how many are shown to it again, alone."""
_SAME = 1e-3


@dataclass(frozen=True)
class Added:
    """A model that is there now, and what its trial told."""

    own: OwnModel
    notes: tuple[str, ...]


def add_model(
    store: Store,
    file: Path,
    *,
    actor: str,
    replace: bool = False,
    commands: bool = True,
    network: Path | None = None,
) -> Added:
    """Add the model that a YAML describes: an ONNX graph beside it, or a command.

    Parameters
    ----------
    replace
        Whether a model of the user's of that name may go.
    commands
        Whether a command may be added: whoever can add one can run any program as this user.
    network
        The graph; by default the file that the YAML names, beside it.

    Raises
    ------
    BadInputError
        If the YAML, the graph or the command is not as it should be, with a sentence for each mistake.
    ModelUnavailableError
        If the model cannot be run.
    """
    if not file.is_file():
        raise BadInputError(f"A YAML file was expected at {file}, but there is none; check the path.")
    description = read_yaml(file.read_bytes())
    if description.form == "command" and not commands:
        raise BadInputError(
            "A network was expected, but this describes a command, which only the command line may add: facepriv model "
            "add FILE.yaml",
            code="command-not-here",
        )
    check_name(description.name, replace=replace, form=description.form)
    outside: tuple[Path, ...] = ()
    with new_folder() as folder:
        if isinstance(description, NetworkClassifier | NetworkMatcher):
            description = _with_network(description, network or file.parent / description.network, folder)
        else:
            assert isinstance(description, CommandClassifier | CommandMatcher)
            description, outside = _with_program(description, file.parent)
        tried = _tried(write(folder, description, outside))
        write(folder, tried, outside)
        own = put_in_place(folder, tried.name)
    store.access.record(actor, "model-added", f"model {own.name}", f"{tried.form}, version {own.card.version}")
    return Added(own, tried.found)


def add_uploaded(store: Store, yaml: bytes, network: bytes, *, actor: str, replace: bool = False) -> Added:
    """Add a network whose YAML and graph were sent; raises as `add_model` does."""
    with temporary_folder("model-") as folder:
        (folder / "model.yaml").write_bytes(yaml)
        # Whatever the YAML calls it, and whether or not a file can be called so: the one that was sent is meant.
        graph = folder / NETWORK
        graph.write_bytes(network)
        return add_model(store, folder / "model.yaml", actor=actor, replace=replace, commands=False, network=graph)


def remove_model(store: Store, name: str, *, actor: str) -> None:
    """Remove a model of the user's with its files; raises UnknownNameError if there is none."""
    if name not in own_names():
        read(name)
    shutil.rmtree(models_folder() / name)
    store.access.record(actor, "model-removed", f"model {name}")


def check_model(name: str) -> tuple[str, ...]:
    """Look whether a model's files are unchanged and try it again; return what that told.

    Raises
    ------
    UnknownNameError, ModelUnavailableError, BadInputError
        As `add_model` does.
    """
    own = read(name)
    require_all(own.card)
    if isinstance(own.description, ProbeModel):
        return _try_classifier(classifiers.create(name))
    return _tried(own).found


def list_own() -> tuple[list[OwnModel], list[str]]:
    """Return the user's models, and the names of those that cannot be read any more."""
    return readable(), damaged()


def check_name(name: str, *, replace: bool, form: str) -> None:
    """Make sure that a name can be taken.

    Raises
    ------
    BadInputError
        With code ``model-name``.
    """
    if not re.fullmatch(NAME.strip("^$"), name):
        raise BadInputError(
            f"A name of 2 to 40 small letters, digits and hyphens was expected, got {name!r}; choose such a one.",
            code="model-name",
        )
    fixed = {DETECTOR.name, *classifiers.fixed_names(), *matchers.fixed_names()}
    if name in fixed | {*classifiers.aliases, *matchers.aliases}:
        raise BadInputError(
            f"A name of its own was expected, but {name} is a model that comes with facepriv or a plug-in; choose "
            "another.",
            code="model-name",
        )
    if name not in own_names():
        return
    if not replace:
        raise BadInputError(
            f"There is a model of your own called {name} already; choose another name, or say --replace.",
            code="model-name",
        )
    if name not in damaged() and read(name).description.form != form:
        raise BadInputError(
            f"The model {name} is a {read(name).description.form} and cannot be replaced by a {form}; remove it first.",
            code="model-name",
        )


@contextmanager
def new_folder() -> Iterator[Path]:
    """Make a folder beside the models; it goes unless `put_in_place` has moved it."""
    parent = models_folder()
    make_private_folder(parent)
    made = Path(tempfile.mkdtemp(dir=parent, prefix=".new-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def put_in_place(folder: Path, name: str) -> OwnModel:
    """Return a finished folder its name, in place of what had it."""
    target = models_folder() / name
    if target.exists():
        shutil.rmtree(target)
    folder.rename(target)
    return read(name)


def _with_network(
    description: NetworkClassifier | NetworkMatcher, source: Path, folder: Path
) -> NetworkClassifier | NetworkMatcher:
    """Copy the graph into the folder, look through it, and open it."""
    try:
        there = source.is_file()
    except OSError:  # such as a name that is longer than any file's
        there = False
    if not there:
        raise BadInputError(
            f"The ONNX file {description.network} was expected beside the YAML, but there is none; put it there.",
            code="model-network",
        )
    if source.stat().st_size > MOST_BYTES:
        raise BadInputError(
            f"An ONNX file of at most {MOST_BYTES:,} bytes was expected, but this has {source.stat().st_size:,}.",
            code="model-network",
        )
    shutil.copyfile(source, folder / NETWORK)
    network = open_network(folder / NETWORK, description)
    if not isinstance(description, NetworkClassifier) or description.output.meaning.startswith("logit"):
        return description
    told = "Its graph gives probabilities only, so scores stay within 15.9 nats of 0 and may tie near the ends."
    if network.before_softmax is not None:
        told += (
            f" The value {network.before_softmax} before its softmax is the logits: name it under output.name with "
            "meaning: logits."
        )
    return description.model_copy(update={"found": (told,)})


def _with_program(
    description: CommandClassifier | CommandMatcher, beside: Path
) -> tuple[CommandClassifier | CommandMatcher, tuple[Path, ...]]:
    """Find the program and the files among its arguments, which must not change from now on."""
    program, *arguments = description.command
    near = (beside / program).absolute()
    found = near if near.is_file() else shutil.which(program)
    if found is None:
        raise BadInputError(
            f"The program {program!r} was expected beside the YAML or on the path, but is in neither; write its full "
            "path.",
            code="model-command",
        )
    command = [str(Path(found).absolute())]
    files = [Path(found).absolute()]
    for argument in arguments:
        path = (beside / argument).absolute()
        command.append(str(path) if path.is_file() else argument)
        files += [path] if path.is_file() else []
    return description.model_copy(update={"command": tuple(command)}), tuple(dict.fromkeys(files))


def _tried(own: OwnModel) -> AnyModel:
    """Try a model on demo faces; return its description with what was found out."""
    try:
        return _described_anew(own)
    finally:
        if isinstance(own.description, CommandClassifier | CommandMatcher):
            with shared_program(own).use() as program:
                program.close()


def _described_anew(own: OwnModel) -> AnyModel:
    description = own.description
    if isinstance(description, NetworkClassifier | CommandClassifier):
        before = description.found if isinstance(description, NetworkClassifier) else ()
        told = tuple(dict.fromkeys([*before, *_try_classifier(own_classifiers.build(own))]))
        return description.model_copy(update={"found": told})
    assert isinstance(description, NetworkMatcher | CommandMatcher)
    width, told = _try_matcher(own_matchers.build(own))
    return description.model_copy(update={"found": told, "width": width})


@cache
def trial_faces() -> list[Face]:
    """Find the faces of some demo subjects, two images of each, as many women as men."""
    images = read_demo(images_per_subject=2).images
    chosen = [
        subject
        for label in (-1, 1)
        for subject in sorted({image.subject for image in images if image.label == label})[:TRIAL_SUBJECTS]
    ]
    return [
        acquire(
            decode(image.path, name=image.name, max_pixels=10_000_000).pixels,
            image_id=str(number),
            subject=image.subject,
            label=image.label,
            several="largest",
        )
        for number, image in enumerate(image for image in images if image.subject in chosen)
    ]


def _try_classifier(made: AttributeClassifier) -> tuple[str, ...]:
    faces = trial_faces()
    crops = [take_crop(made.crop(face), face.pixels) for face in faces]
    if len({crop.shape for crop in crops}) == 1:
        scores = made.score(np.stack(crops))
    else:
        scores = np.concatenate([made.score(crop[None]) for crop in crops])
    endless = int((~np.isfinite(scores)).sum())
    if endless:
        raise _failed(made.name, "finite scores of demo faces", f"{endless} of {len(faces)} are not")
    single, again = (np.array([score_face(made, face) for face in faces[:AGAIN]]) for _ in range(2))
    if not np.array_equal(single, again):
        raise _failed(made.name, "the same score for the same face", "they differ from one call to the next")
    if not np.allclose(scores[:AGAIN], single, rtol=_SAME, atol=_SAME):
        raise _failed(made.name, "the same scores for faces together as one by one", "they differ")
    notes = []
    right = int(sum((score >= 0) == (face.label == 1) for score, face in zip(scores, faces, strict=True)))
    if right <= len(faces) // 2:
        notes.append(
            f"On {len(faces)} demo faces it says the label of {right}; if its labels are in the other order, or the "
            "crop or colours are others, correct the YAML."
        )
    if len(np.unique(scores)) < len(scores):
        notes.append("Some demo faces have the very same score, so it saturates: a method that asks it sees no change.")
    return tuple(notes)


def _try_matcher(made: FaceMatcher) -> tuple[int, tuple[str, ...]]:
    faces = trial_faces()
    rows = made.embed(faces)
    lost = ~np.isfinite(rows).all(axis=1)
    if lost.all():
        raise _failed(made.name, "templates of demo faces", "none of them has one")
    if rows.shape[1] < 2:
        raise _failed(made.name, "templates of at least two numbers", f"the shape {rows.shape} came")
    shown = np.flatnonzero(~lost)[:AGAIN]
    single, again = (np.concatenate([made.embed([faces[place]]) for place in shown]) for _ in range(2))
    if not np.array_equal(single, again, equal_nan=True):
        raise _failed(made.name, "the same template for the same face", "they differ from one call to the next")
    if not np.allclose(rows[shown], single, atol=_SAME, equal_nan=True):
        raise _failed(made.name, "the same templates for faces together as one by one", "they differ")
    notes = []
    if lost.any():
        notes.append(f"It gives no template of {count(int(lost.sum()), 'demo face')} of {len(faces)}.")
    if not _tells_apart(made.compare(rows, rows), faces):
        notes.append(
            "On demo faces, two images of one subject are no more similar than images of two; if the crop or the "
            "colours are others, correct the YAML."
        )
    return rows.shape[1], tuple(notes)


def _tells_apart(scores: NDArray[np.float32], faces: Sequence[Face]) -> bool:
    same = np.array([[a.subject == b.subject for b in faces] for a in faces])
    mated = scores[same & ~np.eye(len(faces), dtype=bool)]
    if not (np.isfinite(mated).any() and np.isfinite(scores[~same]).any()):
        return True  # too few templates to tell, which is noted
    return bool(np.nanmean(mated) > np.nanquantile(scores[~same], 0.9))


def _failed(name: str, expected: str, came: str) -> FaceprivError:
    return ModelUnavailableError(f"Of the model {name}, {expected} were expected, but {came}; it was not added.")
