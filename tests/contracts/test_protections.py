"""Every registered protection keeps the contract of `Protection`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facepriv.errors import BadInputError
from facepriv.protect.base import FittedProtection, Protection
from facepriv.protect.fitted_file import load_fitted, save_fitted
from facepriv.protect.onnx_export import export_onnx, export_probe_map
from facepriv.protect.registry import make_protection, protections
from facepriv.types import Metric, Templates
from tests.protect.people import WIDTH, make_templates

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
NARROW = {
    "identity-subspace": {"directions": 12, "drawn": 8},
    "pe-miu": {"block": 8},
    "ive": {"steps": 2},
    "multi-ive": {"steps": 2},
}
"""Parameters for templates as narrow as these."""


def _cases() -> list[tuple[str, dict[str, object]]]:
    cases: list[tuple[str, dict[str, object]]] = [(name, NARROW.get(name, {})) for name in protections.names()]
    guessing = [
        (name, {"enrolment": "guess"})
        for name in protections.names()
        if "enrolment" in protections.load(name).Parameters.model_fields  # type: ignore[attr-defined]
    ]
    return cases + guessing  # type: ignore[return-value]


@pytest.fixture(params=_cases(), ids=lambda case: "-".join([case[0], *map(str, case[1].values())]))
def protection(request) -> Protection:
    return make_protection(*request.param)


@pytest.fixture(params=["cosine", "euclidean"])
def metric(request) -> Metric:
    return request.param


@pytest.fixture
def templates(metric) -> Templates:
    return make_templates(metric=metric)


@pytest.fixture(scope="module")
def fits() -> dict[tuple[str, str, Metric], FittedProtection]:
    """Hold what was fitted, once for all tests."""
    return {}


@pytest.fixture
def fitted(protection, templates, fits) -> FittedProtection:
    case = protection.card.name, str(protection.parameters), templates.metric
    if case not in fits:
        fits[case] = protection.fit(templates, seed=0)
    return fits[case]


@pytest.fixture
def others(metric) -> Templates:
    """Templates of people whom nothing was fitted to."""
    return make_templates(10, seed=1, metric=metric)


def _protect(fitted: FittedProtection, templates: Templates, key: bytes | None = KEY) -> np.ndarray:
    return fitted.protect(
        templates.rows,
        templates.subjects,
        key=key if fitted.card.keyed else None,
        labels=templates.labels if fitted.card.label_at_enrolment == "label" else None,
    )


def _part(templates: Templates, part: slice) -> Templates:
    return replace(
        templates,
        rows=templates.rows[part],
        records=templates.records[part],
        subjects=templates.subjects[part],
        labels=templates.labels[part],
    )


def test_protected_templates_look_like_templates(fitted, others):
    protected = _protect(fitted, others)
    assert protected.shape == others.rows.shape
    assert protected.dtype == np.float32
    assert np.isfinite(protected).all()
    assert not np.array_equal(protected, others.rows)
    if others.metric == "cosine":
        np.testing.assert_allclose(np.linalg.norm(protected, axis=1), 1, atol=1e-6)


def test_one_or_none_is_protected_too(fitted, others):
    assert _protect(fitted, _part(others, slice(0, 0))).shape == (0, WIDTH)
    assert fitted.map_probes(others.rows[:0]).shape == (0, WIDTH)
    one = _protect(fitted, _part(others, slice(0, 1)))
    assert one.shape == (1, WIDTH)
    assert fitted.similarity(one, others.rows[:0]).shape == (1, 0), (
        "people with one template have nobody to compare with"
    )
    assert fitted.similarity(one[:0], one).shape == (0, 1)


def test_company_does_not_matter(fitted, others):
    together = _protect(fitted, others)
    singles = [_protect(fitted, _part(others, slice(i, i + 1)))[0] for i in range(len(others.rows))]
    assert np.array_equal(together, np.array(singles))
    many = replace(
        others,
        rows=np.tile(others.rows, (40, 1)),
        subjects=np.tile(others.subjects, 40),
        labels=np.tile(others.labels, 40),
    )
    assert np.array_equal(_protect(fitted, many), np.tile(together, (40, 1)))
    assert np.array_equal(fitted.map_probes(many.rows), np.tile(fitted.map_probes(others.rows), (40, 1)))


def test_input_stays_as_it_is(protection, templates, others):
    before = [templates.rows.copy(), templates.labels.copy(), others.rows.copy(), others.labels.copy()]
    fitted = protection.fit(templates, seed=0)
    _protect(fitted, others)
    fitted.map_probes(others.rows)
    for old, new in zip(before, [templates.rows, templates.labels, others.rows, others.labels], strict=True):
        assert np.array_equal(old, new)


def test_same_seed_and_key_give_the_same_bytes(protection, templates, fitted, others):
    again = protection.fit(templates, seed=0)
    for name, array in fitted.arrays.items():
        assert np.array_equal(array, again.arrays[name])
    assert _protect(again, others).tobytes() == _protect(fitted, others).tobytes()


def test_another_key_draws_something_else(fitted, others):
    same = np.array_equal(_protect(fitted, others, KEY), _protect(fitted, others, OTHER_KEY))
    assert same is not fitted.card.keyed


def test_people_who_were_not_named_are_mapped_by_no_name(fitted, others):
    """What a protection draws depends on the subject's name, and nothing else does."""
    renamed = replace(others, subjects=np.char.add(others.subjects, " of another town"))
    assert np.array_equal(_protect(fitted, others), _protect(fitted, renamed)) is not fitted.card.keyed


