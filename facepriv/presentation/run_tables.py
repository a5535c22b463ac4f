"""Results as rows of formatted text, the same in the terminal and on the pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from facepriv.charts.rates import FLIP_TITLES
from facepriv.errors import FaceprivError
from facepriv.imaging.panel import PANEL
from facepriv.perturb.registry import aim_of, make_method
from facepriv.presentation.help_texts import AIM_TEXTS, KIND_TITLES, NO_AIM, SEED_KEPT
from facepriv.schemas.figures import GenderError, Interval, Matching
from facepriv.schemas.runs import FILE, FIXED, STOP_TITLES, RunResult, RunSpec
from facepriv.store import LogLine
from facepriv.types import GENDER
from facepriv.wording import auc_within, eer_within, match_rate, percent

Row = dict[str, str]

NO_FIGURE = "–"
FIGURE = "Figure"
"""Column of what a row of a comparison is about."""


def number(value: float | None, digits: int = 1) -> str:
    """Write a number; a dash where there is none."""
    return "–" if value is None else f"{value:,.{digits}f}"


def between(interval: Interval, *, digits: int = 1) -> str:
    """Write a rate with its 95 % interval: ``12.3 % (9.1 to 15.0 %)``."""
    return with_ends(interval, lambda rate: f"{100 * rate:.{digits}f}", " %")


def with_ends(interval: Interval, write: Callable[[float], str], unit: str = "") -> str:
    """Write a figure with its unit, and the ends of its interval where it has one."""
    if interval.value is None:
        return "–"
    value = write(interval.value) + unit
    if interval.low is None or interval.high is None:
        return value
    return f"{value} ({write(interval.low)} to {write(interval.high)}{unit})"


def shown(value: object) -> str:
    """Write a parameter's value."""
    if isinstance(value, tuple | list):
        return ",".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def known_columns(rows: Sequence[Row]) -> list[Row]:
    """Return rows without the columns that have no figure in any of them, as men's among images of women."""
    known = {column for row in rows for column, text in row.items() if text != NO_FIGURE}
    return [{column: text for column, text in row.items() if column in known} for row in rows]


def gender_errors(result: RunResult) -> dict[str, GenderError]:
    """Return the gender error of each classifier that judged labelled images; none where no image has a label."""
    return {
        name: error
        for name, error in result.gender_error.items()
        if error.before.all is not None or error.after.all is not None
    }


def gender_error_rows(result: RunResult) -> list[Row]:
    """Return the gender error of every classifier before and after (Table 3); none without labels."""
    rows = [
        {
            "Classifier": classifier,
            "Images": phase,
            "Gender error": percent(rates.all),
            "Women": percent(rates.female),
            "Men": percent(rates.male),
        }
        for classifier, error in gender_errors(result).items()
        for phase, rates in error
    ]
    return known_columns(rows)


def jury_rows(result: RunResult) -> list[Row]:
    """Return how the majority of the jury and each juror err, before and after, with intervals over subjects."""
    if result.jury is None:
        return []
    jurors = result.jury.jurors
    rows = [
        {
            "Juror": name,
            "Images": phase,
            "Gender error": between(error.all),
            "Women": between(error.female),
            "Men": between(error.male),
            "AUC": with_ends(error.auc, lambda auc: f"{auc:.3f}"),
        }
        for name, errors in ((f"majority of {len(jurors)}", result.jury.majority), *jurors.items())
        for phase, error in errors
    ]
    return known_columns(rows) if result.jury.majority.before.all.value is not None else []


def least_fooled(result: RunResult, *guides: str) -> tuple[str, float] | None:
    """Return which classifier errs least after the run, besides these guides and the run's, and its gender error."""
    errors = {name: error.after.all for name, error in result.gender_error.items()}
    others = [
        (name, rate) for name, rate in errors.items() if rate is not None and name not in (*guides, *result.guides)
    ]
    return min(others, key=lambda other: other[1], default=None)


