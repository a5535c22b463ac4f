"""Every attacker is called something that a person understands without knowing the field."""

from __future__ import annotations

import pytest

from facepriv.audit.attackers.registry import attackers
from facepriv.audit.templates.registry import template_attackers
from facepriv.presentation.attackers import ATTACKER_WORDS, TEMPLATE_ATTACKER_WORDS, attacker_in_words


@pytest.mark.parametrize("name", attackers.names())
def test_every_attacker_on_images_has_a_plain_name(name: str) -> None:
    assert ATTACKER_WORDS[name][0].islower(), "it stands in brackets in the middle of a sentence"
    assert len(ATTACKER_WORDS[name]) <= 60


@pytest.mark.parametrize("name", template_attackers.names())
def test_every_attacker_on_templates_has_a_plain_name(name: str) -> None:
    assert TEMPLATE_ATTACKER_WORDS[name][0].islower()


def test_no_two_attackers_have_the_same_plain_name() -> None:
    for words in (ATTACKER_WORDS, TEMPLATE_ATTACKER_WORDS):
        assert len(set(words.values())) == len(words)


def test_an_attacker_that_is_not_installed_keeps_its_name() -> None:
    assert attacker_in_words("from-elsewhere") == "from-elsewhere"
