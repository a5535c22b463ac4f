"""Base class of protections: what a protection fits and maps, and what is checked for all of them.

A protection takes gender out of templates. A subclass writes `Protection.learn` (labelled templates to arrays) and
`Protection.map_rows` (templates to protected ones); the final methods here check what comes in, cut rows into blocks of
one size, so that a template's result does not depend on its company, and bring rows back to length 1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from facepriv.errors import BadInputError
from facepriv.protect.draws import Draws, check_key
from facepriv.types import FEMALE, MALE, Floats64, Integers, Metric, Templates

Arrays = Mapping[str, NDArray[Any]]
"""By name: what a protection has learnt."""
Rows = NDArray[np.float32]
BLOCK = 256
"""Templates that are mapped at once."""
LEAST_PEOPLE = 2
"""People of either gender without whom nothing can be learnt."""


class Parameters(BaseModel):
    """Parameters of a protection; each has its own subclass with defaults and ranges."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True)
class Requirement:
    """How far a requirement of ISO/IEC 24745 on protected templates is met, and why."""

    met: Literal["yes", "partly", "no"]
    why: str


def partly_lost(what: str) -> Requirement:
    """Return how irreversible a protection is that takes something away for good and leaves the rest as it is."""
    return Requirement("partly", f"{what} All others stay, and a face may be reconstructed from them.")


KEYLESS_UNLINKABLE = Requirement(
    "no", "There is no key: all releases of a template are the same, so anyone can tell that they are of one person."
)
KEYLESS_RENEWABLE = Requirement(
    "no",
    "There is no key: the same template gives the same protected template again, so a stolen one cannot be revoked.",
)


