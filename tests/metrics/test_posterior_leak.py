import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm
from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score

from facepriv.errors import BadInputError
from facepriv.metrics.leak import fano_bits, leak_bits, log_odds_limit, posterior_leak, sign_accuracy, sign_bits
from facepriv.metrics.subject_bootstrap import SubjectBootstrap


def people(men, women, images=1):
    labels = np.repeat(np.repeat([1, -1], [men, women]), images)
    return np.repeat(np.arange(men + women), images), labels


def leak_of(f, labels, subjects, *, resamples=2000, seed=0, **options):
    return posterior_leak(f, SubjectBootstrap(subjects, labels, resamples=resamples, seed=seed), **options)


@pytest.mark.parametrize("seed", range(4))
def test_figures_agree_with_scikit_learn(seed):
    random = np.random.default_rng(seed)
    subjects, labels = people(40, 15, images=3)
    f = random.normal(size=labels.size) * 2 + labels
    found = leak_of(f, labels, subjects, intervals=False, permutations=0)
    assert found.accuracy.value == pytest.approx(balanced_accuracy_score(labels, np.sign(f)))
    assert found.auc.value == pytest.approx(roc_auc_score(labels, f))
    weights = np.where(labels > 0, 1 / np.sum(labels > 0), 1 / np.sum(labels < 0))
    limit = log_odds_limit(55)
    nats = log_loss(labels, 1 / (1 + np.exp(-np.clip(f, -limit, limit))), sample_weight=weights)
    right = float(fano_bits(balanced_accuracy_score(labels, np.sign(f))))
    assert found.bits.value == pytest.approx(max(1 - nats / np.log(2), right), abs=1e-9)
    assert found.images == 165
    assert found.subjects == 55
    assert found.missing == 0


@pytest.mark.parametrize(("a", "b"), [(0.1, 0.2), (0.3, 0.3), (0.05, 0.6), (0.7, 0.9)])
def test_binary_channel_has_its_bits(a, b):
    men, women = 2000, 1000
    subjects, labels = people(men, women)
    sign = np.ones(men + women)
    sign[: int(a * men)] = -1
    sign[men + int(b * women) :] = -1
    # The attacker's posterior given a sign, at equal priors: Bayes' rule. It never exceeds the limit of 3,000 people.
    f = np.where(sign > 0, np.log((1 - a) / b), np.log(a / (1 - b)))
    found = leak_of(f, labels, subjects, intervals=False)
    assert found.bits.value == pytest.approx(float(sign_bits(a, b)), abs=2e-3)
    assert found.accuracy.value == pytest.approx(float(sign_accuracy(a, b)), abs=1e-9)
    assert found.chance_bits < 2e-3


@pytest.mark.parametrize("separation", [0.5, 1.0, 2.0])
def test_gaussian_scores_have_their_mutual_information(separation):
    def integrand(z):
        # I(Y; Z) = 1 - E[log2(1 + exp(-2 s z))] for z ~ N(s, 1), by symmetry.
        return np.logaddexp(0, -2 * separation * z) / np.log(2) * norm.pdf(z, separation)

    truth = 1 - quad(integrand, separation - 12, separation + 12)[0]
    random = np.random.default_rng(3)
    subjects, labels = people(3000, 1500, images=2)
    z = random.normal(size=labels.size) + separation * labels
    found = leak_of(2 * separation * z, labels, subjects, resamples=500)
    assert found.bits.low < truth < found.bits.high
    assert found.bits.value == pytest.approx(truth, abs=0.015)
    assert found.auc.low < norm.cdf(separation * np.sqrt(2)) < found.auc.high
    assert found.accuracy.low < norm.cdf(separation) < found.accuracy.high


def test_a_posterior_that_exaggerates_gives_fewer_bits_never_more():
    random = np.random.default_rng(0)
    subjects, labels = people(2000, 2000)
    f = 2 * (random.normal(size=labels.size) + labels)
    found = [leak_of(f * k, labels, subjects, intervals=False) for k in (0.2, 1, 3, 50, -1)]
    bits = [one.bits.value for one in found]
    assert bits[1] == max(bits)
    assert bits[4] == 0
    # However he exaggerates, how often he is right tells as much as before.
    assert bits[3] == pytest.approx(float(fano_bits(found[3].accuracy.value)), abs=2e-3)


