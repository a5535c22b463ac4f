"""A release of protected templates as one zip archive in memory, with the key as a file of its own."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass

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
