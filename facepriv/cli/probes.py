"""`facepriv probe`: gender classifiers on matchers' templates."""

from __future__ import annotations

from typing import Annotated

import typer

from facepriv.cli.options import Replace
from facepriv.cli.printing import progress
from facepriv.cli.store import get_actor, opened_store

probe = typer.Typer(help="Train gender classifiers on matchers' templates.", no_args_is_help=True)


@probe.command("train")
def probe_train(
    name: Annotated[str, typer.Argument(help="Name of the new classifier.")],
    dataset: Annotated[str, typer.Option(help="Labelled data set to train on.")],
    matcher: Annotated[str, typer.Option(help="Matcher whose templates it reads.")] = "sface",
    exclude: Annotated[
        list[str] | None, typer.Option(help="Data set whose people and images are excluded; repeatable.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the folds.")] = 0,
    replace: Replace = False,
) -> None:
    """Train a linear gender classifier on a matcher's templates; it can judge and guide like any other."""
    from facepriv.services.models.probes import train_probe

    with opened_store() as (store, _), progress("Embedding") as report:
        own = train_probe(
            store,
            name,
            matcher=matcher,
            dataset=dataset,
            exclude=exclude or (),
            seed=seed,
            replace=replace,
            actor=get_actor(),
            on_progress=report,
        )
    typer.echo(f"Trained the probe {own.name}, version {own.card.version}. {own.card.notes}")
