"""What an import would bring in, as sentences and as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facepriv.types import Identities
from facepriv.wording import count, listed

IDENTITIES: dict[Identities, str] = {
    "people": "Subjects are people, so face matching can be measured.",
    "groups": "Subjects are groups that may hold several people: they keep folds apart, but matching is not measured.",
    "none": "Nothing says who is shown: each image counts as its own subject, and matching is not measured.",
}
"""What each kind of subjects means for an audit."""


MEANINGS: dict[str, str] = {"male": "male", "female": "female", "unknown": "unknown"}
"""What a value of a gender column may be said to mean."""
KINDS_OF_SUBJECTS: dict[str, str] = {
    "people": "a person",
    "groups": "a group of people",
    "none": "nobody in particular",
}
"""What folders and file names may be said to stand for."""


def open_questions(document: Mapping[str, Any]) -> list[str]:
    """Return what a person is asked, what must be answered first."""
    questions = sorted(document.get("questions", []), key=lambda each: not each["required"])
    return [
        f"{each['sentence']} {'Nothing can be imported before.' if each['required'] else ''}".strip()
        for each in questions
    ]


def preview_sentences(document: Mapping[str, Any]) -> list[str]:
    """Return which convention was recognised, why, and what the images hold."""
    sentences = [
        document["reader_reason"],
        f"{count(document['images'], 'image')} of {count(document['subjects'], 'subject')}: "
        f"{balance(document['labels'])}.",
        *filter(None, [document.get("no_audit")]),
        *_file_sentences(document.get("files")),
        IDENTITIES[document["identities"]],
        *(_attribute_sentence(attribute) for attribute in document["attributes"]),
    ]
    protocol = document["protocol"]
    if protocol is not None:
        sentences.append(
            f"Published protocol: {count(protocol['folds'], 'fold')}, {protocol['mated']:,} mated and "
            f"{protocol['non_mated']:,} non-mated comparisons."
        )
    sentences.append(f"Licence: {document['licence'].rstrip('.')}.")
    if document["terms"] is not None:
        sentences.append(f"Terms of use: {document['terms']}")
    return sentences


def balance(labels: Mapping[str, int]) -> str:
    """Return how many images have which label, e.g. ``12 labelled female, 9 male, 3 unlabelled``."""
    known = [f"{labels[name]:,} {name}" for name in ("female", "male") if labels[name]]
    if not known:
        return "none has a gender label"
    number, name = known[0].split()
    unlabelled = [f"{labels['unlabelled']:,} unlabelled"] if labels["unlabelled"] else []
    return ", ".join([f"{number} labelled {name}", *known[1:], *unlabelled])


def _file_sentences(files: Mapping[str, int] | None) -> list[str]:
    """Return what becomes of the files that were found, where that is known."""
    if files is None:
        return []
    parts = [
        count(files["images"], "image"),
        f"{files['lists']:,} read as {'a table or list' if files['lists'] == 1 else 'tables or lists'}",
        f"{files['left_out']:,} left out, for the reasons below",
    ]
    shown = [part for part, number in zip(parts, (1, files["lists"], files["left_out"]), strict=True) if number]
    return [f"{count(files['found'], 'file')} found: {listed(shown)}."]


def _attribute_sentence(attribute: Mapping[str, Any]) -> str:
    known = f"Attribute {attribute['name']}: known for {count(attribute['images'], 'image')}"
    if attribute["words"]:
        return f"{known} ({', '.join(f'{word} {number:,}' for word, number in attribute['words'].items())})."
    return f"{known}, from {attribute['lowest']:g} to {attribute['highest']:g}."


def preview_rows(document: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the sample images as rows of a table."""
    names = [attribute["name"] for attribute in document["attributes"]]
    return [
        {
            "Image": row["name"],
            "Subject": row["subject"],
            "Label": row["label"] or "unlabelled",
            **{name: f"{row['attributes'].get(name, '')}" for name in names},
        }
        for row in document["rows"]
    ]
