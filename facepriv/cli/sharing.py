"""`facepriv share` and `shares`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from facepriv.cli.json_files import JsonFile, write_json
from facepriv.cli.printing import say, show_table
from facepriv.cli.store import get_actor, opened_store
from facepriv.wording import listed


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
        made = share_results(
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
    say(f"Share {made.share.id} is open until {made.share.expires_at:%Y-%m-%d %H:%M} UTC.")
    url = None
    if made.path is not None:
        url = (server or settings.public_url or "http://127.0.0.1:8501").rstrip("/") + made.path
        say(f"Link (shown only once): {url}")
        if secret:
            say(f"Passphrase (send it another way than the link): {secret}")
    row = {"share": made.share.id, "expires": made.share.expires_at.isoformat(), "link": url, "passphrase": secret}
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
        found, said = store.shares.list(), store.remarks.list()
    now = datetime.now(UTC)
    if not found:
        say("Nothing is shared. Share a run with: facepriv share RUN")
    else:
        show_table(
            "Shares, newest first",
            [
                {
                    "Share": str(one.id),
                    "Of": about(one),
                    "By": one.shared_by,
                    "How": listed(
                        [
                            *(["link with a passphrase" if one.passphrase_hash else "link"] if one.has_link else []),
                            *([] if one.officer is None else [f"officer {one.officer}"]),
                        ]
                    ),
                    "Faces": str(one.faces),
                    "Views": str(one.views),
                    "State": "revoked"
                    if one.revoked_at
                    else f"{'open until' if one.is_open(now) else 'expired'} {one.expires_at:%Y-%m-%d}",
                }
                for one in found
            ],
        )
    if said:
        show_table(
            "What officers said",
            [
                {
                    "Of": one.about,
                    "By": one.author,
                    "When": f"{one.at:%Y-%m-%d %H:%M} UTC",
                    "Decision": one.decision or "comment",
                    "Text": one.text,
                    "Signed (SHA-256)": one.sha256 or "–",
                }
                for one in said
            ],
        )
    document = {
        "shares": [
            {
                "share": one.id,
                "of": about(one),
                "by": one.shared_by,
                "link": one.has_link,
                "officer": one.officer,
                "faces": one.faces,
                "views": one.views,
                "expires": one.expires_at.isoformat(),
                "open": one.is_open(now),
            }
            for one in found
        ],
        "remarks": [
            {
                "of": one.about,
                "by": one.author,
                "at": one.at.isoformat(),
                "decision": one.decision,
                "text": one.text,
                "sha256": one.sha256,
            }
            for one in said
        ],
    }
    write_json(json_file, {"schema": "facepriv.shares/1", **document})
