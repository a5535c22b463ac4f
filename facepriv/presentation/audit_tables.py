"""Audits as rows of formatted text, the same in the terminal and on the pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from facepriv.audit.attackers.registry import attackers
from facepriv.policy.minimax import MinimaxPolicy
from facepriv.presentation.run_tables import Row, number
from facepriv.schemas.audits import CONDITION_TITLES, AttackResult, AuditResult, Condition, ConditionName
from facepriv.schemas.figures import Interval
from facepriv.store import AuditRecord
from facepriv.wording import match_rate, percent


def between(interval: Interval, *, digits: int = 1) -> str:
    """Write a rate with its 95 % interval: ``12.3 % (9.1 to 15.0 %)``."""
    return _with_ends(interval, lambda rate: f"{100 * rate:.{digits}f}", " %")


def bits(interval: Interval) -> str:
    """Write bits with their 95 % interval."""
    return _with_ends(interval, lambda value: f"{value:.2f}")


def area(interval: Interval) -> str:
    """Write an AUC with its 95 % interval."""
    return _with_ends(interval, lambda value: f"{value:.3f}")


def _with_ends(interval: Interval, write: Callable[[float], str], unit: str = "") -> str:
    """Write a figure with its unit, and the ends of its interval where it has one."""
    if interval.value is None:
        return "–"
    value = write(interval.value) + unit
    if interval.low is None or interval.high is None:
        return value
    return f"{value} ({write(interval.low)} to {write(interval.high)}{unit})"


def baseline_rows(result: AuditResult) -> list[Row]:
    """Gender error of every classifier on the untouched images, with intervals."""
    return [
        {
            "Classifier": one.classifier,
            "Gender error": between(one.all),
            "Women": between(one.female),
            "Men": between(one.male),
        }
        for one in result.baseline
    ]


def audit_row(audit: AuditRecord) -> Row:
    """One stored audit in a list."""
    worst = {} if audit.result is None else {one.condition: one for one in audit.result.headlines}

    def bound(name: ConditionName) -> str:
        return "–" if name not in worst else f"{worst[name].attacker}, {percent(worst[name].upper)}"

    return {
        "Audit": str(audit.id),
        "Data set": audit.dataset_name,
        "Run": "–" if audit.run_id is None else str(audit.run_id),
        "Images": f"{audit.images:,}",
        "State": audit.state if audit.error is None else f"{audit.state}: {audit.error}",
        "Untouched": bound("untouched"),
        "The policy's mix": bound("mix"),
    }


def attacker_rows() -> list[Row]:
    """Every registered attacker with what it assumes."""
    rows = []
    for name in attackers.names():
        one = attackers.load(name)
        rows.append({"Attacker": name, "Title": one.title, "Assumption": one.assumption})  # type: ignore[attr-defined]
    return rows


def attack_rows(attacks: Sequence[AttackResult], *, variants: bool = False) -> list[Row]:
    """What attackers learn, the worst first."""
    ranked = sorted(attacks, key=lambda one: -(one.accuracy.value or 0.0))
    return [
        {
            "Attacker": one.attacker,
            **({"By": one.variant} if variants else {}),
            "Is right": between(one.accuracy),
            "Women": percent(one.female_accuracy.value),
            "Men": percent(one.male_accuracy.value),
            "AUC": area(one.auc),
            "Learns, bits": bits(one.bits),
            **({} if variants else {"By": _picked(one)}),
        }
        for one in ranked
    ]


def condition_title(one: Condition) -> str:
    """Name a release in words."""
    share = f", p = {percent(one.p)}" if one.name == "mix" else ""
    return f"{CONDITION_TITLES[one.name]}{share}"


def curve_rows(result: AuditResult) -> list[Row]:
    """How often every attacker is right, by proportion."""
    names = list(dict.fromkeys(point.attacker for point in result.curve))
    found = {(point.p, point.attacker): point.accuracy for point in result.curve}
    return [
        {"p": percent(p), **{name: percent(found.get((p, name))) for name in names}}
        for p in sorted({point.p for point in result.curve})
    ]


def optimum_rows(result: AuditResult) -> list[Row]:
    """For every attacker alone: the measured proportion at which he does worst; of equals the smallest."""
    rows = []
    for name in dict.fromkeys(point.attacker for point in result.curve):
        best = min((point for point in result.curve if point.attacker == name), key=lambda one: (one.accuracy, one.p))
        rows.append(
            {
                "Attacker": name,
                "Best p": percent(best.p),
                "Is right": percent(best.accuracy),
                "Bits": f"{best.bits:.2f}",
            }
        )
    return rows


def utility_rows(result: AuditResult) -> list[Row]:
    """How matchers fare on the database mixed at each proportion."""
    return [
        {
            "p": percent(one.p),
            "Matcher": one.matcher,
            "FNMR at FMR 1 %": match_rate(one.fmr100.fnmr),
            "FNMR at FMR 0.1 %": match_rate(one.fmr1000.fnmr)
            + ("" if one.fmr1000.supported else " (too few comparisons)"),
            "EER": match_rate(one.eer),
            "AUC": number(one.auc, 4),
        }
        for one in result.utility
    ]


def change_rows(result: AuditResult) -> list[Row]:
    """How much worse matchers are with every image perturbed, with paired intervals."""
    return [
        {
            "Matcher": one.matcher,
            "FNMR at FMR 0.1 %, all perturbed minus untouched": between(one.fnmr_at_fmr1000, digits=2),
            "Note": "" if one.supported else "too few comparisons for FMR 0.1 %",
        }
        for one in result.utility_change
    ]


def nearest(result: AuditResult, p: float) -> float | None:
    """Return the measured proportion that is nearest to ``p``; None where no curve was measured."""
    return min({point.p for point in result.curve}, key=lambda at: (abs(at - p), at), default=None)


def point_rows(result: AuditResult, p: float) -> list[Row]:
    """What every attacker learns at a measured proportion, the worst first."""
    found = sorted((point for point in result.curve if point.p == p), key=lambda point: -point.accuracy)
    return [
        {
            "Attacker": point.attacker,
            "Is right": percent(point.accuracy),
            "AUC": number(point.auc, 3),
            "Learns, bits": number(point.bits, 2),
        }
        for point in found
    ]


def worst_loss(result: AuditResult, p: float) -> tuple[str, float] | None:
    """Return the matcher whose FNMR at FMR 0.1 % suffers most at a measured proportion, and by how much; a fraction."""
    rates = {(one.matcher, one.p): one.fmr1000.fnmr for one in result.utility}
    losses = [
        (after - before, matcher)
        for (matcher, at), after in rates.items()
        if at == p and after is not None and (before := rates.get((matcher, 0.0))) is not None
    ]
    return None if not losses else (max(losses)[1], max(losses)[0])


def left_out_rows(result: AuditResult) -> list[Row]:
    """Images that were left out, by reason."""
    return [{"Left out because": reason, "Images": f"{images:,}"} for reason, images in result.left_out.items()]


def share_rows(mix: MinimaxPolicy) -> list[Row]:
    """Where each image of a mix of several runs comes from."""
    return [{"Images": name, "Share": percent(share)} for name, share in mix.shares.items()]


def holder_rows(mix: MinimaxPolicy) -> list[Row]:
    """What an attacker with each one classifier gets from a mix of several runs, the worst first."""
    return [
        {"Classifier": name, "Is right": percent(accuracy), "If it were the only one": percent(mix.alone[name])}
        for name, accuracy in sorted(mix.accuracies.items(), key=lambda one: -one[1])
    ]


def _picked(one: AttackResult, most: int = 2) -> str:
    whole = sum(one.chosen.values())
    picked = [f"{name} ({100 * times / whole:.0f} %)" for name, times in one.chosen.items()]
    return ", ".join(picked[:most]) + (", ..." if len(picked) > most else "")
