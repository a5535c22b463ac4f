"""Policy: which proportion of the images to perturb, judged by the strongest attacker measured on a run."""

from __future__ import annotations

import streamlit as st

from facepriv.charts.policy import attacker_curves, utility_curve
from facepriv.presentation import audit_tables as rows
from facepriv.presentation.formats import NOTHING, moment, plain
from facepriv.presentation.help_texts import HELP, STOPPING
from facepriv.schemas.audits import AuditResult, PolicyChoice
from facepriv.schemas.requests import AuditRequest
from facepriv.schemas.runs import RunResult
from facepriv.store import AuditRecord, RunRecord, RunSummary, Store
from facepriv.types import GENDER
from facepriv.wording import percent
from parts import audit_form, carried, guide_mixes, one_audit, progress, release, sign_attacker, verdict
from parts.choice import Choice
from parts.figures import show_figure, show_metric, show_rows
from parts.parameters import help_of
from parts.shell import with_store

LIST_MOST = 500
SIGN_ONLY = """
This estimate covers only an attacker who sees whether one classifier says male or female. **Not tried**: attackers who
read how large the score is, combine several classifiers, restore the image first, learn from templates or perturbed
images, detect which images were perturbed, or have several images of one person. Measure them above before you choose
a proportion.
"""


def show(store: Store) -> None:
    """Show the whole page."""
    st.title("Policy")
    first = st.container()
    st.write(
        "If every image is perturbed, an attacker who knows this simply reverses the classifier's answer. Perturbing a "
        "random proportion of the images prevents that. This page finds the proportion that is best against the "
        "strongest of many attackers, measured on a run, while matching stays good enough."
    )
    choice = Choice("policy_run", "run", store.runs.get)
    choice.from_address()
    runs = {run.id: run for run in store.runs.list(states=("complete",), limit=LIST_MOST)}
    if not runs:
        st.info("A policy needs a complete run, and there is none yet. Start one first.", icon=":material/info:")
        st.page_link("perturb.py", label="Go to Perturb", icon=":material/blur_on:")
        return
    run = store.runs.get(choose_run(store, runs, choice))
    if run.result is None:
        st.warning(f"Run {run.id} is {run.state}. Choose a complete run.", icon=":material/warning:")
        return
    with first:
        verdict.of_run(store, run, offer=False)
    stopping = STOPPING.get(str(run.spec.parameters.get("stopping")))
    if stopping is not None:
        st.caption(f":material/info: {stopping}")
    if run.result.attribute != GENDER:
        st.info(
            f"This run perturbed {run.result.attribute}. All figures here are about gender; what attackers learn about "
            f"{run.result.attribute} is not measured.",
            icon=":material/info:",
        )
    audit = audit_of(store, run)
    if audit is None or audit.result is None:
        st.header("Simplest attacker, estimated", help=HELP["accuracy"])
        st.warning(SIGN_ONLY, icon=":material/warning:")
        p = slider(f"policy_p-{run.id}", sign_attacker.best_p(run.result, run.guide))
        sign_attacker.table(run.result, p)
        sign_attacker.show(run, run.result, p)
    else:
        p = show_measured(audit, audit.result, run, run.result)
    guide_mixes.show(store, run)
    release.of_run(store, run, p, audit)


def choose_run(store: Store, runs: dict[int, RunSummary], choice: Choice) -> int:
    """Ask for a run; by default the newest complete one."""
    chosen = choice.now()
    if chosen is None:
        of_carried = store.runs.list(dataset_id=carried.number(), states=("complete",), limit=1)
        chosen = of_carried[0].id if of_carried else next(iter(runs))
        st.session_state[choice.key] = chosen
    if chosen not in runs:
        runs = runs | {chosen: store.runs.get(chosen)}
    return st.selectbox(
        "Run",
        list(runs),
        format_func=lambda number: f"{number} · {runs[number].dataset_name} · {runs[number].method}",
        key=choice.key,
        on_change=choice.to_address,
    )


# Audits of the run


def audit_of(store: Store, run: RunRecord) -> AuditRecord | None:
    """Choose among the complete audits of a run, by default the newest; follow active ones; offer another."""
    stored = store.audits.list(run_id=run.id, limit=LIST_MOST)
    active = tuple(audit.id for audit in stored if audit.state in progress.ACTIVE)
    if active:
        progress.keep_worker()
        st.caption("The audit is running. You may close this page; the work continues.")
        progress.follow("audit", tuple(reversed(active)))
    newest = stored[0] if stored else None
    if newest is not None and newest.state in ("failed", "cancelled"):
        why = f"failed: {plain(newest.error or '')}" if newest.state == "failed" else "was cancelled."
        st.warning(f"The latest audit of this run, audit {newest.id}, {why}", icon=":material/warning:")
    complete = {audit.id: audit for audit in stored if audit.state == "complete"}
    if complete:
        with st.expander("Another audit of this run", icon=":material/add:"):
            form(store, run)
        chosen = next(iter(complete))
        if len(complete) > 1:
            chosen = st.selectbox(
                "Audit of this run",
                list(complete),
                format_func=lambda number: f"{number} · {moment(complete[number].finished_at)}",
                key=f"policy_audit-{chosen}",
            )
        return store.audits.get(chosen)
    if not active:
        st.header("Measure the attackers")
        st.write(
            "No attacker has been measured on this run yet. An audit tries every attacker on the original images, on "
            "the perturbed images and on random mixes of both, and finds the best proportion."
        )
        form(store, run)
    return None


