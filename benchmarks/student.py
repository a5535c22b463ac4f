"""Plain scikit-learn pipelines beside our attackers, on the release of a run: does a short script read more?

Usage: python benchmarks/student.py RUN [RUN ...] [--p 0.5] [--draws 4]

RUN is a complete run of this installation; what its audit needs to measure is measured and kept. Every pipeline is
fitted to four fifths of the people and guesses the others, as our attackers do. It learns gender, or the four classes
men and women, perturbed or not, from single images or from the mean, lowest and highest of all images of a person.
Figures are means over draws of the images that are perturbed and of the folds.

The best of dozens of pipelines on the very people that it is tested on is better there than on others, and our attacker
had to choose on training people. So the table also says how often the student is right who picks the pipeline that does
best on one half of the people and is tested on the other half, means over random halves, and how many points more that
is than our attacker, with the standard error over people. In the last row both sides pick so, the student of all
pipelines and we of our attackers.
"""

from __future__ import annotations

import argparse
import warnings
from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.base import ClassifierMixin, clone
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from facepriv.audit.attackers.registry import attackers
from facepriv.audit.evidence import Evidence, Features
from facepriv.audit.leak.cross_fitting import FOLDS, attack
from facepriv.audit.leak.policy_draws import draw_perturbed
from facepriv.config import get_settings
from facepriv.measures.compute import compute
from facepriv.schemas.requests import AuditRequest
from facepriv.services.audits.evidence import list_audited, list_measures, make_evidence
from facepriv.services.audits.preparing import prepare_audit
from facepriv.store import Store, open_store
from facepriv.types import Flags, Floats64, Integers

PIPELINES: dict[str, ClassifierMixin] = {
    "tree": DecisionTreeClassifier(max_depth=3, random_state=0),
    "forest": RandomForestClassifier(40, random_state=0),
    "boosting": HistGradientBoostingClassifier(max_iter=30, random_state=0),
    "LDA": LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
    "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)),
    "SVC": make_pipeline(StandardScaler(), SVC()),
    "neighbours": make_pipeline(StandardScaler(), KNeighborsClassifier(5)),
    "network": make_pipeline(StandardScaler(), MLPClassifier((16,), max_iter=80, random_state=0)),
}
WIDE = 40
"""Features beyond which trees and networks see principal components, which is quicker."""
WIDE_ONES = ("tree", "forest", "boosting", "network")


def evidence_of(store: Store, run: int, p: float) -> Evidence:
    spec = prepare_audit(store, AuditRequest(run=run, p=p))
    audited = list_audited(store, spec)
    return make_evidence((audited, compute(store, audited.files, list_measures(spec))))[0]


def filtered(features: Features) -> Floats64:
    """Return filtered scores with the plain one where no face was left."""
    return np.column_stack(
        [np.where(np.isfinite(r), r, features.scores[name][:, None]) for name, r in features.restored.items()]
    )


def tables_of(features: Features) -> dict[str, dict[str, Floats64]]:
    """Return tables ``(n, d)`` by name, by the attacker of ours who has this evidence."""
    scores = {name: values[:, None] for name, values in features.scores.items()}
    together = np.column_stack(list(scores.values()))
    looks = {**features.templates, "appearance": features.appearance}
    all_looks = np.column_stack(list(looks.values()))
    everything = np.column_stack([together, filtered(features), features.residuals, all_looks, features.texture])
    single = {
        "all scores": together,
        "filtered scores": filtered(features),
        "residuals": features.residuals,
        **looks,
        "texture": features.texture,
        "everything": everything,
    }
    return {
        "score": scores,
        "ensemble": {"all scores": together},
        "template": dict(features.templates),
        "detector": {"scores and residuals": np.column_stack([together, features.residuals])},
        "retrained": {**looks, "templates and appearance": all_looks},
        "texture": {"texture": features.texture},
        "restoring": {"filtered scores": filtered(features)},
        "joined": single,
        "several-images": {"all scores": together},
        "pooled": single,
    }


