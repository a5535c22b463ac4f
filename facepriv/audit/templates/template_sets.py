"""Templates cut, joined and compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from facepriv.audit.attackers.similarity import Compare, inner_products
from facepriv.errors import BadInputError
from facepriv.types import Flags, Floats64, Integers, Metric, Templates


def take(templates: Templates, rows: Integers | Flags) -> Templates:
    """Return some of the templates."""
    return replace(
        templates,
        rows=templates.rows[rows],
        records=templates.records[rows],
        subjects=templates.subjects[rows],
        labels=templates.labels[rows],
    )


def join(one: Templates, other: Templates) -> Templates:
    """Return the templates of two sets of one matcher, as stated of the first."""
    return replace(
        one,
        rows=np.concatenate([one.rows, other.rows]),
        records=np.concatenate([one.records, other.records]),
        subjects=np.concatenate([one.subjects, other.subjects]),
        labels=np.concatenate([one.labels, other.labels]),
    )


def check_like(templates: Templates, other: Templates, what: str) -> None:
    """Raise BadInputError with code ``other-matcher`` if the templates of two sets cannot be compared."""
    ours, theirs = (
        f"{one.rows.shape[1]} numbers compared by {one.metric}" + (f" of {one.matcher}" if one.matcher else "")
        for one in (templates, other)
    )
    named = templates.matcher and other.matcher and templates.matcher != other.matcher
    if named or templates.rows.shape[1] != other.rows.shape[1] or templates.metric != other.metric:
        raise BadInputError(
            f"Expected {what} to hold templates of the same matcher, {ours}, got {theirs}; choose another set.",
            code="other-matcher",
        )


def usable_rows(templates: Templates) -> tuple[Integers, dict[str, int]]:
    """Return the rows that an audit can use, and how many it cannot, by reason."""
    finite = np.isfinite(templates.rows).all(axis=1) & templates.rows.any(axis=1)
    labelled = np.isin(templates.labels, (1, -1))
    _, member = np.unique(templates.subjects, return_inverse=True)
    sums = [np.bincount(member, weights=finite & (templates.labels == label)) > 0 for label in (1, -1)]
    of_one_label = ~(sums[0] & sums[1])[member]
    reasons = {
        "not a template: NaN, infinite or all zeros": ~finite,
        "without a label": finite & ~labelled,
        "of a subject with both labels": finite & labelled & ~of_one_label,
    }
    counts = {reason: int(rows.sum()) for reason, rows in reasons.items() if rows.any()}
    return np.flatnonzero(finite & labelled & of_one_label), counts


def without(templates: Templates, others: Templates) -> Templates:
    """Return the templates of people of whom others have none, by name of the subject."""
    return take(templates, ~np.isin(templates.subjects, others.subjects))


def compare_by(metric: Metric) -> Compare:
    """Return the comparison of rows ``(g, d)`` with ``(p, d)``: ``(g, p)`` cosines, or negative Euclidean distances."""
    return inner_products if metric == "cosine" else _negative_distances


def _negative_distances(one: Floats64, other: Floats64) -> Floats64:
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * inner_products(one, other)
    return np.asarray(-np.sqrt(np.maximum(squares, 0.0)))