def test_nothing_planted_nothing_found():
    random = np.random.default_rng(11)
    worlds, contained, bits, chance = 150, 0, [], []
    for seed in range(worlds):
        subjects, labels = people(20, 12, images=4)
        f = 0.5 * (random.normal(size=32)[subjects] + random.normal(size=labels.size))
        found = leak_of(f, labels, subjects, resamples=300, seed=seed)
        contained += found.accuracy.low <= 0.5 <= found.accuracy.high
        bits.append(found.bits.value)
        chance.append(found.chance_bits)
    assert 0.90 <= contained / worlds <= 1
    assert np.mean(bits) < 0.02
    assert np.mean(np.array(bits) < 0.01) > 0.8
    assert np.mean(chance) > 0  # there was something to take off


def test_several_images_of_a_subject_are_shuffled_together():
    # Scores that name the subject and no gender: chance bits must be those of 12 subjects, not of 240 images.
    random = np.random.default_rng(2)
    subjects, labels = people(6, 6, images=20)
    f = random.normal(size=12)[subjects]
    together = leak_of(f, labels, subjects, intervals=False, permutations=2000).chance_bits
    as_if_single = leak_of(f, labels, np.arange(240), intervals=False, permutations=2000).chance_bits
    assert together > 3 * as_if_single


def test_shuffled_cross_entropy_is_that_of_shuffled_labels():
    random = np.random.default_rng(4)
    subjects, labels = people(7, 5, images=3)
    f = random.normal(size=36)
    bootstrap = SubjectBootstrap(subjects, labels)
    by_hand = []
    limit = log_odds_limit(12)
    for permuted in bootstrap.permuted_labels(25).T:
        y = permuted[bootstrap.subject_index]
        surprise = np.logaddexp(0, -np.clip(f, -limit, limit) * y) / np.log(2)
        right = [np.mean(f[y == gender] * gender > 0) for gender in (1, -1)]
        cross_entropy = (surprise[y > 0].mean() + surprise[y < 0].mean()) / 2
        by_hand.append(max(1 - cross_entropy, float(fano_bits(np.mean(right)))))
        assert sorted(permuted) == sorted(bootstrap.genders)
    found = posterior_leak(f, bootstrap, intervals=False, permutations=25)
    assert found.chance_bits == pytest.approx(np.mean(by_hand))


def test_balance_of_the_data_set_does_not_matter():
    random = np.random.default_rng(1)
    subjects, labels = people(900, 100)
    always_male = leak_of(np.full(1000, 3.0), labels, subjects, intervals=False)
    assert always_male.accuracy.value == 0.5
    assert always_male.auc.value == 0.5
    assert always_male.bits.value == 0
    assert always_male.male_accuracy.value == 1
    assert always_male.female_accuracy.value == 0
    # Nine copies of every woman's image balance the counts and change nothing.
    f = random.normal(size=1000) + labels
    copies = np.repeat(np.arange(1000), np.where(labels > 0, 1, 9))
    one = leak_of(f, labels, subjects, intervals=False, permutations=0)
    many = leak_of(f[copies], labels[copies], subjects[copies], intervals=False, permutations=0)
    assert one.bits.value == pytest.approx(many.bits.value)
    assert one.accuracy.value == pytest.approx(many.accuracy.value)


def test_sure_and_right_is_one_bit_and_sure_mistakes_cost_a_limited_amount():
    subjects, labels = people(30, 30)
    sure = leak_of(labels * np.inf, labels, subjects, resamples=200, permutations=0)
    assert sure.bits.value == pytest.approx(1, abs=1e-5)
    assert sure.bits.unseen
    assert sure.bits.low == pytest.approx(float(fano_bits(0.05 ** (1 / 60))), abs=1e-6)
    assert sure.accuracy.value == sure.auc.value == 1
    assert sure.accuracy.unseen
    wrong = labels * np.inf
    wrong[0] = -np.inf
    found = leak_of(wrong, labels, subjects, resamples=200, permutations=0)
    cost = (log_odds_limit(60) + np.log1p(np.exp(-log_odds_limit(60))) * 60) / np.log(2) / 60
    assert found.bits.value == pytest.approx(float(leak_bits(59 / 60, cost)), abs=1e-6)
    assert found.bits.low < found.bits.value < found.bits.high


def test_nothing_to_go_on_is_a_guess_and_is_counted():
    subjects, labels = people(10, 10, images=2)
    f = labels * 4.0
    f[::4] = np.nan
    found = leak_of(f, labels, subjects, intervals=False)
    assert found.missing == 10
    assert found.accuracy.value == pytest.approx(0.75 + 0.25 / 2)
    assert found == leak_of(np.nan_to_num(f), labels, subjects, intervals=False).__class__(
        **{**vars(leak_of(np.nan_to_num(f), labels, subjects, intervals=False)), "missing": 10}
    )
    nothing = leak_of(np.full(40, np.nan), labels, subjects, resamples=50)
    assert nothing.missing == 40
    assert nothing.accuracy.value == 0.5
    assert nothing.auc.value == 0.5
    assert nothing.bits.value == 0.0
    assert nothing.accuracy.low == nothing.accuracy.high == 0.5


