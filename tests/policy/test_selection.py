import hashlib
import hmac

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepriv.errors import BadInputError
from facepriv.policy.selection import KEY_BYTES, choose_actions, new_key, select_images

KEY = bytes(range(32))
HASHES = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(5000)]
P = st.floats(0, 1)
SUBJECTS = [f"subject {i // 4}" for i in range(4000)]


def select(hashes, key, p):
    return select_images("image", hashes, hashes, key, p)


def select_subjects(subjects, key, p):
    return select_images("subject", subjects, subjects, key, p)


def test_is_the_written_formula():
    share = [int(hmac.new(KEY, bytes.fromhex(h), hashlib.sha256).hexdigest(), 16) / 2**256 for h in HASHES]
    for p in (0.1, 0.5, 0.77):
        assert select(HASHES, KEY, p).tolist() == [s < p for s in share]


@given(P, P)
def test_a_greater_proportion_only_adds_images(p, q):
    less, more = select(HASHES[:200], KEY, min(p, q)), select(HASHES[:200], KEY, max(p, q))
    assert np.all(more[less])


@given(P, st.randoms())
def test_other_images_and_order_do_not_matter(p, random):
    chosen = dict(zip(HASHES[:100], select(HASHES[:100], KEY, p), strict=True))
    some = random.sample(HASHES[:100], 40)
    assert select(some, KEY, p).tolist() == [chosen[h] for h in some]


@pytest.mark.parametrize("p", [0.05, 0.3, 0.556, 0.9])
def test_the_share_is_close_to_p(p):
    # Five standard deviations of a binomial share.
    assert abs(select(HASHES, KEY, p).mean() - p) < 5 * np.sqrt(p * (1 - p) / len(HASHES))


def test_none_and_all():
    assert not select(HASHES, KEY, 0).any()
    assert select(HASHES, KEY, 1).all()
    assert select([], KEY, 0.5).shape == (0,)


def test_keys_choose_independently():
    ours, theirs = select(HASHES, KEY, 0.5), select(HASHES, KEY[::-1], 0.5)
    assert abs(np.mean(ours == theirs) - 0.5) < 5 * 0.5 / np.sqrt(len(HASHES))


def test_case_of_the_digits_does_not_matter():
    assert select([h.upper() for h in HASHES[:50]], KEY, 0.5).tolist() == select(HASHES[:50], KEY, 0.5).tolist()


def test_new_keys_differ():
    assert len(new_key()) == KEY_BYTES
    assert new_key() != new_key()


@pytest.mark.parametrize(
    ("hashes", "key", "p", "code"),
    [
        (HASHES[:1], b"short", 0.5, "short-key"),
        (HASHES[:1], KEY, 1.5, "out-of-range"),
        (HASHES[:1], KEY, float("nan"), "out-of-range"),
        (["face.png"], KEY, 0.5, "bad-hash"),
        ([HASHES[0][:-2]], KEY, 0.5, "bad-hash"),
    ],
)
def test_bad_input_is_named(hashes, key, p, code):
    with pytest.raises(BadInputError) as caught:
        select(hashes, key, p)
    assert caught.value.code == code


def test_subjects_are_drawn_by_the_written_formula():
    def share(name):
        message = b"\x01" + hashlib.sha256(name.encode()).digest()
        return int(hmac.new(KEY, message, hashlib.sha256).hexdigest(), 16) / 2**256

    for p in (0.2, 0.6):
        assert select_subjects(SUBJECTS, KEY, p).tolist() == [share(name) < p for name in SUBJECTS]


@given(P, P)
def test_all_images_of_a_subject_share_one_fate(p, q):
    less, more = (select_subjects(SUBJECTS[:200], KEY, x) for x in sorted((p, q)))
    assert np.all(more[less])
    for chosen in (less, more):
        of_subject = chosen.reshape(-1, 4)
        assert np.all(of_subject == of_subject[:, :1])


