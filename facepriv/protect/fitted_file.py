"""Files of fitted protections: ``.npz`` with the arrays and, as JSON, what they belong to; never a key, never a person.

The same fitted protection gives the same bytes.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from facepriv.errors import BadInputError, UnknownNameError
from facepriv.exported_files import open_private
from facepriv.protect.base import FittedProtection
from facepriv.protect.registry import make_protection

FORMAT = 1
_HEADER = "protection.json"
_ARRAY_FOLDER = "arrays/"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MOST_BYTES = 2**30
_HEADER_FIELDS = {"format", "name", "parameters", "metric", "width", "matcher", "version", "people", "arrays"}


def save_fitted(fitted: FittedProtection, path: Path | str) -> None:
    """Write a fitted protection; numpy.load reads its arrays, too."""
    header = {
        "format": FORMAT,
        "name": fitted.card.name,
        "parameters": fitted.parameters.model_dump(mode="json"),
        "metric": fitted.metric,
        "width": fitted.width,
        "matcher": fitted.matcher,
        "version": fitted.version,
        "people": fitted.people,
        "arrays": sorted(fitted.arrays),
    }
    # numpy.savez writes the time of day into the file.
    with open_private(Path(path), "wb") as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(zipfile.ZipInfo(_HEADER, _EPOCH), json.dumps(header, sort_keys=True, indent=1))
        for name in sorted(fitted.arrays):
            written = io.BytesIO()
            np.save(written, fitted.arrays[name], allow_pickle=False)
            file.writestr(zipfile.ZipInfo(f"{_ARRAY_FOLDER}{name}.npy", _EPOCH), written.getvalue())


def load_fitted(path: Path | str) -> FittedProtection:
    """Read a fitted protection.

    Raises
    ------
    BadInputError
        With code ``not-a-protection`` if the file is none, or damaged; ``newer-protection`` if a later release
        wrote it.
    UnknownNameError
        If its protection is not registered here.
    """
    try:
        with zipfile.ZipFile(path) as file:
            if sum(member.file_size for member in file.infolist()) > _MOST_BYTES:
                raise ValueError("too large")
            header: dict[str, Any] = json.loads(file.read(_HEADER))
            if header.get("format") != FORMAT:
                raise BadInputError(
                    f"{Path(path).name} has format {header.get('format')!r}, this release reads {FORMAT}; update "
                    "facepriv.",
                    code="newer-protection",
                )
            if not header.keys() >= _HEADER_FIELDS or header["metric"] not in ("cosine", "euclidean"):
                raise ValueError("incomplete")
            arrays = {
                str(name): np.load(io.BytesIO(file.read(f"{_ARRAY_FOLDER}{name}.npy")), allow_pickle=False)
                for name in header["arrays"]
            }
        return FittedProtection(
            make_protection(header["name"], header["parameters"]),
            arrays,
            header["metric"],
            int(header["width"]),
            str(header["matcher"]),
            str(header["version"]),
            int(header["people"]),
        )
    except (BadInputError, UnknownNameError):
        raise
    except OSError as error:
        raise BadInputError(f"{Path(path).name} cannot be read: {error.strerror}.", code="not-a-protection") from error
    except (ValueError, KeyError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise BadInputError(
            f"{Path(path).name} is no fitted protection, or damaged; expected a file that facepriv protect wrote.",
            code="not-a-protection",
        ) from error