HALVES = 50
"""Random halves of the people on which a pipeline is picked."""
POOLING = ("several-images", "pooled")
BY_STATE = ("detector", "texture", "joined")
UNTOUCHED = ("template",)
"""Attackers of ours who know which images show one person, who know which of theirs are perturbed, and who have learned
from untouched images."""


def of_people(x: Floats64, subjects: np.ndarray) -> Floats64:
    names, member = np.unique(subjects, return_inverse=True)
    rows = [x[member == number] for number in range(len(names))]
    return np.array([np.concatenate([own.mean(0), own.min(0), own.max(0)]) for own in rows])[member]


def guess(
    model: ClassifierMixin, fitted: Floats64, x: Floats64, classes: Integers, subjects: np.ndarray, seed: int
) -> Integers:
    """Return the class of every image as a model of other people's ``fitted`` table predicts it."""
    guessed = np.zeros_like(classes)
    for train, test in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(x, classes, subjects):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            guessed[test] = clone(model).fit(fitted[train], classes[train]).predict(x[test])
    return guessed


def narrowed(name: str, model: ClassifierMixin, table: Floats64) -> ClassifierMixin:
    images, features = table.shape
    if name in WIDE_ONES and features > WIDE:
        return make_pipeline(StandardScaler(), PCA(WIDE, random_state=0), model)
    # All principal components hold all there is to tell these images apart.
    return make_pipeline(PCA(random_state=0), model) if name == "LDA" and features > images else model


def accuracy(right: Floats64, labels: Integers, of: Flags | slice = slice(None)) -> float:
    return float(np.mean([right[of][labels[of] == label].mean() for label in (1, -1)]))


def pipelines(evidence: Evidence, perturbed: Flags, seed: int) -> dict[str, dict[str, Floats64]]:
    """Return where each pipeline is right ``(n,)``, by the attacker of ours with the same evidence."""
    known: dict[tuple[bytes, str, str], Floats64] = {}
    released, labels = evidence.release(perturbed), evidence.labels
    subjects, untouched = released.subjects, tables_of(evidence.untouched)
    found: dict[str, dict[str, Floats64]] = defaultdict(dict)
    for attacker, tables in tables_of(released).items():
        for name, table in tables.items():
            fitted = untouched[attacker][name] if attacker in UNTOUCHED else table
            if attacker in POOLING:
                table = fitted = of_people(table, subjects)
            both = np.nan_to_num(np.stack([fitted, table]))
            targets = {"": labels, " by state": labels + 4 * perturbed} if attacker in BY_STATE else {"": labels}
            for model_name, model in PIPELINES.items():
                used = narrowed(model_name, model, table)
                for suffix, classes in targets.items():
                    key = both.tobytes(), model_name, suffix
                    if key not in known:
                        guessed = guess(used, both[0], both[1], classes, subjects, seed)
                        known[key] = 1.0 * (np.where(guessed > 1, guessed - 4, guessed) == labels)
                    found[attacker][f"{name}: {model_name}{suffix}"] = known[key]
    return found


def ours(evidence: Evidence, perturbed: Flags, p: float, seed: int) -> dict[str, Floats64]:
    """Return where each attacker of ours is right ``(n,)``; one half where he has nothing to go on."""
    found = {}
    for name in attackers.names():
        chosen = attack(attackers.create(name), evidence, perturbed, p, seed=seed, all_variants=False).chosen
        if np.isfinite(chosen).any():
            found[name] = np.where(np.nan_to_num(chosen) == 0, 0.5, np.sign(chosen) == evidence.labels)
    return found


def mean(draws: list[dict[str, Floats64]]) -> dict[str, Floats64]:
    return {name: np.mean([draw[name] for draw in draws], axis=0) for name in draws[0]}


