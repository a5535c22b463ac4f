"""The table of runs: what a line holds, which lines a filter leaves, and how they are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from facepriv.presentation.attackers import attacker_in_words
from facepriv.presentation.formats import NOTHING, moment
from facepriv.presentation.help_texts import DECISION_TITLES
from facepriv.presentation.run_numbers import AT_MOST, LOST, RIGHT, Numbers
from facepriv.presentation.verdict import SYMBOLS, WORDS, Level
from facepriv.store import JobNotes, RunSummary
from facepriv.store.records import Decision, JobProgress
from facepriv.wording import duration, percent

Cell = str | int | float | datetime | None
NOT_SIGNED = NOTHING
OUTDATED = "of older results"
"""Said of a sign-off on results that are not the run's present ones."""


@dataclass(frozen=True)
class RunLine:
    """One run in the table."""

    run: RunSummary
    notes: JobNotes = field(default_factory=JobNotes)
    settings: str = ""
    """Parameters that are not the method's defaults; empty while they are not read."""
    audit: int | None = None
    """Its newest complete audit, which the verdict is from."""
    level: Level | None = None
    """Of the verdict; None for a run that is not complete, or whose audit is not read yet."""
    attacker: str = ""
    """Name of the strongest attacker."""
    numbers: Numbers = field(default_factory=dict)
    """Of the run and of its audit."""
    decision: Decision | None = None
    """The newest sign-off."""
    current: bool = True
    """Whether that is of the run's present results."""

    @property
    def number(self) -> int:
        """Number of the run."""
        return self.run.id

    @property
    def verdict(self) -> str:
        """The verdict in a cell; a dash where there is none."""
        return NOTHING if self.level is None else f"{SYMBOLS[self.level]} {WORDS[self.level]}"

    @property
    def strongest(self) -> str:
        """The strongest attacker in words; a dash where nobody attacked."""
        return attacker_in_words(self.attacker) if self.attacker else NOTHING

    @property
    def right(self) -> str:
        """How often the strongest attacker is right, with the upper bound; a dash where nobody attacked."""
        if RIGHT not in self.numbers:
            return NOTHING
        upper = max(self.numbers.get(AT_MOST, 0.0), self.numbers[RIGHT])
        return f"{percent(self.numbers[RIGHT])} (at most {percent(upper)})"

    @property
    def lost(self) -> str:
        """Genuine matches lost; a dash where that is not known."""
        return percent(self.numbers.get(LOST))

    @property
    def signed(self) -> str:
        """The newest sign-off in a cell."""
        if self.decision is None:
            return NOT_SIGNED
        return DECISION_TITLES[self.decision].lower() + ("" if self.current else f", {OUTDATED}")

    @property
    def text(self) -> str:
        """Everything that is searched, in one case."""
        run, notes = self.run, self.notes
        words = (
            str(run.id),
            run.dataset_name,
            run.method,
            run.guide,
            self.settings,
            run.actor,
            notes.name,
            notes.notes,
        )
        return "\n".join([*words, *notes.tags]).casefold()


@dataclass(frozen=True)
class RunFilter:
    """Which lines to show; an empty part leaves all."""

    text: str = ""
    """Words that must all be in what is searched."""
    states: Sequence[str] = ()
    datasets: Sequence[str] = ()
    methods: Sequence[str] = ()
    verdicts: Sequence[str] = ()
    """As `WORDS` has them."""
    tags: Sequence[str] = ()
    """A line must have all of them."""

    def apply(self, lines: Iterable[RunLine]) -> list[RunLine]:
        """Return the lines that are left, in their order."""
        words = self.text.casefold().split()
        return [line for line in lines if self._fits(line) and (not words or _has(line.text, words))]

    def _fits(self, line: RunLine) -> bool:
        word = None if line.level is None else WORDS[line.level]
        return (
            (not self.states or line.run.state in self.states)
            and (not self.datasets or line.run.dataset_name in self.datasets)
            and (not self.methods or line.run.method in self.methods)
            and (not self.verdicts or word in self.verdicts)
            and set(self.tags) <= set(line.notes.tags)
        )


