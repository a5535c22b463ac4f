"""`facepriv audit` and `audits`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from facepriv.cli.audit_results import show_audit, write_audit
from facepriv.cli.execution import follow_to_end, say_if_not_matched, say_queued, with_executor
from facepriv.cli.json_files import JsonFile, write_json
from facepriv.cli.options import Executor, NoWait, Scheduler
from facepriv.cli.printing import say, show_table
from facepriv.cli.store import opened_store
from facepriv.errors import BadInputError

if TYPE_CHECKING:
    from facepriv.schemas.audits import SelectBy


def audit(
    dataset: Annotated[str | None, typer.Argument(help="Name of the data set, audited as it is.")] = None,
    run: Annotated[
        int | None, typer.Option(help="Audit this complete run instead: untouched, perturbed, and the policy's mix.")
    ] = None,
    attacker: Annotated[
        list[str] | None, typer.Option(help="Attacker; repeatable. Default: all; --attackers lists them.")
    ] = None,
    classifier: Annotated[
        list[str] | None,
        typer.Option(help="Gender classifier that attackers hold; repeatable. Default: all usable ones."),
    ] = None,
    matcher: Annotated[
        list[str] | None, typer.Option(help="Matcher whose templates they see; repeatable. Default: all usable ones.")
    ] = None,
    p: Annotated[str, typer.Option(help="With --run: share of images perturbed, 0 to 1, or auto.")] = "auto",
    against: Annotated[
        list[str] | None,
        typer.Option(help="With --run and --p auto: attacker to choose p against; repeatable. Default: all."),
    ] = None,
    select_by: Annotated[str, typer.Option(help="With --run: draw each image or each subject.")] = "image",
    floor: Annotated[
        float | None,
        typer.Option(help="With --run: how much worse FNMR at FMR 0.1 % may be, as a fraction, e.g. 0.01."),
    ] = None,
    draws: Annotated[int, typer.Option(help="With --run: random draws that each proportion is averaged over.")] = 3,
    limit: Annotated[int | None, typer.Option(help="Take at most this many images.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of all randomness.")] = 0,
    variants: Annotated[bool, typer.Option("--variants", help="Also show all means that each attacker has.")] = False,
    list_attackers: Annotated[bool, typer.Option("--attackers", help="List the attackers and exit.")] = False,
    no_wait: NoWait = False,
    executor: Executor = None,
    scheduler: Scheduler = None,
    json_file: JsonFile = None,
) -> None:
    """Measure what attackers learn about gender from a database as it is, or from what a run made of it."""
    if list_attackers:
        from facepriv.presentation.audit_tables import attacker_rows

        show_table("Attackers", attacker_rows())
        return
    if (dataset is None) == (run is None):
        raise typer.BadParameter("Name either a data set or, with --run, a run.")
    from facepriv.services.audits.preparing import prepare_audit, start_audit

    with opened_store() as (store, given):
        settings = with_executor(given, executor, scheduler)
        spec = prepare_audit(
            store,
            dataset,
            run_id=run,
            chosen=attacker,
            classifiers=classifier,
            matchers=matcher,
            p=read_proportion(p),
            against=against or (),
            select_by=read_select_by(select_by),
            draws=draws,
            most_fnmr_loss=floor,
            limit=limit,
            seed=seed,
        )
        say_if_not_matched(store, spec.dataset.id)
        record = start_audit(store, spec)
        if no_wait:
            say_queued("audit", record.id, json_file)
            return
        follow_to_end(store.audits, settings, "audit", record.id, executor)
        show_audit(store, record.id, variants=variants)
        write_audit(json_file, store, record.id)


def audits(json_file: JsonFile = None, limit: Annotated[int, typer.Option(help="Newest audits to list.")] = 50) -> None:
    """List the stored audits, newest first."""
    with opened_store() as (store, _):
        found = [store.audits.get(one.id) for one in store.audits.list(limit=limit)]
    rows = [
        {
            "audit_id": one.id,
            "dataset": one.dataset_name,
            "run_id": one.run_id,
            "images": one.images,
            "state": one.state,
            "error": one.error,
            "headlines": [] if one.result is None else [line.model_dump(mode="json") for line in one.result.headlines],
        }
        for one in found
    ]
    if not rows:
        say("There is no audit yet; start one with `facepriv audit DATASET`.")
    else:
        from facepriv.presentation.audit_tables import audit_row

        show_table(
            "Audits: the worst attacker tried, and how often he is right at most", [audit_row(one) for one in found]
        )
    write_json(json_file, {"schema": "facepriv.audits/1", "audits": rows})


def read_proportion(text: str) -> float | None:
    """Read a share; None for auto."""
    if text == "auto":
        return None
    try:
        share = float(text)
    except ValueError:
        share = float("nan")
    if not 0 <= share <= 1:
        raise BadInputError(
            f"A proportion from 0 to 1, or auto, was expected for --p, got {text!r}; write 0.5 for half of the images.",
            code="out-of-range",
        )
    return share


def read_select_by(text: str) -> SelectBy:
    """Read by what the policy draws."""
    if text not in ("image", "subject"):
        raise BadInputError(f"The policy draws by image or by subject, not by {text!r}.", code="bad-selection")
    return "subject" if text == "subject" else "image"