def form(store: Store, run: RunRecord) -> None:
    """Ask for a policy to judge, and start its audit."""
    key = f"policy-{run.id}"
    if not audit_form.is_possible(store, run.dataset_id, run.id):
        return
    judged = audit_form.policy(key)
    with st.expander("Options", icon=":material/tune:"):
        means = audit_form.means(store, key, store.datasets.get(run.dataset_id))
        rest = audit_form.numbers(key, run.images, draws=True)
    audit_form.promise(store, run=run.id, **judged, **means, **rest)
    if st.button("Start the audit", type="primary", key=f"start_audit-{run.id}", icon=":material/play_arrow:"):
        started = audit_form.start(store, run=run.id, **judged, **means, **rest)
        if started is not None:
            st.rerun()


# What was measured


def show_measured(audit: AuditRecord, measured: AuditResult, run: RunRecord, result: RunResult) -> float:
    """Show the choice, every attacker by proportion, and the cost to matching; return the p to release with."""
    choice = measured.policy
    chosen = 0.0 if choice is None else choice.p
    if choice is not None:
        st.info(plain(choice.sentence), icon=":material/star:")
        headline(audit, measured, choice)
    st.header("Every attacker by proportion", help=HELP["attacked"])
    worst = next((line for line in measured.headlines if line.condition == "mix"), None)
    alt = f"How often each attacker is right, by proportion; chosen: {percent(chosen)}" + (
        "" if worst is None else f", where the strongest ({worst.attacker}) is right in {percent(worst.accuracy)}"
    )
    figure = attacker_curves(measured.curve, chosen, sign_p=None if choice is None else choice.sign_p)
    show_figure(figure, f"curves-{audit.id}", alt, f"audit {audit.id}")
    p = slider(f"policy_p-{run.id}-{audit.id}", chosen)
    at = rows.nearest(measured, p)
    left, right = st.columns([3, 2], gap="large")
    with left:
        if at is not None:
            st.markdown(f"**Every attacker, measured with {percent(at)} of images changed**", help=HELP["leak_bits"])
            show_rows(rows.point_rows(measured, at))
            nearest = "" if at == p else f"This is the measured proportion nearest to {percent(p)}. "
            st.caption(f"{nearest}The three releases below have intervals.")
    with right:
        st.markdown(f"**Simplest attacker (sees only the verdict), estimated for {percent(p)}**", help=HELP["accuracy"])
        sign_attacker.table(result, p)
        st.caption("Estimated from each classifier's error rates in this run. An attacker may have any of them.")
    in_full = st.expander(
        "Simplest attacker in full", icon=":material/show_chart:", key=f"sign-{run.id}", on_change="rerun"
    )
    if in_full.open:  # its figure takes as long to draw as those that are looked at
        with in_full:
            sign_attacker.show(run, result, p)
    utility(audit, measured, p)
    st.header("The three releases", help=f"{HELP['attacked']} {HELP['leak_bits']}")
    one_audit.show_bars(audit, measured)
    st.page_link(
        "audit.py",
        label=f"Open audit {audit.id} with all its tables",
        icon=":material/arrow_forward:",
        query_params={"audit": str(audit.id)},
    )
    one_audit.not_tried(measured)
    return p


def headline(audit: AuditRecord, measured: AuditResult, choice: PolicyChoice) -> None:
    """Show the choice in four figures."""
    boxes = st.columns(4)
    how = "chosen" if choice.automatic else "set by you"
    show_metric(
        boxes[0], "Images changed", percent(choice.p), f"{how}, drawn by {audit.spec.select_by}", HELP["proportion"]
    )
    strongest = {line.condition: line for line in measured.headlines}
    if "mix" in strongest:
        one_audit.show_strongest(boxes[1], "Attacker right at most", strongest["mix"])
    if "untouched" in strongest:
        one_audit.show_strongest(boxes[2], "Before, right at most", strongest["untouched"])
    loss = rows.worst_loss(measured, choice.p)
    floor = audit.spec.most_fnmr_loss
    lost, matcher = (NOTHING, "") if loss is None else (f"{100 * loss[1]:+.2f} points", f"{loss[0]}; ")
    limit = "no limit" if floor is None else f"limit {100 * floor:g} points"
    show_metric(boxes[3], "Genuine matches lost", lost, matcher + limit, help_of(AuditRequest, "most_fnmr_loss"))


def utility(audit: AuditRecord, measured: AuditResult, p: float) -> None:
    """Show how matching works on the mixed database, against the limit."""
    st.header("Matching on the mixed database", help=f"{help_of(AuditRequest, 'most_fnmr_loss')} {HELP['fmr1000']}")
    if not measured.utility:
        st.info("This audit had no matcher, so the effect on recognition is not known.", icon=":material/info:")
        return
    figure = utility_curve(measured.utility, audit.spec.most_fnmr_loss, p=p)
    alt = "FNMR at FMR 0.1 % of every matcher by proportion, with the limit; the table below has the figures"
    show_figure(figure, f"utility-{audit.id}", alt, f"audit {audit.id}")
    st.caption(
        "Comparisons as they occur in a database where this proportion is changed: old-old, old-new and new-new. Open "
        "markers: too few impostor comparisons for a reliable figure at FMR 0.1 % (at least 3,000 are needed)."
    )
    show_rows(rows.change_rows(measured))
    with st.expander("All operating points", icon=":material/table:"):
        show_rows(rows.utility_rows(measured))


def slider(key: str, start: float) -> float:
    """Ask for a proportion; return exactly ``start`` while the slider is not moved."""
    shown = float(round(100 * start, 1))
    title, explained = "Proportion p of images to perturb", HELP["proportion"]
    moved = st.slider(title, 0.0, 100.0, shown, 0.5, format="%.1f %%", key=key, help=explained, bind="query-params")
    return start if moved == shown else moved / 100


with_store(show)
