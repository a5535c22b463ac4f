"""Execute trials of protections: judge each, and the templates as they are, in processes of their own; sum up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from facepriv.audit.templates.judging import judge_protection
from facepriv.errors import BadInputError, FaceprivError
from facepriv.presentation.protection_findings import keeps_limits, protection_findings
from facepriv.presentation.verdict import template_verdict
from facepriv.protect.registry import describe_variant, make_protection
from facepriv.schemas.protections import ProtectionChoice, ProtectionResult, ProtectionSpec
from facepriv.schemas.templates import TemplateAudit
from facepriv.services.jobs.leased_job import Claim, LeasedJob, retry_while_busy
from facepriv.services.jobs.pool_calls import Crashed
from facepriv.services.jobs.pool_process import Job, get_content
from facepriv.services.protections.job import JUDGING, trial_work
from facepriv.stopwatch import timed
from facepriv.store import Store
from facepriv.types import Templates


@dataclass(frozen=True)
class Trial:
    """Templates under one protection; None leaves them as they are."""

    place: int
    """Its place in the spec's ``tried``; -1 for templates as they are."""


@dataclass(frozen=True, eq=False)
class Content:
    """What a process needs to know."""

    spec: ProtectionSpec
    templates: Templates
    fit_on: Templates | None
    learn_from: Templates | None


class ProtectionExecution(LeasedJob):
    """A claimed trial, executed to its end: complete, failed or cancelled."""

    noun = "protection"

    def __init__(self, claim: Claim) -> None:
        record = claim.store.protections.of_job(claim.job.id)
        super().__init__(claim, record.id)
        self.spec = record.spec

    @property
    def work_and_size(self) -> tuple[str, float]:
        """A trial, and its templates."""
        return self.noun, self.store.template_sets.get(self.spec.templates.id).templates

    def work(self) -> None:
        """Judge every protection; one that cannot be fitted to these templates is told with its reason."""
        trials = [Trial(place) for place in range(-1, len(self.spec.tried))]
        audits: dict[int, TemplateAudit] = {}
        failed: dict[str, str] = {}
        self.heartbeat(JUDGING, 0, len(trials))
        try:
            for trial, result in self.compute_in_pool(judge_in_process, load_content, trials, one_by_one=True):
                name = "none" if trial.place < 0 else _title(self.spec.tried[trial.place])
                if isinstance(result, TemplateAudit):
                    audits[trial.place] = result
                else:
                    failed[name] = _sentence(name, result)
                    if trial.place <= 0:
                        raise FaceprivError(failed[name])
                    self.note(f"The protection {name} could not be tried: {failed[name]}")
                self.heartbeat(JUDGING, len(audits) + len(failed), len(trials))
        except BaseException:
            self.pool.end(at_once=True)
            raise
        result = self._result(audits, failed)
        retry_while_busy(lambda: self.store.protections.finish(self.number, self.owner, result))

    def _result(self, audits: dict[int, TemplateAudit], failed: dict[str, str]) -> ProtectionResult:
        untouched, chosen = audits.pop(-1), audits[0]
        most_accuracy, most_loss = self.spec.most_accuracy, self.spec.most_fnmr_loss
        found = template_verdict(chosen, goal=most_accuracy, most_loss=most_loss)
        return ProtectionResult(
            untouched=untouched,
            protected=tuple(audits[place] for place in sorted(audits)),
            failed=failed,
            holds=keeps_limits(chosen, most_accuracy, most_loss),
            verdict=f"{found.sentence} {protection_findings(untouched, chosen)}",
            seconds=self.store.protections.summary(self.number).spent,
        )


def _title(choice: ProtectionChoice) -> str:
    return describe_variant(choice.name, choice.parameters)


def _sentence(name: str, result: object) -> str:
    if isinstance(result, str):
        return result
    assert isinstance(result, Crashed)
    return (
        f"The trial of {name} took its process down each time, perhaps for lack of memory; allow fewer processes "
        "(FACEPRIV_WORKERS=1) and resume."
    )


def load_content(store: Store, number: int) -> Content:
    """Read what a process needs to know of a trial."""
    spec = store.protections.get(number).spec

    def read(ref: Any) -> Templates | None:
        return None if ref is None else store.template_sets.read(ref.id)

    return Content(spec, store.template_sets.read(spec.templates.id), read(spec.fit_on), read(spec.learn_from))


def judge_in_process(job: Job, trials: Sequence[Trial]) -> list[TemplateAudit | str]:
    """Judge protections in a worker's process; one that does not fit these templates gives its reason."""
    content: Content = get_content(job)
    results: list[TemplateAudit | str] = []
    for trial in trials:
        try:
            choice = None if trial.place < 0 else content.spec.tried[trial.place]
            with timed(trial_work(choice), len(content.templates.rows) * content.spec.partings):
                results.append(judge(content, choice))
        except BadInputError as error:
            results.append(str(error))
    return results


def judge(content: Content, choice: ProtectionChoice | None) -> TemplateAudit:
    """Judge one protection, or the templates as they are."""
    spec = content.spec
    return judge_protection(
        None if choice is None else make_protection(choice.name, choice.parameters),
        content.templates,
        fit_on=content.fit_on,
        learn_from=content.learn_from,
        attackers=spec.attackers,
        partings=spec.partings,
        wrong_guesses=spec.wrong_guesses,
        seed=spec.seed,
    )
