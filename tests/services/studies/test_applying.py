"""A candidate applied to the whole data set: the run, then the audit that follows it by itself."""

from __future__ import annotations

import pytest

from facepriv.config import Settings
from facepriv.errors import BadInputError
from facepriv.schemas.base import ModelRef
from facepriv.services.datasets.importing import import_dataset
from facepriv.services.jobs.worker import run_worker
from facepriv.services.studies.applying import apply_candidate, choose_candidates, find_applied
from facepriv.store import Store, StudyRecord, open_store
from tests.actors import TEST
from tests.pages.conftest import write_faces
from tests.store_examples import add_dataset
from tests.study_examples import progress_of, spec_of


def add_study(store: Store, dataset: str, **update: object) -> StudyRecord:
    spec = spec_of(3, rungs=2).model_copy(update={"dataset": store.datasets.get(dataset).ref, **update})
    number = store.studies.create(spec)
    assert store.jobs.claim("test", only=store.studies.job_id(number)) is not None
    store.studies.save_progress(number, "test", progress_of())
    return store.studies.get(number)


def test_by_default_what_a_study_recommends_is_applied(tmp_path):
    with open_store(Settings(home=tmp_path)) as store:
        add_dataset(store, "faces")
        study = add_study(store, "faces")
        assert [each.name for each in choose_candidates(study)] == ["s0, 100%"]
        assert [each.name for each in choose_candidates(study, "s1, 50%")] == ["s1, 50%"]
        with pytest.raises(BadInputError) as refused:
            choose_candidates(study, "s7")
        assert refused.value.code == "no-candidate"


@pytest.mark.slow
def test_all_images_are_changed_and_then_audited_at_its_proportion(tmp_path):
    settings = Settings(home=tmp_path / "home", workers=2)
    with open_store(settings) as store:
        import_dataset(store, settings, write_faces(tmp_path / "in", subjects_each=8, images_each=1), name="faces")
        version = {"classifiers": (ModelRef(name="dlib-gender", version="1"),)}
        study = add_study(store, "faces", **version, matchers=(ModelRef(name="sface", version="1"),))
        candidate, other = study.spec.candidate("s1, 50%"), study.spec.candidate("s1, 100%")
        assert find_applied(store, study.spec, candidate).jobs == []
        begun = apply_candidate(store, settings, study.spec, candidate, TEST)
        assert begun.audit is None
        assert len(begun.run.spec.image_ids) == 16
        run_worker(settings, kinds=("run", "audit"), until_idle=True)
        applied = find_applied(store, study.spec, candidate)
        assert applied.run.id == begun.run.id
        assert applied.run.result is not None
        assert applied.audit.result is not None, applied.audit.error
        assert applied.audit.run_id == begun.run.id
        assert (applied.audit.spec.p, applied.audit.spec.select_by) == (0.5, "image")
        at_another = find_applied(store, study.spec, other)
        assert at_another.run.id == begun.run.id
        assert at_another.audit is None


@pytest.mark.slow
def test_an_audit_that_cannot_be_made_is_told_in_the_log_of_the_run(tmp_path):
    settings = Settings(home=tmp_path / "home", workers=1)
    with open_store(settings) as store:
        import_dataset(store, settings, write_faces(tmp_path / "in", subjects_each=2), name="faces")
        study = add_study(store, "faces")
        begun = apply_candidate(store, settings, study.spec, study.spec.candidate("s0, 100%"), TEST)
        run_worker(settings, kinds=("run", "audit"), until_idle=True)
        assert store.runs.get(begun.run.id).result is not None
        assert store.audits.list() == ()
        assert "The audit that was asked for cannot be made" in store.jobs.log(begun.run.job_id)[-1].text
