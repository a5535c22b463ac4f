"""Results as rows of formatted text, the same in the terminal and on the pages."""

from __future__ import annotations

from collections.abc import Sequence

from facepriv.charts.rates import FLIP_TITLES
from facepriv.errors import FaceprivError
from facepriv.perturb.parameters import make_method
from facepriv.presentation.methods import KIND_TITLES
from facepriv.schemas.figures import Matching
from facepriv.schemas.runs import FIXED, MATCH_PHASES, PHASES, RunResult, RunSpec
from facepriv.store import LogLine
from facepriv.types import GENDER
from facepriv.wording import match_rate, percent

Row = dict[str, str]

FIGURE = "Figure"
"""Column of what a row of a comparison is about."""
FIRST_CLASS = "the first class"


def number(value: float | None, digits: int = 1) -> str:
    """Write a number; a dash where there is none."""
    return "–" if value is None else f"{value:,.{digits}f}"


def shown(value: object) -> str:
    """Write a parameter's value."""
    if isinstance(value, tuple | list):
        return ",".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def gender_error_rows(result: RunResult) -> list[Row]:
    """Return the gender error of every classifier before and after (Table 3)."""
    rows = []
    for classifier, error in result.gender_error.items():
        for phase in PHASES:
            rates = getattr(error, phase)
            rows.append(
                {
                    "Classifier": classifier,
                    "Images": phase,
                    "Gender error": percent(rates.all),
                    "Women": percent(rates.female),
                    "Men": percent(rates.male),
                }
            )
    return rows


def attribute_error_rows(result: RunResult) -> list[Row]:
    """Return the error of every classifier of another attribute, before and after, where there are labels."""
    rows = []
    for classifier, error in result.attribute_error.items():
        for phase in PHASES:
            rates = getattr(error, phase)
            rows.append(
                {
                    "Classifier": classifier,
                    "Images": phase,
                    "Error": percent(rates.all),
                    "Of the first class": f"{percent(rates.positive)} ({error.classes.positive})",
                    "Of the second class": f"{percent(rates.negative)} ({error.classes.negative})",
                    "Labelled": f"{error.labelled:,}",
                }
            )
    return rows


def attribute_change_rows(result: RunResult) -> list[Row]:
    """Return how the answers of classifiers changed that the run kept, or did not perturb."""
    return [
        {
            "Classifier": classifier,
            "Distinguishes": f"{change.classes.positive} or {change.classes.negative}",
            "Kept on purpose": "yes" if change.kept else "no",
            "Same answer": percent(change.stayed),
            "Mean change of the score": "–" if change.mean_change is None else f"{change.mean_change:.2f} nats",
            f"Answered {FIRST_CLASS}": f"{percent(change.positive_before)} → {percent(change.positive_after)}",
            "Images": f"{change.images:,}",
        }
        for classifier, change in result.attribute_changes.items()
    ]


def confusion_rows(result: RunResult, classifier: str) -> list[Row]:
    """Return the confusion matrices of a classifier before and after (Table 4)."""
    rows = []
    for phase in PHASES:
        matrix = getattr(result.gender_confusion[classifier], phase)
        for label in ("male", "female"):
            counts = getattr(matrix, label)
            rows.append(
                {
                    "Images": phase,
                    "Label": label,
                    "Predicted male": str(counts["male"]),
                    "Predicted female": str(counts["female"]),
                    "No score": str(counts["failed"]),
                }
            )
    return rows


def matching_rows(result: RunResult) -> list[Row]:
    """Return how well every matcher works before, after and across (Figure 7)."""
    rows = []
    for matcher, phases in result.matching.items():
        for phase in MATCH_PHASES:
            m = getattr(phases, phase)
            rows.append(
                {
                    "Matcher": matcher,
                    "Comparison": phase,
                    "AUC": number(m.auc, 4),
                    "EER": match_rate(m.eer),
                    "FNMR at FMR 1 %": match_rate(m.fmr100),
                    "FNMR at FMR 0.1 %": match_rate(m.fmr1000),
                    "Genuine": f"{m.mated:,}",
                    "Impostor": impostors(m),
                    "No template": str(m.failed),
                }
            )
    return rows


