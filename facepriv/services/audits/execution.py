"""Execute audits: measure images, let the attackers loose on random draws of the release, sum up.

Measures are saved as they are computed, so that an interrupted audit goes on where it stopped, and the next one on the
same images measures nothing again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.attackers.registry import attackers
from facepriv.audit.evidence import Evidence
from facepriv.audit.leak.cross_fitting import Attack, attack
from facepriv.audit.leak.policy_draws import PROPORTIONS, draw_perturbed, number_of_draws
from facepriv.audit.leak.results import classifier_baselines, condition_result, curve_point, headline, make_bootstrap
from facepriv.config import Settings
from facepriv.errors import BadInputError, FaceprivError
from facepriv.measures.compute import compute
from facepriv.measures.loaded_models import (
    check_versions,
    get_classifier,
    get_matcher,
    make_detector_reference,
    make_reference,
)
from facepriv.metrics.gender import gender_error
from facepriv.metrics.match_bootstrap import MatchBootstrap
from facepriv.metrics.subject_bootstrap import SubjectBootstrap
from facepriv.policy.best_proportion import best_proportion, draw_standard_error, judge_proportion
from facepriv.policy.mixed_utility import PairScores, mixed_utility, pair_scores
from facepriv.policy.proportion import OptimalProportion, optimal_proportion
from facepriv.presentation.verdict import not_tried, verdict
from facepriv.schemas.audits import (
    AuditResult,
    AuditSpec,
    ConditionName,
    CurvePoint,
    PolicyChoice,
    Quality,
    Utility,
    UtilityChange,
)
from facepriv.services.audits.evidence import find_evidence, list_audited, list_measures, make_evidence
from facepriv.services.audits.preparing import count_left_out
from facepriv.services.jobs.leased_job import LeasedJob, Report, retry_while_busy
from facepriv.services.jobs.measuring import LeasedPool
from facepriv.services.jobs.pool_calls import Crashed
from facepriv.services.jobs.pool_process import Job, JobRef, get_content
from facepriv.services.jobs.worker_pool import WorkerPool
from facepriv.services.models.probe_people import find_overlaps
from facepriv.store import AuditRecord, Store
from facepriv.types import FEMALE, MALE

MEASURING, ATTACKING, SUMMING_UP = "measuring", "attacking", "summing up"
FMR_TARGET = 0.001
SIGN_DIGITS = 3
"""Decimals of the sign attacker's optimum at which the other attackers are measured, too."""
_T = TypeVar("_T")


@dataclass(frozen=True)
class Task:
    """One attacker against one draw of a release."""

    attacker: str
    p: float
    draw: int
    each_variant: bool


def execute_audit(
    store: Store,
    settings: Settings,
    audit: AuditRecord,
    owner: str,
    *,
    pool: WorkerPool,
    on_progress: Report | None = None,
) -> None:
    """Execute a claimed audit to its end: complete, failed or cancelled."""
    _AuditExecution(store, settings, audit, owner, pool, on_progress).execute()


