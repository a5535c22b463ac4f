"""Whether Stasm is built here; tests that need it are skipped where it is not."""

from __future__ import annotations

import pytest

from facepriv.errors import ModelUnavailableError
from facepriv.imaging.landmarkers.registry import landmarkers


def why_not() -> str:
    """Say why Stasm cannot be used; empty where it can."""
    try:
        landmarkers.create("stasm-77").ready()
    except ModelUnavailableError as error:
        return str(error)
    return ""


needs_stasm = pytest.mark.skipif(bool(why_not()), reason=why_not())
