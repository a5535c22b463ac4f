"""The help page explains every word, to auditors and officers alike."""

from __future__ import annotations

from facepriv.presentation.glossary import GLOSSARY, TERMS
from tests.pages.conftest import texts


def test_every_word_has_a_heading_to_link_to(empty, visit):
    app = visit("help")
    assert {heading.proto.anchor for heading in app.subheader} == {term.anchor for term in TERMS}
    said = texts(app)
    assert all(meaning in said for meaning in GLOSSARY.values())
    assert [header.value for header in app.header][:2] == ["Five minutes", "What the verdict says"]
    assert "Recipients of a release" in said


def test_words_at_the_head_of_columns_lead_to_their_meaning(filled, visit, headings):
    app = visit("runs", run="1")
    app.segmented_control("run_part").set_value("Matching").run()
    sent = [name for table in app.table for name in headings(table)]
    shown = [name for table in app.table for name in table.value.columns]
    assert len(sent) == len(shown)
    assert "[EER](/help#eer)" in sent
    assert "EER" in shown
    assert not any("](/help#" in name for name in shown)
