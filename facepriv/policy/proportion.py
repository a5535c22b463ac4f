"""The share of images to perturb, judged by the attacker who sees only the sign of the gender score.

The paper's section 3.2 proposes to perturb a random share ``p`` of the images, lest an attacker simply invert the
classifier. A release that perturbs the share ``p`` has men's error ``a(p) = (1-p) a0 + p a1`` and likewise ``b(p)``
for women, and leaks nothing through the sign where ``a(p) + b(p) = 1`` (`facepriv.metrics.leak`). Attackers who see
the score's size, another classifier or a restored image may still learn more; no figure here covers them.
"""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

from facepriv.metrics.checks import as_probabilities
from facepriv.metrics.leak import sign_accuracy, sign_bits
from facepriv.types import Floats64
from facepriv.wording import percent

Errors = tuple[float, float]
"""Men's and women's error, fractions 0..1."""


@dataclass(frozen=True, eq=False)
class SignAttackerCurve:
    """The sign attacker against the proportion of perturbed images; all arrays of one shape."""

    p: Floats64
    male_error: Floats64
    """``a(p)`` of the released mix."""
    female_error: Floats64
    """``b(p)`` of the released mix."""
    accuracy: Floats64
    """Best accuracy, fraction."""
    bits: Floats64
    """Mutual information between label and sign, bits."""


@dataclass(frozen=True)
class OptimalProportion:
    """The smallest proportion with the least leak to a sign attacker at equal priors."""

    p: float
    accuracy: float
    bits: float
    zero_leak: bool
    """Whether the sign tells nothing at all at ``p``, whatever the share of men."""
    sentence: str
    """The same in words for a person, with the reason where zero cannot be reached."""


def sign_attacker_curve(before: Errors, after: Errors, p: ArrayLike) -> SignAttackerCurve:
    """Follow the sign attacker over proportions, at equal priors.

    Parameters
    ----------
    before, after : men's and women's error (a0, b0) of untouched and (a1, b1) of perturbed images.
    p : proportions 0..1, any shape.

    Raises
    ------
    BadInputError
        If an error or a proportion lies outside 0..1.
    """
    share = as_probabilities(p, "the proportion")
    a0, b0 = as_probabilities(before, "the errors before")
    a1, b1 = as_probabilities(after, "the errors after")
    a = (1 - share) * a0 + share * a1
    b = (1 - share) * b0 + share * b1
    return SignAttackerCurve(share, a, b, accuracy=sign_accuracy(a, b), bits=sign_bits(a, b))


def optimal_proportion(before: Errors, after: Errors) -> OptimalProportion:
    """Find the proportion at which the sign attacker does worst.

    With ``s = a + b`` before (``s0``) and after (``s1``), zero leak exists exactly if 1 lies between ``s0`` and
    ``s1``, ends included; it is then at ``p* = (1 - s0) / (s1 - s0)``. Otherwise ``s(p)`` never crosses 1 and the end
    nearer to 1 is best. Of equally good proportions the smallest is given, since it changes the fewest images.

    Parameters
    ----------
    before, after : men's and women's error (a0, b0) of untouched and (a1, b1) of perturbed images.

    Raises
    ------
    BadInputError
        If an error lies outside 0..1.
    """
    s0 = float(as_probabilities(before, "the errors before").sum())
    s1 = float(as_probabilities(after, "the errors after").sum())
    zero_leak = min(s0, s1) <= 1 <= max(s0, s1)
    p = float(abs(1 - s1) < abs(1 - s0))
    if zero_leak:
        p = 0.0 if s0 == 1 else (1 - s0) / (s1 - s0)
    here = sign_attacker_curve(before, after, p)
    accuracy, bits = float(here.accuracy), float(here.bits)
    return OptimalProportion(p, accuracy, bits, zero_leak, _sentence(p, accuracy, bits, zero_leak, s0, s1))


def _sentence(p: float, accuracy: float, bits: float, zero_leak: bool, s0: float, s1: float) -> str:
    right = f"is right in {percent(accuracy)} of cases"
    attacker = "an attacker who sees only whether the classifier says male or female"
    if zero_leak:
        how = "With no image perturbed" if p == 0 else f"With {percent(p)} of the images perturbed"
        return f"{how}, {attacker} {right} and learns nothing."
    best = "Perturb every image" if p == 1 else "Perturb no image"
    side = "below" if s0 < 1 else "above"
    return (
        f"{best}: {attacker} then {right} and learns at least {bits:.2f} bits. No proportion brings this down to "
        f"guessing, because the errors for men and women add up to {percent(s0)} before and {percent(s1)} after, both "
        f"{side} 100 %."
    )
