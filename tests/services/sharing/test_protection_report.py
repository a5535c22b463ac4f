"""The report of a protection says what a trial found, what its protection's card says, and names nobody."""

from __future__ import annotations

from typing import Any

import pytest

from facepriv.config import Settings
from facepriv.errors import BadInputError
from facepriv.presentation.protection_findings import NOT_COVERED, new_threshold
from facepriv.presentation.protection_sections import (
    IRREVERSIBLE,
    RENEWABLE,
    UNLINKABLE,
    holders_section,
    plain_section,
    requirements_section,
)
from facepriv.presentation.protection_tables import attack_rows, within
from facepriv.presentation.verdict import trial_verdict
from facepriv.protect.registry import protections
from facepriv.report.document import Bullets, Report, Table
from facepriv.report.html import to_html
from facepriv.schemas.protections import ProtectionDocument
from facepriv.schemas.requests import ProtectionRequest
from facepriv.schemas.templates import KNOWLEDGE_TITLES, TemplateAudit
from facepriv.services.jobs.submit import submit
from facepriv.services.protections.documents import protection_document
from facepriv.services.protections.release import write_protected
from facepriv.services.sharing.protection_report import report_of_protection
from facepriv.services.sharing.report import export_report, write_report
from facepriv.services.sharing.result_hashes import document_sha256
from facepriv.services.templates.sets import edit_template_datasheet
from facepriv.store import Store, open_store
from facepriv.wording import percent
from tests.actors import TEST
from tests.protection_examples import QUICK, add_people, complete_trial
from tests.services.sharing.test_report import table, words


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """An installation with a trial of the recommended protection beside another, and a trial that waits."""
    settings = Settings(home=tmp_path_factory.mktemp("report") / "home", workers=1)
    with open_store(settings) as store:
        add_people(store, "staff")
        add_people(store, "guests", seed=1)
        complete_trial(settings, store, templates="staff", learn_from="guests", others=("leace",))
        submit(store, settings, ProtectionRequest(templates="staff", seed=1, **QUICK), TEST)
    return settings


@pytest.fixture
def store(settings):
    with open_store(settings) as store:
        yield store


@pytest.fixture
def document(store: Store) -> ProtectionDocument:
    return protection_document(store, 1)


@pytest.fixture
def report(store: Store) -> Report:
    return report_of_protection(store, 1)


def bullets(report: Report) -> list[str]:
    return [
        item for section in report.sections for one in section.blocks if isinstance(one, Bullets) for item in one.items
    ]


def test_an_officer_reads_the_verdict_and_plain_sentences_first(report: Report, document: ProtectionDocument):
    assert report.verdict == trial_verdict(document, document.spec).sentence
    assert document.verdict.startswith(report.verdict)
    assert report.recommendation
    assert document_sha256(document) in report.signed_for
    first = report.sections[0].blocks[0]
    assert isinstance(first, Bullets)
    right, before = (one.worst.reversed_accuracy.value for one in (document.chosen, document.untouched))
    assert right is not None
    assert before is not None
    assert f"from {100 * before:.0f} of 100 templates as they are, and from {100 * right:.0f} of 100" in first.items[0]
    assert percent(right) in report.figures.values()
    for jargon in ("FNMR", "FMR", "AUC", "bits", "coordinate"):
        assert jargon not in " ".join(first.items)


def test_leakage_is_told_before_and_after_in_every_state(report: Report, document: ProtectionDocument):
    rows = {row["Attacker"]: row for row in table(report, "states")}
    assert list(rows) == list(KNOWLEDGE_TITLES.values())
    for attack in document.chosen.attacks:  # there is one attacker, who is the strongest
        row = rows[KNOWLEDGE_TITLES[attack.knowledge]]
        assert (row["After: strongest"], row["Right after"]) == (attack.attacker, within(attack.reversed_accuracy))
    for attack in document.untouched.attacks:
        assert rows[KNOWLEDGE_TITLES[attack.knowledge]]["Right before"] == within(attack.reversed_accuracy)
    assert rows[KNOWLEDGE_TITLES["aware"]]["Before: strongest"] == "does not apply"
    assert table(report, "attacks-after") == attack_rows(document.chosen)
    assert [row["Protection"] for row in table(report, "compared")] == ["none", "identity-subspace", "leace"]
    assert percent(document.chosen.chance.high) in words(report)


def test_recognition_is_told_at_both_rates_with_its_thresholds(report: Report, document: ProtectionDocument):
    rows = {row[""]: row for row in table(report, "accuracy")}
    for errors in document.chosen.matching.errors:
        (name,) = [name for name in rows if name.startswith(f"FNMR at FMR {100 * errors.target_fmr:.2f} %")]
        assert ("(too few comparisons)" in name) is not errors.supported
        assert rows[name]["Untouched"] == within(errors.untouched)
        assert rows[name]["Protected against untouched"] == within(errors.own_fnmr["against-untouched"])
        assert rows[name]["Protected against protected"] == within(errors.own_fnmr["among-protected"])
    assert [name for name in rows if "0.10 %" in name]
    assert [name for name in rows if "0.01 %" in name]
    thresholds = [row for row in table(report, "accuracy") if row[""] == "Threshold for that"]
    first = document.chosen.matching.errors[0]
    assert thresholds[0]["Untouched"] == f"{first.threshold:.3f}"
    assert thresholds[0]["Protected against protected"] == f"{first.own_threshold['among-protected']:.3f}"


def test_what_is_not_covered_is_said_as_plainly(report: Report):
    said = bullets(report)
    for what in NOT_COVERED:
        assert what in said
    assert any("rbf" in item and "did not try" in item for item in said), "only linear was tried"
    assert not any("none were tried" in item for item in said)


