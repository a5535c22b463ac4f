"""Keyed draws."""

from __future__ import annotations

import hashlib
import hmac

import numpy as np
from scipy import stats

from facepriv.protect.draws import Draws

KEY = b"k" * 32
MANY = np.array([f"person {i}" for i in range(4000)])


def test_a_draw_is_what_the_documentation_says():
    message = b"\x03" + hashlib.sha256("Zoë".encode()).digest()
    stream = hashlib.shake_256(hmac.digest(KEY, message, "sha256")).digest(16)
    expected = [(int.from_bytes(stream[at : at + 8], "little") >> 11) / 2**53 for at in (0, 8)]
    # The name composed and with its accent apart is one name.
    drawn = Draws(KEY, np.array(["Zoë", "Zoe\u0308"])).uniform(2)
    assert drawn.tolist() == [expected, expected]


def test_draws_are_spread_evenly_and_people_are_independent():
    uniform = Draws(KEY, MANY).uniform(3)
    assert all(stats.kstest(column, "uniform").pvalue > 1e-3 for column in uniform.T)
    assert np.abs(np.corrcoef(uniform.T)[np.triu_indices(3, 1)]).max() < 0.06
    assert stats.kstest(Draws(KEY, MANY).normal(1)[:, 0], "norm").pvalue > 1e-3


def test_draws_depend_on_nothing_but_key_and_name():
    whole = Draws(KEY, MANY).uniform(2)
    backwards = Draws(KEY, MANY[::-1]).uniform(2)[::-1]
    assert np.array_equal(whole, backwards)
    assert np.array_equal(Draws(KEY, MANY).uniform(1), whole[:, :1])
    assert not np.isclose(Draws(b"o" * 32, MANY).uniform(2), whole).any(axis=1).any()


def test_orders_are_orders():
    orders = Draws(KEY, MANY[:50]).order(8)
    assert (np.sort(orders, axis=1) == np.arange(8)).all()
    assert len(np.unique(orders, axis=0)) > 40
