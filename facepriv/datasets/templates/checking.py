"""Rows of a table of templates checked as they are read: good ones go on, others are counted by the reason.

What is wrong with many rows is one sentence; whatever is left out, the rest is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from facepriv.datasets.gender_words import canonical, parse_gender
from facepriv.datasets.label_tables import LabelRow, LabelTable
from facepriv.datasets.languages import LETTERS
from facepriv.datasets.templates.table import LONGEST_ID, RawChunk, Rows, TableOptions, TemplateTable
from facepriv.errors import BadInputError
from facepriv.schemas.base import Meaning
from facepriv.types import FEMALE, MALE, Metric

UNIT_WITHIN = 1e-3
"""How far the length of a row may be from 1 to count as unit: float16 keeps three digits."""
_FIRST = 3
_LEFT_OUT: dict[str, tuple[str, str]] = {
    "ragged-row": (
        "{names} has another number of values than most rows and was left out.",
        "{n} rows ({names}) have another number of values than most rows and were left out.",
    ),
    "not-numbers": (
        "{names} holds text where numbers were expected and was left out.",
        "{n} rows ({names}) hold text where numbers were expected and were left out.",
    ),
    "no-template": (
        "{names} has no template and was left out.",
        "{n} rows ({names}) have no template and were left out.",
    ),
    "not-finite": (
        "{names} holds NaN, infinite or missing values, as of a failure to acquire, and was left out.",
        "{n} rows ({names}) hold NaN, infinite or missing values, as of failures to acquire, and were left out.",
    ),
    "zero-row": (
        "{names} holds nothing but zeros, which is no template, and was left out.",
        "{n} rows ({names}) hold nothing but zeros, which are no templates, and were left out.",
    ),
    "bad-id": (
        f"{{names}} has a name with unprintable or more than {LONGEST_ID} characters and was left out.",
        f"{{n}} rows ({{names}}) have names with unprintable or more than {LONGEST_ID} characters and were left out.",
    ),
    "row-without-subject": (
        "{names} does not say whose template it is and was left out.",
        "{n} rows ({names}) do not say whose templates they are and were left out.",
    ),
    "duplicate-record": (
        "The record {names} is there more than once; only the first was kept.",
        "{n} rows repeat the name of an earlier record ({names}); only the first of each was kept.",
    ),
}
_NOTICES: dict[str, tuple[str, str]] = {
    "unknown-gender": (
        "The gender {names} has no binary label here, so its row stays without one; declare a meaning if it has one.",
        "{n} genders ({names}) have no binary label here, so their rows stay without one; declare a meaning if they "
        "have one.",
    ),
    "label-without-row": (
        "The label table has a row for {names}, but no template belongs to it, so it was not used.",
        "{n} rows of the label table ({names}) have no template and were not used.",
    ),
    "both-labels": (
        "The subject {names} is labelled both male and female; both labels were kept.",
        "{n} subjects ({names}) are labelled both male and female; both labels were kept.",
    ),
}


@dataclass(frozen=True)
class CountedProblem:
    """Something that was wrong with a table, how often, and one sentence on it."""

    code: str
    count: int
    sentence: str


@dataclass(frozen=True, eq=False)
class CheckedChunk:
    """Good rows of a table, in its order."""

    rows: Rows
    """``(k, d)``; unit rows for cosine."""
    records: Sequence[str]
    subjects: Sequence[str]
    labels: NDArray[np.int8]
    """``(k,)`` +1 male, -1 female, 0 unlabelled."""


@dataclass
class _Tally:
    """How often something was wrong, and the first examples."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        self.count += 1
        if len(self.first) < _FIRST:
            self.first.append(name)

    def problem(self, code: str, sentences: tuple[str, str]) -> CountedProblem:
        one, many = sentences
        names = ", ".join(self.first) + (", ..." if self.count > len(self.first) else "")
        text = (one if self.count == 1 else many).replace("{n}", f"{self.count:,}").replace("{names}", names)
        return CountedProblem(code, self.count, text[:1].upper() + text[1:])