def test_without_other_people_it_says_that_figures_flatter(settings: Settings, tmp_path):
    fresh = Settings(home=tmp_path / "home", workers=1)
    with open_store(fresh) as store:
        add_people(store, "staff")
        complete_trial(fresh, store, templates="staff", method="mean-difference")
        report = report_of_protection(store, 1)
    assert any("none were tried, so the figures above flatter" in item for item in bullets(report))
    states = {row["Attacker"]: row for row in table(report, "states")}
    row = states[KNOWLEDGE_TITLES["other-people"]]
    assert row["Before: strongest"] == row["After: strongest"] == "not tried"


@pytest.mark.parametrize("name", protections.names())
def test_every_protection_says_what_it_meets_and_who_holds_what(document: ProtectionDocument, name: str):
    card = protections.load(name).card  # type: ignore[attr-defined]
    (rows,) = [one.rows for one in requirements_section(card, document.chosen).blocks if isinstance(one, Table)]
    assert [row["Met"] for row in rows] == [card.irreversible.met, card.unlinkable.met, card.renewable.met]
    assert [row["Why"] for row in rows] == [card.irreversible.why, card.unlinkable.why, card.renewable.why]
    (said,) = [one.items for one in plain_section(document, card).blocks if isinstance(one, Bullets)]
    assert IRREVERSIBLE[card.irreversible.met] in said
    assert UNLINKABLE[card.unlinkable.met] in said
    assert RENEWABLE[card.renewable.met] in said
    (key,) = [item for item in said if item.startswith("Key: ")]
    assert ("keep it apart" in key) is card.keyed
    assert ("The map must be kept secret" in key) is (name == "transport"), "which whoever holds the map can undo"
    (rows,) = [one.rows for one in holders_section(card, []).blocks if isinstance(one, Table)]
    (holder,) = [row["Who holds it"] for row in rows if row["What"].startswith("Map")]
    assert ("Keep it secret" in holder) is (name == "transport")


def test_who_holds_the_key_and_how_often_it_was_released(store: Store, tmp_path):
    def told(report: Report) -> str:
        return words(report)

    assert "Not released so far." in told(report_of_protection(store, 1))
    write_protected(store, 1, tmp_path / "out", actor=TEST)
    report = report_of_protection(store, 1)
    assert "Released 1 time, last on 2" in told(report)
    rows = {row["What"]: row for row in table(report, "holders")}
    assert "facepriv keeps no copy" in rows["Key"]["Who holds it"]
    assert "mapping probes, without the key" in rows["Map (map.npz, map.onnx)"]["What it allows"]


def test_nobody_is_named(store: Store, report: Report):
    templates = store.template_sets.read("staff")
    page = to_html(report)
    for name in {*templates.subjects.tolist(), *templates.records.tolist()}:
        assert f">{name}<" not in page
        assert f" {name} " not in page


def test_the_data_sheet_of_the_set_is_in_it(store: Store):
    edit_template_datasheet(store, store.template_sets.get("staff").id, {"consent": "signed forms"}, actor=TEST)
    said = {row[""]: row["As entered"] for row in table(report_of_protection(store, 1), "purpose")}
    assert said["Consent basis"] == "signed forms"


def test_it_is_written_and_recorded(store: Store, tmp_path):
    sentences, plain = write_report(store, protection_id=1, html=tmp_path / "r.html", csv=tmp_path / "csv", actor=TEST)
    assert len(sentences) == 2
    assert plain["schema"] == "facepriv.report/1"
    assert (tmp_path / "csv" / "accuracy.csv").exists()
    assert export_report(store, protection_id=1, actor=TEST) == (tmp_path / "r.html").read_text(encoding="utf-8")
    assert [line.subject for line in store.access.list(action="report-made")] == ["protection 1", "protection 1"]


def test_only_complete_trials_have_a_report(store: Store):
    with pytest.raises(BadInputError) as caught:
        report_of_protection(store, 2)
    assert caught.value.code == "protection-not-complete"


def _with_errors(audit: TemplateAudit, **changes: Any) -> TemplateAudit:
    errors = audit.matching.errors[0].model_copy(update=changes)
    return audit.model_copy(update={"matching": audit.matching.model_copy(update={"errors": [errors]})})


def test_a_new_threshold_is_asked_for_where_the_old_one_does_harm(document: ProtectionDocument):
    audit = document.chosen
    errors = audit.matching.errors[0]
    none = errors.own_fnmr["among-protected"].model_copy(update={"value": 0.0})
    many = none.model_copy(update={"value": 0.8})
    both = ("against-untouched", "among-protected")
    harmless = {
        "threshold": 0.5,
        "fmr": dict.fromkeys(both, 0.001),
        "fnmr": dict.fromkeys(both, none),
        "own_fnmr": dict.fromkeys(both, none),
        "own_threshold": dict.fromkeys(both, 0.6),
    }
    assert new_threshold(_with_errors(audit, **harmless)) == ""
    passing = new_threshold(_with_errors(audit, **{**harmless, "fmr": dict.fromkeys(both, 0.9)}))
    assert passing == (
        "Set the matcher's threshold anew, to about 0.600 instead of 0.500: at the old one, 90.0 % of impostors would "
        "be accepted."
    )
    failing = {**harmless, "fnmr": {both[0]: many, both[1]: none}, "own_threshold": {both[0]: 0.3, both[1]: 0.7}}
    assert new_threshold(_with_errors(audit, **failing)) == (
        "Set the matcher's threshold anew, to about 0.300 for new probes and 0.700 for protected templates with each "
        "other instead of 0.500: at the old one, 80.0 % of genuine comparisons would fail."
    )
    lost_anyway = {**failing, "own_fnmr": {both[0]: many, both[1]: none}}
    assert new_threshold(_with_errors(audit, **lost_anyway)) == "", "a new threshold would not help"
