"""Audits as rows of formatted text, the same in the terminal and on the pages."""

from __future__ import annotations

from collections.abc import Sequence

from facepriv.audit.attackers.registry import attackers
from facepriv.policy.minimax import MinimaxPolicy
from facepriv.presentation.attackers import attacker_in_words
from facepriv.presentation.run_tables import FIGURE, Row, between, count_rows, number, with_ends
from facepriv.schemas.audits import (
    CONDITION_TITLES,
    AttackResult,
    AuditResult,
    AuditSpec,
    Condition,
    ConditionName,
    CurvePoint,
    LearningGain,
    LearningPoint,
)
from facepriv.wording import match_rate, percent

MEANS = "By"
"""Column of the means by which an attacker guesses."""
BITS = "Bits learned, at least"
"""Column of the lower bound of what an attacker learns."""


def baseline_rows(result: AuditResult) -> list[Row]:
    """Return the gender error of every classifier on the untouched images, with intervals."""
    return [
        {
            "Classifier": error.classifier,
            "Gender error": between(error.all),
            "Women": between(error.female),
            "Men": between(error.male),
        }
        for error in result.baseline
    ]


def attacker_rows() -> list[Row]:
    """Return every registered attacker with what it assumes."""
    rows = []
    for name in attackers.names():
        attacker = attackers.load(name)
        rows.append(
            {
                "Attacker": name,
                "In plain words": attacker_in_words(name),
                "Title": attacker.title,  # type: ignore[attr-defined]
                "Assumption": attacker.assumption,  # type: ignore[attr-defined]
            }
        )
    return rows


def attack_rows(attacks: Sequence[AttackResult], *, variants: bool = False) -> list[Row]:
    """Return what attackers learn, the strongest first; with ``variants`` each means of each attacker."""
    ranked = sorted(attacks, key=lambda attack: -(attack.accuracy.value or 0.0))
    return [
        {
            "Attacker": attack.attacker,
            **({MEANS: attack.variant} if variants else {}),
            "Right": between(attack.accuracy),
            "Women": percent(attack.female_accuracy.value),
            "Men": percent(attack.male_accuracy.value),
            "AUC": with_ends(attack.auc, "{:.3f}".format),
            BITS: with_ends(attack.bits, "{:.2f}".format),
            **({} if variants else {MEANS: _weighed_most(attack)}),
        }
        for attack in ranked
    ]


def condition_title(condition: Condition) -> str:
    """Return a release in words, e.g. ``mixed release (45.0 % of images changed)``."""
    changed = f" ({percent(condition.p)} of images changed)" if condition.name == "mix" else ""
    return f"{CONDITION_TITLES[condition.name]}{changed}"


def learning_points(result: AuditResult, condition: ConditionName) -> list[LearningPoint]:
    """Return what attackers learn from a release by number of people learnt from."""
    return [point for point in result.learning if point.condition == condition]


def learning_rows(result: AuditResult, condition: ConditionName) -> list[Row]:
    """Return how often every attacker is right by part of the people learnt from, and the gain by the last half."""
    points = learning_points(result, condition)
    parts = sorted({point.part for point in points})
    cells = {(point.attacker, point.part): point for point in points}
    gains = {gain.attacker: gain for gain in result.learning_gains if gain.condition == condition}
    return [
        {
            "Attacker": name,
            **{_part_title(part): _by_people(cells.get((name, part))) for part in parts},
            "Gain from half to all, points": "–" if name not in gains else _gained(gains[name]),
        }
        for name in dict.fromkeys(point.attacker for point in points)
    ]


def _part_title(part: float) -> str:
    return {1.0: "All people", 0.5: "Half of them"}.get(part, f"1/{round(1 / part)} of them")


def _by_people(point: LearningPoint | None) -> str:
    return "–" if point is None else f"{percent(point.accuracy.value)} ({point.subjects:,})"


def _gained(gain: LearningGain) -> str:
    return with_ends(gain.accuracy, lambda rate: f"{100 * rate:+.1f}") + (", likely more" if gain.likely else "")


def curve_rows(result: AuditResult) -> list[Row]:
    """Return how often every attacker is right, by proportion."""
    names = list(dict.fromkeys(point.attacker for point in result.curve))
    accuracies = {(point.p, point.attacker): point.accuracy for point in result.curve}
    return [
        {"p": percent(p), **{name: percent(accuracies.get((p, name))) for name in names}}
        for p in sorted({point.p for point in result.curve})
    ]


def optimum_rows(result: AuditResult) -> list[Row]:
    """Return, for every attacker alone, the measured proportion at which it does worst; of equals the smallest."""
    best: dict[str, CurvePoint] = {}
    for point in sorted(result.curve, key=lambda point: (point.accuracy, point.p)):
        best.setdefault(point.attacker, point)
    return [
        {
            "Attacker": name,
            "Best p": percent(best[name].p),
            "Right": percent(best[name].accuracy),
            BITS: f"{best[name].bits:.2f}",
        }
        for name in dict.fromkeys(point.attacker for point in result.curve)
    ]


