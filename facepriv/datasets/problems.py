"""Problems of an input, summarised in few sentences however often they occur."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facepriv.types import Problem

FEW = 3
"""Up to so many equal problems have a sentence each; more share one."""


@dataclass(frozen=True)
class ProblemGroup(Problem):
    """Many equal problems in one sentence; ``names`` lists them all, so that they can be counted and shown."""

    names: tuple[str, ...] = ()
    total: int = 0
    """How many there are where only the first are listed, else 0."""


def problem_names(problem: Problem) -> tuple[str, ...]:
    """Return the files, rows or columns that a problem is about."""
    return problem.names if isinstance(problem, ProblemGroup) else (problem.name,)


def problem_count(problem: Problem) -> int:
    """Count the files, rows or columns that a problem is about."""
    return (problem.total if isinstance(problem, ProblemGroup) else 0) or len(problem_names(problem))


def summarise_problems(
    code: str, names: Sequence[str], *, one: str, many: str, few: int = FEW, total: int | None = None
) -> list[Problem]:
    """Return equal problems of files, rows or columns: one sentence each if they are at most ``few``, else one for all.

    In ``one``, the sentence for a single one, ``{name}`` stands for it; in ``many``, the sentence for all, ``{n}`` for
    their number and ``{first}`` for the first three names. ``total`` is their number where only some are named.
    """
    number = len(names) if total is None else total
    if number <= few:
        return [Problem(name, code, one.replace("{name}", name)) for name in names]
    first = ", ".join(names[:FEW]) + (", ..." if number > FEW else "")
    sentence = many.replace("{n}", f"{number:,}").replace("{first}", first)
    return [ProblemGroup(f"{number:,} in all", code, sentence, tuple(names), 0 if number == len(names) else number)]
