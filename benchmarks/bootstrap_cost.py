"""What the intervals of a leak cost: resamples of subjects all at once, and one after another.

Usage: python benchmarks/bootstrap_cost.py [--images N] [--subjects S] [--resamples B] [--naive B] [--seed SEED]

A made-up database with as many images and subjects as LFW, most of them with one image, three men in four. Printed: the
CPU time of `posterior_leak` with its 95 % intervals (accuracy, each gender's, AUC and bits; the drawing included), of
the same without intervals, and of a plain loop that copies the images of each resample and calls scikit-learn. The loop
runs over fewer resamples; both times are divided by their number of resamples. Last, the replicates of both are
compared on the same resamples.
"""

from __future__ import annotations

import argparse
import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score

from facepriv.metrics.leak import posterior_leak
from facepriv.metrics.subject_bootstrap import SubjectBootstrap

Floats = NDArray[np.float64]


def database(images: int, subjects: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Subjects, labels and log-odds; every subject has an image, and the rest falls to subjects by a power law."""
    random = np.random.default_rng(seed)
    popular = 1 / np.arange(1, subjects + 1)
    more = random.choice(subjects, size=images - subjects, p=popular / popular.sum())
    subject = np.concatenate([np.arange(subjects), more])
    labels = np.where(random.random(subjects) < 0.75, 1, -1)[subject]
    own = random.normal(size=subjects)[subject]
    return subject, labels, 1.5 * (labels + 0.7 * own + 0.7 * random.normal(size=images))


def cpu(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def naive(bootstrap: SubjectBootstrap, log_odds: Floats, resamples: int) -> list[tuple[float, float, float]]:
    """Accuracy, AUC and cross-entropy of each resample, on copies of its images."""
    found = []
    for resample in range(resamples):
        take = np.repeat(np.arange(bootstrap.images), bootstrap.counts[bootstrap.subject, resample])
        y, f = bootstrap.labels[take], log_odds[take]
        weights = np.where(y > 0, 1 / np.sum(y > 0), 1 / np.sum(y < 0))
        loss = log_loss(y, 1 / (1 + np.exp(-f)), sample_weight=weights)
        found.append((balanced_accuracy_score(y, np.sign(f)), roc_auc_score(y, f), loss / np.log(2)))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=13_000)
    parser.add_argument("--subjects", type=int, default=5_749)
    parser.add_argument("--resamples", type=int, default=2_000)
    parser.add_argument("--naive", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    subject, labels, log_odds = database(options.images, options.subjects, options.seed)

    def all_at_once() -> tuple[SubjectBootstrap, object]:
        bootstrap = SubjectBootstrap(subject, labels, resamples=options.resamples, seed=options.seed)
        return bootstrap, posterior_leak(log_odds, bootstrap)

    whole, (bootstrap, leak) = cpu(all_at_once)
    again, _ = cpu(lambda: posterior_leak(log_odds, bootstrap))
    points, _ = cpu(lambda: posterior_leak(log_odds, bootstrap, intervals=False))
    plain = min(options.naive, options.resamples)
    loop, found = cpu(lambda: naive(bootstrap, log_odds, plain))
    print(f"{options.images} images of {options.subjects} subjects, {options.resamples} resamples, CPU seconds")
    print(f"  draws, accuracy, per gender, AUC, bits   {whole:8.3f}")
    print(f"  the same with the draws at hand          {again:8.3f}")
    print(f"  figures without intervals                {points:8.4f}")
    print(f"  plain loop over {plain} resamples          {loop:8.3f}")
    print(f"  a resample costs the plain loop {loop / plain / (whole / options.resamples):.0f} times as much")
    accuracy = bootstrap.balanced_mean((1 + np.sign(log_odds) * labels) / 2).replicates[:plain]
    auc = bootstrap.auc(log_odds).replicates[:plain]
    gap = np.abs(np.array(found)[:, :2] - np.stack([accuracy, auc], axis=1)).max()
    print(f"  greatest difference of a replicate from scikit-learn's: {gap:.1e}")
    print(leak)
    return 0 if gap < 1e-9 else 1


if __name__ == "__main__":
    sys.exit(main())
