"""What the sign of a gender score tells an attacker about the gender label.

The sign is the output of a binary channel whose input is the label: men come out female with probability ``a`` (men's
error), women come out male with probability ``b`` (women's error). The attacker knows both, and so inverts a
classifier that is wrong more often than right. Label and sign are independent exactly when ``a + b = 1``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facepriv.metrics.checks import as_probabilities


def sign_accuracy(male_error: ArrayLike, female_error: ArrayLike, *, prior: float = 0.5) -> NDArray[np.float64]:
    """Accuracy of the best guess of the label from the sign alone (Bayes rule).

    For each sign the attacker names the likelier gender: ``max(q (1-a), (1-q) b) + max(q a, (1-q) (1-b))`` with the
    share of men ``q``; at equal priors that is ``1/2 + |1 - a - b| / 2``.

    Parameters
    ----------
    male_error, female_error : fractions a and b, arrays that broadcast.
    prior : share of men ``q`` in the population, 0..1.

    Returns
    -------
    Accuracy, ``max(q, 1-q)``..1, of the broadcast shape.

    Raises
    ------
    BadInputError
        If a rate or the prior lies outside 0..1.
    """
    a, b, q = _channel(male_error, female_error, prior)
    male_sign = np.maximum(q * (1 - a), (1 - q) * b)
    female_sign = np.maximum(q * a, (1 - q) * (1 - b))
    return np.asarray(male_sign + female_sign)


def sign_bits(male_error: ArrayLike, female_error: ArrayLike, *, prior: float = 0.5) -> NDArray[np.float64]:
    """Mutual information between label and sign, in bits.

    ``I(Y; S) = H(S) - H(S | Y) = h(q (1-a) + (1-q) b) - q h(a) - (1-q) h(b)`` with the binary entropy ``h`` (Cover and
    Thomas, Elements of Information Theory, theorem 2.4.1).

    Parameters and errors are those of `sign_accuracy`.

    Returns
    -------
    Bits, 0..h(q), of the broadcast shape.
    """
    a, b, q = _channel(male_error, female_error, prior)
    sign = q * (1 - a) + (1 - q) * b
    bits = binary_entropy(sign) - q * binary_entropy(a) - (1 - q) * binary_entropy(b)
    # Rounding may leave the range by a hair; information never does.
    return np.asarray(np.clip(bits, 0.0, binary_entropy(q)))


def binary_entropy(probability: ArrayLike) -> NDArray[np.float64]:
    """Entropy ``-p log2 p - (1-p) log2 (1-p)`` of a coin in bits, 0 at both ends.

    Raises
    ------
    BadInputError
        If a probability lies outside 0..1.
    """
    p = as_probabilities(probability, "a probability")
    parts = [np.where(x > 0, -x * np.log2(np.where(x > 0, x, 1.0)), 0.0) for x in (p, 1 - p)]
    return np.asarray(parts[0] + parts[1])


def _channel(
    male_error: ArrayLike, female_error: ArrayLike, prior: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    a = as_probabilities(male_error, "men's error")
    b = as_probabilities(female_error, "women's error")
    return a, b, float(as_probabilities(prior, "the share of men"))
