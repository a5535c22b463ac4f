"""`facepriv policy`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facepriv.cli.audit_results import show_audit
from facepriv.cli.execution import follow_to_end
from facepriv.cli.json_files import JsonFile, write_json
from facepriv.cli.options import with_fields
from facepriv.cli.printing import say, show_table
from facepriv.cli.store import get_actor, opened_store
from facepriv.schemas.requests import AUTO, AuditRequest
from facepriv.wording import count

if TYPE_CHECKING:
    from facepriv.config import Settings
    from facepriv.policy.minimax import MinimaxPolicy
    from facepriv.schemas.audits import SelectBy
    from facepriv.store import Store


@with_fields(
    AuditRequest,
    names={"classifiers": "--classifier", "most_fnmr_loss": "--floor"},
    only=["p", "against", "classifiers", "select_by", "most_fnmr_loss"],
)
def policy(
    fields: dict[str, Any],
    run: Annotated[int, typer.Argument(help="Number of a complete run.")],
    with_run: Annotated[
        list[int] | None,
        typer.Option("--with", help="A further run on the same images, to mix guides; repeatable."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="New or empty folder: write the mixed database, unmarked, with its names.")
    ] = None,
    sees: Annotated[
        str, typer.Option(help="With --with: whether attackers see the sign or the size of a score.")
    ] = "score",
    key: Annotated[
        Path | None, typer.Option(help="Key file of an earlier release, so that its images keep their fate.")
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option(help="Where to write the key, mode 0600. Default: beside the folder.")
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Choose which share of the images to perturb against the worst attacker, and write the database to release.

    With one run the share comes from an audit of it, which is made if there is none; with several from a linear
    programme over the classifiers that judged them all.
    """
    from facepriv.services.releases.guide_mix import guide_mix, run_title

    request = AuditRequest(run=run, **fields)
    with opened_store() as (store, settings):
        if with_run:
            if request.p != AUTO or request.most_fnmr_loss is not None:
                raise typer.BadParameter("With several runs the shares are computed; leave out --p and --floor.")
            if sees not in ("sign", "score"):
                raise typer.BadParameter(f"Expected sign or score, got {sees!r}.")
            mix = guide_mix(store, [run, *with_run], sees="sign" if sees == "sign" else "score")
            numbers = {run_title(store.runs.get(number)): number for number in dict.fromkeys([run, *with_run])}
            shares = {numbers[name]: part for name, part in mix.weights.items() if name in numbers}
            _show_mix(mix)
            document: dict[str, Any] = {"schema": "facepriv.policy/1", "shares": mix.weights, "p": mix.p}
            document |= {"accuracies": mix.accuracies, "sentence": mix.sentence}
        else:
            shares, document = _audited_policy(store, settings, request)
        shown = " ".join(f"run {number}: {share:.6g}" for number, share in shares.items())
        store.access.record(get_actor(), "policy-decided", f"run {run}", shown)
        if out is None:
            say("Add --out FOLDER to write the database.")
        else:
            _release(store, shares, out, select_by=request.select_by, key=key, key_file=key_file)
        write_json(json_file, document)


def _release(
    store: Store,
    shares: Mapping[int, float],
    out: Path,
    *,
    select_by: SelectBy,
    key: Path | None,
    key_file: Path | None,
) -> None:
    """Write the mixed database into a folder, and say what there is to know of it."""
    from facepriv.services.releases.release import read_key, write_release

    secret = None if key is None else read_key(key)
    released = write_release(store, shares, out, select_by=select_by, actor=get_actor(), key=secret, key_file=key_file)
    say(
        f"{count(released.images, 'image')} written to {released.folder}; "
        f"{released.left_out} of the data set are not kept and so left out."
    )
    if released.not_perturbable:
        say(
            f"{count(released.not_perturbable, 'image')} could not be perturbed and can only be released as before: "
            "who finds out which they are has their gender."
        )
    for sentence in released.warnings:
        say(sentence)
    say(
        f"The key is in {released.key_file}, readable by you alone: it tells which images were perturbed. Keep it "
        "apart from the release."
    )


def _audited_policy(store: Store, settings: Settings, request: AuditRequest) -> tuple[dict[int, float], dict[str, Any]]:
    """Take the share from an audit of the run, the newest that fits or a new one."""
    from facepriv.services.audits.preparing import audit_document
    from facepriv.services.jobs.submit import submit_once

    record = submit_once(store, settings, request, get_actor())
    if record.result is None:
        follow_to_end(store, store.audits, settings, "audit", record.id)
    else:
        say(f"Audit {record.id} of run {request.run} is at hand; it is used.")
    show_audit(store, record.id)
    document = audit_document(store, record.id)
    assert document.policy is not None
    found: dict[str, Any] = {"schema": "facepriv.policy/1", "audit_id": record.id}
    assert request.run is not None
    return {request.run: document.policy.p}, found | document.policy.model_dump(mode="json")


def _show_mix(mix: MinimaxPolicy) -> None:
    from facepriv.wording import percent

    show_table(
        "Where each image comes from",
        [{"Images": name, "Share": percent(part)} for name, part in mix.weights.items()],
    )
    show_table(
        "What an attacker with one classifier gets",
        [
            {
                "Classifier": name,
                "Is right": percent(accuracy),
                "If it were the only one": percent(mix.alone[name]),
            }
            for name, accuracy in mix.accuracies.items()
        ],
    )
    say(mix.sentence)
