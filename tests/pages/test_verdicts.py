"""The ten-second test: whether gender is protected, and what that cost, comes first on every page about results."""

from __future__ import annotations

import filelock
import pytest
from streamlit.testing.v1 import AppTest

from facepriv.presentation.verdict import SYMBOLS, not_attacked, run_verdict, to_html
from facepriv.services.audits.verdicts import verdict_of_audit
from facepriv.store import open_store
from tests.pages.conftest import VERDICT, audit_result, store_audit
from tests.study_examples import add_study, progress_of

PAGES = ("overview", "data_set", "datasets", "runs", "audit", "policy")


def first_under_the_title(app: AppTest) -> str:
    """Return the HTML that stands first under the page's title; empty if something else does."""
    elements = [element for element in flat(app.main) if element.type != "html" or VERDICT in element.proto.body]
    title = next(place for place, element in enumerate(elements) if element.type == "title")
    following = elements[title + 1]
    return following.proto.body if following.type == "html" else ""


def flat(block) -> list:
    """Return the elements of a block in the order in which a person reads them."""
    found = []
    for child in block.children.values():
        found += flat(child) if hasattr(child, "children") else [child]
    return found


@pytest.fixture
def audited(filled):
    """The prepared folder with an audit of its run."""
    with open_store(filled) as store:
        store_audit(store, audit_result("of-run"), run_id=1)
    return filled


def test_the_verdict_is_the_first_thing_under_the_title(audited, visit) -> None:
    with open_store(audited) as store:
        found = verdict_of_audit(store, store.audits.get(1))
    assert found.level == "exposed"
    app = visit("overview")
    for page in PAGES:
        shown = first_under_the_title(app.switch_page(f"{page}.py").run())
        assert "<strong>Not protected:</strong>" in shown, page
        if page in ("runs", "policy", "audit"):
            assert shown.endswith(to_html(found, "-").partition("</p>")[2]), "the same words as everywhere"


OPENED = [
    *((page, {}) for page in ("overview", "data_set", "datasets", "audit", "policy", "protect", "runs")),
    ("audit", {"audit": "1"}),
    ("runs", {"run": "1"}),
    ("policy", {"run": "1"}),
    ("protect", {"study": "1"}),
]
"""Pages about a data set, a run, an audit, a study or a release, with what is opened."""
RESULTS = ("metric", "arrow_data_frame", "arrow_table", "plotly_chart", "iframe", "table", "dataframe")


def is_verdict(element) -> bool:
    """Return whether an element is a verdict: a block of its own, or a message that begins with its sign."""
    if element.type == "html":
        return VERDICT in element.proto.body
    signs = "".join(SYMBOLS.values())
    return element.type in ("success", "error", "info") and element.value.lstrip("*")[:1] in signs


def test_on_every_page_the_verdict_comes_before_any_other_result(audited, visit) -> None:
    with filelock.FileLock(audited.home / "worker.lock"):
        add_study(audited, progress_of())
        app = visit("overview")
        for page, opened in OPENED:
            for name in ("run", "audit", "study"):
                app.query_params.pop(name, None)
            for name, value in opened.items():
                app.query_params[name] = value
            elements = flat(app.switch_page(f"{page}.py").run().main)
            assert not app.exception, page
            verdict = next((place for place, element in enumerate(elements) if is_verdict(element)), None)
            assert verdict is not None, (page, opened)
            before = [element.type for element in elements[:verdict] if element.type in RESULTS]
            assert not before, (page, opened)
            after = [element.type for element in elements[verdict:] if element.type in RESULTS]
            assert after or page in ("overview", "data_set", "protect", "audit"), "it would find nothing anywhere"


def test_where_nobody_attacked_that_is_said_first(filled, visit) -> None:
    app = visit("overview")
    for page in PAGES:
        assert not_attacked().word in first_under_the_title(app.switch_page(f"{page}.py").run()), page


def test_a_run_without_an_audit_says_its_cost_and_why_there_can_be_none(filled, visit, said) -> None:
    app = visit("runs", run="1")
    with open_store(filled) as store:
        cost = run_verdict(store.runs.get(1).result).cost
    assert cost in first_under_the_title(app)
    assert "at least 10 subjects" in said(app)
    assert "attack-run-1" not in {button.key for button in app.button}


def test_an_audit_starts_with_one_click_and_only_once(crowd, visit) -> None:
    app = visit("datasets")
    app.button("attack-dataset-1").click().run()
    assert not app.exception
    with open_store(crowd) as store:
        audit = store.audits.get(1)
        assert (audit.run_id, audit.state) == (None, "waiting")
        assert store.access.list(action="audit-started")[0].subject == "audit 1"
    again = visit("datasets")
    assert "attack-dataset-1" not in {button.key for button in again.button}, "it is under way"
    assert "Audit 1 is attacking now" in str([link.proto for link in again.get("page_link")])
