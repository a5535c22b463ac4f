"""`facepriv reproduce`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from facepriv.cli.execution import execute
from facepriv.cli.json_files import JsonFile, file_target, write_text
from facepriv.cli.options import with_fields
from facepriv.cli.printing import say, show_table
from facepriv.cli.store import get_actor, opened_store
from facepriv.schemas.requests import DEFAULT_GUIDE, SECOND_GUIDE, RunRequest


@with_fields(
    RunRequest,
    arguments=["dataset"],
    names={"matchers": "--matcher"},
    only=["dataset", "matchers", "limit", "seed", "landmarker"],
)
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
    from facepriv.services.runs import reproduce as service
    from facepriv.services.sharing.reproduction_page import write_page

    with opened_store() as (store, settings):
        planned = service.plan(store, RunRequest(**fields), guide_a=guide_a, guide_b=guide_b)
        expected = service.estimate(store, settings, planned)
        say(f"Estimated time: about {expected.seconds / 60:,.1f} minutes ({expected.basis}).")
        found = service.reproduce(
            store, settings, planned, actor=get_actor(), execute=lambda run: execute(store, settings, run)
        )
    for title, rows in tables(found):
        show_table(title, rows)
    for sentence in sentences(found):
        say(f"- {sentence}")
    say(headline(found))
    if html_file is not None:
        write_page(found, html_file)
    if json_file is not None:
        write_text(json_file, found.model_dump_json(by_alias=True, indent=2))
