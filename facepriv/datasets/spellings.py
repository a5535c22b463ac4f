"""Spellings of one name of a subject: compared folded, shown as they are written most often, and told of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from facepriv.datasets.languages import fold_word
from facepriv.datasets.problems import summarise_problems
from facepriv.types import Problem

_NUMBER = re.compile(r"0*(\d+?)(?:\.0+)?", re.ASCII)


def fold_subject(name: str) -> str:
    """Return a subject so that its spellings are equal: case, spaces, composed letters, ``1``, ``1.0`` and ``001``."""
    folded = fold_word(name)
    number = _NUMBER.fullmatch(folded)
    return number[1] if number else folded


def agree_spellings(
    subjects: Mapping[str, str], fold: Callable[[str], str] = fold_subject
) -> tuple[dict[str, str], list[Problem]]:
    """Give each subject one spelling, the commonest, of equally common ones the first, and tell where it had several.

    ``subjects`` is the subject by the name of the image; nobody's is empty and stays so. ``fold`` makes spellings
    equal.
    """
    written: dict[str, Counter[str]] = {}
    folded = {subject: fold(subject) for subject in set(subjects.values())}
    for subject in subjects.values():
        written.setdefault(folded[subject], Counter())[subject] += 1
    spelling = {key: min(counts, key=lambda each: (-counts[each], each)) for key, counts in written.items()}
    several = {key: counts for key, counts in written.items() if len(counts) > 1 and key}
    problems = summarise_problems(
        "several-spellings",
        [f"{', '.join(repr(each) for each in sorted(counts))}" for counts in several.values()],
        one="{name} were taken for one subject, since only case, spaces, accents' composition or leading zeros "
        "differ; give them different names if they are several people.",
        many="{n} subjects are each written in several ways ({first}) that differ only in case, spaces, accents' "
        "composition or leading zeros, and were taken for one; give them different names if they are several people.",
    )
    shown = {key: " ".join(subject.split()) for key, subject in spelling.items()}
    return {name: shown[folded[subject]] if subject else "" for name, subject in subjects.items()}, problems


def folded_set(names: Iterable[str]) -> set[str]:
    """Return names folded."""
    return {fold_subject(name) for name in names}
