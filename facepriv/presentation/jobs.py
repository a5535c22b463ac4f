"""Jobs in words: what one is called, how it ended, how long it will take."""

from __future__ import annotations

from typing import Protocol

from facepriv.presentation.formats import plain
from facepriv.wording import rough

NOUNS = {"import": "import", "templates": "template set"}
"""What kinds are called where not by their own name."""
ENDS = {"complete": "is complete", "failed": "failed", "previewed": "waits for your answer"}


class End(Protocol):
    """A job that has ended, as `facepriv.services.jobs.ends` knows it."""

    @property
    def kind(self) -> str:
        """Kind of the job."""

    @property
    def number(self) -> int:
        """Number of the run, audit, protection or study."""

    @property
    def about(self) -> str:
        """Name of what it is about."""

    @property
    def state(self) -> str:
        """State that it has ended in."""


def title_of(kind: str, number: int) -> str:
    """Name a job: ``run 7``."""
    return f"the {NOUNS[kind]}" if kind in NOUNS else f"{kind} {number}"


def end_in_words(end: End) -> str:
    """Say how a job ended, as Markdown."""
    what = f"{NOUNS[end.kind].capitalize()} “{plain(end.about)}”" if end.kind in NOUNS else ""
    what = what or f"{end.kind.capitalize()} {end.number} ({plain(end.about)})"
    return f"{what} {ENDS.get(end.state, end.state)}"


def left_in_words(seconds: float) -> str:
    """Say how much longer a job takes, all stages together."""
    return f"{rough(seconds)} left in all"