def test_the_share_of_subjects_is_close_to_p():
    chosen = select_subjects(SUBJECTS, KEY, 0.3)[::4]
    assert abs(chosen.mean() - 0.3) < 5 * np.sqrt(0.3 * 0.7 / len(chosen))


def test_a_subject_keeps_its_fate_however_its_accents_are_written():
    composed, apart = ["Zo\u00eb", "Ang\u00e9lique"], ["Zoe\u0308", "Ange\u0301lique"]
    for p in np.linspace(0, 1, 21):
        assert select_subjects(composed, KEY, p).tolist() == select_subjects(apart, KEY, p).tolist()
    assert select_subjects(["\udcff"], KEY, 1.0).tolist() == [True]


def test_a_subject_named_like_a_hash_is_no_image():
    by_image, by_subject = select(HASHES, KEY, 0.5), select_subjects(HASHES, KEY, 0.5)
    assert abs(np.mean(by_image == by_subject) - 0.5) < 5 * 0.5 / np.sqrt(len(HASHES))


@pytest.mark.parametrize("by", ["image", "subject"])
def test_actions_have_their_shares(by):
    shares = [0.2, 0.0, 0.35]
    subjects = [f"one of {i}" for i in range(len(HASHES))]
    actions = choose_actions(by, HASHES, subjects, KEY, shares)
    for action, share in enumerate([0.45, *shares]):
        seen = np.mean(actions == action)
        assert abs(seen - share) <= 5 * np.sqrt(share * (1 - share) / len(HASHES))
    assert (actions > 0).tolist() == select_images(by, HASHES, subjects, KEY, 0.2 + 0.35).tolist()


def test_actions_of_a_subject_agree():
    actions = choose_actions("subject", HASHES[:4000], SUBJECTS, KEY, [0.3, 0.3]).reshape(-1, 4)
    assert np.all(actions == actions[:, :1])
    assert set(actions[:, 0].tolist()) == {0, 1, 2}


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=4), P, P)
def test_a_growing_policy_never_moves_an_image_between_runs(ratio, p, q):
    low, high = sorted((p, q))
    runs = np.array(ratio) / sum(ratio)
    less, more = (choose_actions("image", HASHES[:100], SUBJECTS[:100], KEY, runs * x) for x in (low, high))
    # Shares scaled by p are rounded, so a draw within 1e-15 of a cut could differ; none of these is.
    assert np.all(more[less > 0] == less[less > 0])


def test_one_run_is_plain_selection():
    assert (choose_actions("image", HASHES[:300], HASHES[:300], KEY, [0.37]) > 0).tolist() == select(
        HASHES[:300], KEY, 0.37
    ).tolist()
    assert choose_actions("image", HASHES[:9], HASHES[:9], KEY, [1.0]).tolist() == [1] * 9
    assert choose_actions("image", HASHES[:9], HASHES[:9], KEY, [0.0, 0.0]).tolist() == [0] * 9
    assert choose_actions("image", [], [], KEY, [0.5]).shape == (0,)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: select_subjects([""], KEY, 0.5), "no-subject"),
        (lambda: select_subjects(["x"], b"short", 0.5), "short-key"),
        (lambda: select_subjects(["x"], KEY, -0.1), "out-of-range"),
        (lambda: select_images("image", HASHES[:2], ["x"], KEY, 0.5), "bad-shape"),
        (lambda: select_images("folder", HASHES[:1], ["x"], KEY, 0.5), "bad-selection"),
        (lambda: choose_actions("image", HASHES[:1], ["x"], KEY, []), "bad-shares"),
        (lambda: choose_actions("image", HASHES[:1], ["x"], KEY, [0.6, 0.5]), "bad-shares"),
        (lambda: choose_actions("image", HASHES[:1], ["x"], KEY, [0.6, -0.5]), "out-of-range"),
    ],
)
def test_bad_policies_are_named(call, code):
    with pytest.raises(BadInputError) as caught:
        call()
    assert caught.value.code == code
