"""What is written is read back the same."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from facepriv.datasets.templates.writing import WRITERS, write_templates
from facepriv.errors import BadInputError
from facepriv.types import Templates
from tests.datasets.templates.tables import planted, read

names = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=12).filter(
    lambda name: name.isprintable() and name == name.strip()
)


@st.composite
def some_templates(draw) -> Templates:
    number, width = draw(st.integers(1, 6)), draw(st.integers(4, 9))
    finite = st.floats(-1e6, 1e6, width=32).filter(lambda value: value == 0 or abs(value) > 1e-6)
    rows = draw(arrays.arrays(np.float32, (number, width), elements=finite))
    rows[:, 0] = np.where(np.linalg.norm(rows, axis=1) > 0, rows[:, 0], 1)
    metric = draw(st.sampled_from(["cosine", "euclidean"]))
    if metric == "cosine":
        rows = (rows / np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)).astype(np.float32)
    return Templates(
        rows=rows,
        records=np.array(draw(st.lists(names, min_size=number, max_size=number, unique=True))),
        subjects=np.array(draw(st.lists(names, min_size=number, max_size=number))),
        labels=np.array(draw(st.lists(st.sampled_from([-1, 0, 1]), min_size=number, max_size=number)), np.int8),
        metric=metric,
        matcher=draw(names),
        version=draw(names),
    )


@pytest.mark.parametrize("suffix", WRITERS)
@settings(max_examples=40)
@given(templates=some_templates())
def test_what_is_written_is_read_back(suffix: str, templates: Templates) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"out{suffix}"
        write_templates(templates, path)
        # A CSV has no place for what holds for all rows.
        back = read(path, metric=templates.metric if suffix == ".csv" else None).templates
    np.testing.assert_array_equal(back.rows, templates.rows)
    assert back.records.tolist() == templates.records.tolist()
    assert back.subjects.tolist() == templates.subjects.tolist()
    assert back.labels.tolist() == templates.labels.tolist()
    assert back.metric == templates.metric
    if suffix != ".csv":
        assert (back.matcher, back.version) == (templates.matcher, templates.version)


def test_what_cannot_be_written(tmp_path: Path) -> None:
    for path, code in ((tmp_path / "a.txt", "unknown-format"), (tmp_path / "no" / "a.npz", "cannot-write")):
        with pytest.raises(BadInputError) as caught:
            write_templates(planted(), path)
        assert caught.value.code == code
