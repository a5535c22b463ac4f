"""Leak audits from start to end: real images, real models, real attackers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from facepriv.audit.attackers.registry import attackers
from facepriv.config import Settings
from facepriv.errors import BadInputError, UnknownNameError
from facepriv.imaging import appearance, residuals
from facepriv.imaging.restoring import RESTORERS
from facepriv.measures.compute import RESIDUALS, SAVE_EVERY, Measure, find_known
from facepriv.presentation import audit_tables
from facepriv.presentation.attackers import attacker_in_words
from facepriv.schemas.audits import AuditResult
from facepriv.schemas.requests import AuditRequest, RunRequest
from facepriv.services.audits.evidence import find_evidence, list_audited, list_measures
from facepriv.services.audits.preparing import audit_document, find_same_audit, prepare_audit
from facepriv.services.datasets.importing import DEMO, import_demo
from facepriv.services.jobs.worker import run_worker
from facepriv.services.runs.preparing import prepare_run
from facepriv.store import AuditRecord, RunRecord, Store, open_store
from facepriv.store.records import NewTemplateSet
from facepriv.store.template_sets import TemplateRows
from tests.finished_run import scores_of, start_audit, start_run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("audits")]

MODELS = {"classifiers": ["dlib-gender"], "matchers": ["sface"]}
IMAGES = 24


@dataclass(frozen=True)
class Audited:
    """A store with the demo set, a complete run on some of it, an audit of these as they are, and one of the run."""

    store: Store
    settings: Settings
    run: RunRecord
    plain: AuditRecord
    of_run: AuditRecord


def carry_through(store: Store, settings: Settings, spec: object) -> AuditRecord:
    audit = start_audit(store, spec)  # type: ignore[arg-type]
    run_worker(settings, job_id=audit.job_id)
    record = store.audits.get(audit.id)
    assert record.state == "complete", record.error
    return record


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    settings = Settings(home=tmp_path_factory.mktemp("audited") / "home", workers=1)
    with open_store(settings) as store:
        import_demo(store, settings)
        plain = carry_through(store, settings, prepare_audit(store, AuditRequest(dataset=DEMO, limit=IMAGES, **MODELS)))
        run = start_run(store, prepare_run(store, RunRequest(dataset=DEMO, aim="guide", limit=IMAGES, **MODELS)))
        run_worker(settings, job_id=run.job_id)
        spec = prepare_audit(
            store, AuditRequest(run=run.id, attackers=["sign", "score", "several-images"], draws=2, **MODELS)
        )
        of_run = carry_through(store, settings, spec)
        yield Audited(store, settings, store.runs.get(run.id), plain, of_run)


def result_of(record: AuditRecord) -> AuditResult:
    assert record.result is not None
    return record.result


def test_a_database_as_it_is(audited: Audited) -> None:
    result = result_of(audited.plain)
    assert result.images == 24
    assert result.subjects == 12
    assert result.male_subjects == 6
    assert result.female_subjects == 6
    assert [one.name for one in result.conditions] == ["untouched"]
    (untouched,) = result.conditions
    # With one classifier there are no others to put beside it.
    assert {one.attacker for one in untouched.attacks} == set(attackers.names()) - {"ensemble"}
    for one in untouched.attacks:
        assert one.images == 24
        assert one.accuracy.low <= one.accuracy.value <= one.accuracy.high
        assert 0 <= one.bits.low <= one.bits.value <= one.bits.high <= 1
        assert sum(one.chosen.values()) == audited.plain.spec.folds
    by_name = {one.attacker: one for one in untouched.attacks}
    # Demo faces show gender to a classifier that was trained on a hundred thousand others.
    assert by_name["score"].accuracy.value > 0.9
    assert [one.classifier for one in result.baseline] == ["dlib-gender"]
    assert result.baseline[0].all.value < 0.1
    assert {one.variant.split(":")[0] for one in untouched.variants if one.attacker == "template"} == {"sface"}
    assert result.policy is None
    assert result.curve == []
    assert result.utility == []
    assert result.headlines[0].upper == max(one.accuracy.high for one in untouched.attacks)
    assert "a person who looks at the images" in result.not_tried
    assert result.headlines[0].attacker in result.verdict


def test_a_run_is_followed_over_proportions(audited: Audited) -> None:
    result = result_of(audited.of_run)
    assert [one.name for one in result.conditions] == ["untouched", "mix", "perturbed"]
    assert result.policy is not None
    assert result.policy.automatic
    ps = sorted({point.p for point in result.curve})
    assert set(np.arange(11) / 10) <= set(ps)
    assert result.policy.sign_p in ps
    by_point = {(point.p, point.attacker): point.accuracy for point in result.curve}
    worst = {p: max(by_point[p, name] for name in audited.of_run.spec.attackers) for p in ps}
    assert worst[result.policy.p] <= min(worst.values()) + 0.2  # within the noise of the draws, or smaller
    # At the sign attacker's own optimum the sign tells little, and the score still nearly everything.
    assert by_point[result.policy.sign_p, "sign"] < 0.75
    assert by_point[result.policy.sign_p, "score"] > by_point[result.policy.sign_p, "sign"] + 0.1
    assert {one.p for one in result.utility} == set(ps)
    assert [one.matcher for one in result.utility_change] == ["sface"]
    assert result.quality is not None
    assert result.quality.success == 1.0
    assert result.not_perturbed == 0
    assert f"an attacker who {attacker_in_words('detector')}" in result.not_tried


def test_nothing_is_measured_twice(audited: Audited) -> None:
    spec = audited.of_run.spec
    images = list_audited(audited.store, spec)
    known = find_known(audited.store, images.files, list_measures(spec))
    assert len(images.files) == 2 * IMAGES
    assert {name: len(vectors) for name, vectors in known.items()} == dict.fromkeys(known, 2 * IMAGES)


def test_evidence_is_what_the_files_show(audited: Audited) -> None:
    seen, others = find_evidence(audited.store, audited.of_run.spec)
    assert others is None
    assert seen.perturbed is not None
    scores = scores_of(audited.store, audited.run, "dlib-gender")
    ids = [image.id for image in list_audited(audited.store, audited.of_run.spec).images]
    for phase, one in (("before", seen.untouched), ("after", seen.perturbed)):
        np.testing.assert_allclose(one.scores["dlib-gender"], [scores[i, phase] for i in ids], atol=1e-6)
        assert one.restored["dlib-gender"].shape == (IMAGES, len(RESTORERS))
        assert one.templates["sface"].shape[0] == IMAGES
        np.testing.assert_allclose(np.linalg.norm(one.templates["sface"], axis=1), 1, atol=1e-5)
        assert one.residuals.shape == (IMAGES, residuals.COUNT)
        assert one.appearance.shape == (IMAGES, appearance.COUNT)
    assert not np.allclose(seen.untouched.residuals, seen.perturbed.residuals)


def test_same_spec_same_result_whatever_the_number_of_processes(audited: Audited) -> None:
    two = audited.settings.model_copy(update={"workers": 2})
    again = carry_through(audited.store, two, audited.of_run.spec)
    first, second = (result_of(one).model_dump(exclude={"seconds"}) for one in (audited.of_run, again))
    assert first == second
    found = find_same_audit(audited.store, audited.of_run.spec)
    assert found is not None
    assert found.id == again.id  # the newest
    assert find_same_audit(audited.store, audited.of_run.spec.model_copy(update={"seed": 1})) is None
    audited.store.audits.delete(again.id)


def test_an_interrupted_audit_keeps_what_it_measured(tmp_path: Path) -> None:
    """The worker is told to stop while it measures; the audit is given back, and goes on with the rest."""
    settings = Settings(home=tmp_path / "home", workers=1)
    with open_store(settings) as store:
        import_demo(store, settings)
        spec = prepare_audit(store, AuditRequest(dataset=DEMO, limit=20, attackers=["sign"], **MODELS))
        audit = start_audit(store, spec)

        def stop(_: int, stage: str, done: int, total: int) -> None:
            if stage == "measuring" and done > SAVE_EVERY:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run_worker(settings, job_id=audit.job_id, on_progress=stop)
        assert store.audits.get(audit.id).state == "waiting"
        known = find_known(store, list_audited(store, spec).files, [Measure(RESIDUALS)])
        assert SAVE_EVERY <= len(known[RESIDUALS]) < 20
        run_worker(settings, job_id=audit.job_id)
        assert store.audits.get(audit.id).state == "complete"


@pytest.mark.parametrize(
    "options",
    [{"p": 1.5}, {"p": float("nan")}, {"draws": 0}, {"limit": 0}, {"seed": -1}, {"most_fnmr_loss": 2.0}],
    ids=lambda options: next(iter(options)),
)
def test_impossible_numbers_get_one_sentence(options: dict) -> None:
    with pytest.raises(BadInputError) as caught:
        AuditRequest(run=1, **options)
    (field,) = options
    assert caught.value.code == f"bad-{field.replace('_', '-')}"


def test_what_fewer_people_would_have_told_is_known(audited: Audited) -> None:
    """Eight of ten people are learnt from, of whom no eighth and no quarter is enough."""
    plain, of_run = result_of(audited.plain), result_of(audited.of_run)
    assert {point.part for point in plain.learning} == set()
    assert plain.learned_from == of_run.learned_from == []
    assert {point.condition for point in of_run.learning} == {one.condition for one in of_run.learning_gains}
    for gain in of_run.learning_gains:
        assert gain.attacker in audited.of_run.spec.attackers


def test_impossible_audits_get_one_sentence(audited: Audited) -> None:
    store = audited.store
    with pytest.raises(BadInputError, match="at least 10 subjects"):
        prepare_audit(store, AuditRequest(dataset=DEMO, limit=12))
    with pytest.raises(BadInputError, match="judged on a run"):
        prepare_audit(store, AuditRequest(dataset=DEMO, p=0.5))
    with pytest.raises(UnknownNameError, match="no attacker called 'nobody'"):
        prepare_audit(store, AuditRequest(dataset=DEMO, attackers=["nobody"]))
    with pytest.raises(UnknownNameError):
        prepare_audit(store, AuditRequest(run=99))
    waiting = start_run(store, prepare_run(store, RunRequest(dataset=DEMO, aim="guide", limit=4, **MODELS)))
    with pytest.raises(BadInputError, match="is waiting"):
        prepare_audit(store, AuditRequest(run=waiting.id))
    store.jobs.cancel(store.runs.job_id(waiting.id))


def test_attackers_without_anything_to_go_on_get_one_sentence(audited: Audited) -> None:
    spec = prepare_audit(
        audited.store,
        AuditRequest(dataset=DEMO, limit=IMAGES, attackers=["sign", "ensemble"], classifiers=[], matchers=[]),
    )
    audit = start_audit(audited.store, spec)
    run_worker(audited.settings, job_id=audit.job_id)
    ended = audited.store.audits.get(audit.id)
    assert ended.state == "failed"
    assert "found nothing in these images" in (ended.error or "")
    audited.store.audits.delete(audit.id)


def test_documents_and_tables(audited: Audited) -> None:
    document = audit_document(audited.store, audited.of_run.id)
    assert document.spec == audited.of_run.spec
    assert document.model_dump(by_alias=True)["schema"] == "facepriv.audit/1"
    mix = document.condition("mix")
    assert mix is not None
    rows = audit_tables.attack_rows(mix.attacks)
    assert rows[0]["Attacker"] == max(mix.attacks, key=lambda one: one.accuracy.value).attacker
    assert len(audit_tables.curve_rows(document)) == len({point.p for point in document.curve})
    assert len(audit_tables.attacker_rows()) == len(attackers.names())
    assert audit_tables.baseline_rows(document)[0]["Classifier"] == "dlib-gender"
    assert len(audit_tables.utility_rows(document)) == len(document.utility)
    assert len(audit_tables.change_rows(document)) == 1
    failed = start_audit(audited.store, audited.plain.spec)
    with pytest.raises(BadInputError, match="is waiting"):
        audit_document(audited.store, failed.id)
    audited.store.audits.delete(failed.id)


def test_templates_that_are_released_beside_the_images_are_read_by_attackers(audited: Audited) -> None:
    store, run = audited.store, audited.run
    images = [image for image in store.datasets.images(run.dataset_id) if image.failure is None]
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(len(images), 16)).astype(np.float32)
    rows[:, 0] += 6 * np.array([image.label or 0 for image in images])
    content = TemplateRows(
        rows=rows[::-1],
        records=[image.name for image in images[::-1]],
        subjects=[image.subject for image in images[::-1]],
        labels=np.zeros(len(images), np.int8),
        metric="cosine",
        matcher="leaky",
        version="1",
    )
    new = NewTemplateSet(name="beside", source="a test", reader="made", reader_reason="", dataset_id=run.dataset_id)
    beside = store.template_sets.save(new, content)
    request = {"run": run.id, "attackers": ["retrained"], "p": 1.0, "draws": 1, **MODELS}
    spec = prepare_audit(store, AuditRequest(with_templates=("beside",), **request))
    assert [ref.id for ref in spec.with_templates] == [beside.id]
    evidence, _ = find_evidence(store, spec)
    assert evidence.perturbed is not None
    name = "released templates beside"
    by_name = {image.name: row for image, row in zip(images, rows, strict=True)}
    audited_names = [image.name for image in list_audited(store, spec).images]
    for features in (evidence.untouched, evidence.perturbed):
        np.testing.assert_array_equal(features.templates[name], np.stack([by_name[each] for each in audited_names]))
    result = result_of(carry_through(store, audited.settings, spec))
    means = {one.variant: one.accuracy.value for one in result.condition("perturbed").variants}
    assert max(value for means_, value in means.items() if name in means_) > 0.95, means
    assert {one.matcher for one in result.utility} == {"sface"}, "nobody compares by released templates"

    other = NewTemplateSet(name="apart", source="a test", reader="npz", reader_reason="")
    store.template_sets.save(other, content)
    for wrong in ({"with_templates": ("apart",)}, {"with_templates": ("beside",), "learn_from": DEMO}):
        with pytest.raises(BadInputError) as refused:
            prepare_audit(store, AuditRequest(**request, **wrong))
        assert refused.value.code == "templates-of-others"
