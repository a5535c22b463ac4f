"""A release of protected templates from a page: one zip archive in memory, or a folder of the server, the key apart."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

from facepriv.config import Settings
from facepriv.scratch import temporary_folder
from facepriv.services.protections.release import KEY_SUFFIX, write_protected
from facepriv.store import Store
from facepriv.types import Actor


@dataclass(frozen=True)
class Download:
    """What a browser is handed."""

    archive: bytes
    """Zip archive of the release, the key not among it."""
    key: bytes | None
    """The key file; None where the protection needs no key."""
    templates: int


def make_download(
    store: Store, settings: Settings, number: int, *, actor: Actor, suffix: str | None = None
) -> Download:
    """Release protected templates with a new key; nothing of it stays on the disk. Raises as `write_protected`.

    Should the process be killed meanwhile, a purge or `facepriv collect` deletes what it left in the data folder.
    """
    with temporary_folder(settings.temporary, "release-") as folder:
        release, key_file = folder / "release", folder / f"key{KEY_SUFFIX}"
        released = write_protected(store, number, release, actor=actor, suffix=suffix, key_file=key_file)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(release.iterdir()):
                archive.write(file, file.name)
        key = key_file.read_bytes() if released.key_file is not None else None
    return Download(packed.getvalue(), key, released.templates)


def write_to_folder(
    store: Store, settings: Settings, number: int, folder: Path, *, actor: Actor, suffix: str | None = None
) -> bytes | None:
    """Release protected templates with a new key into a folder; return the key file, None where there is no key.

    Raises as `write_protected`.
    """
    with temporary_folder(settings.temporary, "release-") as aside:
        key_file = aside / f"key{KEY_SUFFIX}"
        released = write_protected(store, number, folder, actor=actor, suffix=suffix, key_file=key_file)
        return None if released.key_file is None else key_file.read_bytes()
