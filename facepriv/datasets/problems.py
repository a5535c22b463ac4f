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


def problem_names(problem: Problem) -> tuple[str, ...]:
    """Return the files, rows or columns that a problem is about."""
    return problem.names if isinstance(problem, ProblemGroup) else (problem.name,)


def problem_count(problem: Problem) -> int:
    """Count the files, rows or columns that a problem is about."""
    return len(problem_names(problem))


def summarise_problems(code: str, names: Sequence[str], *, one: str, many: str, few: int = FEW) -> list[Problem]:
    """Return equal problems of files, rows or columns: one sentence each if they are at most ``few``, else one for all.

    In ``one``, the sentence for a single one, ``{name}`` stands for it; in ``many``, the sentence for all, ``{n}`` for
    their number and ``{first}`` for the first three names.
    """
    if len(names) <= few:
        return [Problem(name, code, one.replace("{name}", name)) for name in names]
    first = ", ".join(names[:FEW]) + (", ..." if len(names) > FEW else "")
    sentence = many.replace("{n}", f"{len(names):,}").replace("{first}", first)
    return [ProblemGroup(f"{len(names):,} in all", code, sentence, tuple(names))]
