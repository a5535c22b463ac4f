"""Show a finished run, and write it as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from facepriv.cli.json_files import write_text
from facepriv.cli.printing import say, show_table
from facepriv.wording import count

if TYPE_CHECKING:
    from facepriv.schemas.runs import RunResult, RunSpec
    from facepriv.store import Store


def show_result(run_id: int, spec: RunSpec, result: RunResult) -> None:
    """Show what a run came to and does not protect against, then all its tables."""
    from facepriv.presentation import run_sentences
    from facepriv.presentation import run_tables as tables
    from facepriv.presentation.methods import KIND_TITLES

    guides = " and ".join(ref.name for ref in spec.guides)
    mesh = "" if spec.landmarker is None else f" on the landmarks {spec.landmarker.name}"
    kind = f" ({KIND_TITLES[result.kind]})" if result.kind else ""
    say(f"Run {run_id}: {spec.method}{kind}, guided by {guides}{mesh}, on {count(result.images, 'image')}.")
    say(run_sentences.headline(result, spec.guide.name))
    for sentence in run_sentences.limits(result):
        say(sentence)
    if result.attribute_error:
        show_table(
            "Error on other attributes: proportion of images that a classifier assigns to the other class than "
            "labelled",
            tables.attribute_error_rows(result),
        )
    if result.gender_error:
        show_table(
            "Gender error: proportion of images that a classifier assigns to the other gender than labelled",
            tables.gender_error_rows(result),
        )
    if result.attribute_changes:
        show_table("Answers of classifiers that the run did not target", tables.attribute_change_rows(result))
    for name in result.gender_confusion:
        show_table(f"Confusion of {name}", tables.confusion_rows(result, name))
    if result.matching:
        show_table("Face matching", tables.matching_rows(result))
    show_table("Judged images flipped in the stored file and after processing", tables.survival_rows(result))
    show_table("Effort", tables.effort_rows(result))
    if result.learned:
        show_table("Learned first, from other people", tables.learned_rows(result))
    show_table("Change of the image", tables.quality_rows(result))
    failures = tables.failure_rows(result)
    if failures:
        show_table(f"Failures ({result.failures.total:,} of {result.images:,} images)", failures)
    for row in tables.note_rows(result):
        say(f"Note on {row['Images']} of the images: {row['Note']}")


def compare(runs: Sequence[tuple[int, RunSpec, RunResult]]) -> None:
    """Show the most important figures of several runs side by side."""
    from facepriv.presentation.run_tables import comparison_rows

    show_table("Side by side", comparison_rows([(f"Run {run_id}", spec, result) for run_id, spec, result in runs]))


def write_run(json_file: Path | None, store: Store, run_id: int) -> None:
    """Write a run to the file that --json names, if it names one."""
    if json_file is not None:
        from facepriv.services.releases.export import result_json

        write_text(json_file, result_json(store, run_id))
