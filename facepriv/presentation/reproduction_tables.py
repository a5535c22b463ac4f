"""The comparison with the paper as rows of formatted text, the same in the terminal and on the page."""

from __future__ import annotations

from facepriv.audit.reproduction import paper
from facepriv.presentation.run_tables import Row, mean_and_error, number, recognition_cells
from facepriv.schemas.reproductions import Candidates, Experiment, Reproduction
from facepriv.wording import percent

TITLES: dict[Experiment, str] = {
    "original": "Original",
    "by-a": "Perturbed by A",
    "by-b": "Perturbed by B",
    "mixing": "Mixing",
}
CANDIDATES: dict[Candidates | None, str] = {"opposite": "opposite label", "same": "same label", None: "–"}


def tables(reproduction: Reproduction) -> list[tuple[str, list[Row]]]:
    """Return title and rows of every table, in the paper's order."""
    return [
        (title, rows)
        for title, rows in (
            ("Runs", run_rows(reproduction)),
            ("Table 3: gender error, ours beside the paper's", error_rows(reproduction)),
            ("Table 4: confusion of A, guided by A, ours beside the paper's on MUCT", confusion_rows(reproduction)),
            ("Section 3.1: do candidates of the opposite label take fewer updates?", candidate_rows(reproduction)),
            ("Section 3.2: updates of successful images, ours beside the paper's", update_rows(reproduction)),
            ("Figures 6 and 7: face matching (the paper prints no numbers for them)", matching_rows(reproduction)),
        )
        if rows
    ]


def headline(reproduction: Reproduction) -> str:
    """Return in a sentence what was compared with what."""
    a, b = reproduction.classifiers["a"], reproduction.classifiers["b"]
    small = " The sample is small: treat its figures as a first look." if reproduction.small else ""
    return (
        f"The paper's experiments on {reproduction.images:,} images of {reproduction.subjects:,} subjects of "
        f"{reproduction.dataset.name}, with A = {a} in place of {paper.CLASSIFIERS['a']} and B = {b} in place of "
        f"{paper.CLASSIFIERS['b']}.{small}"
    )


def run_rows(reproduction: Reproduction) -> list[Row]:
    """Return the runs that the comparison uses."""
    return [
        {
            "Experiment": TITLES[run.experiment],
            "Candidates": CANDIDATES[run.candidates],
            "Run": str(run.run_id),
            "Method": run.method,
            "Guide": run.guide if run.experiment != "mixing" else f"none (judged by {run.guide})",
            "Images judged": f"{run.judged:,} of {run.images:,}",
            "Failures": ", ".join(f"{n:,} {reason}" for reason, n in run.failures.items()) or "none",
            "Computation": f"{number(run.seconds, 0)} s",
        }
        for run in reproduction.runs
    ]


def error_rows(reproduction: Reproduction) -> list[Row]:
    """Return Table 3."""
    return [
        {
            "Images": TITLES[row.experiment],
            "Candidates": CANDIDATES[row.candidates],
            "Classifier": f"{row.slot.upper()} ({row.classifier})",
            "Ours": f"{percent(row.ours.all)} ({row.wrong:,} of {row.scored:,})",
            **{dataset: percent(rate) for dataset, rate in row.published.items()},
            "Where and why they differ": row.remark,
        }
        for row in reproduction.gender_error
    ]


def confusion_rows(reproduction: Reproduction) -> list[Row]:
    """Return Table 4; the originals are the same for all candidates, so they come once."""
    rows: list[Row] = []
    for position, compared in enumerate(reproduction.confusion):
        for phase, title in (("before", TITLES["original"]), ("after", TITLES["by-a"])):
            if phase == "before" and position:
                continue
            for label in ("male", "female"):
                row: Row = {
                    "Images": title,
                    "Candidates": CANDIDATES[compared.candidates if phase == "after" else None],
                    "Label": label,
                }
                for whose, confusions in (("ours", compared.ours), ("paper", compared.published)):
                    counts = getattr(getattr(confusions, phase), label)
                    total = counts["male"] + counts["female"]
                    for guess in ("male", "female"):
                        rate = counts[guess] / total if total else None
                        row[f"{guess.capitalize()}, {whose}"] = f"{counts[guess]:,} ({percent(rate)})"
                rows.append(row)
    return rows


def candidate_rows(reproduction: Reproduction) -> list[Row]:
    """Return opposite-label and same-label candidates compared."""
    return [
        {
            "Guide": test.guide,
            "Images flipped with both": f"{test.images:,} of {test.subjects:,} subjects",
            "Updates, opposite": number(test.mean_opposite),
            "Updates, same": number(test.mean_same),
            "Opposite takes fewer": percent(test.opposite_fewer),
            "p over subjects": number(test.p_subjects, 3),
            "p over images": number(test.p_images, 3),
            "Where and why they differ": test.remark,
        }
        for test in reproduction.candidate_tests
    ]


def update_rows(reproduction: Reproduction) -> list[Row]:
    """Return the updates of section 3.2."""
    return [
        {
            "Images": TITLES[row.experiment],
            "Candidates": CANDIDATES[row.candidates],
            "Label": row.gender,
            "Ours": f"{mean_and_error(row.ours.mean, row.ours.standard_error)}  (n = {row.ours.n:,})",
            "Paper": mean_and_error(row.published_mean, row.published_standard_error),
            "Where and why they differ": row.remark,
        }
        for row in reproduction.updates
    ]


def matching_rows(reproduction: Reproduction) -> list[Row]:
    """Return Figures 6 and 7 in numbers; the originals come once for each matcher."""
    rows: list[Row] = []
    for row in reproduction.matching:
        for phase, measured in row.phases:
            before = phase == "before"
            line = {
                "Matcher": row.matcher,
                "Images": TITLES["original" if before else row.experiment],
                "Candidates": CANDIDATES[None if before else row.candidates],
                "Compared with": "originals" if phase == "cross" else "each other",
                **recognition_cells(measured),
            }
            if not before or line not in rows:
                rows.append(line)
    return rows


def sentences(reproduction: Reproduction) -> list[str]:
    """Return remarks that no table has a column for: on Table 4, on matching, and on all figures."""
    confusions = [
        f"Table 4, {CANDIDATES[compared.candidates]}: {compared.remark}" for compared in reproduction.confusion
    ]
    matched = [
        f"{row.matcher}, {TITLES[row.experiment]}, {CANDIDATES[row.candidates]}: {row.remark}"
        for row in reproduction.matching
    ]
    return [*confusions, *matched, *reproduction.remarks]