def utility_rows(result: AuditResult) -> list[Row]:
    """Return how well matchers work on the database mixed at each proportion."""
    return [
        {
            "p": percent(point.p),
            "Matcher": point.matcher,
            "FNMR at FMR 1 %": match_rate(point.fmr100.fnmr),
            "FNMR at FMR 0.1 %": match_rate(point.fmr1000.fnmr)
            + ("" if point.fmr1000.supported else " (too few comparisons)"),
            "EER": match_rate(point.eer),
            "AUC": number(point.auc, 4),
        }
        for point in result.utility
    ]


def change_rows(result: AuditResult) -> list[Row]:
    """Return how much worse matchers are with every image perturbed, with paired intervals."""
    return [
        {
            "Matcher": change.matcher,
            "FNMR at FMR 0.1 %, all perturbed minus untouched": between(change.fnmr_at_fmr1000, digits=2),
            "Note": "" if change.supported else "too few comparisons for FMR 0.1 %",
        }
        for change in result.utility_change
    ]


def nearest(result: AuditResult, p: float) -> float | None:
    """Return the measured proportion that is nearest to ``p``; None where no curve was measured."""
    return min({point.p for point in result.curve}, key=lambda at: (abs(at - p), at), default=None)


def point_rows(result: AuditResult, p: float) -> list[Row]:
    """Return what every attacker learns at a measured proportion, the strongest first."""
    return [
        {
            "Attacker": point.attacker,
            "Right": percent(point.accuracy),
            "AUC": number(point.auc, 3),
            BITS: number(point.bits, 2),
        }
        for point in sorted(result.curve, key=lambda point: -point.accuracy)
        if point.p == p
    ]


def worst_loss(result: AuditResult, p: float) -> tuple[str, float] | None:
    """Return the matcher whose FNMR at FMR 0.1 % suffers most at a measured proportion, and by how much; a fraction."""
    rates = {(point.matcher, point.p): point.fmr1000.fnmr for point in result.utility}
    losses = [
        (after - before, matcher)
        for (matcher, at), after in rates.items()
        if at == p and after is not None and (before := rates.get((matcher, 0.0))) is not None
    ]
    return None if not losses else (max(losses)[1], max(losses)[0])


def audit_comparison_rows(audits: Sequence[tuple[str, AuditSpec, AuditResult]]) -> list[Row]:
    """Return a row for each setting and figure with a column for each audit, which are given with their titles.

    A dash stands where an audit has no such figure.
    """
    columns = [(title, _audit_figures(spec, result)) for title, spec, result in audits]
    names = list(dict.fromkeys(name for _, figures in columns for name in figures))
    rows = [{FIGURE: name, **{title: figures.get(name, "–") for title, figures in columns}} for name in names]
    return [row for row in rows if any(text != "–" for key, text in row.items() if key != FIGURE)]


def _audit_figures(spec: AuditSpec, result: AuditResult) -> Row:
    people = spec.learn_from
    floor = spec.most_fnmr_loss
    figures = {
        "Data set": spec.dataset.name,
        "Version audited": "original" if spec.run_id is None else f"after run {spec.run_id}",
        "People audited": f"{result.subjects:,}",
        "Images audited": f"{result.images:,}",
        "Attackers learned from": "other people of the data set" if people is None else people.dataset.name,
        "Attackers": ", ".join(spec.attackers),
        "Classifiers": ", ".join(ref.name for ref in spec.classifiers) or "–",
        "Matchers": ", ".join(ref.name for ref in spec.matchers) or "–",
        "Images drawn by": spec.select_by,
        "Genuine matches that may be lost": "any" if floor is None else percent(floor),
        "Proportion chosen": "–" if result.policy is None else percent(result.policy.p),
    }
    for line in result.headlines:
        title = CONDITION_TITLES[line.condition]
        figures[f"Strongest attacker, {title}"] = line.attacker
        figures[f"Strongest attacker right, {title}"] = f"{percent(line.accuracy)} (at most {percent(line.at_most)})"
    for condition in result.conditions:
        for attack in condition.attacks:
            title = CONDITION_TITLES[condition.name]
            figures[f"{attack.attacker} right, {title}"] = between(attack.accuracy)
    lost = None if result.policy is None else worst_loss(result, result.policy.p)
    if lost is not None:
        figures["Genuine matches lost in the mixed release"] = f"{percent(lost[1])} ({lost[0]})"
    for error in result.baseline:
        figures[f"Gender error of {error.classifier}, untouched"] = between(error.all)
    figures["Seed"] = str(spec.seed)
    figures["Computation"] = f"{number(result.seconds, 0)} s"
    return figures


def left_out_rows(result: AuditResult) -> list[Row]:
    """Return how many images were left out, by reason."""
    return count_rows("Left out because", result.left_out.items())


def share_rows(mix: MinimaxPolicy) -> list[Row]:
    """Return where the images of a mix of several runs come from."""
    return [{"Images": name, "Proportion": percent(share)} for name, share in mix.weights.items()]


def holder_rows(mix: MinimaxPolicy) -> list[Row]:
    """Return how often an attacker with each classifier is right about a mix of several runs, the strongest first."""
    return [
        {"Classifier": name, "Right": f"{percent(accuracy)} ({percent(mix.alone[name])})"}
        for name, accuracy in sorted(mix.accuracies.items(), key=lambda item: -item[1])
    ]


def _weighed_most(attack: AttackResult, most: int = 2) -> str:
    whole = sum(attack.chosen.values())
    names = [f"{name} ({100 * times / whole:.0f} %)" for name, times in attack.chosen.items()]
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
