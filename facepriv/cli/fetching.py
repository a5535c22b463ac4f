"""`facepriv fetch`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from facepriv.cli.json_files import JsonFile, write_json
from facepriv.cli.printing import say

_RECORDED = "That hash is recorded and checked from now on. If somebody you trust publishes it, compare the two."


def fetch(
    name: Annotated[
        str, typer.Argument(help="Model whose weights no package carries, see facepriv models; or lfw or london.")
    ],
    file: Annotated[
        Path | None,
        typer.Option(help="Take this copy instead of downloading; of a data set of several files, their folder."),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Download a model's weights or a public data set from their published address; no other command downloads."""
    from facepriv.datasets.archives import ARCHIVES
    from facepriv.services.models.fetching import fetch

    if name in ARCHIVES:
        _fetch_archive(name, file, json_file)
        return
    fetched = fetch(name, file=file, progress=sys.stderr.isatty())
    say(f"{fetched.name}: weights {fetched.came}, {fetched.bytes:,} bytes, SHA-256 {fetched.sha256}")
    if fetched.first:
        say(_RECORDED)
    row = {"name": fetched.name, "came": fetched.came, "bytes": fetched.bytes, "sha256": fetched.sha256}
    write_json(json_file, {"schema": "facepriv.fetch/1", **row, "first": fetched.first})


def _fetch_archive(name: str, file: Path | None, json_file: Path | None) -> None:
    from facepriv.datasets.archives import ARCHIVES
    from facepriv.services.datasets.fetching import fetch_archive

    archive = ARCHIVES[name]
    fetched = fetch_archive(archive, file=file, progress=sys.stderr.isatty())
    say(f"{archive.title}: {fetched.came}, in {fetched.folder}")
    say(f"Licence: {archive.licence}. Source: {archive.source}.")
    for called, digest in fetched.sha256.items():
        say(f"{called}: SHA-256 {digest}. {_RECORDED if called in fetched.first else ''}".rstrip())
    for sentence in fetched.without:
        say(f"Left out: {sentence}")
    say(f"Import it with: {fetched.command}")
    say("The fetched files stay until you delete that folder.")
    row = {"name": name, "came": fetched.came, "folder": str(fetched.folder), "sha256": fetched.sha256}
    rest = {"first": [*fetched.first], "without": [*fetched.without], "import": fetched.command}
    write_json(json_file, {"schema": "facepriv.fetch-archive/1", **row, **rest})
