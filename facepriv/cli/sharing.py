"""`facepriv export`, `report`, `share` and `shares`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from facepriv.cli.output import JsonFile, file_target, say, show_table, write_json
from facepriv.cli.store import get_actor, opened_store
from facepriv.wording import count, listed


def export(
    run: Annotated[int, typer.Argument(help="Number of the run.")],
    out: Annotated[Path, typer.Option(help="New or empty folder.")],
    json_file: JsonFile = None,
) -> None:
    """Write a run's perturbed images with a manifest and the result; the access log records it."""
    from facepriv.services.releases.export import export_run

    with opened_store() as (store, _):
        report = export_run(store, run, out, actor=get_actor())
    say(
        f"Wrote {count(report.images, 'perturbed image')}, manifest.csv and run.json to {report.folder}. "
        f"{count(report.without, 'image')} of the run without a perturbed version (the manifest says why)."
    )
    if report.note:
        say(report.note)
    document = {"schema": "facepriv.export/1", "folder": str(out), "images": report.images, "without": report.without}
    write_json(json_file, {**document, "withheld": report.withheld})


def report(
    run: Annotated[
        int | None,
        typer.Argument(help="Number of a complete run; none for --audit of a data set as it is."),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(callback=file_target, help="Write one HTML file; it works offline and prints well."),
    ] = None,
    pdf: Annotated[
        Path | None,
        typer.Option(callback=file_target, help="Write one PDF, printed by a Chromium or Chrome of this machine."),
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write each table as CSV into this folder.")] = None,
    figures: Annotated[Path | None, typer.Option(help="Write each figure into this folder.")] = None,
    format: Annotated[str, typer.Option(help="Format of the figures: svg or png.")] = "svg",
    audit: Annotated[int | None, typer.Option(help="Audit of the run; by default the newest complete one.")] = None,
    protection: Annotated[
        int | None, typer.Option(help="Instead of a run: trial of a protection of templates; facepriv protections.")
    ] = None,
    faces: Annotated[int, typer.Option(min=0, help="Pairs of faces to show.")] = 0,
    json_file: JsonFile = None,
) -> None:
    """Write the report of a run and its audit, or of a protection, for a privacy officer; the access log records it."""
    from facepriv.services.sharing.report import write_report

    if format not in ("svg", "png"):
        raise typer.BadParameter(f"--format must be svg or png, got {format}.")
    if not any((html, pdf, csv, figures, json_file)):
        raise typer.BadParameter(
            "Say what to write: --html FILE, --pdf FILE, --csv FOLDER, --figures FOLDER or --json FILE."
        )
    if protection is not None and (run, audit, faces) != (None, None, 0):
        raise typer.BadParameter("A report is of a run, of an audit or of a protection; a protection has no faces.")
    if (run, audit, protection) == (None, None, None):
        raise typer.BadParameter("Give the number of a run, --audit NUMBER or --protection NUMBER.")
    with opened_store() as (store, _):
        of_run = store.audits.get(audit).run_id if run is None and audit is not None else run
        sentences, report = write_report(
            store,
            of_run,
            audit_id=audit,
            protection_id=protection,
            faces=faces,
            html=html,
            pdf=pdf,
            csv=csv,
            figures=figures,
            format="svg" if format == "svg" else "png",
            actor=get_actor(),
        )
    say(*sentences)
    write_json(json_file, report)


def share(
    run: Annotated[
        int | None, typer.Argument(help="Number of a complete run; none for --audit of a data set as it is.")
    ] = None,
    audit: Annotated[int | None, typer.Option(help="Audit to share; by default the run's newest complete one.")] = None,
    days: Annotated[int, typer.Option(help="Days until the share expires.")] = 30,
    link: Annotated[bool, typer.Option("--link/--no-link", help="Make a link that opens without an account.")] = True,
    passphrase: Annotated[
        bool, typer.Option("--passphrase/--no-passphrase", help="Protect the link with a passphrase.")
    ] = True,
    officer: Annotated[str | None, typer.Option(help="Officer who can open it with their account.")] = None,
    faces: Annotated[int, typer.Option(min=0, help="Pairs of faces to show.")] = 0,
    server: Annotated[
        str | None, typer.Option(help="Address of the dashboard for the link; default FACEPRIV_PUBLIC_URL.")
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Share the results of a run or an audit with a privacy officer, by link or account."""
    from facepriv.services.accounts.passwords import make_password
    from facepriv.services.sharing.shares import share as share_results

    if run is None and audit is None:
        raise typer.BadParameter("Give the number of a run, or --audit NUMBER.")
    secret = make_password() if link and passphrase else ""
    with opened_store() as (store, settings):
        new = share_results(
            store,
            run_id=run,
            audit_id=audit,
            days=days,
            link=link,
            passphrase=secret,
            officer=officer,
            faces=faces,
            actor=get_actor(),
        )
    say(f"Share {new.share.id} is open until {new.share.expires_at:%Y-%m-%d %H:%M} UTC.")
    url = None
    if new.path is not None:
        url = (server or settings.public_url or "http://127.0.0.1:8501").rstrip("/") + new.path
        say(f"Link (shown only once): {url}")
        if secret:
            say(f"Passphrase (send it another way than the link): {secret}")
    row = {
        "share": new.share.id,
        "expires": new.share.expires_at.isoformat(),
        "link": url,
        "passphrase": secret,
    }
    write_json(json_file, {"schema": "facepriv.share/1", **row})


def shares(
    revoke: Annotated[int | None, typer.Option(help="Revoke the share with this number.")] = None,
    json_file: JsonFile = None,
) -> None:
    """List shares and what officers said about them, or revoke a share."""
    from facepriv.services.sharing.shares import about
    from facepriv.services.sharing.shares import revoke as revoke_share

    with opened_store() as (store, _):
        if revoke is not None:
            revoke_share(store, revoke, actor=get_actor())
            say(f"Share {revoke} is revoked.")
        records, remarks = store.shares.list(), store.remarks.list()
    now = datetime.now(UTC)
    show_table(
        "Shares, newest first",
        [
            {
                "Share": str(share.id),
                "Of": about(share),
                "By": share.shared_by,
                "How": listed(
                    [
                        *(["link with a passphrase" if share.passphrase_hash else "link"] if share.has_link else []),
                        *([] if share.officer is None else [f"officer {share.officer}"]),
                    ]
                ),
                "Faces": str(share.faces),
                "Views": str(share.views),
                "State": "revoked"
                if share.revoked_at
                else f"{'open until' if share.is_open(now) else 'expired'} {share.expires_at:%Y-%m-%d}",
            }
            for share in records
        ],
        none="Nothing is shared. Share a run with: facepriv share RUN",
    )
    show_table(
        "What officers said",
        [
            {
                "Of": remark.about,
                "By": remark.author,
                "When": f"{remark.at:%Y-%m-%d %H:%M} UTC",
                "Decision": remark.decision or "comment",
                "Text": remark.text,
                "Signed (SHA-256)": remark.sha256 or "–",
            }
            for remark in remarks
        ],
    )
    document = {
        "shares": [
            {
                "share": share.id,
                "of": about(share),
                "by": share.shared_by,
                "link": share.has_link,
                "officer": share.officer,
                "faces": share.faces,
                "views": share.views,
                "expires": share.expires_at.isoformat(),
                "open": share.is_open(now),
            }
            for share in records
        ],
        "remarks": [
            {
                "of": remark.about,
                "by": remark.author,
                "at": remark.at.isoformat(),
                "decision": remark.decision,
                "text": remark.text,
                "sha256": remark.sha256,
            }
            for remark in remarks
        ],
    }
    write_json(json_file, {"schema": "facepriv.shares/1", **document})