def test_draws_of_a_release_are_averaged_before_anything_is_cut_off():
    random = np.random.default_rng(6)
    subjects, labels = people(15, 15, images=2)
    draws = random.normal(size=(5, 60)) + 0.8 * labels
    found = leak_of(draws, labels, subjects, intervals=False, permutations=0)
    each = [leak_of(f, labels, subjects, intervals=False, permutations=0) for f in draws]
    assert found.accuracy.value == pytest.approx(np.mean([one.accuracy.value for one in each]))
    assert found.auc.value == pytest.approx(np.mean([one.auc.value for one in each]))
    limit = log_odds_limit(30)
    lost = np.logaddexp(0, -np.clip(draws, -limit, limit) * labels).mean() / np.log(2)
    assert found.bits.value == pytest.approx(float(leak_bits(found.accuracy.value, lost)))
    draws[0, 0] = draws[1, 0] = draws[1, 1] = np.nan
    assert leak_of(draws, labels, subjects, intervals=False).missing == 2


def test_point_values_are_the_same_with_and_without_intervals():
    random = np.random.default_rng(8)
    subjects, labels = people(12, 9, images=3)
    f = random.normal(size=(2, 63)) + labels
    bootstrap = SubjectBootstrap(subjects, labels, resamples=100)
    with_, without = (posterior_leak(f, bootstrap, intervals=i) for i in (True, False))
    for name in ("accuracy", "male_accuracy", "female_accuracy", "auc", "bits"):
        one, other = getattr(with_, name), getattr(without, name)
        assert one.value == pytest.approx(other.value), name
        assert one.low <= one.value <= one.high, name
        assert other.low is None
        assert other.high is None
    assert with_.chance_bits == without.chance_bits
    assert with_ == leak_of(f, labels, subjects, resamples=100)


def test_of_two_lower_bounds_the_larger_counts():
    assert fano_bits(0.5) == fano_bits(0.3) == 0
    assert fano_bits(1.0) == 1
    assert float(fano_bits(0.89)) == pytest.approx(0.5, abs=1e-3)
    assert float(leak_bits(0.89, 0.4)) == pytest.approx(0.6)
    assert float(leak_bits(0.89, 7.0)) == float(fano_bits(0.89))
    subjects, labels = people(50, 50)
    far_too_sure = np.where(np.arange(100) % 10 == 0, -1, 1) * labels * 40.0
    found = leak_of(far_too_sure, labels, subjects, intervals=False, permutations=0)
    assert found.bits.value == pytest.approx(float(fano_bits(0.9)))
    # Fano's bound is never above what the channel carries.
    for a, b in ((0.02, 0.02), (0.3, 0.01), (0.6, 0.1)):
        assert fano_bits(1 - (a + b) / 2) <= sign_bits(a, b) + 1e-12


def test_no_upper_end_lies_below_guessing():
    subjects, labels = people(40, 40, images=2)
    f = np.where(np.arange(160) % 8 < 6, -1.0, 1.0) * labels
    found = leak_of(f, labels, subjects, resamples=200)
    assert found.accuracy.value == pytest.approx(0.25)
    assert found.accuracy.high == 0.5
    assert found.auc.value < 0.5
    assert found.auc.high == 0.5
    assert found.male_accuracy.high < 0.5, "of one gender a guess may be right less often"


def test_bad_input_is_one_clear_sentence():
    subjects, labels = people(3, 3)
    bootstrap = SubjectBootstrap(subjects, labels, resamples=10)
    cases = [
        (lambda: leak_of([1.0, 2.0], labels, subjects), "bad-shape"),
        (lambda: leak_of(np.zeros((2, 3, 6)), labels, subjects), "bad-shape"),
        (lambda: leak_of(np.zeros(6), labels, subjects[:5]), "bad-shape"),
        (lambda: leak_of(np.zeros(6), [1, 1, 1, 1, 1, -1], subjects), "too-few-subjects"),
        (lambda: posterior_leak(np.zeros(6), bootstrap, permutations=-1), "out-of-range"),
    ]
    for call, code in cases:
        with pytest.raises(BadInputError) as caught:
            call()
        assert caught.value.code == code
        assert str(caught.value).startswith("Expected")