def test_a_file_keeps_it(fitted, others, tmp_path):
    save_fitted(fitted, tmp_path / "map.npz")
    save_fitted(fitted, tmp_path / "again.npz")
    assert (tmp_path / "map.npz").read_bytes() == (tmp_path / "again.npz").read_bytes()
    loaded = load_fitted(tmp_path / "map.npz")
    assert loaded.card == fitted.card
    assert loaded.parameters == fitted.parameters
    assert (loaded.metric, loaded.width, loaded.matcher, loaded.people) == (fitted.metric, WIDTH, "made-up", 24)
    assert _protect(loaded, others).tobytes() == _protect(fitted, others).tobytes()
    assert loaded.map_probes(others.rows).tobytes() == fitted.map_probes(others.rows).tobytes()


def test_probes_are_mapped_only_where_the_card_says_so(fitted, others):
    mapped = fitted.map_probes(others.rows)
    assert mapped.shape == others.rows.shape
    assert mapped.dtype == np.float32
    assert np.array_equal(mapped, others.rows) is (fitted.card.probes == "as they are")


def test_people_are_still_recognised(fitted, others):
    """Everybody's protected template is nearest to another template of the same person, mapped as probes are."""
    similarity = fitted.similarity(_protect(fitted, others), fitted.map_probes(others.rows))
    np.fill_diagonal(similarity, -np.inf)
    nearest = others.subjects[similarity.argmax(axis=0)]
    assert (nearest == others.subjects).mean() > 0.8


def test_bad_templates_are_refused(fitted, others):
    def refused(rows, subjects=others.subjects) -> str:
        with pytest.raises(BadInputError) as caught:
            _protect(fitted, replace(others, rows=rows, subjects=subjects))
        assert str(caught.value).count(". ") == 0
        return caught.value.code

    assert refused(others.rows[:, 1:]) == "bad-shape"
    assert refused(others.rows[0]) == "bad-shape"
    assert refused(others.rows, others.subjects[1:]) == "bad-shape"
    assert refused(np.where(others.rows == others.rows[0, 0], np.nan, others.rows)) == "not-finite"
    assert refused(np.vstack([others.rows[:-1], 0 * others.rows[:1]])) == "zero-template"
    assert refused(others.rows, np.where(others.subjects == "person 0", "", others.subjects)) == "no-subject"
    if others.metric == "cosine":
        assert refused(2 * others.rows) == "not-unit"


def test_what_a_card_asks_for_is_needed(fitted, others):
    if fitted.card.keyed:
        for key, code in ((None, "no-key"), (b"short", "short-key")):
            with pytest.raises(BadInputError) as caught:
                fitted.protect(others.rows, others.subjects, key=key, labels=others.labels)
            assert caught.value.code == code
    if fitted.card.label_at_enrolment == "label":
        for labels in (None, 0 * others.labels, others.labels[1:]):
            with pytest.raises(BadInputError) as caught:
                fitted.protect(others.rows, others.subjects, key=KEY, labels=labels)
            assert caught.value.code == "no-label"


