"""Numbers of runs and audits that a table sorts by and that can be drawn against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from facepriv.presentation.run_tables import least_fooled
from facepriv.presentation.verdict import matches_lost, released
from facepriv.schemas.audits import AuditResult
from facepriv.schemas.figures import MatchingPhases
from facepriv.schemas.runs import RunResult, RunSpec

Numbers = dict[str, float]
"""By their names; one that is not known is left out."""
PARAMETER = "parameter:"
"""What the name of a method's parameter begins with."""


@dataclass(frozen=True)
class Kind:
    """How a number is called and written."""

    title: str
    is_rate: bool = False
    """Whether it is a fraction, which is written in percent."""


RIGHT, AT_MOST, LOST = "right", "at-most", "matches-lost"
KINDS: dict[str, Kind] = {
    RIGHT: Kind("Strongest attacker right", True),
    AT_MOST: Kind("Strongest attacker right at most", True),
    "right-untouched": Kind("Strongest attacker right, untouched images", True),
    "bits": Kind("Bits learnt by the strongest attacker"),
    LOST: Kind("Genuine matches lost", True),
    "proportion": Kind("Images changed in the release", True),
    "flipped": Kind("Images flipped", True),
    "guide-wrong": Kind("Main guide wrong", True),
    "least-fooled-wrong": Kind("Least fooled other classifier wrong", True),
    "jury-wrong": Kind("Majority of the jury wrong", True),
    "auc": Kind("AUC of the worst matcher, old against new"),
    "fnmr": Kind("FNMR at FMR 0.1 % of the worst matcher, old against new", True),
    "psnr": Kind("PSNR of the face, median (dB)"),
    "ssim": Kind("SSIM of the face, median"),
    "updates": Kind("Updates, mean"),
    "evaluations": Kind("Evaluations per image, median"),
    "images": Kind("Images asked for"),
    "failures": Kind("Failures"),
    "seconds": Kind("Computation (s)"),
}
"""Those that every method may have; parameters follow, by their names."""


def kind_of(name: str) -> Kind:
    """Return how a number is called and written."""
    return KINDS.get(name) or Kind(f"Parameter {name.removeprefix(PARAMETER)}")


def numbers_of_run(spec: RunSpec, result: RunResult | None) -> Numbers:
    """Return the numbers of a run: its parameters, and what it came to once it is complete.

    Genuine matches lost are those of untouched with changed images, as long as no audit says it of a release.
    """
    found: dict[str, float | None] = {
        f"{PARAMETER}{name}": value
        for name, value in spec.parameters.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    if result is not None:
        error = result.gender_error.get(spec.guide.name)
        least = least_fooled(result, spec.guide.name)
        crosses = [phases.cross for phases in result.matching.values()]
        found |= {
            LOST: matches_lost(result.matching),
            "flipped": result.flipped.all,
            "guide-wrong": None if error is None else error.after.all,
            "least-fooled-wrong": None if least is None else least[1],
            "jury-wrong": None if result.jury is None else result.jury.majority.after.all.value,
            "auc": min((cross.auc for cross in crosses if cross.auc is not None), default=None),
            "fnmr": max((cross.fmr1000 for cross in crosses if cross.fmr1000 is not None), default=None),
            "psnr": result.psnr_db.median,
            "ssim": result.ssim.median,
            "updates": result.updates.all.mean,
            "evaluations": result.evaluations.all.median,
            "images": result.images,
            "failures": result.failures.total,
            "seconds": result.seconds,
        }
    return _known(found)


def numbers_of_audit(result: AuditResult, matching: Mapping[str, MatchingPhases]) -> Numbers:
    """Return the numbers of an audit that its verdict is made of; ``matching`` as for `audit_verdict`."""
    strongest = {line.condition: line for line in result.headlines}
    condition = released(result)
    p = {"untouched": 0.0, "perturbed": 1.0, "mix": result.policy.p if result.policy else 0.0}[condition]
    found: dict[str, float | None] = {}
    if condition in strongest:
        line = strongest[condition]
        found |= {RIGHT: line.accuracy, AT_MOST: line.at_most, "bits": line.bits}
    if "untouched" in strongest:
        found["right-untouched"] = strongest["untouched"].accuracy
    if condition != "untouched":
        found |= {"proportion": p, LOST: matches_lost(matching, result, p)}
    return _known(found)


def _known(numbers: Mapping[str, float | None]) -> Numbers:
    # JSON has no infinity, which is the PSNR of what was left unchanged.
    return {name: float(value) for name, value in numbers.items() if value is not None and abs(value) != float("inf")}
