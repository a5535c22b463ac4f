"""Every page on a data folder with nothing in it says what to do."""

from __future__ import annotations

import re

import pytest

from tests.store.old_databases import write_stored_database

PAGES = {
    "overview": "There is no data yet",
    "data_set": "There is no data set yet",
    "datasets": "There is no data set yet",
    "audit": "There is no data set to audit yet",
    "perturb": "There is no data set to perturb yet",
    "runs": "There is no run yet",
    "policy": "there is none yet",
}


@pytest.mark.parametrize(("page", "advice"), PAGES.items())
def test_empty_state_says_what_to_do(empty, visit, said, page, advice):
    app = visit(page)
    assert any(advice in info.value for info in app.info)
    assert "Gender is binary here only because" in said(app)
    assert not app.error


def test_the_overview_is_three_sentences_and_leads_to_the_first_step(empty, visit, said):
    app = visit("overview")
    (lead,) = [one.value for one in app.markdown if one.value.startswith("A face database")]
    assert len(re.findall(r"[.!?](?= |$)", lead)) == 3
    assert app.button("next_step").label == "Import images"
    assert app.button("import_demo").label == "Import the demo faces"
    app.button("next_step").click().run()
    assert app.title[0].value == "Datasets"


@pytest.mark.parametrize("page", ["data_set", "audit", "perturb", "runs", "policy"])
def test_empty_states_lead_on(empty, visit, page):
    (link,) = [one for one in visit(page).get("page_link") if one.proto.label.startswith("Go to")]
    assert link.proto.page in ("datasets", "perturb")


@pytest.mark.parametrize("page", PAGES)
def test_a_broken_store_is_one_sentence(empty, visit, page):
    empty.home.mkdir()
    (empty.home / "facepriv.sqlite").write_bytes(b"this is no database, though it is long enough to be one" * 100)
    app = visit(page)
    (error,) = app.error
    assert error.value.endswith(".")
    assert "Traceback" not in error.value


@pytest.mark.parametrize("page", PAGES)
def test_an_older_database_names_the_command_that_upgrades_it(empty, visit, page, next_revision):
    write_stored_database(empty.home / "facepriv.sqlite")
    (error,) = visit(page).error
    assert f"needs revision {next_revision}" in error.value
    assert error.value.endswith("run: facepriv db upgrade")


def test_unusable_home_is_one_sentence(tmp_path, monkeypatch, visit):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("FACEPRIV_HOME", str(tmp_path / "file" / "home"))
    (error,) = visit("overview").error
    assert "FACEPRIV_HOME" in error.value
