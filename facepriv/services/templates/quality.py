"""Check the quality of a template set: what it is like, and what in it deserves a second look.

The report is for people to judge: no label is changed, and no template is left out because of it. Of a large set some
whole subjects are compared, always the same ones, and the report says how many templates these are.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.matching.near_duplicates import LISTED, find_alike
from facepriv.audit.matching.pairs import Pairs
from facepriv.audit.matching.streamed_scores import pilot
from facepriv.audit.threads import no_check
from facepriv.schemas.figures import Histogram
from facepriv.schemas.quality import LABELS, Label
from facepriv.schemas.template_quality import (
    AlikeSubjects,
    AlikeTemplates,
    DoubtfulLabels,
    SplitSubject,
    SplitSubjects,
    TemplateQualityReport,
)
from facepriv.store import Store, TemplateSetRecord
from facepriv.types import FEMALE, GENDER_NAMES, MALE, Integers, Metric, Templates

MOST_COMPARED = 10_000
"""Templates that are compared with each other at most: some seconds on two cores."""
MOST_TEMPLATES = 20
"""Number of templates of a subject from which on subjects are counted together."""
NEIGHBOURS = 15
"""Most similar templates of other people that are asked about a label. All must contradict it: of 240 templates of the
demo faces, by either packaged matcher, none is contradicted."""
LEAST_OF_A_LABEL = 30
"""Subjects of either label that are needed for that."""
_ROWS = 512
_SEED = 0
Rows = NDArray[np.float32]


def check_template_quality(
    store: Store, template_set: int | str, *, check: Callable[[], None] = no_check
) -> TemplateQualityReport:
    """Check a set, keep the report with it, and return it.

    ``check`` is called now and then; what it raises ends the work. Raises UnknownNameError if there is no such set,
    StoreError if a file is missing or damaged.
    """
    begun = time.monotonic()
    record = store.template_sets.get(template_set)
    _, subjects, labels = store.template_sets.read_records(record.id)
    report = _report(store, record, _codes(subjects), labels, begun, check)
    store.template_sets.save_quality(record.id, report.model_dump(mode="json", by_alias=True))
    return report


def get_template_quality(record: TemplateSetRecord) -> TemplateQualityReport | None:
    """Return the report that is kept with a set; None where it was not checked."""
    return None if record.quality is None else TemplateQualityReport.model_validate(record.quality)


def doubtful_templates(templates: Templates, report: TemplateQualityReport) -> dict[str, list[dict[str, str]]]:
    """Name the templates that deserve a second look, as rows of tables by their titles; this is personal data."""

    def pair(first: int, second: int, score: float) -> dict[str, str]:
        return {
            "Template": str(templates.records[first]),
            "Subject": str(templates.subjects[first]),
            "Other template": str(templates.records[second]),
            "Its subject": str(templates.subjects[second]),
            "Score": f"{score:.3f}",
        }

    alike = [] if report.alike is None else report.alike.pairs
    split = [] if report.split is None else report.split.subjects
    labels = [] if report.doubtful is None else report.doubtful.templates
    return {
        "Different subjects that look like one person": [pair(each.first, each.second, each.score) for each in alike],
        "Subjects that may be several people": [pair(each.first, each.second, each.score) for each in split],
        "Labels that all similar templates contradict": [
            {
                "Template": str(templates.records[place]),
                "Subject": str(templates.subjects[place]),
                "Label": _label(int(templates.labels[place])),
            }
            for place in labels
        ],
    }


def _report(
    store: Store,
    record: TemplateSetRecord,
    codes: Integers,
    all_labels: NDArray[np.int8],
    begun: float,
    check: Callable[[], None],
) -> TemplateQualityReport:
    """Return the report of a set, whose subjects have these numbers."""
    places = _sample(codes, MOST_COMPARED)
    rows = _scaled(store.template_sets.read_rows(record.id, places), record.metric)
    subjects, labels = codes[places], all_labels[places]
    not_checked = []
    pairs = Pairs(rows, None, list(map(str, subjects.tolist())), _compare)
    found = find_alike(pairs, check=check)
    alike = split = None
    if found is None:
        not_checked.append("Identities were not checked: there are too few subjects.")
    else:
        alike = AlikeSubjects(
            threshold=found.threshold,
            compared=found.compared,
            found=found.found,
            pairs=[
                AlikeTemplates(first=int(places[first]), second=int(places[second]), score=score)
                for first, second, score in found.pairs
            ],
        )
        split = _split_subjects(rows, subjects, places, float(np.median(pilot(pairs, check=check).scores)), check)
    doubtful = _doubtful_labels(rows, subjects, labels, places, check)
    if doubtful is None:
        not_checked.append(
            f"Labels were not compared with similar templates: that needs {LEAST_OF_A_LABEL} subjects of either label."
        )
    if len(places) < len(codes):
        not_checked.append(
            f"Of {len(codes):,} templates, {len(places):,} of {len(np.unique(subjects)):,} subjects drawn at random "
            "were compared; the others were not."
        )
    # Each subject with each label that it has.
    of_subjects = np.unique(codes * 3 + all_labels + 1) % 3 - 1
    return TemplateQualityReport(
        rows_sha256=record.rows_sha256,
        records_sha256=record.records_sha256,
        templates=len(codes),
        subjects=int(codes.max()) + 1,
        labels=_by_label(all_labels),
        subject_labels=_by_label(of_subjects),
        templates_per_subject=_per_subject(np.bincount(codes)),
        compared=len(places),
        alike=alike,
        split=split,
        doubtful=doubtful,
        not_checked=not_checked,
        seconds=time.monotonic() - begun,
    )


def _sample(codes: Integers, most: int) -> Integers:
    """Return the places, in order, of at most so many templates: all of some subjects, drawn at random."""
    if len(codes) <= most:
        return np.arange(len(codes))
    sizes = np.bincount(codes)
    drawn = np.random.default_rng(_SEED).permutation(len(sizes))
    kept = drawn[np.cumsum(sizes[drawn]) <= most]
    if not len(kept):  # the first drawn has more than all that are compared
        return np.flatnonzero(codes == drawn[0])[:most]
    return np.flatnonzero(np.isin(codes, kept))


def _scaled(rows: Rows, metric: Metric) -> Rows:
    """Scale rows so that distances are comparable: of Euclidean ones the median length becomes 1."""
    if metric == "cosine":
        return rows
    scaled: Rows = (rows / np.median(np.linalg.norm(rows, axis=1))).astype(np.float32)
    return scaled


def _compare(gallery: Rows, probes: Rows) -> Rows:
    """Return ``1 - d^2 / 2`` for the distance d, which for unit rows is the cosine similarity."""
    half = (np.einsum("ij,ij->i", gallery, gallery) / 2, np.einsum("ij,ij->i", probes, probes) / 2)
    scores: Rows = (gallery @ probes.T + 1 - half[0][:, None] - half[1]).astype(np.float32)
    return scores


def _split_subjects(
    rows: Rows, subjects: Integers, places: Integers, usual: float, check: Callable[[], None]
) -> SplitSubjects:
    order = np.argsort(subjects, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(subjects[order])) + 1)
    several = [group for group in groups if len(group) > 1]
    found = []
    for number, group in enumerate(several):
        if number % _ROWS == 0:
            check()
        group = group[:_ROWS]
        scores = _compare(rows[group], rows[group])
        first, second = np.unravel_index(int(scores.argmin()), scores.shape)
        if scores[first, second] < usual:
            low, high = sorted((int(places[group[first]]), int(places[group[second]])))
            found.append(SplitSubject(first=low, second=high, score=float(scores[first, second])))
    found.sort(key=lambda each: (each.score, each.first))
    return SplitSubjects(usual=usual, checked=len(several), found=len(found), subjects=found[:LISTED])


def _doubtful_labels(
    rows: Rows, subjects: Integers, labels: NDArray[np.int8], places: Integers, check: Callable[[], None]
) -> DoubtfulLabels | None:
    """Find labels that all neighbours of other subjects contradict; None where there are too few of a label."""
    if min(len(np.unique(subjects[labels == label])) for label in (MALE, FEMALE)) < LEAST_OF_A_LABEL:
        return None
    # Of as many women as men: among many men, a woman's neighbours are men by chance.
    number = min(int((labels == label).sum()) for label in (MALE, FEMALE))
    draw = np.random.default_rng(_SEED)
    asked = np.sort(
        np.concatenate([draw.permutation(np.flatnonzero(labels == label))[:number] for label in (MALE, FEMALE)])
    )
    judged = np.flatnonzero(labels != 0)
    contradicted = []
    for start in range(0, len(judged), _ROWS):
        check()
        some = judged[start : start + _ROWS]
        scores = _compare(rows[some], rows[asked])
        scores[subjects[some][:, None] == subjects[asked]] = -np.inf
        nearest = np.argpartition(-scores, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]
        against = (labels[asked][nearest] == -labels[some][:, None]).all(axis=1)
        contradicted += some[against].tolist()
    return DoubtfulLabels(
        neighbours=NEIGHBOURS,
        judged=len(judged),
        found=_by_label(labels[contradicted]),
        templates=[int(places[place]) for place in contradicted[:LISTED]],
    )


def _per_subject(sizes: Integers) -> Histogram:
    counts = np.bincount(np.minimum(sizes, MOST_TEMPLATES), minlength=MOST_TEMPLATES + 1)[1:]
    most = int(np.flatnonzero(counts)[-1]) + 1
    edges = [size + 0.5 for size in range(most + 1)]
    if sizes.max() > MOST_TEMPLATES:
        edges[-1] = float(sizes.max()) + 0.5
    return Histogram(edges=edges, counts={"subjects": counts[:most].tolist()})


def _label(label: int) -> Label:
    return GENDER_NAMES.get(label, "unlabelled")


def _by_label(labels: NDArray[np.integer]) -> dict[Label, int]:
    counts: dict[Label, int] = dict.fromkeys(LABELS, 0)
    return counts | {_label(label): int((labels == label).sum()) for label in (FEMALE, MALE, 0)}


def _codes(subjects: NDArray[np.str_]) -> Integers:
    """Return subjects as numbers from 0 in the order in which they come."""
    known: dict[str, int] = {}
    return np.array([known.setdefault(subject, len(known)) for subject in subjects.tolist()], dtype=np.int64)
