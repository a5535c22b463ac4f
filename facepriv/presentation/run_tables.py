"""Results as rows of formatted text, the same in the terminal and on the pages."""

from __future__ import annotations

from collections.abc import Sequence

from facepriv.charts.rates import FLIP_TITLES
from facepriv.errors import FaceprivError
from facepriv.imaging.versions import VERSION_PHRASES
from facepriv.perturb.earlier_parameters import rename_earlier
from facepriv.perturb.parameters import make_method
from facepriv.presentation.methods import KIND_TITLES
from facepriv.schemas.figures import Matching
from facepriv.schemas.runs import FIXED, MATCH_PHASES, PHASES, RunResult, RunSpec
from facepriv.store import LogLine
from facepriv.types import GENDER
from facepriv.wording import listed, match_rate, percent

Row = dict[str, str]

FIGURE = "Figure"
"""Column of what a row of a comparison is about."""
FIRST_CLASS = "the first class"
OUTLASTING = 0.9
"""Share of a file's flips below which a version of the file is said to lose flips."""

"""When a flip is looked for, in a sentence."""


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
    """Gender error of every classifier before and after (Table 3)."""
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
    """Error of every classifier of another attribute than gender, before and after, where there are labels."""
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
    """What became of the verdicts that were to be kept, and of those on attributes that were not to be turned."""
    return [
        {
            "Classifier": classifier,
            "Tells": f"{change.classes.positive} or {change.classes.negative}",
            "Was to be kept": "yes" if change.kept else "no",
            "Verdict stayed": percent(change.stayed),
            "Mean change of the score": "–" if change.mean_change is None else f"{change.mean_change:.2f} nats",
            f"Said {FIRST_CLASS}": f"{percent(change.positive_before)} → {percent(change.positive_after)}",
            "Images": f"{change.images:,}",
        }
        for classifier, change in result.attribute_changes.items()
    ]


def confusion_rows(result: RunResult, classifier: str) -> list[Row]:
    """Confusion matrices of one classifier before and after (Table 4)."""
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
    """How every matcher fares before, after and across (Figure 7)."""
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


def impostors(found: Matching) -> str:
    """Write how many non-mated comparisons were made, and of how many where they were drawn at random."""
    if found.non_mated_taken == "all":
        return f"{found.non_mated:,}"
    return f"{found.non_mated:,} of {number(found.non_mated_existing, 0)} sampled"


def sampling_notes(result: RunResult) -> list[str]:
    """Say in sentences where impostor comparisons were drawn at random, and how far FMR may be off for that."""
    sentences = []
    for matcher, phases in result.matching.items():
        for phase in MATCH_PHASES:
            m = getattr(phases, phase)
            rates = [
                f"{percent(point.fmr, 4)} ± {percent(point.fmr_standard_error, 4)}"
                for point in m.operating_points
                if point.fmr is not None and point.fmr_standard_error is not None
            ]
            if rates:
                sentences.append(f"{matcher}, {phase}: {impostors(m)}; FMR {' and '.join(rates)} (± standard error).")
    return sentences


def survival_rows(result: RunResult) -> list[Row]:
    """Share of judged images that are flipped in the file, in versions of it, and under the original's crop."""
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
    """What was learnt before the images were perturbed."""
    return [
        {
            "Learnt from": item.dataset + ("" if item.fold is None else f", half {item.fold + 1}"),
            "Subjects": f"{item.subjects:,}",
            "Images": f"{item.images:,}",
            "Evaluations, once": f"{item.evaluations:,}",
            "SHA-256": item.sha256[:12],
        }
        for item in result.learned
    ]


def note_rows(result: RunResult) -> list[Row]:
    """What methods have to say on how they computed, most frequent first."""
    notes = sorted(result.notes.items(), key=lambda item: -item[1])
    return [{"Note": note, "Images": f"{images:,}"} for note, images in notes]


