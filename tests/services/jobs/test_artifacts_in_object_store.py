"""A whole job with its artifacts in an object store, and in a folder: the same comes out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from facepriv.config import Settings
from facepriv.schemas.requests import RunRequest
from facepriv.services.datasets.importing import import_dataset
from facepriv.services.releases.export import IMAGES, MANIFEST, export_run, run_document
from facepriv.services.runs.preparing import prepare_run
from facepriv.store import open_store
from tests.actors import TEST
from tests.finished_run import FAST, METHOD, labelled_demo, start_run
from tests.object_store import ObjectStore

TIMES = {"seconds", "created_at", "finished_at"}


def do_the_job(settings: Settings, faces: Path, out: Path) -> dict[str, Any]:
    """Import, perturb by a worker of its own with two processes, and export; gives the result without times."""
    with open_store(settings) as store:
        import_dataset(store, settings, faces, name="few")
        spec = prepare_run(
            store, RunRequest(dataset="few", method=METHOD, parameters=FAST, classifiers=[], matchers=["sface"])
        )
        run = start_run(store, spec)
        environment = {**os.environ, **settings.environment()}
        subprocess.run([sys.executable, "-m", "facepriv", "worker", "--until-idle"], env=environment, check=True)
        record = store.runs.get(run.id)
        assert record.state == "complete", record.error
        export_run(store, run.id, out, actor=TEST)
        return run_document(store, run.id).model_dump(mode="json", by_alias=True, exclude=TIMES)


@pytest.mark.slow
def test_the_same_comes_out(tmp_path: Path, bucket_url: str, object_store: ObjectStore) -> None:
    faces = labelled_demo(tmp_path / "faces", ("s001_1", "s001_2", "s003_1", "s003_2"))
    here = Settings(home=tmp_path / "here", workers=2)
    there = Settings(home=tmp_path / "there", workers=2, artifacts_url=f"{bucket_url}/some/prefix")
    local = do_the_job(here, faces, tmp_path / "out-here")
    assert object_store.requests == []
    assert do_the_job(there, faces, tmp_path / "out-there") == local
    assert not there.artifacts.exists()

    exported = {path.name: path.read_bytes() for path in (tmp_path / "out-there" / IMAGES).iterdir()}
    assert exported == {path.name: path.read_bytes() for path in (tmp_path / "out-here" / IMAGES).iterdir()}
    assert len(exported) == 4
    manifests = {(tmp_path / out / MANIFEST).read_text() for out in ("out-here", "out-there")}
    assert len(manifests) == 1
    with open_store(here) as one, open_store(there) as other:
        assert [*one.artifacts.list()] == [*other.artifacts.list()]
        other.datasets.delete(other.datasets.get("few").id)
        assert [*other.artifacts.list()] == []