@dataclass(frozen=True)
class ProtectionCard:
    """What an owner must know before choosing a protection."""

    name: str
    title: str
    needs: str
    """What it needs to be fitted."""
    label_at_enrolment: Literal["none", "guess", "label"]
    """Whether a new record's gender must be known: not at all, guessed by the protection itself, or told."""
    keyed: bool
    undone_by: str
    """Who can turn protected templates back."""
    broken_by: str
    """What was found to read gender from them, here or in the literature."""
    source: str
    irreversible: Requirement
    """Whether the original template is lost: partly if nobody can restore what was taken out, but the rest stays."""
    unlinkable: Requirement = KEYLESS_UNLINKABLE
    """Whether templates of one person in two releases with different keys cannot be told to belong together."""
    renewable: Requirement = KEYLESS_RENEWABLE
    """Whether a stolen protected template can be replaced: partly if a new key changes everybody's template, but not
    all of it."""
    probes: Literal["as they are", "mapped"] = "as they are"
    """Whether probes are compared as they come from the matcher, or after a fixed map without a key."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """Labelled templates that a protection is fitted to, checked."""

    rows: Floats64
    """``(n, d)``."""
    labels: Integers
    """``(n,)`` +1 male, -1 female."""
    subjects: Integers
    """``(n,)`` numbered from 0."""
    people: int
    metric: Metric
    rng: np.random.Generator

    @property
    def weights(self) -> Floats64:
        """Return weights ``(n,)`` of sum 1, equal for genders, for people of a gender and for templates of a person."""
        images = np.bincount(self.subjects)[self.subjects]
        weights = np.empty(len(self.rows))
        for label in (MALE, FEMALE):
            own = self.labels == label
            weights[own] = 0.5 / images[own] / np.sum(1 / images[own])
        return weights

    def mean(self, label: int) -> Floats64:
        """Return the mean ``(d,)`` of a gender, every person weighing the same."""
        own = self.labels == label
        return np.asarray(np.average(self.rows[own], axis=0, weights=self.weights[own]))

    @property
    def middle(self) -> Floats64:
        """Half way between the means of the genders, ``(d,)``."""
        return (self.mean(MALE) + self.mean(FEMALE)) / 2

    @property
    def gap(self) -> Floats64:
        """Mean of men less mean of women, ``(d,)``."""
        return self.mean(MALE) - self.mean(FEMALE)

    @property
    def deviations(self) -> Floats64:
        """Rows less the mean of their gender, ``(n, d)``."""
        return self.rows - np.where((self.labels == MALE)[:, None], self.mean(MALE), self.mean(FEMALE))


class Protection(ABC):
    """A protection of templates. Subclasses write `learn` and `map_rows`, and `map_probe_rows` if probes are mapped."""

    card: ClassVar[ProtectionCard]
    Parameters: ClassVar[type[Parameters]] = Parameters

    def __init__(self, **parameters: Any) -> None:
        self.parameters: Any = self.Parameters(**parameters)
        """Of the class that `Parameters` names."""

    @property
    def card_as_fitted(self) -> ProtectionCard:
        """Return the card, as the parameters have it."""
        return self.card

    @abstractmethod
    def learn(self, lesson: Lesson) -> Arrays:
        """Learn named arrays from labelled templates; all that the maps need."""

    def draw(self, arrays: Arrays, draws: Draws) -> Floats64:
        """Draw what the key decides for each template ``(n, k)``, for a protection whose card says that it is keyed."""
        return np.zeros((len(draws.subjects), 0))

    @abstractmethod
    def map_rows(self, arrays: Arrays, rows: Floats64, drawn: Floats64, men: Floats64) -> Floats64:
        """Map templates ``(n, d)`` to protected ones ``(n, d)``, of any length.

        Every row's result depends on that row, on what `draw` drew for it and on its label alone. It is computed by
        arithmetic and the functions that `facepriv.protect.onnx_export` knows, so that the map can be exported.

        Parameters
        ----------
        drawn : (n, k) what `draw` returned.
        men : (n, 1) 1 for men, 0 for women, where the label is told; zeros where it is not.
        """

    def map_probe_rows(self, arrays: Arrays, rows: Floats64) -> Floats64:
        """Map probes ``(n, d)``, for a protection whose card says so."""
        return rows

    def compare(self, arrays: Arrays, references: Floats64, probes: Floats64, metric: Metric) -> Floats64:
        """Compare protected templates ``(n, d)`` with mapped probes or others ``(m, d)``: similarity ``(n, m)``."""
        inner = references @ probes.T
        if metric == "cosine":
            return np.asarray(inner)
        squares = (references**2).sum(axis=1)[:, None] + (probes**2).sum(axis=1) - 2 * inner
        return np.asarray(-np.sqrt(np.maximum(squares, 0)))

    @final
    def fit(self, templates: Templates, *, seed: int) -> FittedProtection:
        """Fit to labelled templates; unlabelled ones are left out.

        The same templates and seed give the same map.

        Raises
        ------
        BadInputError
            With code ``bad-shape``, ``not-finite``, ``zero-template``, ``not-unit`` or, if there are fewer than
            `LEAST_PEOPLE` labelled people of a gender, ``too-few-people``.
        """
        rows = check_rows(templates.rows, None, templates.metric)
        labelled = templates.labels != 0
        for label, word in ((MALE, "men"), (FEMALE, "women")):
            count = len(np.unique(templates.subjects[templates.labels == label]))
            if count < LEAST_PEOPLE:
                raise BadInputError(
                    f"Expected at least {LEAST_PEOPLE} labelled {word} to fit a protection to, got {count}; "
                    "add templates of others.",
                    code="too-few-people",
                )
        numbers = np.unique(templates.subjects[labelled], return_inverse=True)[1].astype(np.int64)
        lesson = Lesson(
            rows[labelled].astype(np.float64),
            templates.labels[labelled].astype(np.int64),
            numbers,
            int(numbers.max()) + 1,
            templates.metric,
            np.random.default_rng(seed),
        )
        arrays = {name: np.array(array, order="C") for name, array in self.learn(lesson).items()}
        return FittedProtection(
            self, arrays, templates.metric, rows.shape[1], templates.matcher, templates.version, lesson.people
        )


@final
@dataclass(frozen=True, eq=False)
class FittedProtection:
    """A protection and what it has learnt: a map of one matcher's templates."""

    protection: Protection
    arrays: Arrays
    metric: Metric
    width: int
    matcher: str
    """Name of the matcher whose templates it was fitted to, as stated."""
    version: str
    """Version of that matcher, as stated."""
    people: int
    """Number of people it was fitted to."""

    @property
    def card(self) -> ProtectionCard:
        """Return what an owner must know of it, as it was fitted."""
        return self.protection.card_as_fitted

    @property
    def parameters(self) -> Parameters:
        """Return the parameters that it was fitted with."""
        parameters: Parameters = self.protection.parameters
        return parameters

    def protect(
        self,
        rows: Rows,
        subjects: NDArray[np.str_],
        *,
        key: bytes | None = None,
        labels: NDArray[np.integer[Any]] | None = None,
        out: Rows | None = None,
    ) -> Rows:
        """Protect templates, each by itself: the same bytes however rows are cut into parts.

        Parameters
        ----------
        rows : (n, d) templates, of length 1 where the metric is cosine.
        subjects : (n,) subject of each; all templates of a subject get the same draws.
        key : secret of at least 16 bytes; needed where the card says that the protection is keyed.
        labels : (n,) +1 male, -1 female; needed where the card says that the label is told at enrolment.
        out : (n, d) where to write the result, as a memory map for many templates.

        Returns
        -------
        (n, d) protected templates, of length 1 where the metric is cosine.

        Raises
        ------
        BadInputError
            With code ``bad-shape``, ``not-finite``, ``zero-template``, ``not-unit``, ``no-subject``, ``no-key``,
            ``short-key`` or ``no-label``.
        """
        rows, subjects = np.asarray(rows), np.asarray(subjects)
        _check_shape(rows, self.width)
        if subjects.shape != (len(rows),):
            raise BadInputError(
                f"Expected a subject for each of {len(rows)} templates, got an array of shape {subjects.shape}.",
                code="bad-shape",
            )
        self._check_draw(subjects, key)
        men = self._men(labels, len(rows))

        def map_block(block: slice, values: Floats64) -> Floats64:
            drawn = self.draw(subjects[block], key=key)
            return self.protection.map_rows(
                self.arrays, values, _filled(drawn, len(values)), _filled(men[block], len(values))
            )

        return self._in_blocks(rows, map_block, out)

    def draw(self, subjects: NDArray[np.str_], *, key: bytes | None = None) -> Floats64:
        """Draw what the key decides for the subjects ``(n,)`` of templates: ``(n, k)``, nothing without a key.

        An exported map takes this as its input. Raises BadInputError as `protect` does.
        """
        subjects = np.asarray(subjects)
        self._check_draw(subjects, key)
        if not self.card.keyed:
            return np.zeros((len(subjects), 0))
        return self.protection.draw(self.arrays, Draws(key, subjects))

    def _check_draw(self, subjects: NDArray[np.str_], key: bytes | None) -> None:
        if (subjects == "").any():
            raise BadInputError("Expected a subject for every template, got an empty name.", code="no-subject")
        if self.card.keyed:
            check_key(key)

    def map_probes(self, rows: Rows) -> Rows:
        """Map probes ``(n, d)`` as they have to be before they are compared; unless the card says so, leave them.

        Raises BadInputError as `protect` does.
        """
        rows = np.asarray(rows)
        _check_shape(rows, self.width)
        if self.card.probes == "as they are":
            return check_rows(rows, self.width, self.metric).copy()
        return self._in_blocks(rows, lambda block, values: self.protection.map_probe_rows(self.arrays, values), None)

    def similarity(self, references: Rows, probes: Rows) -> Floats64:
        """Compare protected templates ``(n, d)`` with others or with mapped probes ``(m, d)``.

        Higher is more similar: the cosine, the negative Euclidean distance, or what the protection needs instead.
        """
        _check_shape(np.asarray(references), self.width)
        _check_shape(np.asarray(probes), self.width)
        return self.protection.compare(
            self.arrays, np.asarray(references, np.float64), np.asarray(probes, np.float64), self.metric
        )

    def _men(self, labels: NDArray[np.integer[Any]] | None, count: int) -> Floats64:
        """Return ``(n, 1)`` 1 for men, 0 for women and where labels are not told."""
        men = np.zeros((count, 1))
        if self.card.label_at_enrolment == "label":
            if labels is None or np.shape(labels) != (count,) or not np.isin(labels, (MALE, FEMALE)).all():
                raise BadInputError(
                    f"The protection {self.card.name} needs the label of every template, +1 or -1; give all of them, "
                    "or choose a protection that needs none.",
                    code="no-label",
                )
            men[:, 0] = np.asarray(labels) == MALE
        return men

    def _in_blocks(self, rows: Rows, map_block: Any, out: Rows | None) -> Rows:
        """Map rows in blocks of one size, the last one filled up: a sum's order depends on the shape of the block."""
        if out is None:
            out = np.empty((len(rows), self.width), dtype=np.float32)
        elif out.shape != rows.shape or out.dtype != np.float32:
            raise BadInputError(
                f"Expected to write {rows.shape} float32, got {out.shape} {out.dtype} to write to.", code="bad-shape"
            )
        for start in range(0, len(rows), BLOCK):
            block = slice(start, min(start + BLOCK, len(rows)))
            values = check_rows(rows[block], self.width, self.metric)
            mapped = map_block(block, _filled(values.astype(np.float64), BLOCK))[: len(values)]
            out[block] = unit_rows(mapped) if self.metric == "cosine" else mapped
        return out


