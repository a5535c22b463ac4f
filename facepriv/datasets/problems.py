"""What was wrong with an input, told in few sentences however often it occurs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facepriv.types import Problem

FEW = 3
"""Up to so many equal problems are told one by one; more are told in one sentence."""

NOTICES: frozenset[str] = frozenset(
    {
        "contradicting-attributes",
        "count-differs",
        "duplicate-row",
        "encoding",
        "mapping-not-used",
        "mirrored-image",
        "no-identities",
        "no-labels",
        "no-mated",
        "one-gender",
        "one-subject",
        "protocol-incomplete",
        "protocol-unreadable",
        "subject-with-both-genders",
        "table-not-used",
        "unknown-age",
        "unknown-file",
        "unknown-subject",
    }
)
"""Codes of sentences that tell something worth knowing while no image was lost, changed or left unlabelled by it."""


@dataclass(frozen=True)
class ProblemGroup(Problem):
    """Many equal problems in one sentence; ``names`` lists them all, so that they can be counted and shown."""

    names: tuple[str, ...] = ()


def problem_names(problem: Problem) -> tuple[str, ...]:
    """Name the files, rows or columns that a problem is about."""
    return problem.names if isinstance(problem, ProblemGroup) else (problem.name,)


def problem_count(problem: Problem) -> int:
    """Count the files, rows or columns that a problem is about."""
    return len(problem_names(problem))


def summarise_problems(code: str, names: Sequence[str], *, one: str, many: str, few: int = FEW) -> list[Problem]:
    """Tell of equal problems: one sentence each if they are few, else one for all.

    Parameters
    ----------
    code
        Reason in kebab-case.
    names
        What each is about, in the order in which they are listed.
    one
        Sentence for a single one; ``{name}`` stands for it.
    many
        Sentence for all; ``{n}`` stands for their number, ``{first}`` for the first three names.
    few
        Up to so many are told one by one.
    """
    if len(names) <= few:
        return [Problem(name, code, one.replace("{name}", name)) for name in names]
    first = ", ".join(names[:FEW]) + (", ..." if len(names) > FEW else "")
    sentence = many.replace("{n}", f"{len(names):,}").replace("{first}", first)
    return [ProblemGroup(f"{len(names):,} in all", code, sentence, tuple(names))]
