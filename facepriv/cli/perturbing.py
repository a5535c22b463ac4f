"""`facepriv methods`, `perturb` and `reproduce`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from facepriv.cli.execution import follow_to_end, submit_and_show
from facepriv.cli.options import Again, Executor, NoWait, Scheduler, with_fields
from facepriv.cli.output import Full, JsonFile, file_target, fitted, only, say, show_table, write_json
from facepriv.cli.results import show_run, write_model
from facepriv.cli.store import get_actor, opened_store
from facepriv.schemas.requests import DEFAULT_GUIDE, SECOND_GUIDE, RunRequest
from facepriv.wording import some_time


def methods(full: Full = False, json_file: JsonFile = None) -> None:
    """List the perturbation methods; --full also lists their parameters with defaults."""
    from facepriv.perturb.registry import aim_of
    from facepriv.presentation.help_texts import KIND_TITLES
    from facepriv.presentation.run_tables import shown
    from facepriv.schemas.fields import describe_fields
    from facepriv.services.runs.methods import list_methods

    listed = {method: describe_fields(method.Parameters).values() for method in list_methods()}
    rows = [
        {
            "Method": method.name,
            "Aim": aim_of(method.name) or "–",
            "Title": method.title,
            "Kind": KIND_TITLES[method.kind],
            "Landmarks": "any" if method.landmarkers is None else ", ".join(method.landmarkers),
        }
        for method in listed
    ]
    show_table("Perturbation methods", rows if full else only(rows, "Method", "Aim", "Title"))
    if not full:
        say("Their parameters: facepriv methods --full")
    for method, parameters in listed.items() if full else ():
        show_table(
            f"Parameters of {method.name} (set them with --set name=value)",
            [
                {"Name": p.name, "Default": shown(p.default), "Type": p.type_in_words, "Meaning": p.help}
                for p in parameters
            ],
        )
    documents = [
        {
            "name": method.name,
            "title": method.title,
            "kind": method.kind,
            "aim": aim_of(method.name),
            "heeds_guards": method.uses_guards,
            "keeps": method.keeps_attributes,
            "landmarkers": method.landmarkers,
            "parameters": [
                {"name": p.name, "type": p.type_in_words, "default": p.default, "help": p.help} for p in parameters
            ],
        }
        for method, parameters in listed.items()
    ]
    write_json(json_file, {"schema": "facepriv.methods/1", "methods": documents})


@with_fields(RunRequest)
def perturb(
    fields: dict[str, Any],
    *,
    full: Full = False,
    again: Again = False,
    no_wait: NoWait = False,
    executor: Executor = None,
    scheduler: Scheduler = None,
    json_file: JsonFile = None,
) -> None:
    """Perturb a data set, judge the stored images, and store the run.

    The first question is the aim: --aim unseen or --aim guide. A terminal is asked for it; a script that names neither
    aim, method nor guide gets unseen.

    A worker process on this machine does the work; unless you press Ctrl+C, it continues if this command ends.
    """
    request = RunRequest(**fields)
    if not fields.keys() & {"aim", "method", "guides"}:
        request = request.model_copy(update={"aim": _ask_for_aim()})
    submit_and_show(
        request,
        partial(show_run, full=full),
        again=again,
        no_wait=no_wait,
        executor=executor,
        scheduler=scheduler,
        json_file=json_file,
    )


def _ask_for_aim() -> str:
    """Say what the aims are; ask which it is where somebody is there to answer, else take the first."""
    from facepriv.presentation.help_texts import AIM_TEXTS

    first = next(iter(AIM_TEXTS))
    # All on standard error: it is no part of the result.
    for aim, text in AIM_TEXTS.items():
        typer.echo(fitted(f"--aim {aim}: {text.title}. {text.good_for}"), err=True)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        typer.echo(f"No aim was named, so this run has the aim {first}.", err=True)
        return first

    def read(answer: str) -> str:
        if answer not in AIM_TEXTS:
            raise typer.BadParameter(f"Answer {' or '.join(AIM_TEXTS)}.")
        return answer

    chosen: str = typer.prompt("Aim", default=first, value_proc=read, err=True)
    return chosen


@with_fields(RunRequest, only=["dataset", "matchers", "limit", "seed", "landmarker"])
def reproduce(
    fields: dict[str, Any],
    *,
    guide_a: Annotated[str, typer.Option(help="Classifier in place of the paper's IntraFace.")] = DEFAULT_GUIDE,
    guide_b: Annotated[str, typer.Option(help="Classifier in place of the paper's GCOTS.")] = SECOND_GUIDE,
    html_file: Annotated[
        Path | None,
        typer.Option("--html", callback=file_target, help="Also write tables and figures to this file as one page."),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Repeat the paper's experiments as stored runs, and compare them with its published numbers."""
    from facepriv.presentation.reproduction_tables import headline, sentences, tables
    from facepriv.report.files import write_page
    from facepriv.services.runs import reproduce as service
    from facepriv.services.sharing.reproduction_page import reproduction_report

    with opened_store() as (store, settings):
        planned = service.plan(store, RunRequest(**fields), guide_a=guide_a, guide_b=guide_b)
        expected = service.estimate(store, settings, planned)
        say(f"Estimated time: {some_time(expected.low, expected.high)} ({expected.basis}).")
        execute = partial(follow_to_end, store, settings, "run")
        reproduction = service.reproduce(store, settings, planned, actor=get_actor(), execute=execute)
    for title, rows in tables(reproduction):
        show_table(title, rows)
    say(*(f"- {sentence}" for sentence in sentences(reproduction)), headline(reproduction))
    if html_file is not None:
        write_page(reproduction_report(reproduction), html_file)
    write_model(json_file, reproduction)
