"""The attacker who sees only the sign of one classifier's score, in closed form at any proportion."""

from __future__ import annotations

import numpy as np
import streamlit as st

from facepriv.charts.policy import proportion
from facepriv.policy.proportion import optimal_proportion, sign_attacker_curve
from facepriv.presentation.audit_tables import BITS
from facepriv.presentation.help_texts import HELP
from facepriv.schemas.runs import RunResult
from facepriv.store import RunRecord
from facepriv.wording import percent
from parts.figures import show_figure, show_rows

POINTS = 201


def best_p(result: RunResult, classifier: str) -> float:
    """Return the proportion that is best against the sign of a classifier; 0.5 if it is not known."""
    error = result.gender_error.get(classifier)
    errors = None if error is None else error.by_gender()
    return 0.5 if errors is None else optimal_proportion(*errors).p


def table(result: RunResult, p: float) -> None:
    """Show how often the sign attacker with each classifier is right at the proportion, the strongest first."""
    by_gender = {name: error.by_gender() for name, error in sorted(result.gender_error.items())}
    curves = {name: sign_attacker_curve(*errors, p) for name, errors in by_gender.items() if errors is not None}
    show_rows(
        [
            {"Classifier": name, "Right": percent(float(here.accuracy)), BITS: f"{float(here.bits):.2f}"}
            for name, here in sorted(curves.items(), key=lambda item: -float(item[1].bits))
        ],
        "This run has no judged images of one gender, so nothing can be estimated.",
    )


def show(run: RunRecord, result: RunResult, p: float) -> None:
    """Show the whole curve of one classifier's sign attacker, and the gender error of the mix."""
    names = list(result.gender_error)
    if not names:
        st.info("No gender classifier judged this run, so this attacker cannot be estimated.", icon=":material/info:")
        return
    classifier = st.selectbox(
        "The attacker's classifier",
        names,
        index=names.index(run.guide) if run.guide in names else 0,
        key=f"policy_classifier-{run.id}",
        help="A guide of the run, or another classifier that judged it.",
    )
    errors = result.gender_error[classifier].by_gender()
    if errors is None:
        st.info(
            "This run has no judged images of one gender. Choose a run on a data set with both labels.",
            icon=":material/info:",
        )
        return
    best = optimal_proportion(*errors)
    st.write(best.sentence)
    curve = sign_attacker_curve(*errors, np.linspace(0, 1, POINTS))
    alt = f"Accuracy and bits by proportion. {best.sentence}"
    show_figure(proportion(curve, best, p), f"policy-{run.id}-{classifier}", alt, f"run {run.id}")
    here = sign_attacker_curve(*errors, p)
    st.markdown("**Gender error of the released mix**", help=HELP["gender_error"])
    show_rows(
        [
            _row("untouched (p = 0)", *errors[0]),
            _row("all perturbed (p = 1)", *errors[1]),
            _row(f"mix at p = {percent(p)}", float(here.male_error), float(here.female_error)),
        ]
    )
    st.caption(
        f"Errors of {classifier} in run {run.id}, measured on {result.judged:,} images. For a release of other images, "
        "they are estimates."
    )


def _row(title: str, male: float, female: float) -> dict[str, str]:
    return {
        "Images": title,
        "Women": percent(female),
        "Men": percent(male),
        "Mean of both": percent((male + female) / 2),
    }
