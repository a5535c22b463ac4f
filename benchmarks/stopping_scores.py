"""Stopping scores fixed, matched and neutral: what they cost, and what every attacker then learns, in one figure.

Usage: python benchmarks/stopping_scores.py DATASET [--guide NAME] [--all-classifiers] [--limit N] [--html FILE]

DATASET is one that `facepriv datasets` lists. Runs and audits are ordinary stored ones (those that are there with the
same spec are not computed again). Fixed and matched are audited at the sign attacker's own optimum, neutral with every
image perturbed, which is what each is made for. Attackers hold the guide only, or with --all-classifiers every usable
one. ``--html`` writes the figure.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table
from stopping_figure import stopping_scores

from facepriv.config import get_settings
from facepriv.policy.proportion import optimal_proportion
from facepriv.presentation.run_tables import between, with_ends
from facepriv.schemas.audits import AuditResult
from facepriv.schemas.requests import DEFAULT_GUIDE, AuditRequest, RunRequest
from facepriv.schemas.runs import RunResult
from facepriv.services.audits.preparing import find_same_audit, prepare_audit
from facepriv.services.jobs.worker import run_worker
from facepriv.services.jobs.worker_pool import LocalPool, WorkerPool
from facepriv.services.runs.preparing import find_same_run, prepare_run
from facepriv.store import Store, open_store

WAYS = ("fixed", "matched", "neutral")
DRAWS = 5


def audited(store: Store, pool: WorkerPool, way: str, options: argparse.Namespace) -> AuditResult:
    settings = get_settings()
    spec = prepare_run(
        store,
        RunRequest(
            dataset=options.dataset,
            aim="guide",
            parameters={"stopping": way},
            limit=options.limit,
            guides=[options.guide],
        ),
    )
    run = find_same_run(store, spec) or store.runs.get(store.runs.create(spec))
    if run.result is None:
        run_worker(settings, job_id=run.job_id, pool=pool)
        run = store.runs.get(run.id)
    if run.result is None:
        raise SystemExit(f"Run {run.id} is {run.state}: {run.error}")
    wanted = prepare_audit(
        store,
        AuditRequest(
            run=run.id,
            classifiers=None if options.all_classifiers else [options.guide],
            p=1.0 if way == "neutral" else sign_optimum(run.result, options.guide),
            draws=DRAWS,
        ),
    )
    audit = find_same_audit(store, wanted) or store.audits.get(store.audits.create(wanted))
    if audit.result is None:
        run_worker(settings, job_id=audit.job_id, pool=pool)
        audit = store.audits.get(audit.id)
    if audit.result is None:
        raise SystemExit(f"Audit {audit.id} is {audit.state}: {audit.error}")
    return audit.result


def sign_optimum(result: RunResult, guide: str) -> float:
    before, after = result.gender_error[guide].before, result.gender_error[guide].after
    pairs = [(rates.male or 0.0, rates.female or 0.0) for rates in (before, after)]
    return round(optimal_proportion(*pairs).p, 3)


def show(console: Console, found: dict[str, AuditResult]) -> None:
    table = Table(title="Cost")
    for column in ("Stopping", "p", "Reached", "Evaluations", "PSNR, dB", "Matcher", "FNMR at FMR 0.1 %", "untouched"):
        table.add_column(column)
    for way, audit in found.items():
        assert audit.policy is not None
        assert audit.quality is not None
        for one in audit.utility:
            if one.p == audit.policy.p:
                (zero,) = (u for u in audit.utility if u.p == 0 and u.matcher == one.matcher)
                table.add_row(
                    way,
                    f"{one.p:.1%}",
                    f"{audit.quality.success:.1%}",
                    f"{audit.quality.evaluations:.0f}",
                    f"{audit.quality.psnr_db:.1f}",
                    one.matcher,
                    f"{one.fmr1000.fnmr:.2%}",
                    f"{zero.fmr1000.fnmr:.2%}",
                )
    console.print(table)
    for title, name in (("untouched", "untouched"), ("at p", "mix"), ("every image perturbed", "perturbed")):
        table = Table(title=f"How often attackers are right, and bits at least, {title}")
        table.add_column("Attacker")
        for way in found:
            table.add_column(way)
        rows: dict[str, list[str]] = {}
        for audit in found.values():
            condition = audit.condition(name)  # type: ignore[arg-type]
            for attack in condition.attacks if condition is not None else []:
                learned = with_ends(attack.bits, "{:.2f}".format)
                rows.setdefault(attack.attacker, []).append(f"{between(attack.accuracy)}, {learned}")
        for attacker, cells in rows.items():
            table.add_row(attacker, *cells)
        console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--guide", default=DEFAULT_GUIDE)
    parser.add_argument("--all-classifiers", action="store_true")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--html", type=Path)
    options = parser.parse_args()
    settings = get_settings()
    with open_store(settings) as store, LocalPool(settings) as pool:
        found = {way: audited(store, pool, way, options) for way in WAYS}
    show(Console(width=150), found)
    if options.html is not None:
        figure = stopping_scores(found).update_layout(paper_bgcolor="white", plot_bgcolor="white")
        figure.write_html(options.html, include_plotlyjs=True)


if __name__ == "__main__":
    main()
