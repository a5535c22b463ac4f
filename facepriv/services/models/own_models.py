"""Add, check and remove own models; one is kept only after a trial on demo faces."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facepriv.classify.registry import classifiers
from facepriv.config import get_settings
from facepriv.errors import BadInputError
from facepriv.imaging.acquire import CARD as DETECTOR
from facepriv.match.registry import matchers
from facepriv.own_models.description import NAME, CommandModel, NetworkClassifier, NetworkModel, ProbeModel, read_yaml
from facepriv.own_models.network import open_network
from facepriv.own_models.stored import (
    NETWORK,
    NEW,
    OwnModel,
    list_own_names,
    list_unreadable,
    models_folder,
    read_own_model,
    write_own_model,
)
from facepriv.scratch import MODEL, temporary_folder
from facepriv.services.models.trial import try_classifier, try_model
from facepriv.store import Store
from facepriv.types import Actor
from facepriv.weights.files import require_all


def add_model(
    store: Store,
    file: Path,
    *,
    actor: Actor,
    replace: bool = False,
    commands: bool = True,
    network: Path | None = None,
) -> OwnModel:
    """Add the model that a YAML describes: an ONNX graph beside it, or a command.

    The findings of its trial are in its description.

    Parameters
    ----------
    replace
        Whether it may take the place of an own model of the same name.
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
        if isinstance(description, NetworkModel):
            description = _with_network(description, network or file.parent / description.network, folder)
        else:
            assert isinstance(description, CommandModel)
            description, outside = _with_program(description, file.parent)
        description = try_model(write_own_model(folder, description, outside))
        write_own_model(folder, description, outside)
        own = put_in_place(folder, description.name)
    store.access.record(actor, "model-added", f"model {own.name}", f"{description.form}, version {own.card.version}")
    return own


def add_uploaded(store: Store, yaml: bytes, network: bytes, *, actor: Actor, replace: bool = False) -> OwnModel:
    """Add a network whose YAML and graph were uploaded; raise as `add_model` does."""
    with temporary_folder(get_settings().temporary, MODEL) as folder:
        (folder / "model.yaml").write_bytes(yaml)
        # The YAML may name a file that cannot exist here; the uploaded graph is meant.
        graph = folder / NETWORK
        graph.write_bytes(network)
        return add_model(store, folder / "model.yaml", actor=actor, replace=replace, commands=False, network=graph)


def remove_model(store: Store, name: str, *, actor: Actor) -> None:
    """Remove an own model with its files; raise UnknownNameError if there is none."""
    if name not in list_own_names():
        read_own_model(name)
    shutil.rmtree(models_folder() / name)
    store.access.record(actor, "model-removed", f"model {name}")


def check_model(name: str) -> tuple[str, ...]:
    """Check that a model's files are unchanged, and try it again; return the findings in sentences.

    Raises UnknownNameError if there is none of this name, and as `add_model` does.
    """
    own = read_own_model(name)
    require_all(own.card)
    if isinstance(own.description, ProbeModel):
        return try_classifier(classifiers.create(name))
    return try_model(own).found


def check_name(name: str, *, replace: bool, form: str) -> None:
    """Raise BadInputError with code ``model-name`` unless an own model of this form can have this name."""
    fixed = {DETECTOR.name, *classifiers.fixed_names(), *matchers.fixed_names()}
    is_taken = name in list_own_names()
    if not re.fullmatch(NAME.strip("^$"), name):
        problem = f"A name must be 2 to 40 small letters, digits and hyphens, not {name!r}; choose another."
    elif name in fixed | {*classifiers.aliases, *matchers.aliases}:
        problem = f"The name {name} belongs to a model that comes with facepriv or a plug-in; choose another."
    elif is_taken and not replace:
        problem = f"An own model called {name} exists already; choose another name, or add --replace."
    elif is_taken and name not in list_unreadable() and (old_form := read_own_model(name).description.form) != form:
        problem = f"The model {name} is a {old_form} and cannot be replaced by a {form}; remove it first."
    else:
        return
    raise BadInputError(problem, code="model-name")


@contextmanager
def new_folder() -> Iterator[Path]:
    """Make a folder beside the models; it is removed unless `put_in_place` has moved it."""
    with temporary_folder(models_folder(), NEW) as folder:
        yield folder


def put_in_place(folder: Path, name: str) -> OwnModel:
    """Move a finished folder to its place, over what was there; return the model."""
    target = models_folder() / name
    if target.exists():
        shutil.rmtree(target)
    folder.rename(target)
    return read_own_model(name)


def _with_network(description: NetworkModel, source: Path, folder: Path) -> NetworkModel:
    """Copy the graph into the folder, check it, and open it."""
    try:
        exists = source.is_file()
    except OSError:  # such as a name that is longer than any file's
        exists = False
    if not exists:
        raise BadInputError(
            f"The ONNX file {description.network} was expected beside the YAML, but there is none; put it there.",
            code="model-network",
        )
    shutil.copyfile(source, folder / NETWORK)
    network = open_network(folder / NETWORK, description)
    if not isinstance(description, NetworkClassifier):
        return description
    if description.output.apply == "argmax":
        finding = "Its answer is only which gender is likelier (argmax), so it can judge but hardly guide a method."
        return description.model_copy(update={"found": (finding,)})
    if not (description.output.meaning or "").startswith("probabilit"):
        return description
    finding = "Its graph gives probabilities only, so scores stay within 15.9 nats of 0 and may tie near the ends."
    if network.before_softmax is not None:
        finding += (
            f" The value {network.before_softmax} before its softmax is the logits: name it under output.name with "
            "meaning: logits."
        )
    return description.model_copy(update={"found": (finding,)})


def _with_program(description: CommandModel, beside: Path) -> tuple[CommandModel, tuple[Path, ...]]:
    """Return the description with full paths, and the program and the files among its arguments: they are hashed."""
    program, *arguments = description.command
    beside_yaml = (beside / program).absolute()
    executable = beside_yaml if beside_yaml.is_file() else shutil.which(program)
    if executable is None:
        raise BadInputError(
            f"The program {program!r} was expected beside the YAML or on the path, but is in neither; write its full "
            "path.",
            code="model-command",
        )
    paths = [Path(executable).absolute(), *((beside / argument).absolute() for argument in arguments)]
    command = [str(path) if path.is_file() else word for path, word in zip(paths, description.command, strict=True)]
    files = tuple(dict.fromkeys(path for path in paths if path.is_file()))
    return description.model_copy(update={"command": tuple(command)}), files
