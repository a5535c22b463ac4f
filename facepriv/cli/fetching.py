"""`facepriv fetch`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from facepriv.cli.json_files import JsonFile, write_json
from facepriv.cli.printing import say

_RECORDED = "This hash is recorded and checked from now on. If a source you trust publishes it, compare the two."


def fetch(
    name: Annotated[
        str, typer.Argument(help="Model whose weights come with no package (see facepriv models), or lfw or london.")
    ],
    file: Annotated[
        Path | None,
        typer.Option(help="Use this copy instead of downloading; for a data set of several files, their folder."),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Download a model's weights or a public data set from its published address; no other command downloads."""
    from facepriv.datasets.published import PUBLISHED_DATASETS
    from facepriv.services.models.fetching import fetch_model

    if name in PUBLISHED_DATASETS:
        _fetch_dataset(name, file, json_file)
        return
    fetched = fetch_model(name, file=file, progress=sys.stderr.isatty())
    say(f"{fetched.name}: weights {fetched.origin}, {fetched.bytes:,} bytes, SHA-256 {fetched.sha256}")
    if fetched.newly_recorded:
        say(_RECORDED)
    row = {"name": fetched.name, "came": fetched.origin, "bytes": fetched.bytes, "sha256": fetched.sha256}
    write_json(json_file, {"schema": "facepriv.fetch/1", **row, "first": fetched.newly_recorded})


def _fetch_dataset(name: str, file: Path | None, json_file: Path | None) -> None:
    from facepriv.datasets.published import PUBLISHED_DATASETS
    from facepriv.services.datasets.fetching import fetch_dataset

    dataset = PUBLISHED_DATASETS[name]
    fetched = fetch_dataset(dataset, file=file, progress=sys.stderr.isatty())
    say(f"{dataset.title}: {fetched.origin}, in {fetched.folder}")
    say(f"Licence: {dataset.licence}. Source: {dataset.source}.")
    for file_name, digest in fetched.sha256.items():
        say(f"{file_name}: SHA-256 {digest}. {_RECORDED if file_name in fetched.newly_recorded else ''}".rstrip())
    for sentence in fetched.skipped:
        say(f"Left out: {sentence}")
    say(f"Import it with: {fetched.command}")
    say("The downloaded files stay until you delete that folder.")
    row = {"name": name, "came": fetched.origin, "folder": str(fetched.folder), "sha256": fetched.sha256}
    rest = {"first": [*fetched.newly_recorded], "without": [*fetched.skipped], "import": fetched.command}
    write_json(json_file, {"schema": "facepriv.fetch-archive/1", **row, **rest})
