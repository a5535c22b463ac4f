"""One run in full: its figures, its images, its failures, its spec."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from facepriv.charts.gender import confusion_tables, gender_error_bars, gender_score_histograms
from facepriv.charts.matching import det, match_score_histograms, roc
from facepriv.charts.rates import survival_bars
from facepriv.perturb.registry import aim_of
from facepriv.presentation import run_sentences
from facepriv.presentation import run_tables as tables
from facepriv.presentation.formats import NOTHING, guides, moment, plain
from facepriv.presentation.help_texts import HELP, KIND_SENTENCES, KIND_TITLES
from facepriv.schemas.requests import RunRequest
from facepriv.schemas.runs import KEY_NOTE, NOT_FLIPPED, RunResult
from facepriv.services.releases.export import result_json
from facepriv.services.runs.preparing import landmarker_name
from facepriv.store import RunRecord, Store
from facepriv.types import GENDER
from facepriv.wording import auc_within, count, duration, match_rate, percent
from parts import comparing, jobs, notes, progress, report, requests, run_images, share, work_log
from parts.deletion import offer_discard
from parts.downloads import offer_result
from parts.figures import show_figure, show_metric, show_pages, show_rows
from parts.parameters import help_of

FAILURES_SHOWN = 200
SPEC_IMAGES_SHOWN = 200


def show(store: Store, run: RunRecord, forget: Callable[[], None]) -> None:
    """Show a run in whatever state it is; ``forget`` is called once it has been deleted."""
    named = store.notes.get(run.job_id).name
    st.header(f"Run {run.id}" + (f" · {plain(named)}" if named else ""), divider="gray")
    st.caption(
        f"{plain(run.dataset_name)} · {run.method} guided by {guides(run)} · landmarks {landmarker_name(run.spec)} · "
        f"{count(run.images, 'image')} · "
        f"seed {tables.seed(run.spec)} · started {moment(run.started_at)} · finished {moment(run.finished_at)}"
    )
    notes.show(store, "run", run.id, run.job_id)
    if run.state in progress.ACTIVE:
        progress.follow("run", (run.id,))
        work_log.show(store, run.job_id)
        return
    jobs.seen(store, run.job_id)
    if run.result is None:
        if run.state == "failed":
            st.error(f"This run failed: {plain(run.error or '')}", icon=":material/error:")
        else:
            st.warning("This run was cancelled before it was complete, so it has no result.", icon=":material/cancel:")
        kept = len(store.runs.images_done(run.id))
        if kept:
            st.caption(f"{count(kept, 'image')} of {run.images:,} finished; resuming goes on from there.")
        work_log.offer_resume("run", run.id)
        work_log.show(store, run.job_id, expanded=True)
        spec_and_deletion(run, forget)
        return
    aim, _, more = run_sentences.aim(run.spec).partition(". ")
    st.markdown(f"**{plain(aim)}**  \n{plain(more)}")
    if run.result.kind is not None and aim_of(run.method) is None:
        st.caption(f"**{KIND_TITLES[run.result.kind].capitalize()}.** {KIND_SENTENCES[run.result.kind]}")
    headline(run.result, run.guide)
    comparing.offer(store, run)
    share.remarks(store, store.remarks.list(run_id=run.id))
    requests.of_results(store, run_id=run.id)
    parts: dict[str, Callable[[], None]] = {
        "Gender": partial(gender, run, run.result),
        "Flips": partial(flips, run, run.result),
        "Matching": partial(matching, run, run.result),
        "Effort and quality": partial(effort, run.result),
        "Images": partial(run_images.show, store, run),
        "Failures": partial(failures, run.id, run.result),
        "Spec and files": partial(files, store, run, forget),
    }
    part = st.segmented_control(
        "Part of the result", list(parts), default="Gender", required=True, key="run_part", bind="query-params"
    )
    parts[part]()


def headline(result: RunResult, guide: str) -> None:
    """Show what the run came to, in four figures: the guide, the least fooled other classifier, the worst matcher."""
    boxes = st.columns(4)
    error = tables.gender_errors(result).get(guide) or result.attribute_error.get(guide)
    if error is None:
        boxes[0].metric(f"Fooled: {guide}", percent(result.flipped.all), help=HELP["flipped"])
    else:
        before = f"{percent(error.before.all)} before; guide"
        show_metric(boxes[0], f"{guide} wrong", percent(error.after.all), before, HELP["gender_error"])
    least = tables.least_fooled(result, guide)
    if least is not None:
        name, rate = least
        before = f"{percent(result.gender_error[name].before.all)} before; no guide"
        show_metric(boxes[1], f"{name} wrong", percent(rate), before, f"{HELP['gender_error']} {HELP['not_asked']}")
    else:
        boxes[1].metric("Images flipped", percent(result.flipped.all), help=HELP["flipped"])
    crosses = {name: phases.cross.auc for name, phases in result.matching.items() if phases.cross.auc is not None}
    if crosses:
        worst = min(crosses, key=crosses.__getitem__)
        cross = result.matching[worst].cross
        auc = f"{worst}, AUC {auc_within(cross.auc, cross.auc_error)}"
        help_text = f"{HELP['lost']} AUC: {HELP['auc']}"
        show_metric(boxes[2], "Genuine matches lost", match_rate(cross.fmr1000), auc, help_text)
    else:
        boxes[2].metric("Genuine matches lost", NOTHING, help=HELP["lost"])
    psnr = NOTHING if result.psnr_db.median is None else f"{tables.number(result.psnr_db.median)} dB"
    standing = result.failures.by_reason.get(NOT_FLIPPED, 0)
    failed = f"{count(result.failures.total - standing, 'failure')} of {count(result.images, 'image')}"
    if standing:
        failed = f"{failed}, {standing:,} not misled by every guide"
    show_metric(boxes[3], "Image quality, median", psnr, failed, HELP["psnr"])


def gender(run: RunRecord, result: RunResult) -> None:
    """Show how often each classifier errs, before and after, on gender and on other attributes."""
    if result.attribute != GENDER:
        st.info(
            f"This run perturbed {result.attribute}; the gender figures show side effects. Audits and policies measure "
            "gender only.",
            icon=":material/info:",
        )
    if result.attribute_error:
        st.subheader("Error on other attributes", help=HELP["gender_error"])
        show_rows(tables.attribute_error_rows(result))
    if result.attribute_changes:
        st.subheader("Answers of classifiers that the run did not target", help=HELP["attribute_changes"])
        show_rows(tables.attribute_change_rows(result))
    if not result.gender_error:
        st.caption("No gender classifier judged this run, so its effect on gender is not known.")
        return
    errors = tables.gender_errors(result)
    if not errors:
        st.info(
            "The images have no gender labels, so nobody can say how often a classifier is wrong. How many answers "
            "were turned is under Flips.",
            icon=":material/info:",
        )
        return
    st.subheader("Gender error", help=HELP["gender_error"])
    show_rows(tables.gender_error_rows(result))
    st.caption(
        "Measured on the stored files, with the face located again, as an attacker would do. Images without a usable "
        "face do not count as errors; they are listed under Failures."
    )
    if result.jury is not None:
        st.subheader("Jury", help=HELP["jury"])
        show_rows(tables.jury_rows(result))
    of = f"run {run.id}"
    figure = gender_error_bars(errors)
    show_figure(figure, f"error-{run.id}", "Gender error before and after, as above", of)
    for name in errors:
        st.subheader(name, divider="gray")
        left, right = st.columns(2, gap="large")
        with left:
            st.markdown("**Confusion matrices**", help="Images by label and by prediction.")
            figure = confusion_tables(result.gender_confusion[name])
            alt = f"Confusion matrices of {name}, as in the table below"
            show_figure(figure, f"confusion-{run.id}-{name}", alt, of)
            show_rows(tables.confusion_rows(result, name))
        with right:
            st.markdown("**Gender scores**", help=HELP["score"])
            figure = gender_score_histograms(result.gender_scores[name], name)
            alt = f"Histograms of {name}'s scores by label, before and after"
            show_figure(figure, f"scores-{run.id}-{name}", alt, of)
            st.caption("In nats, before and after in the same bins. Dotted: 0, where the classifier's answer changes.")


def matching(run: RunRecord, result: RunResult) -> None:
    """Show whether the matchers still work."""
    if not result.matching:
        st.info("This run had no matcher, so its effect on recognition is not known.", icon=":material/info:")
        return
    st.subheader("Face matching", help=f"{HELP['auc']} {HELP['eer']} {HELP['fmr']}")
    show_rows(tables.matching_rows(result))
    st.caption(f"Genuine: {HELP['genuine']} Impostor: {HELP['impostor']} Cross: {HELP['cross']} {HELP['interval']}")
    for sentence in run_sentences.sampling_notes(result):
        st.caption(sentence)
    unsupported = sorted(
        {
            f"{100 * point.target_fmr:g} %"
            for phases in result.matching.values()
            for point in phases.cross.operating_points
            if not point.supported
        }
    )
    if unsupported:
        st.caption(
            f":material/warning: Too few impostor comparisons for reliable figures at FMR "
            f"{' and '.join(unsupported)}: at least 3 / FMR are needed (rule of three)."
        )
    of = f"run {run.id}"
    for name, phases in result.matching.items():
        st.subheader(name, divider="gray")
        alt = f"Genuine and impostor scores of {name}, before, after, across"
        show_figure(match_score_histograms(phases, name), f"match-{run.id}-{name}", alt, of)
        st.caption(
            "Before and after in the same bins. Dotted: thresholds at which at most 1 % (FMR100) and 0.1 % (FMR1000) "
            "of impostors are accepted on the untouched images."
        )
        left, right = st.columns(2, gap="large")
        with left:
            st.markdown("**ROC**", help="True match rate against false match rate, FMR on a logarithmic scale.")
            alt = f"ROC curves of {name}; AUC and EER as above"
            show_figure(roc(phases, name), f"roc-{run.id}-{name}", alt, of)
        with right:
            st.markdown("**DET**", help=HELP["det"])
            show_figure(det(phases, name), f"det-{run.id}-{name}", f"DET curves of {name}; EER as above", of)


def effort(result: RunResult) -> None:
    """Show the cost and how much the images changed."""
    st.subheader("Effort", help=f"Updates: {HELP['updates']} Evaluations: {HELP['evaluations']}")
    show_rows(tables.effort_rows(result))
    st.caption(
        f"{result.evaluations_total:,} evaluations in {duration(result.seconds)} of computation, including "
        "unsuccessful images."
    )
    st.subheader("Change of the images", help=f"PSNR: {HELP['psnr']} SSIM: {HELP['ssim']}")
    show_rows(tables.quality_rows(result))
    st.caption("Unchanged images are not counted.")
    if result.learned:
        st.subheader("Learned first", help=help_of(RunRequest, "learn_from"))
        show_rows(tables.learned_rows(result))
        st.caption("One-off cost before the first image; not included above.")


def flips(run: RunRecord, result: RunResult) -> None:
    """Show which flips survive processing of the file, why perturbing ended, and the notes of the method."""
    st.subheader("Flips in the stored file", help=HELP["survival"])
    for sentence in run_sentences.limits(result):
        st.caption(f":material/warning: {plain(sentence)}")
    left, right = st.columns([3, 2], gap="medium")
    with left:
        show_rows(tables.survival_rows(result))
        st.caption(f"Of {count(result.judged, 'judged image')}; the face is located again each time.")
        if result.flipped_fixed is not None:
            st.caption(HELP["fixed"])
    with right:
        alt = "Proportion of images flipped, as in the table"
        show_figure(survival_bars(result.flips()), f"flips-{run.id}", alt, f"run {run.id}")
    if result.stops:
        st.subheader("Why perturbing ended")
        show_rows(tables.stop_rows(result))
    if result.notes:
        st.subheader("Notes of the method")
        show_rows(tables.note_rows(result))


def failures(run_id: int, result: RunResult) -> None:
    """List every image that failed."""
    st.subheader("Failures", help=HELP["failure"])
    if result.failures.total == 0:
        st.success(
            f"None: all {count(result.images, 'image')} were perturbed and judged.", icon=":material/check_circle:"
        )
        return
    show_rows(tables.count_rows("Reason", result.failures.by_reason.items()))
    show_pages(tables.failure_rows(result), FAILURES_SHOWN, f"failures-{run_id}")


def files(store: Store, run: RunRecord, forget: Callable[[], None]) -> None:
    """Offer the result as JSON, say how to get the images, and show the log, the spec and the button that deletes."""
    st.subheader("Files")
    offer_result("run", run.id, result_json(store, run.id))
    report.offer(run.id)
    share.offer(store, store.datasets.get(run.dataset_id), run_id=run.id)
    st.subheader("Images")
    st.write("The perturbed images, with a manifest:")
    st.code(f"facepriv export {run.id} --out FOLDER", language=None, wrap_lines=True)
    work_log.show(store, run.job_id)
    spec_and_deletion(run, forget)


def spec_and_deletion(run: RunRecord, forget: Callable[[], None]) -> None:
    """Show everything needed to repeat the run, and offer to delete it."""
    st.subheader("Spec", help="Everything needed to repeat the run: same spec, same bytes.")
    if run.spec.has_secret_seed:
        st.caption(f"Keep the seed to yourself. {KEY_NOTE}")
    document = run.spec.model_dump(mode="json")
    if run.images > SPEC_IMAGES_SHOWN:
        for field in ("image_ids", "image_sha256"):
            left = len(document[field]) - SPEC_IMAGES_SHOWN
            document[field] = [*document[field][:SPEC_IMAGES_SHOWN], f"… and {left:,} more, in the download"]
    st.json(document, expanded=1)
    st.subheader("Delete")
    goes = "Deletes this run with its figures, its perturbed images and its audits, and ends their shares."
    offer_discard("run", run.id, goes, forget)
