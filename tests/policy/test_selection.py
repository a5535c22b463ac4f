import hashlib
import hmac

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepriv.errors import BadInputError
from facepriv.policy.selection import KEY_BYTES, new_key, select

KEY = bytes(range(32))
HASHES = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(5000)]
P = st.floats(0, 1)


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