def attribute_error_rows(result: RunResult) -> list[Row]:
    """Return the error of every classifier of another attribute, before and after, where there are labels."""
    return [
        {
            "Classifier": classifier,
            "Images": phase,
            "Error": percent(rates.all),
            "Of the first class": f"{percent(rates.positive)} ({error.classes.positive})",
            "Of the second class": f"{percent(rates.negative)} ({error.classes.negative})",
            "Labelled": f"{error.labelled:,}",
        }
        for classifier, error in result.attribute_error.items()
        for phase, rates in (("before", error.before), ("after", error.after))
    ]


def attribute_change_rows(result: RunResult) -> list[Row]:
    """Return how the answers of classifiers changed that the run kept, or did not perturb."""
    return [
        {
            "Classifier": classifier,
            "Distinguishes": f"{change.classes.positive} or {change.classes.negative}",
            "Kept on purpose": "yes" if change.kept else "no",
            "Same answer": percent(change.stayed),
            "Mean change of the score": "–" if change.mean_change is None else f"{change.mean_change:.2f} nats",
            "Answered the first class": f"{percent(change.positive_before)} → {percent(change.positive_after)}",
            "Images": f"{change.images:,}",
        }
        for classifier, change in result.attribute_changes.items()
    ]


def confusion_rows(result: RunResult, classifier: str) -> list[Row]:
    """Return the confusion matrices of a classifier before and after (Table 4)."""
    return [
        {
            "Images": phase,
            "Label": label,
            "Predicted male": str(counts["male"]),
            "Predicted female": str(counts["female"]),
            "No score": str(counts["failed"]),
        }
        for phase, matrix in result.gender_confusion[classifier]
        for label, counts in matrix
        if sum(counts.values())
    ]


def matching_rows(result: RunResult) -> list[Row]:
    """Return how well every matcher works before, after and across (Figure 7)."""
    return [
        {
            "Matcher": matcher,
            "Comparison": phase,
            **recognition_cells(matching),
            "Genuine": f"{matching.mated:,}",
            "Impostor": impostors(matching),
            "No template": str(matching.failed),
        }
        for matcher, phases in result.matching.items()
        for phase, matching in phases
    ]


def recognition_cells(matching: Matching) -> Row:
    """Return the error rates of a matcher."""
    return {
        "AUC": auc_within(matching.auc, matching.auc_error),
        "EER": eer_within(matching.eer, matching.eer_error),
        "FNMR at FMR 1 %": _rejected(matching, 0.01, matching.fmr100),
        "FNMR at FMR 0.1 %": _rejected(matching, 0.001, matching.fmr1000),
    }


def _rejected(matching: Matching, target_fmr: float, fnmr: float | None) -> str:
    """Write FNMR at an operating point, with its interval where that is known."""
    interval = matching.fnmr_interval(target_fmr)
    return match_rate(fnmr) if fnmr is None or interval is None else between(interval, digits=2)


def impostors(matching: Matching) -> str:
    """Write how many non-mated comparisons were made, and of how many where they were drawn at random."""
    if matching.non_mated_taken == "all":
        return f"{matching.non_mated:,}"
    return f"{matching.non_mated:,} of {number(matching.non_mated_existing, 0)} sampled"


def survival_rows(result: RunResult) -> list[Row]:
    """Return the proportion of judged images flipped in the file, in versions of it, and under the original's crop."""
    rows = [
        {
            "Flipped in": FLIP_TITLES.get(name, name) + (" (diagnostic)" if name == FIXED else ""),
            "Methods may use it": "–" if name in (FILE, FIXED) else "no" if name in PANEL else "yes",
            "All": percent(rates.all),
            "Women": percent(rates.female),
            "Men": percent(rates.male),
        }
        for name, rates in result.flips().items()
    ]
    return known_columns(rows)


def learned_rows(result: RunResult) -> list[Row]:
    """Return what was learned before the images were perturbed."""
    return [
        {
            "Learned from": item.dataset + ("" if item.fold is None else f", half {item.fold + 1}"),
            "Subjects": f"{item.subjects:,}",
            "Images": f"{item.images:,}",
            "Evaluations (one-off)": f"{item.evaluations:,}",
            "SHA-256": item.sha256[:12],
        }
        for item in result.learned
    ]


