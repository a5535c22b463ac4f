"""What single protections promise of their maps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepriv.errors import BadInputError
from facepriv.protect.base import FittedProtection
from facepriv.protect.donor_coordinate import replace_coordinates
from facepriv.protect.gaussian_transport import transport_map
from facepriv.protect.registry import describe_parameters, make_protection
from facepriv.types import FEMALE, MALE, Templates
from tests.protect.people import WIDTH, make_templates

KEY = b"k" * 32


def _fit(name: str, templates: Templates, **parameters: object) -> FittedProtection:
    return make_protection(name, parameters).fit(templates, seed=0)


def _protect(fitted: FittedProtection, templates: Templates) -> np.ndarray:
    return fitted.protect(templates.rows, templates.subjects, key=KEY, labels=templates.labels)


def _alike() -> Templates:
    """Women with the very templates of men."""
    half = make_templates(12, metric="euclidean", gap=0)
    return replace(
        half,
        rows=np.vstack([half.rows, half.rows]),
        records=np.r_[half.records, np.char.add(half.records, "'")],
        subjects=np.r_[half.subjects, np.char.add(half.subjects, "'")],
        labels=np.repeat([1, -1], len(half.rows)).astype(np.int8),
    )


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("ive", {"eliminated": 0}),
        ("multi-ive", {"eliminated": 0}),
        ("mirroring", {"proportion": 0}),
        ("crossing", {"proportion": 0}),
        ("cosine-noise", {"cosine": 1}),
        ("pe-miu", {"block": WIDTH}),
    ],
)
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_erasing_nothing_returns_the_input(name, parameters, metric):
    fitted = _fit(name, make_templates(metric=metric), **parameters)
    others = make_templates(6, metric=metric, seed=1)
    np.testing.assert_allclose(_protect(fitted, others), others.rows, atol=1e-6)


@pytest.mark.parametrize("name", ["mean-difference", "leace", "transport", "crossing"])
def test_where_genders_are_alike_nothing_changes(name):
    """Transport between equal classes is the identity, and there is no difference to remove."""
    fitted = _fit(name, _alike())
    others = make_templates(6, metric="euclidean", seed=1)
    np.testing.assert_allclose(_protect(fitted, others), others.rows, atol=1e-5)


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(1, 4))
def test_leace_leaves_no_cross_covariance(seed, people, images):
    templates = make_templates(2 * people, images, metric="euclidean", seed=seed)
    protection = make_protection("leace", {})
    fitted = protection.fit(templates, seed=0)
    rows = templates.rows.astype(np.float64)
    erased = protection.map_rows(fitted.arrays, rows, np.zeros((len(rows), 0)), np.zeros((len(rows), 1)))
    # As many images of everybody and as many men as women, so that all weights are equal.
    cross = (erased - erased.mean(axis=0)).T @ templates.labels / len(rows)
    assert np.abs(cross).max() < 1e-6


def test_leace_changes_least_of_all_linear_erasures():
    templates = make_templates(200, 1, metric="euclidean")
    leace, mean = (_protect(_fit(name, templates), templates) for name in ("leace", "mean-difference"))
    covariance = np.cov(templates.rows.T)
    inverse = np.linalg.inv(covariance)

    def change(rows: np.ndarray) -> float:
        moved = rows - templates.rows
        return float(np.einsum("nd,de,ne->n", moved, inverse, moved).mean())

    assert change(leace) < change(mean)


def test_transport_makes_means_and_covariances_agree():
    templates = make_templates(400, 1, metric="euclidean")
    rows = templates.rows.copy()
    rows[templates.labels == MALE] *= np.linspace(0.5, 2, WIDTH, dtype=np.float32)
    templates = replace(templates, rows=rows)
    moved = _protect(_fit("transport", templates, shrinkage=0), templates)
    men, women = (moved[templates.labels == label] for label in (MALE, FEMALE))
    np.testing.assert_allclose(men.mean(axis=0), women.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(np.cov(men.T), np.cov(women.T), atol=1e-3)


def test_transport_between_normal_distributions_is_exact():
    rng = np.random.default_rng(0)
    source, target = (np.cov(rng.normal(size=(5, 40))) for _ in range(2))
    linear = transport_map(source, target)
    np.testing.assert_allclose(linear @ source @ linear.T, target, atol=1e-9)
    # The map of least distance is symmetric and positive (Brenier).
    np.testing.assert_allclose(linear, linear.T, atol=1e-9)
    assert np.linalg.eigvalsh(linear).min() > 0


@given(st.integers(0, 2**32 - 1), st.integers(1, WIDTH))
def test_a_donor_who_is_oneself_changes_nothing(seed, directions):
    rng = np.random.default_rng(seed)
    rows, middle = rng.normal(size=(5, WIDTH)), rng.normal(size=WIDTH)
    basis = np.linalg.qr(rng.normal(size=(WIDTH, directions)))[0]
    own = (rows - middle) @ basis
    np.testing.assert_allclose(replace_coordinates(rows, basis, middle, own), rows, atol=1e-12)
    donors = rng.normal(size=own.shape)
    replaced = replace_coordinates(rows, basis, middle, donors)
    np.testing.assert_allclose((replaced - middle) @ basis, donors, atol=1e-12)


def test_a_donor_gives_the_coordinate_of_somebody():
    templates = make_templates(metric="euclidean")
    fitted = _fit("donor-coordinate", templates)
    others = make_templates(40, metric="euclidean", seed=1)
    basis, middle = fitted.arrays["basis"], fitted.arrays["middle"]
    donors = np.r_[fitted.arrays["men"], fitted.arrays["women"]][:, 0]
    protected = ((_protect(fitted, others) - middle) @ basis)[:, 0]
    assert np.abs(protected[:, None] - donors).min(axis=1).max() < 1e-5
    # One draw a person, and about as many donors of either gender.
    assert len(np.unique(protected.round(4))) <= 40
    assert 0.25 < (protected > 0).mean() < 0.75


def test_identity_subspace_leaves_few_directions_and_none_of_gender():
    templates = make_templates(60, metric="cosine", gap=2)
    fitted = _fit("identity-subspace", templates, directions=10, drawn=0)
    others = make_templates(60, metric="cosine", gap=2, seed=1)
    protected = _protect(fitted, others)
    along = protected @ fitted.arrays["axis"][:, None]
    assert along.min() > 0
    assert np.linalg.matrix_rank(protected - along * fitted.arrays["axis"], tol=1e-3) == 9
    np.testing.assert_array_equal(protected, fitted.map_probes(others.rows))
    gap = fitted.arrays["stays"].T @ (
        templates.rows[templates.labels == MALE].mean(axis=0) - templates.rows[templates.labels == FEMALE].mean(axis=0)
    )
    assert np.linalg.norm(gap) < 0.05


def test_identity_subspace_draws_apart_from_what_stays():
    templates = make_templates(60)
    fitted = _fit("identity-subspace", templates, directions=10, drawn=8)
    stays, drawn = fitted.arrays["stays"], fitted.arrays["drawn"]
    assert np.abs(stays.T @ drawn).max() < 1e-9
    first, second = (fitted.protect(templates.rows, templates.subjects, key=key) for key in (KEY, b"o" * 32))
    # Another key changes what is drawn, and nothing else.
    np.testing.assert_allclose(first @ stays, second @ stays, atol=1e-6)
    assert np.abs(first @ drawn - second @ drawn).max() > 0.01
    np.testing.assert_allclose(np.linalg.norm(first @ drawn, axis=1), np.linalg.norm(second @ drawn, axis=1), atol=1e-5)


def test_identity_subspace_of_one_template_a_person():
    """Nothing is known then of what a person's templates differ by."""
    templates = make_templates(60, 1)
    protected = _protect(_fit("identity-subspace", templates, directions=10), make_templates(8, seed=1))
    assert np.isfinite(protected).all()


