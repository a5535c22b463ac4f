"""Perturb: choose what to do with a data set, start it, watch it."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import streamlit as st

from facepriv.config import get_settings
from facepriv.perturb.base import Perturber
from facepriv.perturb.registry import AIM_METHODS, aim_of, describe_parameters, make_method
from facepriv.presentation.formats import plain
from facepriv.presentation.help_texts import AIM_TEXTS, KIND_SENTENCES, KIND_TITLES, NOT_PROTECTED, SEED_HELP
from facepriv.schemas.fields import FieldDescription
from facepriv.schemas.requests import DEFAULT_GUIDE, DEFAULT_LANDMARKER, Aim, RunRequest
from facepriv.schemas.runs import is_key
from facepriv.services.datasets.identities import why_not_matched
from facepriv.services.models.catalogue import ModelStatus, list_models
from facepriv.services.runs.estimate import estimate_run
from facepriv.services.runs.learning import DEMO, FOLDS
from facepriv.services.runs.methods import list_methods
from facepriv.store import DatasetRecord, Store
from facepriv.types import GENDER
from facepriv.wording import count
from parts import carried, faces, jobs, other_attributes, parameters, progress, starting
from parts.shell import with_store

KIND_ICONS = {"unnoticeable": ":material/visibility_off:", "visible": ":material/visibility:"}
BY_NAME = "method"
"""Choice of a method instead of an aim."""
AIM_CHOICES: dict[str, str] = {aim: text.title.capitalize() for aim, text in AIM_TEXTS.items()}
AIM_CHOICES[BY_NAME] = "Choose a method yourself"
AIM_CAPTIONS = [
    *(f"{text.good_for} {text.not_for}" for text in AIM_TEXTS.values()),
    "For experts: the paper's method and all others, with everything that each can be told.",
]
ASKED_FIRST = {"unseen": ("strength", "side")}
"""Parameters that are asked for beside the aim; the others are among the parameters of the method."""
AUTOMATIC = ""
"""Choice of whom to learn from: halves if there are enough people, else the demo faces."""
LEARN_FROM = {
    AUTOMATIC: "automatic: halves, or demo if too few",
    FOLDS: "halves of this data set",
    DEMO: "demo faces",
}


def show(store: Store) -> None:
    """Show the whole page."""
    st.title("Perturb")
    st.write("Change the images of a data set so that a gender classifier fails while face matchers keep working.")
    watch(store)
    if store.datasets.list():
        form(store)
    else:
        st.info("There is no data set to perturb yet. Import one first.", icon=":material/info:")
        st.page_link("datasets.py", label="Go to Datasets", icon=":material/photo_library:")
    with st.expander("What this does not protect against", icon=":material/warning:"):
        st.markdown(NOT_PROTECTED)


def watch(store: Store) -> None:
    """Show the active runs."""
    active = progress.active(store.runs)
    if active:
        st.header("Running")
        st.caption("You may close this page; the work continues.")
        progress.keep_worker()
        progress.follow("run", active)


def form(store: Store) -> None:
    """Ask for everything a run needs, say what it will take, and start it."""
    st.header("New run")
    models = list_models()
    classifiers = _usable(models, "classifier", GENDER)
    if not classifiers:
        st.error("No gender classifier is usable here, so nothing can be perturbed. See below how to get one.")
        missing(models)
        return
    aim = st.radio(
        "What are the images changed for?",
        list(AIM_CHOICES),
        format_func=AIM_CHOICES.__getitem__,
        captions=AIM_CAPTIONS,
        key="run_aim",
    )
    records = {record.id: record for record in store.datasets.list()}
    left, right = st.columns(2, gap="large")
    with left:
        number = carried.select({number: record.name for number, record in records.items()}, key="run_dataset")
        record, method = records[number], choose_method(aim)
        first, others = split_parameters(aim, method.name)
        values = parameters.ask(first, method.name, columns=max(1, len(first)))
        main = DEFAULT_GUIDE if DEFAULT_GUIDE in classifiers else classifiers[0]
        default = classifiers if aim == "unseen" else [main]
        label = "Guiding classifiers (guides), the main one first"
        guides = parameters.ask_among(RunRequest, "guides", label, classifiers, f"run_guides-{aim}", default=default)
    with right:
        judges = choose_judges(models, classifiers, record, method, guides)
    missing(models)
    with st.expander("Another attribute, or one to keep", icon=":material/tune:"):
        other = other_attributes.ask(models, keeps=method.keeps_attributes, method=method.name)
    with st.expander("Parameters of the method", icon=":material/tune:"):
        values |= parameters.ask(others, method.name)
    learn_from = choose_teachers(records, record) if make_method(method.name, values).learns else None
    boxes = st.columns([1, 1, 2], vertical_alignment="bottom")
    images = faces.dataset_counts(record).images
    with boxes[0]:
        limit = parameters.ask_limit(RunRequest, images, f"run_limit-{record.id}")
    with boxes[1]:
        seed = parameters.ask_number(RunRequest, "seed", "Seed", "run_seed")
    if is_key(values):
        st.caption(SEED_HELP)
    with boxes[2]:
        panel = st.checkbox(
            "Judge on the panel too", True, key="run_panel", help=parameters.help_of(RunRequest, "panel")
        )
    # A guide of another attribute replaces the gender guides.
    models_chosen = {"guides": tuple(guides), **judges, **other}
    if not models_chosen["guides"]:
        st.info("Choose at least one guide to start the run.", icon=":material/info:")
        return
    fields = {
        "parameters": values,
        "learn_from": learn_from,
        "limit": limit,
        # The default is left to the service, which draws a seed where that is a key.
        **({"seed": seed} if seed else {}),
        "panel": panel,
        **models_chosen,
    }
    chosen: dict[str, Any] = {"method": method.name} if aim == BY_NAME else {"aim": aim}
    launch(store, RunRequest(dataset=record.id, **chosen, **fields), images)


def split_parameters(aim: str, method: str) -> tuple[list[FieldDescription], list[FieldDescription]]:
    """Return the parameters of a method that are asked for first where it is chosen for an aim, and all others."""
    fields = describe_parameters(method)
    first = [fields[name] for name in ASKED_FIRST.get(aim, ())]
    return first, [field for field in fields.values() if field not in first]


def choose_method(aim: str) -> type[Perturber]:
    """Return the method for an aim; without one, ask for it, and say what kind it is of."""
    methods = {method.name: method for method in list_methods()}
    if aim != BY_NAME:
        return methods[AIM_METHODS[cast(Aim, aim)]]
    name = st.selectbox(
        "Method",
        list(methods),
        format_func=lambda name: methods[name].title + (f" · for the aim {aim_of(name)}" if aim_of(name) else ""),
        key="run_method",
        help=parameters.help_of(RunRequest, "method"),
    )
    kind = methods[name].kind
    st.caption(f"{KIND_ICONS[kind]} **{KIND_TITLES[kind].capitalize()}.** {KIND_SENTENCES[kind]}")
    return methods[name]


def choose_judges(
    models: list[ModelStatus],
    classifiers: list[str],
    record: DatasetRecord,
    method: type[Perturber],
    guides: list[str],
) -> dict[str, Any]:
    """Ask for the models that judge or guard; return them as fields of the request."""
    ask = partial(parameters.ask_among, RunRequest)
    judges = ask("classifiers", "Classifiers that judge", classifiers, "run_classifiers")
    others = [name for name in classifiers if name not in guides]
    jury = ask("jury", "Jury: classifiers that guide nothing", others, "run_jury", default=[], placeholder="none")
    matching, guards = [], []
    unmatched = why_not_matched(record)
    if unmatched is not None:
        st.info(plain(unmatched), icon=":material/info:")
    else:
        matchers = _usable(models, "matcher")
        matching = ask("matchers", "Matchers that judge", matchers, "run_matchers")
        if not matching:
            st.warning("Without a matcher, the run cannot show whether people can still be recognised.")
        if method.uses_guards:
            # Visible changes must make sure that matchers still recognise the face.
            default = matchers if method.kind == "visible" else []
            key = f"run_guards-{method.name}"
            guards = ask("guards", "Guard matchers", matchers, key, default=default, placeholder="none")
    usable, taken = _usable(models, "landmarks"), method.landmarkers
    landmarkers = usable if taken is None else [name for name in usable if name in taken]
    landmarker = landmarkers[0] if landmarkers else DEFAULT_LANDMARKER
    if len(landmarkers) > 1:
        landmarker = st.selectbox(
            "Landmarks",
            landmarkers,
            key=f"run_landmarker-{method.name}",
            help=parameters.help_of(RunRequest, "landmarker"),
        )
    return {"classifiers": judges, "jury": jury, "matchers": matching, "guards": guards, "landmarker": landmarker}


def choose_teachers(records: dict[int, DatasetRecord], record: DatasetRecord) -> str | None:
    """Ask from whom a method is to learn; None leaves that to the service."""
    others = [other.name for other in records.values() if other.id != record.id]
    choices = {**LEARN_FROM, **{name: f"data set {name}" for name in others if name not in LEARN_FROM}}
    chosen = st.selectbox(
        "People to learn from",
        list(choices),
        format_func=choices.__getitem__,
        key=f"run_learn_from-{record.id}",
        help=parameters.help_of(RunRequest, "learn_from"),
    )
    return chosen or None


def launch(store: Store, request: RunRequest, images: int) -> None:
    """Show the estimate and the button that starts the run; ``images`` is the data set's number of images."""
    wanted = min(images, request.limit or images)
    starting.promise(
        lambda: estimate_run(store, get_settings(), request, wanted),
        f"{count(wanted, 'image')}{' at most' if request.limit else ''}, ",
    )
    if st.button("Start the run", type="primary", key="start_run", icon=":material/play_arrow:"):
        run = starting.start(store, request)
        if run is not None:
            jobs.open_page("run", run.id)


def missing(models: list[ModelStatus]) -> None:
    """Link to the models that are not usable yet."""
    absent = sum(not model.usable for model in models)
    if absent:
        st.page_link("models.py", label=f"{count(absent, 'more model')} available", icon=":material/download:")


def _usable(models: list[ModelStatus], kind: str, attribute: str = "") -> list[str]:
    return [m.card.name for m in models if m.kind == kind and m.attribute == attribute and m.usable]


with_store(show)