def _has(text: str, words: Iterable[str]) -> bool:
    return all(word in text for word in words)


def table_cells(line: RunLine) -> dict[str, Cell]:
    """Return a line for a table that can be sorted: numbers are numbers, rates in percent."""
    run = line.run
    return {
        "Run": run.id,
        "Name": line.notes.name,
        "Verdict": line.verdict,
        "Strongest attacker": line.strongest,
        **rate_cells(line.numbers),
        "Sign-off": line.signed,
        "Method": run.method,
        "Settings": line.settings,
        "Data set": run.dataset_name,
        "State": state_of(run),
        "Duration": in_minutes(seconds_of(run)),
        "Images": run.images,
        "Started": run.started_at,
        "By": run.actor,
        "Tags": ", ".join(line.notes.tags),
    }


def in_words(line: RunLine) -> dict[str, str]:
    """Return a line as text, for a terminal; empty where nothing is known."""
    run = line.run
    seconds = seconds_of(run)
    return {
        "Run": str(run.id),
        "Name": line.notes.name,
        "Verdict": state_of(run) if line.level is None else line.verdict,
        "Strongest attacker": line.strongest,
        "Right": percent(line.numbers[RIGHT]) if RIGHT in line.numbers else NOTHING,
        "At most": percent(line.numbers[AT_MOST]) if AT_MOST in line.numbers else NOTHING,
        "Lost": line.lost,
        "Sign-off": line.signed,
        "Data set": run.dataset_name,
        "Method": run.method,
        "Settings": line.settings,
        "Guide": run.guide,
        "Images": f"{run.images:,}",
        "State": state_of(run),
        "Duration": "" if seconds is None else duration(seconds),
        "Started": "" if run.started_at is None else moment(run.started_at),
        "By": run.actor,
        "Tags": ", ".join(line.notes.tags),
        "Notes": line.notes.notes,
        "Why": run.error or "",
    }


def rate_cells(numbers: Numbers) -> dict[str, Cell]:
    """Return the cells of how often the strongest attacker is right, and of what that costs, in percent."""
    titles = {"Right": RIGHT, "At most": AT_MOST, "Matches lost": LOST}
    return {title: _in_percent(numbers.get(name)) for title, name in titles.items()}


def state_of(work: JobProgress) -> str:
    """Return the state of a job in a cell, with how far it is."""
    return f"{work.state} {work.done:,}/{work.total:,}" if work.state == "running" else work.state


def seconds_of(work: JobProgress) -> float | None:
    """Return how long a job took from start to end; None while it has not ended."""
    if work.started_at is None or work.finished_at is None:
        return None
    return (work.finished_at - work.started_at).total_seconds()


def in_minutes(seconds: float | None) -> float | None:
    """Return a time in minutes, for a cell."""
    return None if seconds is None else round(seconds / 60, 2)


def _in_percent(rate: float | None) -> float | None:
    return None if rate is None else round(100 * rate, 2)


def export_row(line: RunLine) -> dict[str, Any]:
    """Return a line for a file: what the table shows, the notes, and every number under its own name."""
    run = line.run
    return {
        "run": run.id,
        "name": line.notes.name,
        "tags": " ".join(line.notes.tags),
        "notes": line.notes.notes,
        "verdict": "" if line.level is None else WORDS[line.level],
        "strongest attacker": line.attacker,
        "audit": line.audit,
        "sign-off": "" if line.decision is None else line.signed,
        "data set": run.dataset_name,
        "method": run.method,
        "guide": run.guide,
        "settings": line.settings,
        "state": run.state,
        "created": run.created_at.isoformat(),
        "started": "" if run.started_at is None else run.started_at.isoformat(),
        "finished": "" if run.finished_at is None else run.finished_at.isoformat(),
        "by": run.actor,
        **line.numbers,
    }
