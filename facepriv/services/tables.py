"""Results as rows of formatted text, the same in the terminal and on the pages."""

from __future__ import annotations

from facepriv.results import MATCH_PHASES, PHASES, RunResult

Row = dict[str, str]


def percent(rate: float | None, digits: int = 1) -> str:
    """Write a rate 0..1 in percent; a dash where there is none."""
    return "–" if rate is None else f"{100 * rate:.{digits}f} %"


def number(value: float | None, digits: int = 1) -> str:
    """Write a number; a dash where there is none."""
    return "–" if value is None else f"{value:,.{digits}f}"


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
                    "EER": percent(m.eer, 2),
                    "FNMR at FMR 1 %": percent(m.fmr100, 2),
                    "FNMR at FMR 0.1 %": percent(m.fmr1000, 2),
                    "Genuine": f"{m.mated:,}",
                    "Impostor": f"{m.non_mated:,}",
                    "No template": str(m.failed),
                }
            )
    return rows


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


def failure_rows(result: RunResult) -> list[Row]:
    """Every image that failed, where and why (Figure 8)."""
    return [
        {"Image": item.name, "Stage": item.stage, "Reason": item.reason, "What to do": item.sentence}
        for item in result.failures.items
    ]


def headline(result: RunResult, guide: str) -> str:
    """Say in one sentence what a run came to."""
    if result.gender_error[guide].before.all is None:
        sentence = (
            f"The images have no labels, so each was moved away from what {guide} said of it, and {guide} now says the "
            f"other of {percent(result.flipped.all)}"
        )
    else:
        sentence = "; ".join(
            f"{name} errs on {percent(error.before.all)} of the labels before and {percent(error.after.all)} after"
            for name, error in sorted(result.gender_error.items(), key=lambda item: item[0] != guide)
        )
    for name, phases in result.matching.items():
        sentence += f"; {name} matches before against after with AUC {number(phases.cross.auc, 4)}"
        if phases.cross.fmr1000 is not None:
            sentence += f" and misses {percent(phases.cross.fmr1000)} of the genuine pairs at FMR 0.1 %"
    return f"{sentence}; {result.failures.total} of {result.images} images failed."
