"""`facepriv release` and `releases`: hand out images under a policy, and list what was handed out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facepriv.cli.output import JsonFile, json_on_stdout, say, show_table, write_json
from facepriv.cli.store import get_actor, opened_store
from facepriv.wording import count

if TYPE_CHECKING:
    from facepriv.config import Settings
    from facepriv.schemas.audits import SelectBy
    from facepriv.store import ReleaseRecord, Store

Key = Annotated[Path | None, typer.Option(help="Key file of an earlier release, to draw the same images again.")]
KeyFile = Annotated[Path | None, typer.Option(help="File for the key, mode 0600. Default: beside what is released.")]


def release(
    run: Annotated[int, typer.Argument(help="Number of a complete run.")],
    out: Annotated[Path, typer.Argument(help="New or empty folder, or a new file that ends with .zip.")],
    *,
    p: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Proportion of the images to perturb. Default: that of the newest audit."),
    ] = None,
    select_by: Annotated[
        str | None, typer.Option(help="Draw each image for itself, or all of a subject together (image or subject).")
    ] = None,
    key: Key = None,
    key_file: KeyFile = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    json_file: JsonFile = None,
) -> None:
    """Hand out the images of a run under their own names, a random proportion of them perturbed, none marked.

    First says what is known of their protection.
    """
    from facepriv.services.audits.verdicts import verdict_of_release
    from facepriv.services.releases.policy_of_run import choose_policy

    if select_by not in (None, "image", "subject"):
        raise typer.BadParameter(f"Expected image or subject, got {select_by!r}.")
    by: SelectBy | None = None if select_by is None else ("subject" if select_by == "subject" else "image")
    with opened_store() as (store, settings):
        chosen = choose_policy(store, run, p, by)
        audit = None if chosen.audit_id is None else store.audits.get(chosen.audit_id)
        verdict = verdict_of_release(store.runs.get(run), audit, chosen.p)
        say(*verdict.lines)
        if not yes and not json_on_stdout.get():
            typer.confirm(f"Release these images to {out}?", abort=True)
        record = release_images(
            store,
            settings,
            {run: chosen.p},
            out,
            select_by=chosen.select_by,
            verdict=verdict.sentence,
            audit_id=chosen.audit_id,
            key=key,
            key_file=key_file,
        )
        write_json(
            json_file,
            {
                "schema": "facepriv.release/1",
                "run_id": run,
                "audit_id": chosen.audit_id,
                "p": chosen.p,
                "select_by": chosen.select_by,
                "verdict": verdict.sentence,
                "release_id": record.id,
                "images": record.items,
                "manifest_sha256": record.manifest_sha256,
            },
        )


def releases(
    dataset: Annotated[str | None, typer.Option(help="Only those of this data set.")] = None,
    json_file: JsonFile = None,
    limit: Annotated[int, typer.Option(help="Number of releases to list.")] = 50,
) -> None:
    """List what was released, by whom, and with which hash."""
    from facepriv.presentation.releases import release_row

    with opened_store() as (store, _):
        of = None if dataset is None else store.datasets.get(dataset).id
        records = store.releases.list(dataset_id=of, limit=limit)
    show_table("Releases", [release_row(record) for record in records], none="Nothing has been released yet.")
    rows = [
        {
            "release_id": record.id,
            "about": record.about,
            "policy": record.policy,
            "items": record.items,
            "manifest_sha256": record.manifest_sha256,
            "verdict": record.verdict,
            "released_by": record.released_by,
            "at": record.at.isoformat(),
        }
        for record in records
    ]
    write_json(json_file, {"schema": "facepriv.releases/1", "releases": rows})


def release_images(
    store: Store,
    settings: Settings,
    shares: Mapping[int, float],
    out: Path,
    *,
    select_by: SelectBy,
    verdict: str,
    audit_id: int | None,
    key: Path | None,
    key_file: Path | None,
) -> ReleaseRecord:
    """Write the mixed database into a folder or an archive, say what there is to know of it, and return its record."""
    from facepriv.services.releases.release import read_key, write_release
    from facepriv.services.sharing.signing_off import require_sign_off

    require_sign_off(store, settings, list(shares), audit_id)
    secret = None if key is None else read_key(key)
    released = write_release(
        store, shares, out, select_by=select_by, actor=get_actor(), verdict=verdict, key=secret, key_file=key_file
    )
    say(
        f"Wrote {count(released.images, 'image')} to {released.target}; left out {count(released.left_out, 'image')} "
        "without a stored file."
    )
    if released.not_perturbable:
        say(
            f"{count(released.not_perturbable, 'image')} could not be perturbed and can only be released unchanged. "
            "Anyone who finds out which ones learns their gender."
        )
    say(
        *released.warnings,
        f"The key is in {released.key_file}, readable only by you. It reveals which images were perturbed: keep it "
        "apart from the release.",
    )
    return released.record
