"""`facepriv methods` and `perturb`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facepriv.cli.execution import execute, say_if_not_matched, say_queued, with_executor
from facepriv.cli.json_files import JsonFile, write_json
from facepriv.cli.options import Executor, NoWait, Scheduler, with_fields
from facepriv.cli.printing import show_table
from facepriv.cli.results import show_result, write_run
from facepriv.cli.store import get_actor, opened_store
from facepriv.schemas.requests import RunRequest

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
                f"Parameters of {one.name} (set them with --set name=value)",
                [
                    {"Name": p.name, "Default": shown(p.default), "Type": p.type_in_words, "Meaning": p.help}
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
        "heeds_guards": one.uses_guards,
        "keeps": one.keeps_attributes,
        "landmarkers": one.landmarkers,
        "parameters": [
            {"name": p.name, "type": p.type_in_words, "default": p.default, "help": p.help} for p in one.parameters
        ],
    }


@with_fields(
    RunRequest,
    arguments=["dataset"],
    names={
        "parameters": "--set",
        "guides": "--guide",
        "guards": "--guard",
        "classifiers": "--classifier",
        "matchers": "--matcher",
    },
)
def perturb(
    fields: dict[str, Any],
    *,
    no_wait: NoWait = False,
    executor: Executor = None,
    scheduler: Scheduler = None,
    json_file: JsonFile = None,
) -> None:
    """Perturb a data set, judge the stored images, and store the run.

    A worker process on this machine does the work; unless you press Ctrl+C, it continues if this command ends.
    """
    from facepriv.services.jobs.submit import submit

    request = RunRequest(**fields)
    with opened_store() as (store, given):
        settings = with_executor(given, executor, scheduler)
        run = submit(store, settings, request, get_actor())
        say_if_not_matched(store, run.dataset_id)
        if no_wait:
            say_queued("run", run.id, json_file)
            return
        result = execute(store, settings, run.id, executor)
        show_result(run.id, run.spec, result)
        write_run(json_file, store, run.id)
