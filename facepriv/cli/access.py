"""`facepriv access`: the access log."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facepriv.cli.json_files import JsonFile, write_json
from facepriv.cli.printing import say, show_table
from facepriv.cli.store import opened_store
from facepriv.errors import FaceprivError
from facepriv.wording import count

if TYPE_CHECKING:
    from facepriv.store import AccessRecord


def access(
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest lines to show.")] = 20,
    actor: Annotated[str | None, typer.Option(help="Only lines of this user.")] = None,
    action: Annotated[str | None, typer.Option(help="Only lines of this action, such as run-exported.")] = None,
    expect: Annotated[
        str | None, typer.Option(help="Check that a line noted earlier is still there; at least 8 digits of its hash.")
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Show who viewed, exported or deleted what and when, and check that no line was changed."""
    with opened_store() as (store, _):
        lines = store.access.list(actor=actor, action=action, limit=limit)
        chain = store.access.verify(_expected_hash(expect))
    if lines:
        show_table(
            "Access log, newest first",
            [
                {
                    "Line": f"{line.id:,}",
                    "When": f"{line.at:%Y-%m-%d %H:%M:%S} UTC",
                    "Who": line.actor,
                    "From": line.origin,
                    "Did": line.action,
                    "To": " ".join(filter(None, (line.subject, line.detail))),
                    "Hash": line.chain_sha256[:16],
                }
                for line in lines
            ],
        )
    state = "no line was changed" if chain.broken_at is None else f"line {chain.broken_at:,} or one before was changed"
    say(f"{count(chain.lines, 'line')}; {state}. Hash of the last line: {chain.last[:16]}.")
    if chain.expected_at is not None:
        say(f"{expect} is the hash of line {chain.expected_at:,}.")
    write_json(
        json_file,
        {"schema": "facepriv.access/1", "chain": asdict(chain), "lines": [_access_json(line) for line in lines]},
    )
    if chain.broken_at is not None:
        raise FaceprivError(
            f"Line {chain.broken_at:,} of the access log does not match the line before: a line was changed, removed "
            "or written by something other than facepriv. Compare the log with a backup."
        )
    if expect and chain.expected_at is None:
        raise FaceprivError(
            f"No line of the access log has the hash {expect}: the log was cut short or rewritten since that hash was "
            "noted. Compare the log with a backup."
        )


def _expected_hash(text: str | None) -> str | None:
    if text is not None and (not 8 <= len(text) <= 64 or set(text.lower()) - set("0123456789abcdef")):
        raise typer.BadParameter(f"--expect needs 8 to 64 hexadecimal digits of a line's hash, got {text}.")
    return text


def _access_json(line: AccessRecord) -> dict[str, Any]:
    return {**asdict(line), "at": line.at.isoformat()}