def impostors(matching: Matching) -> str:
    """Write how many non-mated comparisons were made, and of how many where they were drawn at random."""
    if matching.non_mated_taken == "all":
        return f"{matching.non_mated:,}"
    return f"{matching.non_mated:,} of {number(matching.non_mated_existing, 0)} sampled"


def survival_rows(result: RunResult) -> list[Row]:
    """Return the proportion of judged images flipped in the file, in versions of it, and under the original's crop."""
    return [
        {
            "Flipped in": FLIP_TITLES.get(name, name) + (" (diagnostic)" if name == FIXED else ""),
            "All": percent(rates.all),
            "Women": percent(rates.female),
            "Men": percent(rates.male),
        }
        for name, rates in result.flips().items()
    ]


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


def note_rows(result: RunResult) -> list[Row]:
    """Return the notes that the method made, the most frequent first."""
    notes = sorted(result.notes.items(), key=lambda item: -item[1])
    return [{"Note": note, "Images": f"{images:,}"} for note, images in notes]


def effort_rows(result: RunResult) -> list[Row]:
    """Return updates and evaluations of successful images by gender (section 3.2)."""
    rows = []
    for what, groups in (("Updates", result.updates), ("Evaluations", result.evaluations)):
        row = {"Of successful images": what}
        for group, word in (("all", "All"), ("female", "Women"), ("male", "Men")):
            summary = getattr(groups, group)
            error = "" if summary.standard_error is None else f" ± {number(summary.standard_error)}"
            row[f"{word} (mean ± standard error)"] = f"{number(summary.mean)}{error}  (n = {summary.n})"
        rows.append(row)
    return rows


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
    """Return a row for each figure with a column for each run; a dash where a run has no such figure.

    Parameters
    ----------
    runs
        Title, spec and result of each.
    """
    columns = [(title, _figures(spec, result)) for title, spec, result in runs]
    # In the order of the run with most figures; figures that only other runs have follow.
    ranked = sorted((figures for _, figures in columns), key=len, reverse=True)
    names = list(dict.fromkeys(name for figures in ranked for name in figures))
    rows = [{FIGURE: name, **{title: figures.get(name, "–") for title, figures in columns}} for name in names]
    return [row for row in rows if any(text != "–" for key, text in row.items() if key != FIGURE)]


def _figures(spec: RunSpec, result: RunResult) -> Row:
    guides = [ref.name for ref in spec.guides]
    figures = {
        "Data set": spec.dataset.name,
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
    for name, error in result.gender_error.items():
        # The names of rows must be the same in all runs, whichever classifiers guided.
        figures[f"Gender error of {name}"] = f"{percent(error.before.all)} → {percent(error.after.all)}" + (
            " (guide)" if name in guides else ""
        )
    for name, of_attribute in result.attribute_error.items():
        figures[f"Error of {name}"] = f"{percent(of_attribute.before.all)} → {percent(of_attribute.after.all)}" + (
            " (guide)" if name in guides else ""
        )
    for name, change in result.attribute_changes.items():
        figures[f"Answers of {name} unchanged"] = percent(change.stayed) + (" (kept)" if change.kept else "")
    for name, phases in result.matching.items():
        figures[f"AUC of {name}, old against new"] = number(phases.cross.auc, 4)
        for word, rate in (("1 %", "fmr100"), ("0.1 %", "fmr1000")):
            before, cross = getattr(phases.before, rate), getattr(phases.cross, rate)
            text = "–" if before is None and cross is None else f"{match_rate(before)} → {match_rate(cross)}"
            figures[f"FNMR of {name} at FMR {word}, untouched → old against new"] = text
    for what, digits, unit, summary in (("PSNR", 1, " dB", result.psnr_db), ("SSIM", 3, "", result.ssim)):
        text = f"{number(summary.median, digits)}{unit} (worst {number(summary.minimum, digits)}{unit})"
        figures[f"{what} of the face, median"] = "–" if summary.median is None else text
    figures["Evaluations per image, median"] = number(result.evaluations.all.median, 0)
    figures["Evaluations for learning (one-off)"] = number(sum(item.evaluations for item in result.learned) or None, 0)
    figures["Updates, mean"] = number(result.updates.all.mean)
    figures["Seed"] = str(spec.seed)
    figures["Computation"] = f"{number(result.seconds, 0)} s"
    return figures


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
