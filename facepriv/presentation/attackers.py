"""What attackers are called where people read: what each has or does, in a few words that follow "the attacker"."""

from __future__ import annotations

from facepriv.audit.attackers.registry import attackers
from facepriv.audit.templates.registry import template_attackers
from facepriv.errors import FaceprivError
from facepriv.schemas.templates import KNOWLEDGE_TITLES, TemplateAttack

ATTACKER_WORDS = {
    "sign": "sees only a classifier's answer",
    "score": "sees a classifier's score",
    "ensemble": "sees the scores of several classifiers",
    "template": "reads stored templates",
    "detector": "detects which images were changed",
    "retrained": "trains a classifier on images changed in the same way",
    "texture": "reads the fine texture of the face",
    "restoring": "filters the images before classifying them",
    "joined": "combines everything that an image shows",
    "several-images": "adds up scores over a person's images",
    "pooled": "combines everything that a person's images show",
}
TEMPLATE_ATTACKER_WORDS = {
    "linear": "learns a linear rule from templates",
    "rbf": "learns a curved rule from templates",
    "boosted": "learns decision trees from templates",
    "neighbours": "looks up the nearest templates",
    "neural": "trains a neural network on templates",
    "top-k": "averages over the most similar templates",
    "clusters": "sorts templates into two groups",
}


def attacker_in_words(name: str) -> str:
    """Return what an attacker on images has or does, e.g. ``reads stored templates``.

    One that a plug-in brings is called by its title; one that is not installed here by its name.
    """
    return ATTACKER_WORDS.get(name) or _title(attackers, name)


def template_attacker_in_words(attack: TemplateAttack) -> str:
    """Return what an attacker on templates does and knows."""
    does = TEMPLATE_ATTACKER_WORDS.get(attack.attacker) or _title(template_attackers, attack.attacker)
    return f"{does} and {KNOWLEDGE_TITLES[attack.knowledge]}"


def _title(registry: object, name: str) -> str:
    try:
        title: str = registry.load(name).title  # type: ignore[attr-defined]
    except FaceprivError:
        return name
    return title[:1].lower() + title[1:]
