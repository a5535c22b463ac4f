"""Words are explained in one place, each at an address of its own, and the documentation says the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from facepriv.presentation.glossary import FIELD_TERMS, TERMS, find_term, term_for, to_markdown, with_links
from facepriv.presentation.verdict import GOAL, SYMBOLS, WORDS
from facepriv.schemas.figures import GUESSING

DOCUMENT = Path(__file__).parents[2] / "docs" / "glossary.md"


def test_the_documentation_has_the_same_words() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == to_markdown(), "made by the command in its first line"


def test_every_verdict_is_explained_with_the_goal_that_counts() -> None:
    assert {term_for(word).word for word in WORDS.values()} == {WORDS[level] for level in SYMBOLS}
    assert f"{100 * GOAL:.0f} times in 100, where guessing is {100 * GUESSING:.0f}" in term_for("Not protected").meaning


def test_words_are_in_order_and_have_addresses_of_their_own() -> None:
    words = [term.word.lower() for term in FIELD_TERMS]
    assert words == sorted(words)
    assert len({term.anchor for term in TERMS}) == len(TERMS)
    forms = [form.lower() for term in TERMS for form in (term.word, *term.forms)]
    assert len(forms) == len(set(forms)), "one meaning for one word"


@pytest.mark.parametrize(
    ("heading", "word"),
    [
        ("PSNR", "PSNR"),
        ("AUC (95 %)", "AUC"),
        ("FNMR at FMR 1 %", "FNMR at FMR 0.1 %"),
        ("Bits learned, at least", "Bits"),
        ("Run", None),
        ("Images", None),
    ],
)
def test_columns_are_explained_where_their_word_is_of_the_field(heading: str, word: str | None) -> None:
    found = find_term(heading)
    assert (None if found is None else found.word) == word


def test_each_word_of_a_verdict_is_linked_once_and_other_text_stays_text() -> None:
    page = with_links("the strongest attacker (guessing <b>, guessing) and a Strongest attacker")
    assert page.count('href="/help#guessing"') == page.count('href="/help#strongest-attacker"') == 1
    assert "&lt;b&gt;" in page
    assert page.startswith('the <a class="term"')
