"""Files of fitted protections that are none, or no longer."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest

import facepriv.protect
from facepriv.errors import BadInputError, UnknownNameError
from facepriv.protect.fitted_file import save_fitted
from facepriv.protect.registry import make_protection
from tests.protect.people import make_templates


@pytest.fixture
def path(tmp_path):
    save_fitted(make_protection("mean-difference").fit(make_templates(), seed=0), tmp_path / "map.npz")
    return tmp_path / "map.npz"


def _rewrite(path, **changes: object) -> None:
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    header = json.loads(members["protection.json"]) | changes
    members["protection.json"] = json.dumps(header).encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)


def test_production_loads_it_in_three_lines(path):
    fitted = facepriv.protect.load(path)
    rows = make_templates(4, seed=1).rows
    assert fitted.protect(rows, np.repeat("somebody new", len(rows))).shape == rows.shape
    # The file is a plain .npz, too.
    assert set(np.load(path).files) >= {"arrays/basis", "arrays/middle"}


def test_other_files_are_refused(path, tmp_path):
    whole = path.read_bytes()
    np.savez(tmp_path / "other.npz", basis=np.eye(2))
    pickled = io.BytesIO()
    np.save(pickled, np.array([print], dtype=object), allow_pickle=True)
    cases = {"text.npz": b"no archive", "half.npz": whole[: len(whole) // 2], "empty.npz": b""}
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
    for name in (*cases, "other.npz", "missing.npz"):
        with pytest.raises(BadInputError) as caught:
            facepriv.protect.load(tmp_path / name)
        assert caught.value.code == "not-a-protection", name
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("arrays/pickled.npy", pickled.getvalue())
    _rewrite(path, arrays=["pickled"])
    with pytest.raises(BadInputError) as caught:
        facepriv.protect.load(path)
    assert caught.value.code == "not-a-protection"


def test_what_this_release_does_not_know_is_said(path):
    _rewrite(path, name="of a later release")
    with pytest.raises(UnknownNameError):
        facepriv.protect.load(path)
    _rewrite(path, format=99)
    with pytest.raises(BadInputError) as caught:
        facepriv.protect.load(path)
    assert caught.value.code == "newer-protection"