class Checker:
    """Checks the chunks of one table, one after the other.

    Parameters
    ----------
    metric
        How templates are compared, as stated by whoever brings them; by default what the file says, else cosine.
    mapping
        Meaning of gender values, such as ``{"0": "male", "1": "female"}``.
    labels
        Table with the subject and gender of each record; where templates have no names, in the order of the rows.
    """

    def __init__(
        self,
        table: TemplateTable,
        options: TableOptions,
        *,
        metric: Metric | None = None,
        mapping: Mapping[str, Meaning] | None = None,
        labels: LabelTable | None = None,
    ) -> None:
        self._table, self._options = table, options
        told = table.stated.metric
        self.metric: Metric = metric or ("euclidean" if told == "euclidean" else "cosine")
        self._metric_assumed = metric is None and told not in ("cosine", "euclidean")
        self._parse = cache(partial(parse_gender, mapping=mapping))
        self._declared = {canonical(value) for value in mapping or {}}
        self._letters: set[str] = set()
        self._labels = labels
        self._by_record = None if labels is None or "record" not in table.columns else _rows_by_record(labels)
        self._used: set[str] = set()
        self._tallies: dict[str, _Tally] = {}
        self._not_unit, self._shortest, self._longest = 0, np.inf, 0.0
        self._seen: set[str] = set()
        self._labels_of: dict[str, int] = {}
        self._read = 0
        self.kept = 0
        self.by_label = {MALE: 0, FEMALE: 0, 0: 0}
        """Templates by label."""

    @property
    def subjects(self) -> int:
        """How many subjects the kept rows are of."""
        return len(self._labels_of)

    def checked(self) -> Iterator[CheckedChunk]:
        """Read and check the table.

        Raises
        ------
        BadInputError
            With code ``undeclared-numbers``, ``lengths-differ``, ``no-templates``, or as whoever reads the table.
        """
        for raw in self._table.chunks:
            yield self._check(raw)
        if self._labels is not None and self._by_record is None and self._read != len(self._labels.rows):
            raise self._lengths_differ()
        if not self.kept:
            why = " ".join(problem.sentence for problem in self.problems()[:2])
            raise BadInputError(
                f"{self._options.name} holds no template that can be used. {why}".strip(), code="no-templates"
            )

    def _check(self, raw: RawChunk) -> CheckedChunk:
        start, total = self._read, len(raw.rows)
        self._read += total
        for name in raw.skipped:
            self._tally("ragged-row", name)
        records, subjects, genders = self._cells(raw, start)
        with np.errstate(over="ignore", invalid="ignore"):
            lengths = np.sqrt(np.einsum("ij,ij->i", raw.rows, raw.rows, dtype=np.float64))
        good = np.isfinite(lengths) & (lengths > 0)
        for position in np.flatnonzero(~good).tolist():
            fault = raw.faults.get(position) or ("zero-row" if lengths[position] == 0 else "not-finite")
            self._tally(fault, self._called(raw, records, start, position))
            good[position] = False
        labels = np.zeros(total, np.int8)
        for position in np.flatnonzero(good).tolist():
            record, subject = records[position], subjects[position]
            why = self._objection(record, subject)
            if why is not None:
                self._tally(why, record if why == "duplicate-record" else f"row {start + position + 1:,}")
                good[position] = False
                continue
            self._seen.add(record)
            labels[position] = label = self._label(genders[position])
            self._labels_of[subject] = self._labels_of.get(subject, 0) | (0 if not label else 1 if label > 0 else 2)
            self.by_label[label] += 1
        kept = np.flatnonzero(good)
        self.kept += len(kept)
        rows = raw.rows if len(kept) == total else raw.rows[kept]
        at = kept.tolist()
        return CheckedChunk(
            self._fitted(rows, lengths[kept]), [records[i] for i in at], [subjects[i] for i in at], labels[kept]
        )

    def _cells(self, raw: RawChunk, start: int) -> tuple[Sequence[str], Sequence[str], Sequence[str | int | None]]:
        """Return record, subject and gender of each row."""
        total = len(raw.rows)
        cells = {role: [text.strip() for text in texts] for role, texts in raw.cells.items()}
        numbers = [str(number) for number in range(start + 1, start + total + 1)]
        records = [record or number for record, number in zip(cells.get("record", numbers), numbers, strict=True)]
        genders: Sequence[str | int | None] = cells.get("gender", [""] * total)
        subjects = cells.get("subject")
        if self._labels is not None:
            rows = self._labels.rows
            if self._by_record is not None:
                self._used.update(record for record in records if record in self._by_record)
                of: list[LabelRow | None] = [self._by_record.get(record) for record in records]
            else:
                if self._read > len(rows):
                    raise self._lengths_differ()
                of = list(rows[start : start + total])
                records = [row.file or record for row, record in zip(of, records, strict=True) if row is not None]
            if "gender" in self._labels.columns:
                genders = [None if row is None else row.label for row in of]
            if "subject" in self._labels.columns:
                subjects = ["" if row is None else row.subject for row in of]
        return records, records if subjects is None else subjects, genders

    def _objection(self, record: str, subject: str) -> str | None:
        if not subject:
            return "row-without-subject"
        if max(len(record), len(subject)) > LONGEST_ID or not (record.isprintable() and subject.isprintable()):
            return "bad-id"
        return "duplicate-record" if record in self._seen else None

    def _label(self, gender: str | int | None) -> int:
        if gender is None or isinstance(gender, int):
            return gender or 0
        if self._table.stated.marked and gender in ("1", "-1", "0"):
            return int(gender)
        parsed = self._parse(gender)
        if parsed == "number":
            column = self._table.columns["gender"]
            raise BadInputError(
                f"The column {column!r} of {self._options.name} holds bare numbers such as {gender[:20]}, which mean "
                "different things in different data sets; declare what each means, as in --mapping 1=male,0=female, or "
                "say with --gender-column or --subject-column what it is.",
                code="undeclared-numbers",
            )
        if len(gender) == 1:
            self._check_letter(gender)
        if parsed == "word":
            self._tally("unknown-gender", repr(gender[:40]))
        return parsed if isinstance(parsed, int) else 0

    def _check_letter(self, letter: str) -> None:
        """Raise BadInputError where letters are not m and f only: M beside H is *mujer*, a woman."""
        if (folded := canonical(letter)) not in LETTERS or folded in self._declared:
            return
        self._letters.add(folded)
        if not self._letters <= {"m", "f"}:
            shown = ", ".join(sorted(self._letters))
            raise BadInputError(
                f"The column {self._table.columns['gender']!r} of {self._options.name} holds the letters {shown}, "
                "which mean different genders in different languages; say what each means, as in --mapping "
                f"{','.join(f'{each}=male' for each in sorted(self._letters))}, with female where that is right.",
                code="ambiguous-letters",
            )

    def _fitted(self, rows: Rows, lengths: NDArray[np.float64]) -> Rows:
        """Return rows as the metric wants them: for cosine of length 1."""
        if self.metric != "cosine" or not len(rows):
            return rows
        off = np.abs(lengths - 1) > UNIT_WITHIN
        if off.any():
            self._not_unit += int(off.sum())
            self._shortest = min(self._shortest, float(lengths[off].min()))
            self._longest = max(self._longest, float(lengths[off].max()))
        # Rows that are unit already stay as they are to the last bit, so that what is exported comes back the same.
        exact = np.abs(lengths - 1) > 1e-6
        if not exact.any():
            return rows
        scaled = np.array(rows)
        scaled[exact] = (rows[exact] / lengths[exact, None]).astype(np.float32)
        return scaled

    def _called(self, raw: RawChunk, records: Sequence[str], start: int, position: int) -> str:
        row = f"row {start + position + 1:,}"
        return f"{row} ({records[position][:40]})" if "record" in raw.cells else row

    def _tally(self, code: str, name: str) -> None:
        self._tallies.setdefault(code, _Tally()).add(name)

    def _lengths_differ(self) -> BadInputError:
        assert self._labels is not None
        return BadInputError(
            f"{self._labels.name} has {len(self._labels.rows):,} rows, but {self._options.name} has "
            f"{self._read if self._read <= len(self._labels.rows) else 'more'} templates without names, so nobody can "
            "say which belong together; write one row for each template, or give the templates names.",
            code="lengths-differ",
        )

    def problems(self) -> list[CountedProblem]:
        """Return what was left out, what was changed, and what cannot be measured; once all was read."""
        tallies = {**self._tallies}
        if self._by_record is not None:
            unused = [record for record in self._by_record if record not in self._used]
            if unused:
                tallies["label-without-row"] = _Tally(len(unused), unused[:_FIRST])
        both = [subject for subject, labels in self._labels_of.items() if labels == 3]
        if both:
            tallies["both-labels"] = _Tally(len(both), both[:_FIRST])
        found = [
            tallies[code].problem(code, sentences)
            for code, sentences in {**_LEFT_OUT, **_NOTICES}.items()
            if code in tallies
        ]
        return [*found, *self._of_all()]

    def _of_all(self) -> Iterator[CountedProblem]:
        """Yield what is to be said of all rows together."""
        if not self.kept:
            return
        if self._not_unit:
            yield CountedProblem(
                "not-unit",
                self._not_unit,
                f"Templates compared by cosine have length 1, but {self._not_unit:,} of {self.kept:,} had lengths from "
                f"{self._shortest:.3g} to {self._longest:.3g}; they were scaled to 1. If the matcher compares them by "
                "Euclidean distance, import them again with --metric euclidean.",
            )
        if self._metric_assumed:
            yield CountedProblem("metric-assumed", 1, "No metric was stated, so cosine similarity is assumed.")
        has_subjects = "subject" in self._table.columns or (
            self._labels is not None and "subject" in self._labels.columns
        )
        if not has_subjects:
            yield CountedProblem(
                "no-subjects",
                self.kept,
                "Nothing says whose templates these are, so each counts as a person of its own; matching cannot be "
                "measured.",
            )
        elif self.subjects == 1:
            yield CountedProblem(
                "one-subject",
                self.kept,
                "All templates are of one subject, so neither matching nor a leak can be measured.",
            )
        labelled = [("male", self.by_label[MALE]), ("female", self.by_label[FEMALE])]
        there = [name for name, number in labelled if number]
        if not there:
            yield CountedProblem(
                "no-labels", self.kept, "No template has a gender label, so the leak cannot be measured."
            )
        elif len(there) == 1:
            yield CountedProblem(
                "one-gender",
                self.kept,
                f"All labelled templates are {there[0]}, so the leak cannot be measured.",
            )


def _rows_by_record(labels: LabelTable) -> dict[str, LabelRow]:
    """Return the rows of a label table by record; of several of one record the first counts."""
    if "file" not in labels.columns:
        raise BadInputError(
            f"{labels.name} names no records, so nobody can say which template each row belongs to; add a column file "
            "with the names that the templates have.",
            code="missing-columns",
        )
    rows: dict[str, LabelRow] = {}
    for row in labels.rows:
        rows.setdefault(row.file, row)
    return rows
