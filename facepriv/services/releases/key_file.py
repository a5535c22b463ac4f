"""Key files of releases: new files that only their owner may read, apart from what is released."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facepriv.errors import BadInputError
from facepriv.services.releases.output_folder import drop_key, note_key


def choose_key_file(folder: Path, key_file: Path | None, suffix: str) -> Path:
    """Return where a release's key goes: the file that was named, by default beside the folder.

    Raises BadInputError with code ``key-exists`` if that file exists, ``key-in-release`` if it would lie in the folder.
    """
    beside = folder.resolve()
    target = (key_file if key_file is not None else beside.with_name(beside.name + suffix)).resolve()
    if target.exists():
        drop_key(folder, target)
    if target.exists():
        raise BadInputError(
            f"The key would be written to {target}, but that file exists; name another with --key-file, or give it as "
            "the key to release by.",
            code="key-exists",
        )
    if target.is_relative_to(beside):
        raise BadInputError(
            f"The key must not lie in the folder that is released, but {target} would; name a file outside.",
            code="key-in-release",
        )
    return target


def read_key_file(file: Path, schema: str, of: str) -> bytes:
    """Read a key of a schema; raises BadInputError, code ``not-a-key``, that says ``of`` what it was to be."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["schema"] != schema:
            raise ValueError(content["schema"])
        return bytes.fromhex(content["key"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInputError(
            f"The key file of {of} was expected at {file}, but it cannot be read as one; name another, or leave it out "
            "for a new key.",
            code="not-a-key",
        ) from error


def key_json(content: Mapping[str, Any]) -> str:
    """Return the text of a key file."""
    return json.dumps(content, indent=2) + "\n"


def write_new_key_file(target: Path, content: Mapping[str, Any], *, of: Path | None = None) -> None:
    """Write a key with what it belongs to as JSON, mode 0600; raises BadInputError with code ``cannot-write``.

    ``of`` is the folder of the release, while it is being written.
    """
    text = key_json(content)
    try:
        if of is not None:
            note_key(of, text.encode())
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise BadInputError(
            f"A new file for the key was expected to be possible at {target}, but it cannot be written "
            f"({error.strerror or error}); name another with --key-file.",
            code="cannot-write",
        ) from error
