"""The report of a run says what an officer needs, in figures that are the run's own, and shows nobody unasked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from facepriv.errors import BadInputError, UnknownNameError
from facepriv.presentation.audit_tables import learning_rows
from facepriv.presentation.findings import findings_of
from facepriv.presentation.glossary import GLOSSARY
from facepriv.presentation.help_texts import AIM_TEXTS
from facepriv.presentation.report_sections import WITHHELD, classifiers_section
from facepriv.presentation.run_sentences import limits
from facepriv.presentation.run_tables import gender_error_rows, jury_rows, matching_rows
from facepriv.presentation.verdict import audit_verdict, run_verdict
from facepriv.report.document import Bullets, Gallery, Report, Table, Text, to_json
from facepriv.report.html import to_html
from facepriv.schemas.audits import AuditResult
from facepriv.schemas.requests import RunRequest
from facepriv.services.audits.verdicts import verdict_of_audit
from facepriv.services.datasets.datasheets import NOT_STATED, edit_datasheet
from facepriv.services.runs.preparing import prepare_run
from facepriv.services.sharing.report import MOST_FACES, report_of, write_report
from facepriv.services.sharing.result_hashes import result_sha256
from facepriv.wording import percent
from tests.actors import ADA, TESTER
from tests.finished_run import Finished, candidates_of
from tests.juries import JURY
from tests.pages.conftest import AUDITS, repeat_run, store_audit, with_learning

OF_RUN = AuditResult.model_validate_json((AUDITS / "of-run.json").read_text(encoding="utf-8"))

pytestmark = pytest.mark.xdist_group("finished-run")


@pytest.fixture
def report(finished: Finished) -> Report:
    return report_of(finished.store, finished.run.id)


@pytest.fixture
def audit(finished: Finished):
    """An audit of the run, as stored: its figures are of other faces, which matters to nothing tested here."""
    number = store_audit(finished.store, OF_RUN, run_id=finished.run.id)
    yield finished.store.audits.get(number)
    finished.store.audits.delete(number)


def table(report: Report, name: str) -> list[dict[str, str]]:
    (found,) = [one for one in report.all_tables() if one.name == name]
    return [dict(row) for row in found.rows]


def words(report: Report) -> str:
    texts = [report.title, report.subtitle, report.verdict, report.footer]
    for section in report.sections:
        texts.append(section.title)
        for block in section.blocks:
            if isinstance(block, Text):
                texts.append(block.text)
            elif isinstance(block, Bullets):
                texts += block.items
            elif isinstance(block, Table):
                texts += [cell for row in block.rows for cell in row.values()]
    return "\n".join(texts)


def test_a_report_leads_with_the_aim(finished: Finished, report: Report) -> None:
    assert report.subtitle.startswith("No aim stated. Run 1: algorithm1")
    assert "No aim stated: the method algorithm1 was chosen by name." in words(report)
    for method, text in (("semantic", AIM_TEXTS["unseen"]), ("colour-field", AIM_TEXTS["guide"])):
        spec = finished.run.spec.model_copy(update={"method": method})
        number = repeat_run(finished.store, finished.run, spec)
        made = report_of(finished.store, number)
        finished.store.runs.delete(number)
        assert made.subtitle.startswith(f"{text.title[0].upper()}{text.title[1:]}. Run {number}: {method}")
        assert f"Aim: {text.title}. {text.good_for} {text.not_for}" in words(made), "in full, after the first page"
        assert {row[""]: row["What"] for row in table(made, "method")}["Aim"] == text.title


def test_the_jury_is_in_the_report(finished: Finished) -> None:
    result = finished.run.result.model_copy(update={"jury": JURY})
    tables = {block.name: block.rows for block in classifiers_section(result).blocks if isinstance(block, Table)}
    assert tables["jury"] == jury_rows(result)


def test_a_run_without_an_audit_says_so(finished: Finished, report: Report) -> None:
    assert report.verdict == run_verdict(finished.run.result).sentence
    assert report.verdict.startswith("Not attacked yet: ")
    assert "an audit needs at least 10 subjects" in report.recommendation, "instead of a command that would be refused"
    assert table(report, "gender-error") == gender_error_rows(finished.run.result)
    assert table(report, "matching") == matching_rows(finished.run.result)
    assert "No attacker was tried" in words(report)
    for sentence in limits(finished.run.result):
        assert sentence in words(report)
    said = {row[""]: row["As entered"] for row in table(report, "purpose")}
    assert {*said.values()} == {NOT_STATED}, "nobody stated anything, the licence neither"
    assert finished.run.dataset_name in report.title
    assert {figure.name for figure in report.all_figures()} >= {"labels", "gender-error", "det-sface", "scores-sface"}


def test_what_was_stated_is_told(finished: Finished) -> None:
    edit_datasheet(finished.store, finished.run.dataset_id, {"consent": "signed forms"}, actor=TESTER)
    report = report_of(finished.store, finished.run.id)
    said = {row[""]: row["As entered"] for row in table(report, "purpose")}
    assert said["Consent basis"] == "signed forms"
    assert "Not stated: source, licence, purpose, contact and may be kept until" in words(report)
    edit_datasheet(finished.store, finished.run.dataset_id, {"consent": ""}, actor=TESTER)


def test_nobody_is_named_or_shown_unasked(finished: Finished, report: Report) -> None:
    page = to_html(report)
    images = finished.store.datasets.images(finished.run.dataset_id)
    for image in images:
        assert image.name not in page
        assert f">{image.subject}<" not in page
        assert image.source_sha256 not in page
    assert "<img" not in page


@pytest.mark.slow
def test_faces_are_shown_when_asked_for(finished: Finished) -> None:
    report = report_of(finished.store, finished.run.id, faces=2)
    (gallery,) = [one for section in report.sections for one in section.blocks if isinstance(one, Gallery)]
    assert [picture.caption for picture in gallery.pictures] == ["1, before", "1, after", "2, before", "2, after"]
    assert to_html(report).count("<img") == 4
    with pytest.raises(BadInputError, match="at most 24 pairs"):
        report_of(finished.store, finished.run.id, faces=MOST_FACES + 1)


def test_faces_that_hold_part_of_another_are_shown_if_both_may_be(finished: Finished, with_terms) -> None:
    assert candidates_of(finished)["s003"] == {"s002"}
    with_terms(frozenset(["s001", "s003", "s006"]))
    blocks = report_of(finished.store, finished.run.id, faces=6).sections[-1].blocks
    note, gallery = blocks
    assert isinstance(note, Text)
    assert "3 images left out" in note.text
    assert isinstance(gallery, Gallery)
    assert len(gallery.pictures) == 6


def test_an_audit_gives_the_verdict(finished: Finished, audit) -> None:
    found = audit.result
    report = report_of(finished.store, finished.run.id)
    assert report.verdict == verdict_of_audit(finished.store, audit).sentence
    assert (report.level, report.limits) == ("exposed", audit_verdict(found).limits)
    assert "Do not release these images as protected." in report.recommendation
    assert findings_of(found) in words(report)
    for one in found.headlines:
        assert percent(one.upper) in report.figures.values()
    for sentence in found.not_tried:
        assert sentence in words(report)
    assert len(table(report, "leak-untouched")) == len(found.conditions[0].attacks)
    assert {"leak", "proportion", "utility"} <= {figure.name for figure in report.all_figures()}


def test_the_first_page_ends_with_a_place_to_sign_and_words_are_explained(finished: Finished, audit) -> None:
    report = report_of(finished.store, finished.run.id)
    page = to_html(report)
    first, details = page.split("</header>")
    assert result_sha256(finished.store, finished.run.id, audit.id) in report.signed_for
    places = [first.index(text) for text in ("Not protected:", "Not tried: ", "Recommendation:", "Signature</dt>")]
    assert places == sorted(places)
    assert '<span class="symbol" aria-hidden="true">✗</span> <strong>Not protected:</strong>' in first
    assert {row[""]: row["Meaning"] for row in table(report, "glossary")} == GLOSSARY
    assert "Glossary" in details


def test_what_more_people_would_tell_is_reported(finished: Finished) -> None:
    found = with_learning(OF_RUN)
    number = store_audit(finished.store, found, run_id=finished.run.id)
    report = report_of(finished.store, finished.run.id)
    finished.store.audits.delete(number)
    for release in ("untouched", "mix", "perturbed"):
        assert table(report, f"learning-{release}") == learning_rows(found, release)
        assert f"learning-{release}" in {figure.name for figure in report.all_figures()}
    assert found.more_people in words(report)
    assert "The attackers learned from others." in words(report)
    assert "<svg" in to_html(report) or "plotly" in to_html(report)


def test_seeds_are_withheld_where_they_would_betray_a_policy(finished: Finished, audit) -> None:
    assert 0 < audit.result.policy.p < 1
    rows = {row[""]: row["What"] for row in table(report_of(finished.store, finished.run.id), "repeat")}
    assert rows["Seed of the run"] == rows["Seed of the audit"] == WITHHELD
    # In the report with another audit, too: who has both would put them together.
    other = {row[""]: row["What"] for row in table(_with_everything_perturbed(finished), "repeat")}
    assert other["Seed of the run"] == WITHHELD


def test_seeds_are_shown_where_there_is_no_policy(finished: Finished) -> None:
    shown = {row[""]: row["What"] for row in table(_with_everything_perturbed(finished), "repeat")}
    assert shown["Seed of the run"] == str(finished.run.spec.seed)


def _with_everything_perturbed(finished: Finished) -> Report:
    assert OF_RUN.policy is not None
    whole = OF_RUN.model_copy(update={"policy": OF_RUN.policy.model_copy(update={"p": 1.0})})
    number = store_audit(finished.store, whole, run_id=finished.run.id)
    try:
        return report_of(finished.store, finished.run.id, audit_id=number)
    finally:
        finished.store.audits.delete(number)


def test_the_runs_hash_is_of_all_that_it_says(finished: Finished, report: Report) -> None:
    rows = {row[""]: row["What"] for row in table(report, "repeat")}
    assert rows["SHA-256 of the run (spec and result)"] == result_sha256(finished.store, finished.run.id, None)
    assert len(result_sha256(finished.store, finished.run.id, None)) == 64


def test_it_is_written_and_recorded(finished: Finished, tmp_path: Path) -> None:
    sentences, report = write_report(
        finished.store, finished.run.id, html=tmp_path / "r.html", csv=tmp_path / "csv", faces=1, actor=ADA
    )
    assert (tmp_path / "r.html").stat().st_mode & 0o777 == 0o600, "it shows faces"
    assert len(sentences) == 2
    assert json.loads(json.dumps(report)) == to_json(report_of(finished.store, finished.run.id, faces=1))
    (line,) = finished.store.access.list(action="report-made", actor="ada")
    assert line.subject == f"run {finished.run.id}"
    assert line.detail == "with 1 pair of faces"


def test_only_complete_runs_and_their_own_audits(finished: Finished, audit) -> None:
    waiting = finished.store.runs.create(prepare_run(finished.store, RunRequest(dataset="six", aim="guide")))
    try:
        with pytest.raises(BadInputError, match=f"run {waiting} is waiting"):
            report_of(finished.store, waiting)
    finally:
        finished.store.runs.delete(waiting)
    with pytest.raises(UnknownNameError):
        report_of(finished.store, finished.run.id, audit_id=99)
    other = audit.spec.model_copy(update={"run_id": None})
    number = finished.store.audits.create(other)
    try:
        with pytest.raises(BadInputError, match=f"Audit {number} is waiting"):
            report_of(finished.store, finished.run.id, audit_id=number)
    finally:
        finished.store.audits.delete(number)
