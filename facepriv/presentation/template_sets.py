"""Template sets in words and rows of tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from facepriv.schemas.template_quality import TemplateQualityReport
from facepriv.store import TemplateSetRecord
from facepriv.wording import count, listed


def summary_sentences(record: TemplateSetRecord) -> list[str]:
    """Return what a set holds, where it is from, and what was left out or changed."""
    version = f" of version {record.version}" if record.version else ""
    by = f"by {record.matcher}{version}" if record.matcher else "by a matcher that nobody stated"
    return [
        f"{record.name}: {count(record.templates, 'template')} of {count(record.subjects, 'subject')} "
        f"({_labels(record)}), {record.width} numbers "
        f"each, {by}, compared by {_METRICS[record.metric]}.",
        record.reader_reason,
        *(f"{problem['sentence']}  [{problem['code']}: {problem['count']:,}]" for problem in record.problems),
        _datasheet(record.datasheet or {}),
        *([] if record.terms is None else [f"Terms of use: {record.terms.sentence}"]),
    ]


def _labels(record: TemplateSetRecord) -> str:
    named = {"female": record.female, "male": record.male, "unlabelled": record.unlabelled}
    return ", ".join(f"{number:,} {name}" for name, number in named.items() if number)


def _datasheet(sheet: Mapping[str, str]) -> str:
    stated = "; ".join(f"{part} {text}" for part, text in sheet.items())
    return f"Data sheet: {stated or 'nothing was stated'}.  (facepriv datasheet changes it)"


_METRICS = {"cosine": "cosine similarity", "euclidean": "Euclidean distance"}


def set_rows(records: Sequence[TemplateSetRecord]) -> list[dict[str, str]]:
    """Return a row for each set."""
    return [
        {
            "Name": record.name,
            "Templates": f"{record.templates:,}",
            "Subjects": f"{record.subjects:,}",
            "Female": f"{record.female:,}",
            "Male": f"{record.male:,}",
            "Unlabelled": f"{record.unlabelled:,}",
            "Numbers": f"{record.width:,}",
            "Metric": record.metric,
            "Matcher": record.matcher or "not stated",
            "From": record.source,
            "Keep until": retention_day(record.retain_until),
        }
        for record in records
    ]


def retention_day(until: date | None) -> str:
    """Write until when a set may be kept, with a clear sign if that is past; empty where no day was set."""
    if until is None:
        return ""
    return f"{until}, PAST" if until < date.today() else f"{until}"


def set_json(record: TemplateSetRecord) -> dict[str, Any]:
    """Return a set as JSON has it."""
    return {
        "name": record.name,
        "id": record.id,
        "created_at": record.created_at.isoformat(),
        "source": record.source,
        "reader": record.reader,
        "reader_reason": record.reader_reason,
        "metric": record.metric,
        "matcher": record.matcher,
        "version": record.version,
        "dataset_id": record.dataset_id,
        "origin_id": record.origin_id,
        "templates": record.templates,
        "width": record.width,
        "subjects": record.subjects,
        "labels": {"female": record.female, "male": record.male, "unlabelled": record.unlabelled},
        "retain_until": None if record.retain_until is None else record.retain_until.isoformat(),
        "terms": None if record.terms is None else record.terms.sentence,
        "datasheet": record.datasheet,
        "problems": list(record.problems),
        "rows_sha256": record.rows_sha256,
        "records_sha256": record.records_sha256,
    }


def template_quality_sentences(report: TemplateQualityReport) -> list[str]:
    """Return what deserves a second look in a set, and what was not checked; names nobody."""
    return [*_doubts(report), *report.not_checked]


def _doubts(report: TemplateQualityReport) -> Iterator[str]:
    alike, split, doubtful = report.alike, report.split, report.doubtful
    if alike is not None:
        yield (
            f"Possible identity errors: {alike.found:,} of {alike.compared:,} pairs of templates of different subjects "
            f"look like one person (score {alike.threshold:.3f} or higher)."
        )
    if split is not None and split.checked:
        yield (
            f"Possible mix-ups: {split.found:,} of {count(split.checked, 'subject')} with several templates "
            f"{'has' if split.found == 1 else 'have'} two that are less alike than those of different people usually "
            f"are (score below {split.usual:.3f})."
        )
    if doubtful is not None:
        wrong = listed([f"{number:,} {label}" for label, number in doubtful.found.items() if label != "unlabelled"])
        yield (
            f"Possible label errors: for {wrong} out of {doubtful.judged:,} labelled templates, all of the "
            f"{doubtful.neighbours} most similar ones of other people have the other label. No label was changed."
        )
