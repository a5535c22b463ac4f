"""Words that sentences for people are made of."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor


def count(number: int, noun: str) -> str:
    """Write ``1 image``, ``1,200 images``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def percent(rate: float | None, digits: int = 1) -> str:
    """Write a rate 0..1 in percent; a dash where there is none."""
    return "–" if rate is None else f"{100 * rate:.{digits}f} %"


def about_results(run_id: int | None, audit_id: int | None) -> str:
    """Name the results of a run, of an audit, or of both, such as ``run 3, audit 2``; shares and sign-offs go by it."""
    named = (("run", run_id), ("audit", audit_id))
    return ", ".join(f"{noun} {number}" for noun, number in named if number is not None)


def times_in_100(rate: float, *, up: bool = False) -> str:
    """Write a rate 0..1 as ``97`` (times in 100): only what is certain is 0 or 100; with ``up`` rounded upwards."""
    times = min(100, ceil(100 * rate - 1e-9)) if up else floor(100 * rate + 0.5)
    if times == 100 and rate < 1 and not up:
        return "more than 99"
    return "fewer than 1" if times == 0 and rate > 0 else str(times)


def one_in(rate: float) -> str:
    """Write a positive rate as ``1 in 20``, large ones as ``2 in 5`` or ``37 in 100``, and 1 as ``all``."""
    if rate > 0.995:
        return "all"
    if rate <= 0.21:
        number = round(1 / rate)
        return f"1 in {number if number < 100 else round(number, 1 - len(str(number)) + 1):,}"
    for whole in (2, 3, 4, 5):
        part = round(rate * whole)
        if abs(part / whole - rate) < 0.005 and 0 < part < whole:
            return f"{part} in {whole}"
    return f"{round(100 * rate)} in 100"


def match_rate(rate: float | None) -> str:
    """Write an error rate of matching, which is looked at down to thresholds of 0.1 %; a dash where there is none."""
    return percent(rate, 2)


def off_by(error: float, digits: int, unit: str = "") -> str:
    """Write how far a figure may be off, rounded up to its digits: `` ± 0.0001``; nothing for an exact one."""
    return "" if error <= 0 else f" ± {ceil(error * 10**digits - 1e-9) / 10**digits:.{digits}f}{unit}"


def auc_within(auc: float | None, error: float) -> str:
    """Write an AUC, and how far it may be off because scores were counted in bins; a dash where there is none."""
    return "–" if auc is None else f"{auc:.4f}{off_by(error, 4)}"


def eer_within(eer: float | None, error: float) -> str:
    """Write an equal error rate as `auc_within` writes an AUC."""
    return match_rate(eer) + ("" if eer is None else off_by(100 * error, 2, " %"))


def listed(names: Sequence[str], last: str = "and") -> str:
    """Write ``a``, ``a and b``, ``a, b and c``; empty for no names."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


def some(values: Sequence[object], most: int = 20) -> str:
    """Write ``a, b, c``, of many only the first and how many more there are."""
    shown = ", ".join(map(str, values[:most]))
    return shown if len(values) <= most else f"{shown} and {len(values) - most:,} more"


def size_of(number: int | None) -> str:
    """Write a number of bytes: ``0.5 MB``, ``1,200.0 MB``; where it is not known, say so."""
    return "not known" if number is None else f"{number / 1e6:,.1f} MB"


def duration(seconds: float) -> str:
    """Write a time span in at most two units, rounded up to whole seconds."""
    whole = max(0, int(seconds + 0.999))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def rough(seconds: float) -> str:
    """Write a time span that is not known exactly: ``a few seconds``, ``about 40 s``, ``about 2 min 30 s``."""
    if seconds < 8:
        return "a few seconds"
    step = 5 if seconds < 60 else 10 if seconds < 600 else 60 if seconds < 36000 else 600
    return f"about {duration(round(seconds / step) * step)}"


def some_time(low: float, high: float) -> str:
    """Write a time span that is known roughly, in seconds: ``some 2 to 3 min``, ``about 1 h``, ``a few seconds``."""
    if high < 10:
        return "a few seconds"
    unit, name = next((unit, name) for unit, name in ((3600.0, "h"), (60.0, "min"), (1.0, "s")) if high >= 1.5 * unit)
    step = 10.0 if unit == 1.0 else 0.5 if high < 10 * unit and unit == 3600.0 else 1.0
    least = max(step, round(low / unit / step) * step)
    most = max(least, ceil(high / unit / step - 0.25) * step)
    if most == least:
        return f"about {most:g} {name}"
    return f"some {least:g} to {most:g} {name}"


def rate_of(rate: float, several: str = "images", one: str = "an image") -> str:
    """Write a speed: ``4.2 images/s``, or ``2.5 s an image`` where one takes longer than a second."""
    return f"{rate:.1f} {several}/s" if rate >= 1 else f"{1 / rate:.1f} s {one}"
