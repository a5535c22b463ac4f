"""Templates of planted people, and files of them in every format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepriv.datasets.label_tables import LabelTable
from facepriv.datasets.templates.checking import Checker, CountedProblem
from facepriv.datasets.templates.reading import open_table, parse_template_columns
from facepriv.datasets.templates.table import TableOptions
from facepriv.types import Metric, Templates

EVERY_FORMAT = ["npz", "csv", "csv-lists", "parquet", "parquet-wide", "h5"]


@dataclass(frozen=True)
class Read:
    """What came of reading a file."""

    templates: Templates
    problems: list[CountedProblem]
    columns: Mapping[str, str]

    @property
    def codes(self) -> dict[str, int]:
        return {problem.code: problem.count for problem in self.problems}


def read(
    path: Path,
    *,
    metric: Metric | None = "cosine",
    columns: Mapping[str, str] | None = None,
    mapping: Mapping[str, Any] | None = None,
    labels: LabelTable | None = None,
    max_bytes: int = 1 << 30,
) -> Read:
    options = TableOptions(path.name, parse_template_columns(columns), max_bytes)
    with open_table(path, options) as table:
        checker = Checker(table, options, metric=metric, mapping=mapping, labels=labels)
        chunks = list(checker.checked())
        templates = Templates(
            rows=np.concatenate([chunk.rows for chunk in chunks]),
            records=np.array([record for chunk in chunks for record in chunk.records]),
            subjects=np.array([subject for chunk in chunks for subject in chunk.subjects]),
            labels=np.concatenate([chunk.labels for chunk in chunks]),
            metric=checker.metric,
            matcher=table.stated.matcher,
            version=table.stated.version,
        )
    return Read(templates, checker.problems(), table.columns)


def planted(people: int = 6, each: int = 2, width: int = 8, *, seed: int = 0, unit: bool = True) -> Templates:
    """Templates of people, women and men in turn."""
    draw = np.random.default_rng(seed)
    rows = draw.normal(size=(people * each, width)).astype(np.float32)
    if unit:
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    people_of = np.repeat(np.arange(people), each)
    return Templates(
        rows=rows,
        records=np.array([f"img{number:03d}.jpg" for number in range(len(rows))]),
        subjects=np.array([f"s{person}" for person in people_of]),
        labels=np.where(people_of % 2, 1, -1).astype(np.int8),
        metric="cosine",
        matcher="",
        version="",
    )


def genders(templates: Templates) -> list[str]:
    return [{1: "male", -1: "female"}.get(int(label), "") for label in templates.labels]


def write_as(kind: str, folder: Path, templates: Templates, rows: NDArray[Any] | None = None) -> Path:
    """Write templates as some other program would; ``rows`` in place of theirs."""
    rows = templates.rows if rows is None else rows
    ids = {
        "record": templates.records.tolist(),
        "subject": templates.subjects.tolist(),
        "gender": genders(templates),
    }
    path = folder / f"templates.{kind.partition('-')[0]}"
    if kind == "npz":
        np.savez_compressed(path, embeddings=rows, **{name: np.array(texts) for name, texts in ids.items()})
    elif kind == "csv":
        header = [*ids, *(f"e{number}" for number in range(rows.shape[1]))]
        lines = [[*each, *map(repr, row)] for *each, row in zip(*ids.values(), rows.tolist(), strict=True)]
        path.write_text("\n".join(",".join(line) for line in [header, *lines]) + "\n")
    elif kind == "csv-lists":
        lines = [";".join([*each, json.dumps(row)]) for *each, row in zip(*ids.values(), rows.tolist(), strict=True)]
        path.write_text("\n".join(["Record;Person;Sex;Embedding", *lines]) + "\n")
    elif kind.startswith("parquet"):
        import pyarrow as pa
        from pyarrow import parquet

        wide = {f"dim_{number + 1}": rows[:, number] for number in range(rows.shape[1])}
        table = pa.table({**ids, **(wide if kind == "parquet-wide" else {"vector": rows.tolist()})})
        parquet.write_table(table, path)
    else:
        import h5py

        with h5py.File(path, "w") as file:
            file["features"] = rows
            for name, texts in ids.items():
                file[name] = texts
    return path
