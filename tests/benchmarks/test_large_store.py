"""The made-up installation that pages are measured on is one that pages can show."""

from __future__ import annotations

import sys
from pathlib import Path

from facepriv.config import Settings
from facepriv.store import open_store

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import large_store


def test_it_has_as_many_images_and_runs_as_were_asked_for(tmp_path: Path) -> None:
    run = large_store.fill(tmp_path, images=60, runs=3)
    with open_store(Settings(home=tmp_path)) as store:
        assert store.runs.count(states=["complete"]) == 4
        record = store.runs.get(run)
        assert record.result is not None
        assert record.images == 60
        assert record.result.images == 60
        assert len(store.runs.run_images(run)) == 60
        assert record.result.failures.total == 2
        assert len({image.artifact_sha256 for image in store.datasets.images(record.dataset_id)}) == 20
        assert all(one in dict(store.artifacts.list()) for one in [store.runs.run_images(run)[0].artifact_sha256])
