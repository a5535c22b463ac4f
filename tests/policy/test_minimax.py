import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from facepriv.errors import BadInputError
from facepriv.policy.minimax import Observation, binned_observation, minimax_policy, sign_observation
from facepriv.policy.proportion import optimal_proportion

RATE = st.floats(0, 1)
ERRORS = st.tuples(RATE, RATE)


def simplex(actions, steps):
    for cut in itertools.combinations(range(steps + actions - 1), actions - 1):
        edges = [-1, *cut, steps + actions - 1]
        yield np.diff(edges) / steps - 1 / steps


def random_observations(rng, classifiers, actions, symbols):
    return [
        Observation(f"c{c}", *(rng.dirichlet(np.full(symbols, 0.5), size=actions) for _ in range(2)))
        for c in range(classifiers)
    ]


def worst(observations, shares):
    return max(one.accuracy(shares) for one in observations)


@settings(max_examples=60)
@given(ERRORS, ERRORS)
def test_one_run_and_one_classifier_is_the_optimal_proportion(before, after):
    expected = optimal_proportion(before, after)
    found = minimax_policy([sign_observation("guide", [before, after])], ["run"])
    assert found.value == pytest.approx(expected.accuracy, abs=1e-7)
    # Where the run hardly moves the errors, shares far apart are equally good to the solver.
    assume(abs(sum(after) - sum(before)) > 1e-2)
    assert found.p == pytest.approx(expected.p, abs=1e-6)


@pytest.mark.parametrize(("classifiers", "runs", "symbols"), [(1, 2, 2), (2, 1, 2), (3, 2, 2), (2, 2, 5), (4, 3, 3)])
def test_no_point_of_a_grid_is_better(classifiers, runs, symbols):
    rng = np.random.default_rng([classifiers, runs, symbols])
    steps = 24
    for _ in range(4):
        observations = random_observations(rng, classifiers, runs + 1, symbols)
        found = minimax_policy(observations, [f"r{k}" for k in range(runs)])
        best = min(worst(observations, shares) for shares in simplex(runs + 1, steps))
        assert found.value <= best + 1e-9
        # The value changes by at most 1/2 for a whole share moved, so the grid comes within one cell.
        assert found.value >= best - 0.5 * (runs + 1) / steps
        assert found.value == worst(observations, list(found.weights.values()))
        assert sum(found.weights.values()) == pytest.approx(1)


def test_duals_prove_the_optimum():
    """For the dual mix of classifiers no policy on a fine grid does better than the value: weak duality."""
    rng = np.random.default_rng(5)
    observations = random_observations(rng, 3, 3, 2)
    found = minimax_policy(observations, ["a", "b"])
    assert sum(found.duals.values()) == pytest.approx(1)
    duals = np.array(list(found.duals.values()))
    mixed = [duals @ [one.accuracy(weights) for one in observations] for weights in simplex(3, 60)]
    assert min(mixed) >= found.value - 1e-7
    assert all(found.accuracies[name] == pytest.approx(found.value, abs=1e-6) for name in found.binding)


def test_a_classifier_that_no_run_turns_is_named():
    guide = sign_observation("guide", [(0.0, 0.0), (1.0, 1.0)])
    other = sign_observation("other", [(0.05, 0.05), (0.06, 0.06)])
    found = minimax_policy([guide, other], ["run"])
    # Perturbing all serves "other" least, 0.95 - 0.01 p, but the guide is then inverted and right in p of the cases.
    assert found.value == max(found.accuracies.values())
    assert found.p == pytest.approx(0.95 / 1.01, abs=1e-6)
    assert set(found.binding) == {"guide", "other"}
    assert found.alone["guide"] == pytest.approx(0.5, abs=1e-9)
    assert found.alone["other"] == pytest.approx(0.94)
    assert "Guessing (50 %) is out of reach: each of guide and other" in found.sentence
    alone = minimax_policy([other], ["run"])
    assert alone.binding == ("other",)
    assert "no mix of these runs lowers other any further" in alone.sentence