def limits(result: RunResult) -> list[str]:
    """Say in sentences what a run does not protect against, with its own figures."""
    guides = " and ".join(result.guides) or "the guide"
    of_gender = result.attribute == GENDER
    others = [name for name in result.gender_error if name not in result.guides] if result.guides and of_gender else []
    after = {name: rate for name in others if (rate := result.gender_error[name].after.all) is not None}
    sentences = [
        "Labels and classifiers know two genders only; classifiers that judged no image here, restored images, "
        "attackers who retrain, and people are not held off by anything measured here."
    ]
    if not of_gender:
        sentences.append(
            f"The change was made against {guides} and is about {result.attribute}: audits and policies measure gender "
            f"only, so nothing here says what attackers still learn about {result.attribute}."
        )
    kept = [name for name, change in result.attribute_changes.items() if change.kept]
    if kept:
        sentences.append(
            f"What was kept is the answer of {listed(kept)}; other classifiers of the same attribute, and people, may "
            "answer otherwise than before."
        )
    if result.kind == "unnoticeable":
        sentence = f"The change is specific to {guides}: classifiers that did not guide mostly go on being right"
        if after:
            least = min(after, key=lambda name: after[name])
            sentence += f" ({least} errs on {percent(after[least])})"
        sentences.append(f"{sentence}.")
    elif result.kind == "visible":
        sentences.append(
            "The change is meant to turn other classifiers too, and turns a part of them; a person who looks for it "
            "sees it."
        )
    flipped = result.flipped.all or 0.0
    lost = [
        f"{percent(rates.all)} {VERSION_PHRASES.get(name, f'in {name}')}"
        for name, rates in result.survival.items()
        if rates.all is not None and rates.all < OUTLASTING * flipped
    ]
    if lost:
        sentences.append(
            f"Not every flip outlasts what others may do to the file: of all images {percent(flipped)} are flipped in "
            f"the file as stored, but only {' and '.join(lost)}."
        )
    if flipped and not result.survival:
        sentences.append("Whether flips last in JPEG, in a smaller size or in greyscale was not measured in this run.")
    return sentences


def effort_rows(result: RunResult) -> list[Row]:
    """Updates and evaluations of successful images by gender (section 3.2)."""
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
    """PSNR and SSIM of the face box, of images that were changed."""
    rows = []
    for what, unit, digits, summary in (("PSNR", " dB", 1, result.psnr_db), ("SSIM", "", 3, result.ssim)):
        row = {"In the face box": what, "Images": str(summary.n)}
        for word, value in (("Mean", summary.mean), ("Median", summary.median), ("Worst", summary.minimum)):
            row[word] = number(value, digits) + (unit if value is not None else "")
        rows.append(row)
    return rows


def comparison_rows(runs: Sequence[tuple[str, RunSpec, RunResult]]) -> list[Row]:
    """One row for each figure and one column for each run; a dash where a run has no such figure.

    Parameters
    ----------
    runs
        Title, spec and result of each.
    """
    columns = [(title, _figures(spec, result)) for title, spec, result in runs]
    # In the order of the run that has most to say, what only others have after that.
    names = list(dict.fromkeys(name for _, found in sorted(columns, key=lambda one: -len(one[1])) for name in found))
    rows = [{FIGURE: name, **{title: found.get(name, "–") for title, found in columns}} for name in names]
    # What was not used by any run is no news.
    return [row for row in rows if any(text != "–" for key, text in row.items() if key != FIGURE)]


def _figures(spec: RunSpec, result: RunResult) -> Row:
    guides = [ref.name for ref in spec.guides]
    found = {
        "Data set": spec.dataset.name,
        "Method": spec.method,
        "Kind": KIND_TITLES[result.kind] if result.kind else "–",
        "Guides": ", ".join(guides),
        "Turned": spec.attribute if spec.attribute != GENDER else "–",
        "Kept": ", ".join(ref.name for ref in spec.keep) or "–",
        # The detector's own are no news.
        "Landmarks": "–" if spec.landmarker is None else spec.landmarker.name,
        "Matchers heeded": ", ".join(ref.name for ref in spec.guards) or "–",
        "Learnt from": ", ".join(dict.fromkeys(item.dataset for item in result.learned)) or "–",
        "Parameters": changed_parameters(spec),
        "Images judged": f"{result.judged:,} of {result.images:,}",
        "Failures": f"{result.failures.total:,}",
    }
    for name, rates in result.flips().items():
        diagnostic = " (diagnostic)" if name == FIXED else ""
        found[f"Flipped: {FLIP_TITLES.get(name, name)}{diagnostic}"] = percent(rates.all)
    for name, error in result.gender_error.items():
        # Which ones guided is told above; the names of rows must be the same in all runs.
        found[f"Gender error of {name}"] = f"{percent(error.before.all)} → {percent(error.after.all)}" + (
            " (guide)" if name in guides else ""
        )
    for name, of_attribute in result.attribute_error.items():
        found[f"Error of {name}"] = f"{percent(of_attribute.before.all)} → {percent(of_attribute.after.all)}" + (
            " (guide)" if name in guides else ""
        )
    for name, change in result.attribute_changes.items():
        found[f"Verdict of {name} stayed"] = percent(change.stayed) + (" (kept)" if change.kept else "")
    for name, phases in result.matching.items():
        found[f"AUC of {name}, before against after"] = number(phases.cross.auc, 4)
        for word, rate in (("1 %", "fmr100"), ("0.1 %", "fmr1000")):
            before, cross = getattr(phases.before, rate), getattr(phases.cross, rate)
            text = "–" if before is None and cross is None else f"{match_rate(before)} → {match_rate(cross)}"
            found[f"FNMR of {name} at FMR {word}, untouched → before against after"] = text
    for what, digits, unit, summary in (("PSNR", 1, " dB", result.psnr_db), ("SSIM", 3, "", result.ssim)):
        text = f"{number(summary.median, digits)}{unit} (worst {number(summary.minimum, digits)}{unit})"
        found[f"{what} of the face, median"] = "–" if summary.median is None else text
    found["Evaluations an image, median"] = number(result.evaluations.all.median, 0)
    found["Evaluations for learning, once"] = number(sum(item.evaluations for item in result.learned) or None, 0)
    found["Updates, mean"] = number(result.updates.all.mean)
    found["Seed"] = str(spec.seed)
    found["Computation"] = f"{number(result.seconds, 0)} s"
    return found


