"""The Templates page: make a set, try a protection, see what it comes to, release, delete."""

from __future__ import annotations

import shutil

import filelock
import pytest

from facepriv.config import Settings
from facepriv.presentation.protection_findings import protection_findings
from facepriv.presentation.verdict import to_html, trial_verdict
from facepriv.store import open_store
from tests.pages.conftest import verdicts_of
from tests.protection_examples import add_people, complete_trial


@pytest.fixture
def staff(empty):
    """An installation with one template set, with the local worker's lock held, so that no page starts one."""
    with open_store(empty) as store:
        add_people(store, "staff")
    with filelock.FileLock(empty.home / "worker.lock"):
        yield empty


@pytest.fixture(scope="module")
def prepared_trial(tmp_path_factory):
    """A data folder with a template set and a complete trial of two protections on it; never written to."""
    settings = Settings(home=tmp_path_factory.mktemp("trial") / "home", workers=1)
    with open_store(settings) as store:
        add_people(store, "staff")
        complete_trial(settings, store, templates="staff", others=("leace",))
    return settings.home


@pytest.fixture
def tried(empty, prepared_trial):
    """A copy of that folder."""
    shutil.copytree(prepared_trial, empty.home)
    return empty


def tables(app):
    return [table.value.to_dict("records") for table in app.table]


def test_without_templates_it_says_where_they_come_from(empty, visit, said):
    assert "There is no template set yet" in said(visit("templates"))


def test_start_and_cancel(staff, visit, said):
    app = visit("templates")
    app.slider("protect_ceiling").set_value(70).run()
    app.multiselect("protect_others").set_value(["leace"]).run()
    app.button("start_protection").click().run()
    assert not app.exception
    with open_store(staff) as store:
        trial = store.protections.get(1)
        assert trial.state == "waiting"
        assert trial.spec.most_accuracy == 0.7
        assert [choice.name for choice in trial.spec.tried][1:] == ["leace"]
        assert store.access.list(action="protection-started")[0].subject == "protection 1"
    assert app.query_params["protection"] == "1"
    assert "**Protection 1** · staff" in said(app)
    app.button("cancel-protection-1").click().run()
    with open_store(staff) as store:
        assert store.protections.get(1).state == "cancelled"


def test_a_complete_trial_says_the_verdict_and_every_figure(tried, visit, said):
    app = visit("templates", protection="1")
    assert not app.exception
    text = said(app)
    with open_store(tried) as store:
        trial = store.protections.get(1)
    result = trial.result
    assert result is not None
    found = trial_verdict(result, trial.spec)
    assert result.verdict.startswith(found.sentence), "the same words in the stored result"
    (first,) = verdicts_of(app)
    assert first.endswith(to_html(found, "-").partition("</p>")[2])
    assert protection_findings(result.untouched, result.chosen) in text.replace("\\", "")
    shown = [row["Protection"] for table in tables(app) for row in table if "Strongest attacker" in row]
    assert shown == ["none", result.chosen.protection, "leace"]
    assert "images: whoever has one" in text


def test_the_report_is_offered(tried, visit):
    app = visit("templates", protection="1")
    offered = {button.proto.label for button in app.get("download_button")}
    assert "Download the report" in offered


def test_a_release_is_prepared_and_logged(tried, visit):
    app = visit("templates", protection="1")
    assert app.button("release-1-prepare").disabled
    app.checkbox("release-1-acknowledged").check().run()
    app.button("release-1-prepare").click().run()
    assert not app.exception
    offered = {button.proto.label for button in app.get("download_button")}
    assert {"Protected templates (zip)", "Key file"} <= offered
    with open_store(tried) as store:
        assert store.access.list(action="templates-protected")[0].subject == "protection 1"


def test_where_a_sign_off_is_demanded_no_templates_are_released(tried, visit, monkeypatch):
    monkeypatch.setenv("FACEPRIV_RELEASE_NEEDS_SIGN_OFF", "true")
    app = visit("templates", protection="1")
    app.checkbox("release-1-acknowledged").check().run()
    app.button("release-1-prepare").click().run()
    assert "releases only what a privacy officer has accepted" in app.error[0].value
    with open_store(tried) as store:
        assert store.access.list(action="templates-protected") == ()


def test_a_release_goes_into_a_folder_of_the_server_where_that_is_allowed(tried, visit, tmp_path, monkeypatch):
    assert "release-1-folder-write" not in {button.key for button in visit("templates", protection="1").button}
    target = tmp_path / "out"
    target.mkdir()
    monkeypatch.setenv("FACEPRIV_RELEASE_FOLDERS", str(target))
    app = visit("templates", protection="1")
    app.checkbox("release-1-acknowledged").check().run()
    app.text_input("release-1-folder-folder").set_value("vault").run()
    app.button("release-1-folder-write").click().run()
    assert not app.exception
    assert not app.error
    assert {"manifest.json", "map.npz", "map.onnx"} <= {path.name for path in (target / "vault").iterdir()}
    assert [path.name for path in target.iterdir()] == ["vault"], "the key is not written beside it"
    assert [button.proto.label for button in app.get("download_button")].count("Key file") == 1


def test_protected_templates_are_kept_as_a_set(tried, visit, said):
    app = visit("templates", protection="1")
    app.text_input("keep-1-name").set_value("kept").run()
    app.button("keep-1-button").click().run()
    assert not app.exception
    assert "48 protected templates kept as “kept”" in said(app)
    assert [button.proto.label for button in app.get("download_button")].count("Key file") == 1
    with open_store(tried) as store:
        assert store.template_sets.get("kept").origin_id == store.template_sets.get("staff").id


def test_a_compared_protection_is_asked_for_its_parameters(staff, visit):
    app = visit("templates")
    app.multiselect("protect_others").set_value(["donor-coordinate", "leace"]).run()
    app.number_input("parameter-compare-donor-coordinate-directions").set_value(8).run()
    app.button("start_protection").click().run()
    assert not app.exception
    with open_store(staff) as store:
        tried = store.protections.get(1).spec.tried[1:]
    assert [(choice.name, choice.parameters) for choice in tried] == [
        ("donor-coordinate", {"directions": 8}),
        ("leace", {}),
    ]


def test_delete_a_trial_and_a_set(tried, visit):
    app = visit("templates", protection="1")
    app.button("delete-protection-1").click().run()
    app.button("delete-protection-1-confirmed").click().run()
    with open_store(tried) as store:
        assert store.protections.list() == ()
    app = visit("templates")
    app.button("delete-template-set-1").click().run()
    app.button("delete-template-set-1-confirmed").click().run()
    with open_store(tried) as store:
        assert store.template_sets.list() == ()