def _filled(values: NDArray[Any], count: int) -> NDArray[Any]:
    """Repeat the first value until there are so many."""
    return np.concatenate([values, np.repeat(values[:1], count - len(values), axis=0)])


def unit_rows(rows: Floats64) -> Floats64:
    """Return rows ``(n, d)`` brought to length 1; a row of zeros becomes the first unit vector."""
    lengths = np.linalg.norm(rows, axis=1)
    units = rows / np.maximum(lengths, 1e-300)[:, None]
    units[lengths < 1e-12] = np.eye(1, rows.shape[1])
    return np.asarray(units)


def check_rows(rows: NDArray[Any], width: int | None, metric: Metric) -> Rows:
    """Return templates ``(n, d)`` as float32; raise BadInputError where they cannot be used (see `Protection.fit`)."""
    rows = np.asarray(rows)
    _check_shape(rows, width)
    rows = rows.astype(np.float32, copy=False)
    if not np.isfinite(rows).all():
        bad = int((~np.isfinite(rows).all(axis=1)).sum())
        raise BadInputError(
            f"Expected finite numbers, but {bad} of {len(rows)} templates hold others; leave those out.",
            code="not-finite",
        )
    lengths = np.linalg.norm(rows, axis=1)
    if (lengths < 1e-6).any():
        raise BadInputError(
            f"{int((lengths < 1e-6).sum())} of {len(rows)} templates are all zeros; leave those out.",
            code="zero-template",
        )
    if metric == "cosine" and (np.abs(lengths - 1) > 1e-3).any():
        raise BadInputError(
            f"Expected templates of length 1, as the cosine needs, but {int((np.abs(lengths - 1) > 1e-3).sum())} of "
            f"{len(rows)} have another; divide each by its length.",
            code="not-unit",
        )
    return rows


def _check_shape(rows: NDArray[Any], width: int | None) -> None:
    if rows.ndim != 2 or not np.issubdtype(rows.dtype, np.number) or np.iscomplexobj(rows):
        raise BadInputError(
            f"Expected templates as a table of numbers, a row each, got {rows.dtype} of shape {rows.shape}.",
            code="bad-shape",
        )
    if width is not None and rows.shape[1] != width:
        raise BadInputError(
            f"Expected templates of {width} numbers, as the protection was fitted to, got {rows.shape[1]}; "
            "fit it to templates of this matcher.",
            code="bad-shape",
        )
