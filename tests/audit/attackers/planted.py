"""Made-up evidence with a leak that is known, or with none, and figures to judge guesses by."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm
from sklearn.metrics import log_loss, roc_auc_score

from facepriv.audit.attackers.base import Knowledge
from facepriv.audit.attackers.registry import attackers
from facepriv.audit.evidence import Features
from facepriv.audit.leak.cross_fitting import attack
from facepriv.imaging.restoring import RESTORERS


def people(subjects, images, seed=0):
    """Give subjects and labels of images, half of the subjects labelled male."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.resize([1, -1], subjects))
    names = np.array([f"s{number:04d}" for number in range(subjects)])
    return np.repeat(names, images), np.repeat(labels, images)


def seen(subjects, scores, *, restored=None, templates=None, residuals=None, appearance=None, texture=None):
    """Fill in what a test does not care for: nothing to be seen there."""
    nothing = np.zeros((len(subjects), 0))
    return Features(
        subjects=subjects,
        scores=scores if isinstance(scores, dict) else {"guide": scores},
        restored=restored or {},
        templates=templates or {},
        residuals=nothing if residuals is None else residuals,
        appearance=nothing if appearance is None else appearance,
        texture=nothing if texture is None else texture,
    )


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def full(subjects, rng, *, effect=2.0, lean=0.0, labels=None, wide=12):
    """Give everything that can be seen, by chance: strong effects of subjects, and a lean towards the label if any."""
    _, member = np.unique(subjects, return_inverse=True)
    push = 0.0 if labels is None else lean * labels[:, None]

    def noise(columns):
        return effect * rng.normal(size=(member.max() + 1, columns))[member] + rng.normal(size=(len(member), columns))

    scores = {name: (noise(1) + push)[:, 0] for name in ("guide", "other")}
    return seen(
        subjects,
        scores,
        restored={name: score[:, None] + noise(len(RESTORERS)) for name, score in scores.items()},
        templates={"matcher": unit(noise(wide) + push)},
        residuals=noise(5),
        appearance=noise(wide) + push,
        texture=noise(wide) + push,
    )


def guess(name, evidence, perturbed=None, p=None, *, seed=0, variants=False):
    """Let an attacker guess every image; gives the chosen log-odds, or those of all variants."""
    perturbed = np.zeros(len(evidence.labels), dtype=bool) if perturbed is None else perturbed
    p = float(perturbed.mean()) if p is None else p
    found = attack(attackers.create(name), evidence, perturbed, p, seed=seed, all_variants=variants)
    return found.variants if variants else found.chosen


def known_of(evidence, perturbed, p, index):
    whole = Knowledge(
        evidence.release(perturbed), evidence.untouched, evidence.labels, perturbed, p, evidence.perturbed
    )
    return whole.rows(index)


def accuracy(log_odds, labels):
    """Share guessed right, both labels weighing the same; log-odds of 0 are right half of the time."""
    right = np.where(log_odds == 0, 0.5, np.sign(log_odds) == labels)
    return float(np.mean([right[labels == label].mean() for label in (1, -1)]))


def bits(log_odds, labels):
    return float(1 - log_loss(labels, 1 / (1 + np.exp(-log_odds)), labels=[-1, 1]) / np.log(2))


def auc(log_odds, labels):
    return float(roc_auc_score(labels, log_odds))


def optimum(male, female, reach=30.0):
    """Integrate the best accuracy and the mutual information in bits of two densities at equal priors."""
    grid = np.linspace(-reach, reach, 600_001)
    m, f = male(grid), female(grid)
    step = grid[1] - grid[0]
    best = 0.5 * np.maximum(m, f).sum() * step
    both = m + f
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(d > 0, d * np.log2(2 * d / both), 0.0) for d in (m, f)]
    return float(best), float(0.5 * (parts[0] + parts[1]).sum() * step)


def normal(mean, spread):
    return norm(mean, spread).pdf


def mixture(p, before, after):
    return lambda x: (1 - p) * before(x) + p * after(x)
