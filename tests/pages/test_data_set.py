"""The home of a data set, and the data set that is carried from page to page."""

from __future__ import annotations

import filelock
import pytest
from streamlit.testing.v1 import AppTest

from facepriv.services.datasets.importing import import_dataset
from facepriv.store import Store, open_store
from tests.pages.conftest import ROUTER, audit_result, store_audit, write_faces

CARRYING = {
    "datasets": "dataset",
    "audit": "audit_dataset",
    "protect": "study_dataset",
    "perturb": "run_dataset",
    "data_set": "home_dataset",
    "runs": "filter_dataset",
}
"""Pages with a selector of data sets, and its key."""


def links(app: AppTest) -> dict[str, str]:
    return {link.proto.label: link.proto.query_string for link in app.get("page_link")}


def address(app: AppTest) -> str:
    """Return the data set that stands in the address; Streamlit gives one value as it is or in a list."""
    value = app.query_params["dataset"]
    return value if isinstance(value, str) else value[-1]


def follow(**query: str) -> AppTest:
    """Open a link to the overview."""
    app = AppTest.from_file(ROUTER, default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


@pytest.fixture
def two(filled, tmp_path):
    """The prepared folder with a second data set, ``more``."""
    with filelock.FileLock(filled.home / "worker.lock"), open_store(filled) as store:
        import_dataset(store, filled, write_faces(tmp_path / "more", images_each=1), name="more")
        yield filled


@pytest.fixture
def store(two) -> Store:
    with open_store(two) as opened:
        yield opened


def test_one_step_has_the_button_and_the_links_carry_the_data_set(two, store, visit, said):
    store_audit(store, audit_result("of-run"), run_id=1)
    app = visit("data_set", dataset="few")
    assert app.title[0].value == "Data set few"
    words = said(app)
    assert words.count("**Next.**") == 1
    states = ["1 · Data:** ✓ done", "2 · Measure:** ✓ done", "3 · Protect:** ! needs attention"]
    assert all(state in words for state in [*states, "4 · Release:** – not needed yet"])
    assert "8 images of 4 people." in words
    assert links(app)["Audit 1"] == "audit=1&dataset=few"
    assert any(label.startswith("Run 1 · algorithm1") and "✗ Not protected" in label for label in links(app))
    app.button("next_step").click().run()
    assert app.title[0].value == "Protect"
    assert app.selectbox("study_dataset").value == 1


def test_a_fresh_data_set_is_audited_with_one_click(crowd, visit):
    app = visit("data_set", dataset="crowd")
    assert app.button("next_step").label == "Start an audit: let every attacker try"
    app.button("next_step").click().run()
    assert not app.exception
    assert app.title[0].value == "Audit"
    again = visit("data_set", dataset="crowd")
    assert again.button("next_step").label == "Watch audit 1"


def test_the_overview_lists_every_data_set_with_what_is_next(two, visit, said):
    app = visit("overview")
    listed = {label: query for label, query in links(app).items() if "step" in label}
    assert listed == {
        "**few** · step 2 of 5, Measure: needs attention": "dataset=few",
        "**more** · step 2 of 5, Measure: needs attention": "dataset=more",
    }
    assert said(app).count("**Next:** Import more people or labels") == 2
    assert "8 images of 4 people · 2 runs" in said(app)


def test_the_data_set_goes_along_to_every_page_and_stands_in_the_address(two, visit):
    app = visit("data_set", dataset="more")
    for page, key in CARRYING.items():
        del app.query_params["dataset"]  # as following a link of the navigation does
        app.switch_page(f"{page}.py").run()
        assert not app.exception, page
        assert app.selectbox(key).value == 2, page
        assert address(app) == "more", page
        if page != "data_set":
            assert links(app)["Data set more: what is done and what is next"] == "dataset=more", page


@pytest.mark.parametrize("page", ["datasets", "audit"])
def test_another_choice_changes_the_address_and_what_the_next_page_starts_with(two, visit, page):
    app = visit(page, dataset="more")
    app.selectbox(CARRYING[page]).set_value(1).run()
    assert address(app) == "few"
    app.switch_page("perturb.py").run()
    assert app.selectbox("run_dataset").value == 1


def test_what_is_opened_brings_its_data_set(two, store, visit, said):
    number = store_audit(store, audit_result("of-run"), run_id=1)
    app = visit("data_set", dataset="more")
    del app.query_params["dataset"]
    app.query_params["audit"] = str(number)
    app.switch_page("audit.py").run()
    assert address(app) == "few"
    assert "belongs to" not in said(app)
    app.selectbox("audit_dataset").set_value(2).run()
    assert address(app) == "more", "who chooses another data set beside it is not sent back"


def test_a_link_whose_data_set_is_unknown_or_not_that_of_the_run_says_so(two):
    app = follow(dataset="nobody-s")
    (warning,) = app.warning
    assert warning.value == "There is no data set “nobody-s”; it may have been deleted."
    assert "dataset" not in app.query_params
    app = follow(run="1", dataset="more")
    (warning,) = app.warning
    assert warning.value == "Run 1 belongs to the data set “few”, not to “more” as the link says."
    assert address(app) == "few"
    assert not app.run().warning, "said once"


def test_lists_of_all_data_sets_stay_so(two, visit):
    app = visit("runs", dataset="more")
    assert not app.table
    app.selectbox("filter_dataset").set_value(None).run()
    assert address(app) == "more", "that nothing is filtered changes nothing of what is looked at"
    assert app.selectbox("filter_dataset").value is None
    app.switch_page("perturb.py").run().selectbox("run_dataset").set_value(1).run()
    assert app.switch_page("runs.py").run().selectbox("filter_dataset").value == 1, "until another one is looked at"


def test_a_data_set_that_was_deleted_meanwhile_is_forgotten_without_a_word(two, store, visit):
    app = visit("data_set", dataset="more")
    store.datasets.delete(2)
    app.run()
    assert app.title[0].value == "Data set few"
    assert not app.warning