def count_rows(title: str, counts: Iterable[tuple[str, int]]) -> list[Row]:
    """Return how many images there are of each reason, note or other name, which stands in a column of this title."""
    return [{title: name, "Images": f"{images:,}"} for name, images in counts]


def note_rows(result: RunResult) -> list[Row]:
    """Return the notes that the method made, the most frequent first."""
    return count_rows("Note", Counter(result.notes).most_common())


def stop_rows(result: RunResult) -> list[Row]:
    """Return why perturbing ended, the most frequent reason first."""
    stops = Counter(result.stops).most_common()
    return count_rows("Reason", [(STOP_TITLES.get(stop, stop), images) for stop, images in stops])


def effort_rows(result: RunResult) -> list[Row]:
    """Return updates and evaluations of successful images by gender (section 3.2)."""
    rows = []
    for what, groups in (("Updates", result.updates), ("Evaluations", result.evaluations)):
        row = {"Of successful images": what}
        for word, summary in (("All", groups.all), ("Women", groups.female), ("Men", groups.male)):
            if word != "All" and not summary.n:
                continue
            mean = mean_and_error(summary.mean, summary.standard_error)
            row[f"{word} (mean ± standard error)"] = f"{mean}  (n = {summary.n})"
        rows.append(row)
    return rows


def mean_and_error(mean: float | None, error: float | None) -> str:
    """Write a mean with its standard error: ``12.3 ± 0.4``."""
    return number(mean) + ("" if error is None else f" ± {number(error)}")


def quality_rows(result: RunResult) -> list[Row]:
    """Return PSNR and SSIM inside the face box, of images that were changed."""
    rows = []
    for what, unit, digits, summary in (("PSNR", " dB", 1, result.psnr_db), ("SSIM", "", 3, result.ssim)):
        row = {"In the face box": what, "Images": str(summary.n)}
        for word, value in (("Mean", summary.mean), ("Median", summary.median), ("Worst", summary.minimum)):
            row[word] = number(value, digits) + (unit if value is not None else "")
        rows.append(row)
    return rows


def comparison_rows(runs: Sequence[tuple[str, RunSpec, RunResult]]) -> list[Row]:
    """Return a row for each figure with a column for each run, which are given with their titles.

    A dash stands where a run has no such figure.
    """
    columns = [(title, _figures(spec, result)) for title, spec, result in runs]
    # In the order of the run with most figures; figures that only other runs have follow.
    ranked = sorted((figures for _, figures in columns), key=len, reverse=True)
    names = list(dict.fromkeys(name for figures in ranked for name in figures))
    rows = [{FIGURE: name, **{title: figures.get(name, "–") for title, figures in columns}} for name in names]
    return [row for row in rows if any(text != "–" for key, text in row.items() if key != FIGURE)]