class _AuditExecution(LeasedJob):
    noun = "audit"

    def __init__(
        self,
        store: Store,
        settings: Settings,
        audit: AuditRecord,
        owner: str,
        pool: WorkerPool,
        on_progress: Report | None,
    ) -> None:
        super().__init__(store, settings, audit.job_id, audit.id, owner, pool, on_progress)
        self.audit, self.spec = audit, audit.spec

    def work(self) -> None:
        result = self.result()
        retry_while_busy(lambda: self.store.audits.finish(self.audit.id, self.owner, result))

    def result(self) -> AuditResult:
        """Execute the stages one after the other."""
        self._check_models()
        self._note_overlaps()
        try:
            evidence = self._measure()
            bootstrap = self._sum_up(lambda: make_bootstrap(evidence, self.spec.resamples, self.spec.seed))
            execute_stages = self._audit_as_it_is if self.spec.run_id is None else self._audit_run
            result = execute_stages(evidence, bootstrap)
        except BaseException:
            self.pool.end(at_once=True)
            raise
        return result.model_copy(update={"seconds": self.store.audits.summary(self.number).spent})

    def _check_models(self) -> None:
        check_versions(self.spec.detector, make_detector_reference())
        for ref in self.spec.classifiers:
            check_versions(ref, make_reference(get_classifier(ref.name)))
        for ref in self.spec.matchers:
            check_versions(ref, make_reference(get_matcher(ref.name)))

    def _note_overlaps(self) -> None:
        images = self.store.datasets.images(self.spec.dataset.id, ids=self.spec.image_ids)
        for overlap in find_overlaps([ref.name for ref in self.spec.classifiers], images):
            self.note(overlap.sentence)

    def _measure(self) -> Evidence:
        """Compute what attackers need to know of the images; processes read it in the database."""
        audited = self.run_in_thread(lambda check: list_audited(self.store, self.spec))
        computed = compute(
            self.store,
            audited.files,
            list_measures(self.spec),
            LeasedPool(self, self.audit.attempts),
            partial(self.heartbeat, MEASURING),
        )
        return self._sum_up(lambda: make_evidence(audited, computed.vectors))

    def _attack(self, tasks: Sequence[Task], done: int, total: int) -> dict[Task, Attack]:
        """Let attackers loose in processes; ``done`` and ``total`` count the steps of the whole stage."""
        attacks: dict[Task, Attack] = {}
        self.heartbeat(ATTACKING, done, total)
        job = JobRef(load_evidence, self.number, self.owner, self.audit.attempts)
        for task, result in self.compute_in_pool(attack_in_process, job, tasks, one_by_one=True):
            if isinstance(result, Crashed):
                raise FaceprivError(
                    f"The attacker {task.attacker} took its process down each time, perhaps for lack of memory; allow "
                    "fewer processes (FACEPRIV_WORKERS=1) and resume, or start an audit without this attacker."
                )
            attacks[task] = result
            self.heartbeat(ATTACKING, done + len(attacks), total)
        return attacks

    def _tasks(self, p: float, each_variant: bool, *, other_draws: bool = False) -> list[Task]:
        draws = self._draws(p, other_draws=other_draws)
        return [Task(name, p, draw, each_variant) for name in self.spec.attackers for draw in draws]

    def _draws(self, p: float, *, other_draws: bool = False) -> range:
        """Return the numbers of the draws at ``p``, or of other draws, which had no part in choosing ``p``."""
        number = number_of_draws(p, self.spec.draws)
        return range(number, 2 * number) if other_draws else range(number)

    def _audit_as_it_is(self, evidence: Evidence, bootstrap: SubjectBootstrap) -> AuditResult:
        tasks = self._tasks(0.0, each_variant=True)
        attacks = self._attack(tasks, 0, len(tasks))
        return self._sum_up(lambda: self._result(evidence, bootstrap, {"untouched": 0.0}, attacks))

    def _audit_run(self, evidence: Evidence, bootstrap: SubjectBootstrap) -> AuditResult:
        sign = self._sign_optimum(evidence)
        fixed = self.spec.p
        grid = sorted({*PROPORTIONS, *([] if sign is None else [sign.p]), *([] if fixed is None else [fixed])})
        tasks = [task for p in grid for task in self._tasks(p, each_variant=p in (0.0, 1.0, fixed))]
        total = len(tasks) + (0 if fixed is not None else len(self._tasks(0.5, each_variant=True)))
        attacks = self._attack(tasks, 0, total)
        points = self._sum_up(lambda: self._points(grid, attacks, bootstrap))
        scores = self._sum_up(lambda: self._pair_scores(evidence))
        utility = self._sum_up(lambda: self._utility(scores, grid))
        choice = self._choose_proportion(evidence, points, utility, sign)
        if choice.automatic and choice.p not in (0.0, 1.0):
            # On draws and folds of its own: the proportion was chosen as the best of those looked at.
            others = self._tasks(choice.p, each_variant=True, other_draws=True)
            attacks |= self._attack(others, len(tasks), total)
        conditions: dict[ConditionName, float] = {"untouched": 0.0, "mix": choice.p, "perturbed": 1.0}
        result = self._sum_up(lambda: self._result(evidence, bootstrap, conditions, attacks, choice))
        change = self._sum_up(lambda: self._utility_change(scores, evidence))
        return result.model_copy(
            update={
                "not_perturbed": int((~evidence.can_be_perturbed).sum()),
                "curve": points,
                "utility": utility,
                "utility_change": change,
                "quality": self._quality(),
            }
        )

    def _sum_up(self, work: Callable[[], _T]) -> _T:
        """Compute in a thread, so that the lease is kept and a wish to cancel is heard meanwhile."""
        self.heartbeat(SUMMING_UP, 0, 1)
        return self.run_in_thread(lambda check: work())

    def _choose_proportion(
        self,
        evidence: Evidence,
        points: Sequence[CurvePoint],
        utility: Sequence[Utility],
        sign: OptimalProportion | None,
    ) -> PolicyChoice:
        spec = self.spec
        against = spec.against or spec.attackers
        points = [point for point in points if point.attacker in against]
        floor, noise = spec.most_fnmr_loss, self._noise(evidence)
        if spec.p is None:
            best = best_proportion(points, utility, most_fnmr_loss=floor, tolerance=noise)
        else:
            best = judge_proportion(spec.p, points, utility, most_fnmr_loss=floor, tolerance=noise)
        return PolicyChoice(
            p=best.p,
            automatic=spec.p is None,
            select_by=spec.select_by,
            against=list(against),
            sign_p=None if sign is None else sign.p,
            sentence=best.sentence,
        )

    def _result(
        self,
        evidence: Evidence,
        bootstrap: SubjectBootstrap,
        proportions: Mapping[ConditionName, float],
        attacks: Mapping[Task, Attack],
        choice: PolicyChoice | None = None,
    ) -> AuditResult:
        spec = self.spec
        conditions = []
        for name, p in proportions.items():
            others = name == "mix" and choice is not None and choice.automatic and p not in (0.0, 1.0)
            drawn = [self._perturbed(evidence, p, draw) for draw in self._draws(p, other_draws=others)]
            by_attacker = self._by_attacker(p, attacks, each_variant=True, other_draws=others)
            conditions.append(condition_result(name, p, drawn, by_attacker, bootstrap))
        conditions = [each for each in conditions if each.attacks]
        if not conditions or conditions[0].name != "untouched":
            raise BadInputError(
                f"Attackers with something to go on were expected, but {', '.join(spec.attackers)} found nothing in "
                "these images; give them classifiers or matchers, or choose others.",
                code="nothing-to-go-on",
            )
        headlines = [headline(each) for each in conditions]
        baseline = classifier_baselines(evidence, bootstrap)
        subjects, labels = evidence.untouched.subjects, evidence.labels
        return AuditResult(
            images=len(labels),
            left_out=count_left_out(self.store.datasets.images(spec.dataset.id, ids=spec.image_ids)),
            subjects=bootstrap.subject_count(),
            male_images=int((labels == MALE).sum()),
            female_images=int((labels == FEMALE).sum()),
            male_subjects=len(set(subjects[labels == MALE].tolist())),
            female_subjects=len(set(subjects[labels == FEMALE].tolist())),
            baseline=baseline,
            conditions=conditions,
            policy=choice,
            headlines=headlines,
            verdict=verdict(baseline, conditions, headlines, choice),
            not_tried=not_tried(spec.attackers, attackers.names(), [ref.name for ref in spec.classifiers]),
        )

    def _by_attacker(
        self, p: float, attacks: Mapping[Task, Attack], *, each_variant: bool, other_draws: bool = False
    ) -> dict[str, list[Attack]]:
        return {
            name: [attacks[Task(name, p, draw, each_variant)] for draw in self._draws(p, other_draws=other_draws)]
            for name in self.spec.attackers
        }

    def _points(
        self, grid: Sequence[float], attacks: Mapping[Task, Attack], bootstrap: SubjectBootstrap
    ) -> list[CurvePoint]:
        points = []
        for p in grid:
            by_attacker = self._by_attacker(p, attacks, each_variant=p in (0.0, 1.0, self.spec.p))
            points += [curve_point(p, name, draws, bootstrap) for name, draws in by_attacker.items()]
        return [point for point in points if point is not None]

    def _utility(self, scores: Mapping[str, PairScores], grid: Sequence[float]) -> list[Utility]:
        by = self.spec.select_by
        return [point for name, pairs in scores.items() for point in mixed_utility(pairs, grid, name, select_by=by)]

    def _perturbed(self, evidence: Evidence, p: float, draw: int) -> NDArray[np.bool_]:
        return draw_perturbed(evidence, p, select_by=self.spec.select_by, draw=draw, seed=self.spec.seed)

    def _sign_optimum(self, evidence: Evidence) -> OptimalProportion | None:
        """Find the proportion that is best against the sign attacker with the run's first guide."""
        assert self.spec.run_id is not None
        guide = self.store.runs.get(self.spec.run_id).guide
        if guide not in evidence.untouched.scores or evidence.perturbed is None:
            return None
        errors = []
        for features in (evidence.untouched, evidence.perturbed):
            rates = gender_error(features.scores[guide], evidence.labels).by_gender()
            if rates is None:
                return None
            errors.append(rates)
        best = optimal_proportion(*errors)
        # Next to a proportion of the grid, it is that one.
        return replace(best, p=round(best.p, SIGN_DIGITS))

    def _pair_scores(self, evidence: Evidence) -> dict[str, PairScores]:
        assert evidence.perturbed is not None
        subjects = evidence.untouched.subjects.tolist()
        return {
            name: pair_scores(
                templates.astype(np.float32),
                evidence.perturbed.templates[name].astype(np.float32),
                subjects,
                get_matcher(name).compare,
                seed=self.spec.seed,
            )
            for name, templates in evidence.untouched.templates.items()
        }

    def _noise(self, evidence: Evidence) -> float:
        """Return how much an accuracy may differ by which images happened to be drawn."""
        units = evidence.untouched.subjects if self.spec.select_by == "subject" else np.arange(len(evidence.labels))
        men, women = (len(np.unique(units[evidence.labels == label])) for label in (MALE, FEMALE))
        return draw_standard_error(men, women, self.spec.draws)

    def _utility_change(self, scores: Mapping[str, PairScores], evidence: Evidence) -> list[UtilityChange]:
        """Compare every image perturbed with none, comparison by comparison."""
        subjects = evidence.untouched.subjects
        changes = []
        for name, pairs in scores.items():
            mated, other = pairs.mated, ~pairs.mated
            bootstrap = MatchBootstrap(
                subjects[pairs.first[mated]],
                subjects[pairs.first[other]],
                subjects[pairs.second[other]],
                resamples=self.spec.resamples,
                seed=self.spec.seed,
            )
            before, after = (
                bootstrap.fnmr_at_fmr(one[mated], one[other], FMR_TARGET) for one in (pairs.scores[0], pairs.scores[-1])
            )
            changes.append(
                UtilityChange(
                    matcher=name,
                    fnmr_at_fmr1000=after.minus(before).interval(),
                    supported=int(np.isfinite(pairs.scores[0][other]).sum()) * FMR_TARGET >= 1,
                )
            )
        return changes

    def _quality(self) -> Quality:
        assert self.spec.run_id is not None
        run = self.store.runs.get(self.spec.run_id)
        assert run.result is not None
        taken = set(self.spec.image_ids)
        tried = [
            one
            for one in self.store.runs.outcomes(run.id)
            if one.failure_stage != "acquire-before" and one.image_id in taken
        ]
        changed = [one.psnr_db for one in tried if one.psnr_db is not None and np.isfinite(one.psnr_db)]
        asked = [one.evaluations for one in tried if one.success and one.updates and one.evaluations is not None]
        return Quality(
            psnr_db=float(np.median(changed)) if changed else None,
            success=float(np.mean([bool(one.success) for one in tried])) if tried else None,
            evaluations=float(np.median(asked)) if asked else None,
        )


def load_evidence(store: Store, audit_id: int) -> tuple[AuditSpec, Evidence]:
    """Read what attackers need to know."""
    spec = store.audits.get(audit_id).spec
    return spec, find_evidence(store, spec)


def attack_in_process(job: Job, tasks: Sequence[Task]) -> list[Attack]:
    """Let attackers loose in a worker's process."""
    spec, evidence = get_content(job)
    return [
        attack(
            attackers.create(task.attacker),
            evidence,
            draw_perturbed(evidence, task.p, select_by=spec.select_by, draw=task.draw, seed=spec.seed),
            task.p,
            # The same for every attacker and proportion: they learn from the same people and guess the same others.
            seed=spec.seed + task.draw,
            folds=spec.folds,
            all_variants=task.each_variant,
        )
        for task in tasks
    ]