def judge(evidence: Evidence, p: float, draws: int) -> tuple[dict[str, Floats64], dict[str, dict[str, Floats64]]]:
    """Return in how many draws our attackers and the pipelines are right, each ``(n,)``."""
    we, they = [], []
    for draw in range(draws):
        perturbed = draw_perturbed(evidence, p, select_by="image", draw=draw, seed=0)
        we.append(ours(evidence, perturbed, p, draw))
        they.append(pipelines(evidence, perturbed, draw))
    return mean(we), {name: mean([draw[name] for draw in they]) for name in they[0]}


def best(of: Mapping[str, Floats64], labels: Integers, rows: Flags | slice = slice(None)) -> str:
    return max(of, key=lambda name: accuracy(of[name], labels, rows))


def picked_elsewhere(of: Mapping[str, Floats64], labels: Integers, subjects: np.ndarray) -> Floats64:
    """Return how often each image ``(n,)`` is guessed by the one that does best on a half of the people without it."""
    rng = np.random.default_rng(0)
    names, first, member = np.unique(subjects, return_index=True, return_inverse=True)
    total = np.zeros(len(labels))
    for _ in range(HALVES):
        order = rng.permutation(len(names))
        order = order[np.argsort(labels[first[order]], kind="stable")]
        half = np.zeros(len(names), dtype=np.bool_)
        half[order[rng.integers(2) :: 2]] = True
        for tested in (half[member], ~half[member]):
            total[tested] += of[best(of, labels, ~tested)][tested]
    return total / HALVES


def standard_error(more: Floats64, labels: Integers, subjects: np.ndarray) -> float:
    """Return the standard error over people of the mean of ``(n,)``, men and women weighing the same."""
    squares = 0.0
    for label in (1, -1):
        rows = labels == label
        member = np.unique(subjects[rows], return_inverse=True)[1]
        each = np.bincount(member, more[rows] - more[rows].mean()) / rows.sum()
        squares += (each**2).sum() * len(each) / (len(each) - 1) / 4
    return float(np.sqrt(squares))


def show(
    console: Console,
    title: str,
    evidence: Evidence,
    we: Mapping[str, Floats64],
    they: Mapping[str, Mapping[str, Floats64]],
) -> None:
    labels, subjects = evidence.labels, evidence.untouched.subjects
    table = Table(
        "our attacker",
        "is right",
        "best pipeline on the same evidence",
        "is right",
        "points more",
        "picked on other people",
        "points more",
        title=title,
    )

    def add(name: str, right: Floats64, fair: Floats64, pipelines: Mapping[str, Floats64]) -> None:
        pipeline, picked = best(pipelines, labels), picked_elsewhere(pipelines, labels, subjects)
        most, own = accuracy(pipelines[pipeline], labels), accuracy(right, labels)
        more, error = 100 * accuracy(picked - fair, labels), 100 * standard_error(picked - fair, labels, subjects)
        table.add_row(
            name,
            f"{own:.1%}",
            pipeline,
            f"{most:.1%}",
            f"{100 * (most - own):+.1f}",
            f"{accuracy(picked, labels):.1%}",
            f"{more:+.1f} ± {error:.1f}",
        )

    for name, right in we.items():
        if name in they:
            add(name, right, right, they[name])
    table.add_section()
    worst = best(we, labels)
    all_of_them = {f"{n} ({name})": v for name, each in they.items() for n, v in each.items()}
    add(f"worst: {worst}", we[worst], picked_elsewhere(we, labels, subjects), all_of_them)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=int, nargs="+", metavar="RUN")
    parser.add_argument("--p", type=float, default=0.5)
    parser.add_argument("--draws", type=int, default=4)
    options = parser.parse_args()
    console = Console(width=170)
    with open_store(get_settings()) as store:
        for run in options.runs:
            spec = store.runs.get(run).spec
            stopping = spec.parameters.get("stopping", "–")
            title = f"Run {run}: {spec.dataset.name}, {spec.method}, stopping {stopping}, p = {options.p:.1%}"
            evidence = evidence_of(store, run, options.p)
            show(console, title, evidence, *judge(evidence, options.p, options.draws))


if __name__ == "__main__":
    main()