def test_two_guides_are_needed_for_two_classifiers():
    a = sign_observation("a", [(0.0, 0.0), (1.0, 1.0), (0.0, 0.0)])
    b = sign_observation("b", [(0.0, 0.0), (0.0, 0.0), (1.0, 1.0)])
    found = minimax_policy([a, b], ["against a", "against b"])
    assert found.weights == pytest.approx({"untouched": 0, "against a": 0.5, "against b": 0.5}, abs=1e-6)
    assert found.value == pytest.approx(0.5, abs=1e-6)
    assert found.binding == ()
    assert found.duals == {"a": 0, "b": 0}
    assert "can only guess" in found.sentence
    assert "50.0 % from against a and 50.0 % from against b" in found.sentence


def test_of_equals_the_least_perturbed_then_the_first():
    # The first run turns half of what the second one turns, so the second needs half the share.
    errors = [(0.0, 0.0), (0.75, 0.75), (1.0, 1.0), (1.0, 1.0)]
    one = sign_observation("c", errors)
    found = minimax_policy([one], ["weak", "strong", "strong too"])
    assert found.weights == pytest.approx({"untouched": 0.5, "weak": 0, "strong": 0.5, "strong too": 0}, abs=1e-6)
    same = minimax_policy([sign_observation("c", [(0.1, 0.2)] * 2)], ["idle"])
    assert same.weights == {"untouched": 1.0, "idle": 0.0}
    assert same.value == pytest.approx(0.85)


def test_same_input_gives_the_same_policy():
    observations = random_observations(np.random.default_rng(8), 3, 4, 4)
    first, second = (minimax_policy(observations, ["x", "y", "z"]) for _ in range(2))
    assert first == second


def test_bins_tell_no_less_than_signs_and_see_what_stands_out():
    rng = np.random.default_rng(2)
    labels = np.repeat([1, -1], 4000)
    untouched = labels * np.abs(rng.normal(5, 1, 8000))
    perturbed = -labels * np.abs(rng.normal(0.1, 0.02, 8000))
    perturbed[:80] = np.nan
    binned = binned_observation("c", [untouched, perturbed], labels, bins=6)
    assert binned.male.sum(axis=1) == pytest.approx([1, 1])
    assert binned.male[1, -1] == pytest.approx(0.02)
    sign = sign_observation("c", [(0, 0), (1, 1)])
    assert sign.accuracy([0.5, 0.5]) == pytest.approx(0.5)
    # Untouched scores lie far out, perturbed ones just past 0, so that the bins give all of it away.
    assert binned.accuracy([0.5, 0.5]) > 0.97
    for share in np.linspace(0, 1, 5):
        assert binned.accuracy([1 - share, share]) >= sign.accuracy([1 - share, share]) - 0.02
    assert minimax_policy([binned], ["run"], sees="the size of its score").value > 0.95


def test_scores_of_one_distribution_leave_nothing():
    scores = np.tile(np.linspace(-1, 1, 500), 2)
    labels = np.repeat([1, -1], 500)
    found = minimax_policy([binned_observation("c", [10.0 * labels, scores], labels)], ["neutral"])
    assert found.p == pytest.approx(1)
    assert found.value == pytest.approx(0.5, abs=1e-6)


FINE = sign_observation("c", [(0, 0), (1, 1)])


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: minimax_policy([], ["r"]), "bad-names"),
        (lambda: minimax_policy([FINE, FINE], ["r"]), "bad-names"),
        (lambda: minimax_policy([FINE], ["untouched"]), "bad-names"),
        (lambda: minimax_policy([FINE], ["r", "s"]), "bad-shape"),
        (lambda: sign_observation("c", [(0, 1.5)]), "out-of-range"),
        (lambda: Observation("c", np.ones((2, 2)), np.ones((2, 2))), "bad-probabilities"),
        (lambda: Observation("c", np.ones((2, 1)), np.ones((1, 2)) / 2), "bad-shape"),
        (lambda: binned_observation("c", [[1.0, 2.0], [1.0]], [1, -1]), "bad-shape"),
        (lambda: binned_observation("c", [[1.0, 2.0]], [1, 1]), "one-gender"),
        (lambda: binned_observation("c", [[np.nan, np.nan]], [1, -1]), "not-finite"),
        (lambda: binned_observation("c", [[1.0, 2.0]], [1, -1], bins=1), "bad-bins"),
    ],
)
def test_bad_input_is_named(call, code):
    with pytest.raises(BadInputError) as caught:
        call()
    assert caught.value.code == code