def split_rows(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Return the rows of a comparison whose columns differ, and those in which all columns are the same."""
    cells = [{text for name, text in row.items() if name != FIGURE} for row in rows]
    differ = [row for row, texts in zip(rows, cells, strict=True) if len(texts) > 1]
    return differ, [row for row, texts in zip(rows, cells, strict=True) if len(texts) <= 1]


def _figures(spec: RunSpec, result: RunResult) -> Row:
    guides = [ref.name for ref in spec.guides]
    figures = {
        "Data set": spec.dataset.name,
        "Aim": aim_title(spec),
        "Method": spec.method,
        "Kind": KIND_TITLES[result.kind] if result.kind else "–",
        "Guides": ", ".join(guides),
        "Perturbed attribute": spec.attribute if spec.attribute != GENDER else "–",
        "Kept": ", ".join(ref.name for ref in spec.keep) or "–",
        "Landmarks": "–" if spec.landmarker is None else spec.landmarker.name,
        "Guard matchers": ", ".join(ref.name for ref in spec.guards) or "–",
        "Learned from": ", ".join(dict.fromkeys(item.dataset for item in result.learned)) or "–",
        "Parameters": changed_parameters(spec),
        "Images judged": f"{result.judged:,} of {result.images:,}",
        "Failures": f"{result.failures.total:,}",
    }
    for name, rates in result.flips().items():
        diagnostic = " (diagnostic)" if name == FIXED else ""
        figures[f"Flipped: {FLIP_TITLES.get(name, name)}{diagnostic}"] = percent(rates.all)
    for title, errors in (("Gender error", gender_errors(result)), ("Error", result.attribute_error)):
        for name, error in errors.items():
            # The names of rows must be the same in all runs, whichever classifiers guided.
            change = f"{percent(error.before.all)} → {percent(error.after.all)}"
            figures[f"{title} of {name}"] = change + (" (guide)" if name in guides else "")
    if result.jury is not None:
        wrong = [percent(errors.all.value) for _, errors in result.jury.majority]
        figures["Gender error of the jury's majority"] = " → ".join(wrong)
        figures["Jury"] = ", ".join(result.jury.jurors)
    for name, answers in result.attribute_changes.items():
        figures[f"Answers of {name} unchanged"] = percent(answers.stayed) + (" (kept)" if answers.kept else "")
    for name, phases in result.matching.items():
        figures[f"AUC of {name}, old against new"] = auc_within(phases.cross.auc, phases.cross.auc_error)
        for word, before, cross in (
            ("1 %", phases.before.fmr100, phases.cross.fmr100),
            ("0.1 %", phases.before.fmr1000, phases.cross.fmr1000),
        ):
            text = "–" if before is None and cross is None else f"{match_rate(before)} → {match_rate(cross)}"
            figures[f"FNMR of {name} at FMR {word}, untouched → old against new"] = text
    for what, digits, unit, summary in (("PSNR", 1, " dB", result.psnr_db), ("SSIM", 3, "", result.ssim)):
        text = f"{number(summary.median, digits)}{unit} (worst {number(summary.minimum, digits)}{unit})"
        figures[f"{what} of the face, median"] = "–" if summary.median is None else text
    figures["Evaluations per image, median"] = number(result.evaluations.all.median, 0)
    figures["Evaluations for learning (one-off)"] = number(sum(item.evaluations for item in result.learned) or None, 0)
    figures["Updates, mean"] = number(result.updates.all.mean)
    figures["Seed"] = seed(spec)
    figures["Computation"] = f"{number(result.seconds, 0)} s"
    return figures


def aim_title(spec: RunSpec) -> str:
    """Name the aim of a run in words."""
    named = aim_of(spec.method)
    return NO_AIM.lower() if named is None else AIM_TEXTS[named].title


def seed(spec: RunSpec) -> str:
    """Write the seed of a run, or why it is not shown."""
    return SEED_KEPT if spec.has_secret_seed else str(spec.seed)


def changed_parameters(spec: RunSpec) -> str:
    """Write the parameters of a run that are not the method's defaults."""
    try:
        defaults = make_method(spec.method, {}).parameters.model_dump(mode="json")
    except FaceprivError:  # a plug-in that is not installed here
        defaults = {}
    changed = {name: value for name, value in spec.parameters.items() if value != defaults.get(name, ...)}
    return ", ".join(f"{name} {shown(value)}" for name, value in changed.items()) or "all defaults"


def failure_rows(result: RunResult) -> list[Row]:
    """Return every image that failed, where and why (Figure 8)."""
    return [
        {"Image": item.name, "Stage": item.stage, "Reason": item.reason, "What to do": item.sentence}
        for item in result.failures.items
    ]


def log_rows(lines: Sequence[LogLine]) -> list[Row]:
    """Return the log of a job, line by line; a dash where no worker wrote the line."""
    return [
        {"When": f"{line.at:%Y-%m-%d %H:%M:%S} UTC", "What": line.text, "Worker": line.owner or "–"} for line in lines
    ]
