"""Models made by name, and their versions."""

from __future__ import annotations

import pytest

from facepriv.errors import FaceprivError, UnknownNameError
from facepriv.measures.loaded_models import DETECTOR, check_versions, get_classifier, get_matcher, make_reference
from facepriv.schemas.base import ModelRef


def test_unknown_models():
    with pytest.raises(UnknownNameError, match="dlib-gender"):
        get_classifier("oracle")
    with pytest.raises(UnknownNameError, match="sface"):
        get_matcher("oracle")


def test_versions_must_agree():
    found = make_reference(get_classifier("dlib-gender"))
    check_versions(found, found)
    check_versions(DETECTOR, DETECTOR)
    other = ModelRef(name=found.name, version="0123456789ab")
    with pytest.raises(FaceprivError, match=f"of version 0123456789ab, but {found.version} is installed; install"):
        check_versions(other, found)