def test_identity_subspace_needs_more_than_two_numbers():
    templates = make_templates(8)
    rows = templates.rows[:, :2] / np.linalg.norm(templates.rows[:, :2], axis=1, keepdims=True)
    with pytest.raises(BadInputError) as caught:
        _fit("identity-subspace", replace(templates, rows=rows))
    assert caught.value.code == "bad-parameter"


def test_guesses_are_right_where_gender_is_plain():
    templates = make_templates(60, gap=8)
    told = _fit("transport", templates)
    guessed = _fit("transport", templates, enrolment="guess")
    others = make_templates(20, gap=8, seed=1)
    assert guessed.card.label_at_enrolment == "guess"
    np.testing.assert_allclose(_protect(told, others), guessed.protect(others.rows, others.subjects), atol=1e-6)


def test_pe_miu_compares_in_whatever_order():
    templates = make_templates(8)
    fitted = _fit("pe-miu", templates, block=4)
    first, second = (fitted.protect(templates.rows, templates.subjects, key=key) for key in (KEY, b"o" * 32))
    np.testing.assert_allclose(np.diag(fitted.similarity(first, second)), 1, atol=1e-5)
    with pytest.raises(BadInputError) as caught:
        _fit("pe-miu", templates, block=5)
    assert caught.value.code == "bad-parameter"


def test_parameters_are_checked():
    assert "directions" in describe_parameters("recommended")
    assert make_protection("recommended", {"directions": "none"}).parameters.directions is None
    for parameters in ({"directions": "0"}, {"unheard": 1}):
        with pytest.raises(BadInputError) as caught:
            make_protection("recommended", parameters)
        assert caught.value.code == "bad-parameter"
