"""Policy: which share of the images to perturb, judged by the attacker who sees only the sign of the score."""

from __future__ import annotations

import numpy as np
import streamlit as st

from facepriv.charts.policy import proportion
from facepriv.policy.proportion import optimal_proportion, sign_attacker_curve
from facepriv.results import Rates, RunResult
from facepriv.services.tables import percent
from facepriv.store import RunRecord, Store
from parts.figures import show_figure, show_rows
from parts.shell import with_store
from parts.words import HELP

POINTS = 201

LIMITS = """
These figures hold against **one attacker only**: one who runs this very classifier on the released images, sees whether
it says male or female, knows the proportion and both error rates, and looks at one image at a time. They say nothing
about attackers who were **not tried here**:

- one who reads the **size of the score**: perturbed images stop just past the border while untouched ones lie far out,
  so at the optimum he may still be right far more often than by guessing;
- one who trains a **detector** of perturbed images, or **retrains** a classifier on them;
- one who uses **another classifier**, or gender learned from the **templates** of a face matcher;
- one who first **restores** the image: greyscale, blur, compression, denoising;
- one who has **several images** of one person and takes a vote.

The draw must be random and its list secret: an attacker who knows which images were perturbed learns everything.
"""


def show(store: Store) -> None:
    """Show the whole page."""
    st.title("Policy")
    st.write(
        "If every image is perturbed, an attacker who knows so just inverts the classifier's answer. Perturbing a "
        "random share of the images takes that away from him; this page finds the share."
    )
    runs = {run.id: run for run in store.runs.list(states=("complete",), limit=500)}
    if not runs:
        st.info("A policy is made from a complete run, and there is none yet; start one first.", icon=":material/info:")
        st.page_link("perturb.py", label="Go to Perturb", icon=":material/blur_on:")
        return
    left, right = st.columns(2)
    run_id = left.selectbox(
        "Run", list(runs), format_func=lambda i: f"{i} · {runs[i].dataset_name} · {runs[i].method}", key="policy_run"
    )
    run = store.runs.get(run_id)
    if run.result is None:
        return
    names = list(run.result.gender_error)
    classifier = right.selectbox(
        "The attacker's classifier",
        names,
        index=names.index(run.guide),
        key=f"policy_classifier-{run_id}",
        help="The guide of the run, or another one that judged it.",
    )
    decide(run, classifier)
    st.warning(LIMITS, icon=":material/warning:")


def decide(run: RunRecord, classifier: str) -> None:
    """Show the slider, what the sign attacker gets, and the errors of the mix."""
    error = run.result.gender_error[classifier]
    before, after = _pair(error.before), _pair(error.after)
    if before is None or after is None:
        st.info(
            "Both men and women must have been judged, before and after; this run lacks one of them. Choose a run on a "
            "data set with both labels.",
            icon=":material/info:",
        )
        return
    optimum = optimal_proportion(before, after)
    share = st.slider(
        "Proportion p of the images to perturb",
        0.0,
        100.0,
        float(round(100 * optimum.p, 1)),
        0.5,
        format="%.1f %%",
        key=f"policy_p-{run.id}-{classifier}",
        help=HELP["proportion"],
    )
    p = share / 100
    here = sign_attacker_curve(before, after, p)
    boxes = st.columns(4)
    boxes[0].metric("Attacker's accuracy", percent(float(here.accuracy)), help=HELP["accuracy"])
    boxes[1].metric("Leak", f"{float(here.bits):.3f} bits", help=HELP["bits"])
    boxes[2].metric("Best proportion", percent(optimum.p), help="The smallest with the least leak by the sign.")
    boxes[3].metric("Leak there", f"{optimum.bits:.3f} bits", help=HELP["bits"])
    st.info(optimum.sentence, icon=":material/star:")
    curve = sign_attacker_curve(before, after, np.linspace(0, 1, POINTS))
    alt = f"Accuracy and bits against the proportion; {optimum.sentence}"
    show_figure(proportion(curve, optimum, p), f"policy-{run.id}-{classifier}", alt)
    st.subheader(f"Every classifier's attacker at p = {percent(p)}", help=HELP["accuracy"])
    show_rows(attackers(run.result, p))
    st.caption("An attacker may hold any of them, so choose p by the one who learns most, not by the one chosen above.")
    st.subheader("Gender error of the released mix", help=HELP["gender_error"])
    show_rows(
        [
            _row("untouched (p = 0)", *before),
            _row("all perturbed (p = 1)", *after),
            _row(f"mix at p = {percent(p)}", float(here.male_error), float(here.female_error)),
        ]
    )
    st.caption(
        f"Errors of {classifier} in run {run.id}, measured on {run.result.judged:,} images; for a release of other "
        "images they are estimates."
    )


def attackers(result: RunResult, p: float) -> list[dict[str, str]]:
    """Give what the sign attacker with each classifier gets at the proportion, the one who learns most first."""
    found = []
    for name, error in result.gender_error.items():
        before, after = _pair(error.before), _pair(error.after)
        if before is not None and after is not None:
            here = sign_attacker_curve(before, after, p)
            found.append((-float(here.bits), name, float(here.accuracy)))
    return [
        {"The attacker's classifier": name, "Accuracy": percent(accuracy), "Leak": f"{-less:.3f} bits"}
        for less, name, accuracy in sorted(found)
    ]


def _pair(rates: Rates) -> tuple[float, float] | None:
    return None if rates.male is None or rates.female is None else (rates.male, rates.female)


def _row(title: str, male: float, female: float) -> dict[str, str]:
    return {
        "Images": title,
        "Men": percent(male),
        "Women": percent(female),
        "Mean of both": percent((male + female) / 2),
    }


with_store(show)
