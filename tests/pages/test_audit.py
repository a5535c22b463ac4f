"""The Audit page: start, follow, cancel; a stored audit with all its figures; deletion."""

from __future__ import annotations

import pytest

from facepriv.audit.attackers.registry import attackers
from facepriv.presentation.audit_tables import attack_rows, baseline_rows, condition_title, learning_rows
from facepriv.presentation.findings import findings_of
from facepriv.presentation.verdict import audit_verdict, to_html
from facepriv.services.datasets.importing import import_dataset
from facepriv.store import open_store
from tests.pages.conftest import audit_result, store_audit, verdicts_of, with_learning, write_faces


def tables(app):
    return [table.value.to_dict("records") for table in app.table]


def without_means(rows):
    return [{name: cell for name, cell in row.items() if name != "By"} for row in rows]


@pytest.fixture
def audited(filled):
    """The prepared folder with audit 1 of the data set and audit 2 of its run."""
    with open_store(filled) as store:
        store_audit(store, audit_result("as-it-is"))
        store_audit(store, audit_result("of-run"), run_id=1)
    return filled


def opened(app):
    return [header.value for header in app.header if header.value.startswith("Audit ")]


def test_start_follow_cancel(crowd, visit, said):
    app = visit("audit")
    assert app.multiselect("audit_attackers").value == list(attackers.names())
    app.multiselect("audit_attackers").set_value(["sign", "template"]).run()
    app.multiselect("audit_matchers").set_value(["sface"]).run()
    app.number_input("audit-1_seed").set_value(3).run()
    app.button("start_audit").click().run()
    assert not app.exception
    with open_store(crowd) as store:
        audit = store.audits.get(1)
        assert audit.state == "waiting"
        assert audit.run_id is None
        assert audit.spec.seed == 3
        assert len(audit.spec.image_ids) == 10
        assert audit.spec.attackers == ("sign", "template")
        assert [ref.name for ref in audit.spec.matchers] == ["sface"]
        assert store.access.list(action="audit-started")[0].subject == "audit 1"
    assert app.query_params["audit"] == "1"
    assert "**Audit 1** · crowd, original images" in said(app)
    assert "Waiting for a worker" in str([bar.proto for bar in app.get("progress")])
    # A new session, as after closing the browser, shows it, and so does the overview.
    for page in ("audit", "overview"):
        assert "**Audit 1**" in said(visit(page))
    app.button("cancel-audit-1").click().run()
    with open_store(crowd) as store:
        assert store.audits.get(1).state == "cancelled"
        assert store.access.list(action="audit-cancelled")[0].subject == "audit 1"
    app.run()
    assert "cancelled" in app.warning[0].value


def test_too_few_people_is_one_sentence(filled, visit):
    app = visit("audit")
    why = next(text.value for text in app.markdown if "at least 10 subjects" in text.value)
    assert "there are 4 (2 male, 2 female)" in why
    assert app.button("start_audit").disabled


def test_no_attacker_is_one_sentence(crowd, visit):
    app = visit("audit")
    app.multiselect("audit_attackers").set_value([]).run()
    app.button("start_audit").click().run()
    assert "at least one attacker" in app.error[0].value
    with open_store(crowd) as store:
        assert store.audits.count() == 0


def test_an_audit_of_a_data_set(audited, visit, said):
    found = audit_result("as-it-is")
    app = visit("audit", audit="1")
    assert opened(app) == ["Audit 1"]
    (shown,) = verdicts_of(app)
    assert shown.endswith(to_html(audit_verdict(found), "-").partition("</p>")[2])
    assert findings_of(found) in said(app)
    (worst,) = found.headlines
    assert app.metric[0].value == f"{100 * worst.upper:.1f} %"
    assert worst.attacker in app.metric[0].delta
    shown = tables(app)
    baseline, attacks = baseline_rows(found), attack_rows(found.conditions[0].attacks)
    assert shown.index(baseline) < shown.index(without_means(attacks)), "the baseline comes first"
    assert attack_rows(found.conditions[0].variants, variants=True) == shown[-2]
    assert set(shown[-1][0]) == {"When", "What", "Worker"}
    picked = {row["Attacker"]: row["By"] for row in attacks}
    assert [(row["Attacker"], row["Has and knows"], row["Picked"]) for row in shown[-3]] == [
        # The stored audit is older than some attackers.
        (name, attackers.load(name).assumption, picked.get(name, "no data"))
        for name in attackers.names()
    ]
    assert len(app.get("plotly_chart")) == 1
    for sentence in found.not_tried:
        assert sentence in app.warning[0].value
    assert "32 images of 16 subjects" in said(app)
    assert "No image was left out." in said(app)
    assert not app.segmented_control


def test_an_audit_of_a_run_shows_each_release(audited, visit):
    found = audit_result("of-run")
    app = visit("audit", audit="2")
    assert len(app.metric) == len(found.headlines) == 3
    mix, perturbed = found.condition("mix"), found.condition("perturbed")
    assert app.segmented_control("audit_release-2").value == condition_title(mix)
    assert without_means(attack_rows(mix.attacks)) in tables(app)
    app.segmented_control("audit_release-2").set_value(condition_title(perturbed)).run()
    assert without_means(attack_rows(perturbed.attacks)) in tables(app)
    assert without_means(attack_rows(mix.attacks)) not in tables(app)