def changed_parameters(spec: RunSpec) -> str:
    """Write the parameters of a run that are not the method's defaults."""
    try:
        defaults = make_method(spec.method, {}).parameters.model_dump(mode="json")
    except FaceprivError:  # a plug-in that is not installed here
        defaults = {}
    changed = {
        name: value
        for name, value in rename_earlier(spec.method, spec.parameters).items()
        if value != defaults.get(name, ...)
    }
    return ", ".join(f"{name} {shown(value)}" for name, value in changed.items()) or "all defaults"


def failure_rows(result: RunResult) -> list[Row]:
    """Every image that failed, where and why (Figure 8)."""
    return [
        {"Image": item.name, "Stage": item.stage, "Reason": item.reason, "What to do": item.sentence}
        for item in result.failures.items
    ]


def log_rows(lines: Sequence[LogLine]) -> list[Row]:
    """What became of a run or an audit, line by line; a dash where no worker wrote it."""
    return [
        {"When": f"{line.at:%Y-%m-%d %H:%M:%S} UTC", "What": line.text, "Worker": line.owner or "–"} for line in lines
    ]


def headline(result: RunResult, guide: str) -> str:
    """Say in one sentence what a run came to."""
    if result.attribute != GENDER:
        sentence = _headline_of_attribute(result, guide)
    elif result.gender_error[guide].before.all is None:
        sentence = (
            f"The images have no labels, so each was moved away from what {guide} said of it, and {guide} now says the "
            f"other of {percent(result.flipped.all)}"
        )
    else:
        sentence = "; ".join(
            f"{name} errs on {percent(error.before.all)} of the labels before and {percent(error.after.all)} after"
            for name, error in sorted(result.gender_error.items(), key=lambda item: item[0] != guide)
        )
    for name, change in result.attribute_changes.items():
        if change.kept and change.mean_change is not None:
            sentence += (
                f"; {name}, which was to be kept, says the same of {percent(change.stayed)} as before, its score moved "
                f"by {change.mean_change:.2f} nats on average"
            )
    for name, phases in result.matching.items():
        sentence += f"; {name} matches before against after with AUC {number(phases.cross.auc, 4)}"
        if phases.cross.fmr1000 is not None:
            sentence += f" and misses {match_rate(phases.cross.fmr1000)} of the genuine pairs at FMR 0.1 %"
    return f"{sentence}; {result.failures.total} of {result.images} images failed."


def _headline_of_attribute(result: RunResult, guide: str) -> str:
    """Say what a run on another attribute than gender came to, and what it did to gender."""
    error = result.attribute_error.get(guide)
    if error is None:
        sentence = (
            f"The images have no labels of {result.attribute}, so each was moved away from what {guide} said of it, "
            f"and the guides now say the other of {percent(result.flipped.all)}"
        )
    else:
        sentence = (
            f"{guide} errs on {percent(error.before.all)} of the labels of {result.attribute} before and "
            f"{percent(error.after.all)} after"
        )
    for name, of_gender in result.gender_error.items():
        before, after = of_gender.before.all, of_gender.after.all
        sentence += f"; {name} errs on gender in {percent(before)} before and {percent(after)} after"
    return sentence
