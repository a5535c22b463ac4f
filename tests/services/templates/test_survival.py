"""Imports of templates that are killed, and artifacts that lie elsewhere."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from facepriv.config import Settings
from facepriv.services.templates.importing import import_templates
from facepriv.services.upkeep.template_purging import purge_template_set
from facepriv.store import Store, open_store
from facepriv.store.rows import TemplateSetRow
from tests.actors import ADA
from tests.datasets.templates.tables import planted, write_as
from tests.store.tampering import count_rows

HANGING = """
import sys, time
from pathlib import Path
from facepriv.config import Settings
from facepriv.services.templates.importing import import_templates
from facepriv.store import open_store
from facepriv.store.template_sets import TemplateSetStore

def hang(*_):
    print("files are there", flush=True)
    time.sleep(60)

TemplateSetStore._publish = hang
settings = Settings(home=Path(sys.argv[1]))
with open_store(settings) as store:
    import_templates(store, settings, Path(sys.argv[2]), name="staff")
"""


@pytest.mark.fault
def test_a_kill_leaves_nothing_that_anybody_sees(store: Store, settings: Settings, tmp_path: Path) -> None:
    path = write_as("npz", tmp_path, planted())
    command = [sys.executable, "-c", HANGING, str(settings.home), str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "files are there\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert store.template_sets.list() == ()
    assert store.collect_now() == 0, "it may still be under way"
    assert import_templates(store, settings, path, name="staff").templates == 12
    assert store.collect(imports_older_than=timedelta(0)) == 0
    assert count_rows(settings, TemplateSetRow) == 1
    assert store.template_sets.read("staff").rows.shape == (12, 8), "equal files of both: the other's stay"


@pytest.mark.slow
def test_templates_in_an_object_store(tmp_path: Path, bucket_url: str) -> None:
    settings = Settings(home=tmp_path / "home", artifacts_url=f"{bucket_url}/some/prefix")
    there = planted(people=200, width=64)
    with open_store(settings) as store:
        record = import_templates(store, settings, write_as("npz", tmp_path, there), name="staff")
        assert not settings.artifacts.exists()
        np.testing.assert_array_equal(store.template_sets.read("staff").rows, there.rows)
        np.testing.assert_array_equal(store.template_sets.read_rows("staff", np.array([3, 1])), there.rows[[3, 1]])
        report = purge_template_set(store, settings, record.id, actor=ADA)
        assert report.complete, report.sentences
        assert [*store.artifacts.list()] == []