def test_people_to_learn_from_are_asked_for(crowd, visit, tmp_path):
    with open_store(crowd) as store:
        folder = write_faces(tmp_path / "others", subjects_each=12, images_each=1)
        others = import_dataset(store, crowd, folder, name="others").dataset
    app = visit("audit")
    widget = app.selectbox("audit_learn_from-1")
    assert widget.options == ["the audited people", "data set others"]
    assert widget.value is None
    widget.set_value(others.id).run()
    app.multiselect("audit_attackers").set_value(["sign"]).run()
    app.button("start_audit").click().run()
    assert not app.exception
    with open_store(crowd) as store:
        people = store.audits.get(1).spec.learn_from
        assert people.dataset == others.ref
        # Ten of them are the audited ones.
        assert people.left_out == 10
        assert len(people.image_ids) == 14


def test_too_few_people_to_learn_from_is_one_sentence(crowd, visit, face_folder):
    with open_store(crowd) as store:
        few = import_dataset(store, crowd, face_folder, name="few").dataset
    app = visit("audit")
    app.selectbox("audit_learn_from-1").set_value(few.id).run()
    app.button("start_audit").click().run()
    (error,) = app.error
    assert "Attackers need at least 10 labelled people" in error.value
    with open_store(crowd) as store:
        assert store.audits.count() == 0


def test_what_fewer_people_would_have_told(filled, visit, said):
    found = with_learning(audit_result("of-run"))
    with open_store(filled) as store:
        store_audit(store, found, run_id=1)
    app = visit("audit", audit="1")
    assert "With fewer people to learn from" in said(app)
    assert "The attackers learned from others." in said(app)
    assert found.more_people
    assert found.more_people in [warning.value for warning in app.warning]
    assert learning_rows(found, "mix") in tables(app)
    assert len(app.get("plotly_chart")) == 2
    app.segmented_control("audit_release-1").set_value(condition_title(found.condition("untouched"))).run()
    assert learning_rows(found, "untouched") in tables(app)


def test_what_was_left_out_or_guessed_is_shown(filled, visit, said):
    found = audit_result("of-run")
    (first, *rest) = found.conditions[0].attacks
    untouched = found.conditions[0].model_copy(update={"attacks": [first.model_copy(update={"missing": 5}), *rest]})
    with open_store(filled) as store:
        changes = {"left_out": {"no-face": 3}, "not_perturbed": 2}
        changes |= {"conditions": [untouched], "headlines": found.headlines[:1]}
        store_audit(store, found.model_copy(update=changes), run_id=1)
    app = visit("audit", audit="1")
    assert [{"Left out because": "no-face", "Images": "3"}] in tables(app)
    assert "2 images could not be perturbed" in said(app)
    assert f"{first.attacker} 5." in said(app)


def test_list_and_address(audited, visit):
    app = visit("audit")
    assert not opened(app)
    rows = app.dataframe[0].value.to_dict("records")
    assert [row["Audit"] for row in rows] == [2, 1]
    assert [row["Verdict"] for row in rows] == ["✗ Not protected", "✗ Not protected"]
    assert [row["Version audited"] for row in rows] == ["after run 1", "original"]
    app.multiselect("open_audits").set_value([1]).run()
    assert opened(app) == ["Audit 1"]
    assert app.query_params["audit"] == "1"


def test_audits_are_selected_to_be_compared_or_deleted(audited, visit, said):
    app = visit("audit", pick=["1", "2"])
    app.button("open-picked").click().run()
    assert not app.exception
    assert app.query_params["audit"] == ["1", "2"]
    assert "Comparison" in [header.value for header in app.header]
    differ = {row["Figure"]: row for row in tables(app)[0]}
    assert (differ["Version audited"]["Audit 1"], differ["Version audited"]["Audit 2"]) == ("original", "after run 1")
    assert "Seed" not in differ, "what is the same is folded away"
    assert "Seed" in {row["Figure"] for row in tables(app)[1]}
    app = visit("audit", pick=["1", "2"])
    app.button("delete-picked").click().run()
    assert not app.exception
    assert "Deleted audit 1 and audit 2." in said(app)
    app.button("undo-deletion").click().run()
    with open_store(audited) as store:
        assert store.audits.count() == 2


@pytest.mark.parametrize("address", ["99", "abc"])
def test_unknown_audit_in_the_address(audited, visit, address):
    app = visit("audit", audit=address)
    assert f"There is no audit {address}" in app.warning[0].value
    assert not opened(app)


def test_a_failed_audit_says_why(filled, visit):
    with open_store(filled) as store:
        number = store_audit(store, audit_result("as-it-is"))
        again = store.audits.create(store.audits.get(number).spec)
        assert store.jobs.claim("test", only=store.audits.job_id(again)) is not None
        store.jobs.fail(store.audits.job_id(again), "test", "The weights of *sface* have changed.")
    app = visit("audit", audit=str(again))
    assert app.error[0].value == "This audit failed: The weights of &#42;sface&#42; have changed."
    assert not app.metric


def test_download_has_a_name_of_its_own(audited, visit):
    first, second = (
        next(one for one in visit("audit", audit="1").get("download_button") if "JSON" in one.proto.label)
        for _ in range(2)
    )
    assert first.proto.url != second.proto.url


def test_audit_is_deleted_and_comes_back(audited, visit, said):
    app = visit("audit", audit="1")
    app.button("delete-audit-1").click().run()
    assert not app.exception
    assert not opened(app)
    with open_store(audited) as store:
        assert [audit.id for audit in store.audits.list()] == [2]
        assert store.access.list(action="audit-deleted")[0].subject == "audit 1"
    assert "Deleted audit 1. You can restore it for 24 hours." in said(app)
    app.button("undo-deletion").click().run()
    assert not app.exception
    assert "Deleted audit 1" not in said(app)
    with open_store(audited) as store:
        assert [audit.id for audit in store.audits.list()] == [2, 1]
