"""`facepriv methods` and `perturb`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from facepriv.cli.execution import execute, say_if_not_matched, say_queued, with_executor
from facepriv.cli.json_files import JsonFile, write_json
from facepriv.cli.options import Executor, LandmarkerOption, NoWait, Scheduler
from facepriv.cli.printing import show_table
from facepriv.cli.results import show_result, write_run
from facepriv.cli.store import opened_store

if TYPE_CHECKING:
    from facepriv.services.runs.methods import MethodInfo


def methods(json_file: JsonFile = None) -> None:
    """List the perturbation methods: their kind, and their parameters with defaults."""
    from facepriv.presentation.methods import KIND_TITLES
    from facepriv.presentation.run_tables import shown
    from facepriv.services.runs.methods import list_methods

    found = list_methods()
    rows = [
        {
            "Method": one.name + (" (recommended)" if one.recommended else ""),
            "Title": one.title,
            "Kind": KIND_TITLES[one.kind],
            "Landmarks": "any" if one.landmarkers is None else ", ".join(one.landmarkers),
        }
        for one in found
    ]
    show_table("Perturbation methods", rows)
    for one in found:
        if one.parameters:
            show_table(
                f"Parameters of {one.name}, given as --set name=value",
                [
                    {"Name": p.name, "Default": shown(p.default), "May be": p.type, "What it is": p.help}
                    for p in one.parameters
                ],
            )
    write_json(json_file, {"schema": "facepriv.methods/1", "methods": [_method_json(one) for one in found]})


def _method_json(one: MethodInfo) -> dict[str, Any]:
    return {
        "name": one.name,
        "title": one.title,
        "kind": one.kind,
        "recommended": one.recommended,
        "heeds_guards": one.supports_guards,
        "keeps": one.keeps,
        "landmarkers": one.landmarkers,
        "parameters": [{"name": p.name, "type": p.type, "default": p.default, "help": p.help} for p in one.parameters],
    }


def perturb(
    dataset: Annotated[str, typer.Argument(help="Name of the data set.")],
    method: Annotated[str, typer.Option(help="Perturbation method; see facepriv methods.")] = "recommended",
    parameter: Annotated[
        list[str] | None,
        typer.Option("--set", help="Parameter of the method as name=value; repeatable. Several values: a,b,c."),
    ] = None,
    guide: Annotated[
        list[str] | None,
        typer.Option(
            help="Classifier that guides; repeatable, and all must be turned. Default: dlib-gender. Of age: "
            "dlib-age@40, with the boundary in years."
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="Classifier whose answer is to stay, such as dlib-age@40; repeatable. Default: none."),
    ] = None,
    keep_weight: Annotated[float, typer.Option(help="What a change of the scores kept counts for.")] = 1.0,
    guard: Annotated[
        list[str] | None,
        typer.Option(
            help="Matcher that the method heeds while it changes a face; repeatable. Default: all that judge, for "
            "visible methods that heed any; none otherwise, or with: none."
        ),
    ] = None,
    learn_from: Annotated[
        str | None,
        typer.Option(
            help="For methods that learn: folds (each half of the people serves the other), demo, or the name of "
            "another data set. Default: folds if the data set is large enough, else demo."
        ),
    ] = None,
    landmarker: LandmarkerOption = "dlib-68",
    classifier: Annotated[
        list[str] | None,
        typer.Option(help="Classifier that judges; repeatable. Default: all usable ones that tell gender."),
    ] = None,
    matcher: Annotated[
        list[str] | None, typer.Option(help="Matcher that judges; repeatable. Default: all usable ones.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Take at most this many images.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of all randomness.")] = 0,
    no_wait: NoWait = False,
    executor: Executor = None,
    scheduler: Scheduler = None,
    json_file: JsonFile = None,
) -> None:
    """Perturb a data set, judge the stored images, and keep the run.

    A worker process of this machine does the work; it goes on if this command is ended by anything but Ctrl+C.
    """
    from facepriv.perturb.parameters import parse_parameters
    from facepriv.perturb.registry import DEFAULT_METHOD
    from facepriv.services.runs.preparing import DEFAULT_GUIDE, prepare_run, start_run

    method = DEFAULT_METHOD if method == "recommended" else method
    guides = guide or [DEFAULT_GUIDE]
    with opened_store() as (store, given):
        settings = with_executor(given, executor, scheduler)
        spec = prepare_run(
            store,
            dataset,
            method=method,
            parameters=parse_parameters(method, parameter or ()),
            guide=guides[0],
            more_guides=guides[1:],
            keep=keep or (),
            keep_weight=keep_weight,
            guards=() if guard == ["none"] else guard,
            learn_from=learn_from,
            landmarker=landmarker,
            classifiers=classifier,
            matchers=matcher,
            limit=limit,
            seed=seed,
        )
        say_if_not_matched(store, spec.dataset.id)
        run = start_run(store, spec)
        if no_wait:
            say_queued("run", run.id, json_file)
            return
        result = execute(store, settings, run.id, executor)
        show_result(run.id, spec, result)
        write_run(json_file, store, run.id)