def test_nothing_is_fitted_to_one_gender(protection, templates):
    women = replace(templates, labels=np.minimum(templates.labels, 0).astype(np.int8))
    with pytest.raises(BadInputError) as caught:
        protection.fit(women, seed=0)
    assert caught.value.code == "too-few-people"


def test_unlabelled_templates_are_left_out(protection, templates, fitted):
    more = replace(
        templates,
        rows=np.vstack([templates.rows, make_templates(6, seed=3, metric=templates.metric).rows]),
        records=np.r_[templates.records, make_templates(6).records],
        subjects=np.r_[templates.subjects, np.char.add(make_templates(6).subjects, " unlabelled")],
        labels=np.r_[templates.labels, np.zeros(18, np.int8)],
    )
    again = protection.fit(more, seed=0)
    for name, array in fitted.arrays.items():
        assert np.array_equal(array, again.arrays[name])


def test_cards_are_complete(protection):
    card = protection.card_as_fitted
    requirements = [card.irreversible, card.unlinkable, card.renewable]
    for text in (
        card.title,
        card.needs,
        card.undone_by,
        card.broken_by,
        card.source,
        *(one.why for one in requirements),
    ):
        assert text == text.strip()
        assert text
    assert {one.met for one in requirements} <= {"yes", "partly", "no"}
    assert protections.load(card.name) is type(protection)


def test_a_card_says_whether_the_original_is_lost(fitted, others):
    """Where nothing is lost, the map can be turned back near every template: its derivative has full rank."""
    row = others.rows[:1].astype(np.float64)
    key = KEY if fitted.card.keyed else None
    # Somebody whom the key draws, and somebody whom it does not: nobody loses anything if either does not.
    ranks = []
    for subject in others.subjects[::3]:
        drawn = np.repeat(fitted.draw(np.array([subject]), key=key), 2 * WIDTH, axis=0)
        step = 1e-6 * np.eye(WIDTH)
        near = np.vstack([row + step, row - step])
        mapped = fitted.protection.map_rows(fitted.arrays, near, drawn, np.ones((2 * WIDTH, 1)))
        ranks.append(np.linalg.matrix_rank((mapped[:WIDTH] - mapped[WIDTH:]) / 2e-6, tol=1e-4))
    assert bool(min(ranks) == WIDTH) is (fitted.card.irreversible.met == "no")
    assert fitted.card.irreversible.met != "yes" or max(ranks) == 0


def test_a_card_says_whether_releases_can_be_linked(fitted, others):
    """Whoever holds two releases with different keys finds a person of the one in the other."""
    one, other = (_protect(fitted, others, key) for key in (KEY, OTHER_KEY))
    found = others.subjects[fitted.similarity(one, other).argmax(axis=0)] == others.subjects
    linked = found.mean() > 0.8
    assert linked or fitted.card.unlinkable.met != "no"
    assert not linked or fitted.card.unlinkable.met != "yes"


def test_a_card_says_whether_a_new_key_gives_everybody_a_new_template(fitted, metric):
    many = make_templates(60, seed=2, metric=metric)
    changed = (_protect(fitted, many, KEY) != _protect(fitted, many, OTHER_KEY)).any(axis=1)
    assert bool(changed.mean() > 0.75) is (fitted.card.renewable.met != "no")


def test_the_exported_map_gives_the_same(fitted, others, tmp_path):
    import onnxruntime

    export_onnx(fitted, tmp_path / "map.onnx")
    export_probe_map(fitted, tmp_path / "probes.onnx")
    given = {"rows": others.rows}
    if fitted.card.keyed:
        given["drawn"] = fitted.draw(others.subjects, key=KEY)
    if fitted.card.label_at_enrolment == "label":
        given["men"] = (others.labels == 1).astype(np.float64)[:, None]
    session = onnxruntime.InferenceSession(tmp_path / "map.onnx", providers=["CPUExecutionProvider"])
    assert sorted(one.name for one in session.get_inputs()) == sorted(given)
    np.testing.assert_allclose(session.run(None, given)[0], _protect(fitted, others), atol=1e-6)
    probes = onnxruntime.InferenceSession(tmp_path / "probes.onnx", providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(probes.run(None, {"rows": others.rows})[0], fitted.map_probes(others.rows), atol=1e-6)
