"""Execute audits: measure images, let the attackers loose on random draws of the release, sum up.

Measures are saved as they are computed, so that an interrupted audit goes on where it stopped, and the next one on the
same images measures nothing again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from facepriv.audit.attackers.registry import attackers
from facepriv.audit.evidence import Evidence
from facepriv.audit.leak.cross_fitting import Attack, attack, know
from facepriv.audit.leak.learning_results import learning_results
from facepriv.audit.leak.policy_draws import PROPORTIONS, draw_perturbed, number_of_draws
from facepriv.audit.leak.results import classifier_baselines, condition_result, curve_point, headline, make_bootstrap
from facepriv.errors import BadInputError, FaceprivError
from facepriv.measures.loaded_models import DETECTOR, check_versions, get_classifier, get_matcher, load_models
from facepriv.metrics.gender import gender_error
from facepriv.metrics.match_bootstrap import MatchBootstrap
from facepriv.metrics.matching import supports
from facepriv.policy.best_proportion import best_proportion, draw_standard_error, judge_proportion
from facepriv.policy.mixed_utility import PairScores, mixed_utility, pair_scores
from facepriv.policy.proportion import OptimalProportion, optimal_proportion
from facepriv.presentation.findings import findings, not_tried
from facepriv.presentation.learning import say_more_people
from facepriv.presentation.verdict import audit_verdict
from facepriv.schemas.audits import (
    AuditResult,
    AuditSpec,
    ConditionName,
    CurvePoint,
    LearningGain,
    LearningPoint,
    PolicyChoice,
    Quality,
    Utility,
    UtilityChange,
)
from facepriv.services.audits.attackers_people import learns_from_others, parting_sentences
from facepriv.services.audits.evidence import (
    find_evidence,
    list_audited,
    list_learned_from,
    list_measures,
    make_evidence,
)
from facepriv.services.audits.job import ATTACKING, MEASURING, PREPARING, SUMMING_UP, attack_work, name_work
from facepriv.services.audits.preparing import count_left_out
from facepriv.services.jobs.leased_job import Claim, LeasedJob, retry_while_busy
from facepriv.services.jobs.pool_calls import Crashed
from facepriv.services.jobs.pool_process import Job, get_content
from facepriv.services.models.probe_people import find_overlaps
from facepriv.services.runs.list_figures import keep_figures
from facepriv.stopwatch import timed
from facepriv.store import Store
from facepriv.types import FEMALE, MALE, Flags

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
    in_full: bool


@dataclass(frozen=True)
class Release:
    """Random draws at one proportion."""

    p: float
    draws: range
    in_full: bool
    """Whether every variant of an attacker is tried, and not only those that have a say, and how much each one
    learns from parts of the people."""


class AuditExecution(LeasedJob):
    """A claimed audit, executed to its end: complete, failed or cancelled."""

    noun = "audit"

    def __init__(self, claim: Claim) -> None:
        audit = claim.store.audits.of_job(claim.job.id)
        super().__init__(claim, audit.id)
        self.spec = audit.spec
        self._attacks: dict[Task, Attack] = {}
        self._in_full = not self.spec.brief

    @property
    def work_and_size(self) -> tuple[str, float]:
        """An audit of images as they are or of a run, and its images."""
        return name_work(self.spec), len(self.spec.image_ids)

    def work(self) -> None:
        """Execute the stages one after the other."""
        self._check_models()
        self._note_overlaps()
        try:
            self._evidence = self._measure()
            self._bootstrap = self._prepare(lambda: make_bootstrap(self._evidence, self.spec.resamples, self.spec.seed))
            result = self._audit_as_it_is() if self.spec.run_id is None else self._audit_run()
        except BaseException:
            self.pool.end(at_once=True)
            raise
        run = None if self.spec.run_id is None else self.store.runs.get(self.spec.run_id).result
        matching = None if run is None else run.matching
        verdict = audit_verdict(result, most_loss=self.spec.most_fnmr_loss, matching=matching).sentence
        spent = self.store.audits.summary(self.number).spent
        result = result.model_copy(update={"verdict": f"{verdict} {result.verdict}", "seconds": spent})
        retry_while_busy(lambda: self.store.audits.finish(self.number, self.owner, result))
        keep_figures(self.store, "audit", self.number)

    def _check_models(self) -> None:
        check_versions(self.spec.detector, DETECTOR)
        load_models(get_classifier, self.spec.classifiers)
        load_models(get_matcher, self.spec.matchers)

    def _note_overlaps(self) -> None:
        images = self.store.datasets.images(self.spec.dataset.id, ids=self.spec.image_ids)
        for overlap in find_overlaps([ref.name for ref in self.spec.classifiers], images):
            self.note(overlap.sentence)

    def _measure(self) -> Evidence:
        """Compute what attackers need to know of the images; processes read it in the database."""
        measures, people = list_measures(self.spec), self.spec.learn_from
        audited = self.run_in_thread(lambda check: list_audited(self.store, self.spec))
        measured = audited, self.compute_measures(audited.files, measures, MEASURING)
        others = None
        if people is not None:
            elsewhere = self.run_in_thread(lambda check: list_learned_from(self.store, people))
            others = elsewhere, self.compute_measures(elsewhere.files, measures, MEASURING)
        return self._prepare(lambda: make_evidence(measured, others)[0])

    def _release(self, p: float) -> Release:
        return Release(
            p, range(number_of_draws(p, self.spec.draws)), in_full=self._in_full and p in (0.0, 1.0, self.spec.p)
        )

    def _tasks(self, release: Release) -> list[Task]:
        return [Task(name, release.p, draw, release.in_full) for name in self.spec.attackers for draw in release.draws]

    def _order(self, tasks: Sequence[Task]) -> list[Task]:
        """Return the tasks with the proportions of one attacker and one draw in succession.

        They learn from the same people, so that what an attacker learns of images untouched and perturbed is still in a
        process's memory when the next proportion asks for it.
        """
        return sorted(tasks, key=lambda task: (self.spec.attackers.index(task.attacker), task.draw, task.p))

    def _attack(self, tasks: Sequence[Task], total: int) -> None:
        """Let attackers loose in processes; ``total`` counts the tasks of the whole stage."""
        self.heartbeat(ATTACKING, len(self._attacks), total)
        for task, result in self.compute_in_pool(attack_in_process, load_evidence, tasks, one_by_one=True):
            if isinstance(result, Crashed):
                raise FaceprivError(
                    f"The attacker {task.attacker} took its process down each time, perhaps for lack of memory; allow "
                    "fewer processes (FACEPRIV_WORKERS=1) and resume, or start an audit without this attacker."
                )
            self._attacks[task] = result
            self.heartbeat(ATTACKING, len(self._attacks), total)

    def _audit_as_it_is(self) -> AuditResult:
        release = self._release(0.0)
        tasks = self._tasks(release)
        self._attack(tasks, len(tasks))
        return self._sum_up(lambda: self._result({"untouched": release}))

    def _audit_run(self) -> AuditResult:
        fixed, asked = self.spec.p, self.spec.proportions
        sign = None if asked else self._sign_optimum()
        wanted = {0.0, *asked} if asked else {*PROPORTIONS, *([] if sign is None else [sign.p])}
        grid = sorted({*wanted, *([] if fixed is None else [fixed])})
        releases = [self._release(p) for p in grid]
        tasks = self._order([task for release in releases for task in self._tasks(release)])
        total = len(tasks) + (0 if fixed is not None else len(self._tasks(self._release(0.5))))
        self._attack(tasks, total)
        points = self._sum_up(lambda: self._points(releases))
        scores = self._sum_up(self._pair_scores)
        utility = self._sum_up(lambda: self._utility(scores, grid))
        choice = self._choose_proportion(points, utility, sign)
        mix = self._release(choice.p)
        if choice.automatic and choice.p not in (0.0, 1.0):
            # On draws and folds of its own: the proportion was chosen as the best of those looked at.
            number = len(mix.draws)
            mix = Release(choice.p, range(number, 2 * number), in_full=self._in_full)
            self._attack(self._tasks(mix), total)
        conditions: dict[ConditionName, Release] = {"untouched": self._release(0.0), "mix": mix}
        if 1.0 in grid:
            conditions["perturbed"] = self._release(1.0)
        result = self._sum_up(lambda: self._result(conditions, choice))
        change = self._sum_up(lambda: self._utility_change(scores))
        return result.model_copy(
            update={
                "not_perturbed": int((~self._evidence.can_be_perturbed).sum()),
                "curve": points,
                "utility": utility,
                "utility_change": change,
                "quality": self._quality(),
            }
        )

    def _sum_up(self, work: Callable[[], _T], stage: str = SUMMING_UP) -> _T:
        """Compute in a thread, so that the lease is kept and a wish to cancel is heard meanwhile."""
        self.heartbeat(stage, 0, 1)
        return self.run_in_thread(lambda check: work())

    def _prepare(self, work: Callable[[], _T]) -> _T:
        return self._sum_up(work, PREPARING)

    def _choose_proportion(
        self, points: Sequence[CurvePoint], utility: Sequence[Utility], sign: OptimalProportion | None
    ) -> PolicyChoice:
        spec = self.spec
        against = spec.against or spec.attackers
        points = [point for point in points if point.attacker in against]
        floor, noise = spec.most_fnmr_loss, self._noise()
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

    def _result(self, releases: Mapping[ConditionName, Release], choice: PolicyChoice | None = None) -> AuditResult:
        spec, bootstrap = self.spec, self._bootstrap
        conditions = []
        for name, release in releases.items():
            drawn = [
                draw_perturbed(self._evidence, release.p, select_by=spec.select_by, draw=draw, seed=spec.seed)
                for draw in release.draws
            ]
            conditions.append(condition_result(name, release.p, drawn, self._by_attacker(release), bootstrap))
        conditions = [each for each in conditions if each.attacks]
        if not conditions or conditions[0].name != "untouched":
            raise BadInputError(
                f"Attackers with something to go on were expected, but {', '.join(spec.attackers)} found nothing in "
                "these images; give them classifiers or matchers, or choose others.",
                code="nothing-to-go-on",
            )
        headlines = [headline(each) for each in conditions]
        learning, gains = self._learning(releases)
        more_people = say_more_people(gains, conditions)
        baseline = classifier_baselines(self._evidence, bootstrap)
        subjects, labels = self._evidence.untouched.subjects, self._evidence.labels
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
            learning=learning,
            learning_gains=gains,
            learned_from=parting_sentences(self.store, spec),
            more_people=more_people,
            verdict=" ".join(filter(None, [findings(baseline, conditions, headlines, choice), more_people])),
            not_tried=not_tried(
                spec.attackers,
                attackers.names(),
                [ref.name for ref in spec.classifiers],
                most_people=max((gain.to_subjects for gain in gains), default=None),
                more_people=more_people,
            ),
        )

    def _learning(self, releases: Mapping[ConditionName, Release]) -> tuple[list[LearningPoint], list[LearningGain]]:
        """Return what attackers learn from parts of their people, and what they gained by the last half of them."""
        points: list[LearningPoint] = []
        gains: list[LearningGain] = []
        for condition, release in releases.items():
            for name, draws in self._by_attacker(release).items():
                more, gain = learning_results(condition, name, draws, self._bootstrap)
                points += more
                gains += [] if gain is None else [gain]
        return points, gains

    def _by_attacker(self, release: Release) -> dict[str, list[Attack]]:
        by_attacker: dict[str, list[Attack]] = {}
        for task in self._tasks(release):
            by_attacker.setdefault(task.attacker, []).append(self._attacks[task])
        return by_attacker

    def _points(self, releases: Sequence[Release]) -> list[CurvePoint]:
        points = [
            curve_point(release.p, name, draws, self._bootstrap, interval=self.spec.brief)
            for release in releases
            for name, draws in self._by_attacker(release).items()
        ]
        return [point for point in points if point is not None]

    def _utility(self, scores: Mapping[str, PairScores], grid: Sequence[float]) -> list[Utility]:
        by = self.spec.select_by
        return [point for name, pairs in scores.items() for point in mixed_utility(pairs, grid, name, select_by=by)]

    def _sign_optimum(self) -> OptimalProportion | None:
        """Find the proportion that is best against the sign attacker with the run's first guide."""
        assert self.spec.run_id is not None
        guide, evidence = self.store.runs.get(self.spec.run_id).guide, self._evidence
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

    def _pair_scores(self) -> dict[str, PairScores]:
        evidence = self._evidence
        assert evidence.perturbed is not None
        subjects = evidence.untouched.subjects.tolist()
        matchers = {ref.name for ref in self.spec.matchers}
        return {
            name: pair_scores(
                templates.astype(np.float32),
                evidence.perturbed.templates[name].astype(np.float32),
                subjects,
                get_matcher(name).compare,
                seed=self.spec.seed,
            )
            for name, templates in evidence.untouched.templates.items()
            if name in matchers
        }

    def _noise(self) -> float:
        """Return how much an accuracy may differ by which images happened to be drawn."""
        evidence = self._evidence
        units = evidence.untouched.subjects if self.spec.select_by == "subject" else np.arange(len(evidence.labels))
        men, women = (len(np.unique(units[evidence.labels == label])) for label in (MALE, FEMALE))
        return draw_standard_error(men, women, self.spec.draws)

    def _utility_change(self, scores: Mapping[str, PairScores]) -> list[UtilityChange]:
        """Compare every image perturbed with none, comparison by comparison."""
        subjects = self._evidence.untouched.subjects
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
                bootstrap.fnmr_at_fmr(scores[mated], scores[other], FMR_TARGET)
                for scores in (pairs.scores[0], pairs.scores[-1])
            )
            changes.append(
                UtilityChange(
                    matcher=name,
                    fnmr_at_fmr1000=after.minus(before).interval(),
                    supported=supports(int(np.isfinite(pairs.scores[0][other]).sum()), FMR_TARGET),
                )
            )
        return changes

    def _quality(self) -> Quality:
        assert self.spec.run_id is not None
        run = self.store.runs.get(self.spec.run_id)
        assert run.result is not None
        taken = set(self.spec.image_ids)
        tried = [
            image
            for image in self.store.runs.outcomes(run.id)
            if image.failure_stage != "acquire-before" and image.image_id in taken
        ]
        changed = [image.psnr_db for image in tried if image.psnr_db is not None and np.isfinite(image.psnr_db)]
        asked = [i.evaluations for i in tried if i.success and i.updates and i.evaluations is not None]
        return Quality(
            psnr_db=float(np.median(changed)) if changed else None,
            success=float(np.mean([bool(image.success) for image in tried])) if tried else None,
            evaluations=float(np.median(asked)) if asked else None,
        )


def load_evidence(store: Store, audit_id: int) -> tuple[AuditSpec, Evidence, Evidence | None]:
    """Read what attackers need to know."""
    spec = store.audits.get(audit_id).spec
    return spec, *find_evidence(store, spec)


def attack_in_process(job: Job, tasks: Sequence[Task]) -> list[Attack]:
    """Let attackers loose in a worker's process."""
    spec, evidence, others = get_content(job)
    results = []
    for task in tasks:

        def drawn(images: Evidence, task: Task = task) -> Flags:
            return draw_perturbed(images, task.p, select_by=spec.select_by, draw=task.draw, seed=spec.seed)

        elsewhere = others if learns_from_others(spec, task.attacker) else None
        with timed(attack_work(task.attacker, in_full=task.in_full), len(evidence.labels)):
            result = attack(
                attackers.create(task.attacker),
                evidence,
                drawn(evidence),
                task.p,
                # The same for every attacker and proportion: they learn from the same people and guess the same others.
                seed=spec.seed + task.draw,
                folds=spec.folds,
                all_variants=task.in_full,
                others=None if elsewhere is None else know(elsewhere, drawn(elsewhere), task.p),
                learning_curve=task.in_full,
            )
        results.append(result)
    return results
