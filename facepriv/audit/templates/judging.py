"""Judge a protection of templates: attackers in three states of knowledge, and what recognition loses."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from threadpoolctl import threadpool_limits

from facepriv.audit.attackers.learning import FittedPosterior, balanced_weights, cross_entropy, learn
from facepriv.audit.leak.learning_curve import draw_parts
from facepriv.audit.templates.base import TemplateAttacker
from facepriv.audit.templates.figures import attack_figures, worst_by_chance
from facepriv.audit.templates.matching import MatchingTrial
from facepriv.audit.templates.parting import FEWEST_OF_LABEL, PARTS
from facepriv.audit.templates.registry import template_attackers
from facepriv.audit.templates.template_sets import check_like, take, usable_rows, without
from facepriv.audit.templates.turns import Lesson, Turn, Turns
from facepriv.errors import BadInputError
from facepriv.metrics.leak import not_below_guessing
from facepriv.metrics.resampling import RESAMPLES
from facepriv.metrics.subject_bootstrap import SubjectBootstrap
from facepriv.protect.base import Protection
from facepriv.schemas.figures import GUESSING, Interval
from facepriv.schemas.templates import KnowledgeState, TemplateAttack, TemplateAudit, TemplateLearning
from facepriv.types import FEMALE, MALE, Floats64, Templates

PARTINGS = 3
"""Random partings of the people that figures are averaged over."""
MOST_PEOPLE, MOST_TEMPLATES = 1500, 2000
"""People, and templates, that an audit takes at most; more are drawn at random, with all of a person's templates."""
NONE = "none"

Progress = Callable[[int, int], None]


@dataclass(eq=False)
class _Attack:
    """Guesses of one attacker in one state, over all turns."""

    guesses: Floats64
    """``(R, n)`` log-odds, R random partings."""
    people: list[int] = field(default_factory=list)
    surprise: list[float] = field(default_factory=list)
    """Cross-entropy on the attacker's own people, each held out, of every turn."""

    def add(self, turn: Turn, guesses: Floats64, lesson: Lesson) -> None:
        """Add the guesses of one turn."""
        self.guesses[turn.parting, turn.tested] = guesses
        self.people.append(lesson.people)

    @property
    def mean_people(self) -> float:
        """Number of people learnt from, mean over turns."""
        return float(np.mean(self.people))


def judge_protection(
    protection: Protection | None,
    templates: Templates,
    *,
    fit_on: Templates | None = None,
    learn_from: Templates | None = None,
    attackers: Sequence[str] | None = None,
    partings: int = PARTINGS,
    wrong_guesses: float = 0.0,
    resamples: int = RESAMPLES,
    seed: int = 0,
    on_progress: Progress = lambda done, steps: None,
) -> TemplateAudit:
    """Attack templates under a protection, compare them, and return all figures.

    Everybody is attacked once in each random parting, by attackers who know nothing of him, under a map that was not
    fitted on him (`facepriv.audit.templates.parting`). The same arguments give the same figures.

    Parameters
    ----------
    protection : None leaves templates as they are.
    templates : the database; its labelled people are attacked, at least six of either label.
    fit_on : templates of other people that the protection is fitted on, beside a third of the database.
    learn_from : labelled templates of other people of the same matcher, for attackers who protect these themselves with
        the published map and keys of their own. People in ``fit_on`` as well are parted: half of them for either.
    attackers : names of `facepriv.audit.templates.registry.template_attackers`; all by default.
    partings : random partings of the people that figures are averaged over.
    wrong_guesses : share of people who are enrolled with the wrong label, where the protection asks for one.
    resamples, seed : of the intervals, and of all that is drawn.
    on_progress : called with steps done and all steps.

    Raises
    ------
    BadInputError
        ``too-few-subjects`` where there are fewer than six people of a label; ``too-few-others`` where others show
        fewer than four of a label who are not in the database; ``other-matcher`` where sets are of different matchers;
        ``out-of-range`` for fewer than one parting, or a share of wrong guesses outside 0..1; what the protection
        raises where it cannot be fitted.
    """
    start = time.monotonic()
    _check_numbers(partings, wrong_guesses)
    database, left_out = _prepare_database(templates, seed)
    fit_on = _prepare_others(fit_on, templates, "the templates to fit on")
    learn_from = _prepare_others(learn_from, templates, "the templates to learn from")
    turns = Turns(protection, database, fit_on, learn_from, partings=partings, wrong_guesses=wrong_guesses, seed=seed)
    named = {name: template_attackers.create(name) for name in attackers or template_attackers.names()}
    bootstrap = SubjectBootstrap(database.subjects, database.labels, resamples=resamples, seed=seed)
    matching = MatchingTrial(database, resamples=resamples, seed=seed)
    # The order of a sum depends on the number of threads, and some learners go by the last bit.
    with threadpool_limits(1, user_api="blas"):
        seen, attacks, picked = _attack_all(turns, named, matching, bootstrap, on_progress)
        figures = [
            attack_figures(name, state, attack.mean_people, attack.guesses, bootstrap)
            for (name, state), attack in attacks.items()
        ]
        learning = list(_learn_from_parts(seen, turns.states, figures, named, bootstrap))
    people = np.unique(database.subjects, return_index=True)[1]
    return TemplateAudit(
        protection=NONE if protection is None else protection.card.name,
        parameters={} if protection is None else protection.parameters.model_dump(mode="json"),
        wrong_guesses=turns.wrong_guesses,
        matcher=database.matcher,
        version=database.version,
        metric=database.metric,
        templates=len(database.rows),
        people=len(people),
        men=int(np.sum(database.labels[people] == MALE)),
        women=int(np.sum(database.labels[people] != MALE)),
        left_out=left_out,
        fitted_on=float(np.mean([turn.fitted_on for turn in seen])),
        partings=partings,
        seed=seed,
        attacks=figures,
        picked=[
            attack_figures("picked", state, attack.mean_people, attack.guesses, bootstrap)
            for state, attack in picked.items()
        ],
        worst=max(figures, key=_reached),
        upper=max(GUESSING, *(one.reversed_accuracy.high or 0.0 for one in figures)),
        chance=worst_by_chance({key: attack.guesses for key, attack in attacks.items()}, bootstrap),
        learning=learning,
        matching=matching.result(),
        seconds=round(time.monotonic() - start, 1),
    )


def _check_numbers(partings: int, wrong_guesses: float) -> None:
    if partings < 1:
        raise BadInputError(f"Expected at least one parting of the people, got {partings}.", code="out-of-range")
    if not 0 <= wrong_guesses <= 1:
        raise BadInputError(
            f"Expected a share of wrong guesses from 0 to 1, got {wrong_guesses:g}.", code="out-of-range"
        )


def _prepare_database(templates: Templates, seed: int) -> tuple[Templates, dict[str, int]]:
    """Return the templates of as many people as an audit takes, and how many others there are by reason."""
    usable, left_out = usable_rows(templates)
    database = take(templates, usable)
    people, sizes = np.unique(database.subjects, return_counts=True)
    order = np.random.default_rng([seed, len(people)]).permutation(len(people))[:MOST_PEOPLE]
    # The first person is taken whatever the number of templates.
    order = order[np.cumsum(sizes[order]) - sizes[order[:1]].sum() <= MOST_TEMPLATES]
    if len(order) == len(people):
        return database, left_out
    drawn = take(database, np.isin(database.subjects, people[order]))
    return drawn, {**left_out, "not drawn": len(usable) - len(drawn.rows)}


def _prepare_others(others: Templates | None, database: Templates, what: str) -> Templates | None:
    """Return what can be used of other people's templates; nobody who is in the database."""
    if others is None:
        return None
    check_like(database, others, what)
    left = without(take(others, usable_rows(others)[0]), database)
    people = np.unique(left.subjects, return_index=True)[1]
    fewest = min(int(np.sum(left.labels[people] == label)) for label in (MALE, FEMALE))
    # Halved for a map and for attackers, there must be enough in either half.
    if fewest < 2 * FEWEST_OF_LABEL:
        shared = int(np.isin(others.subjects, database.subjects).sum())
        raise BadInputError(
            f"Expected {what} to show at least {2 * FEWEST_OF_LABEL} men and {2 * FEWEST_OF_LABEL} women who are not "
            f"in the audited set, got {fewest} of one of them; both sets name the subjects of {shared} templates; "
            "choose another set, or give its subjects names of their own.",
            code="too-few-others",
        )
    return left


def _attack_all(
    turns: Turns,
    attackers: Mapping[str, TemplateAttacker],
    matching: MatchingTrial,
    bootstrap: SubjectBootstrap,
    on_progress: Progress,
) -> tuple[list[Turn], dict[tuple[str, KnowledgeState], _Attack], dict[KnowledgeState, _Attack]]:
    """Return the turns, all attacks, and by state those that attackers picked on their own people in every turn."""
    size = len(turns) // PARTS, bootstrap.images
    attacks = {(name, state): _Attack(np.full(size, np.nan)) for state in turns.states for name in attackers}
    picked = {state: _Attack(np.full(size, np.nan)) for state in turns.states}
    seen, done = [], 0
    for turn in turns:
        seen.append(turn)
        matching.add(turn.protected)
        for state, lesson in turn.lessons.items():
            for name, attacker in attackers.items():
                fit = _fit(attacker, lesson, turn.seed)
                attacks[name, state].add(turn, fit.posterior(turn.attacked.astype(np.float64)), lesson)
                attacks[name, state].surprise.append(_surprise(fit, lesson))
                done += 1
                on_progress(done, len(turns) * len(attacks))
            own = {name: attacks[name, state] for name in attackers}
            best = min(own.values(), key=lambda attack: attack.surprise[-1])
            picked[state].add(turn, best.guesses[turn.parting, turn.tested], lesson)
    return seen, attacks, picked


def _learn_from_parts(
    turns: Sequence[Turn],
    states: Sequence[KnowledgeState],
    figures: Sequence[TemplateAttack],
    attackers: Mapping[str, TemplateAttacker],
    bootstrap: SubjectBootstrap,
) -> Iterator[TemplateLearning]:
    """Yield accuracy by number of people of each state's strongest attacker; of the unaware only if there is no other.

    A part too small in one turn would leave people without a guess, and is left out.
    """
    size = 1 + max(turn.parting for turn in turns), bootstrap.images
    for state in states[1:] or states:
        best = max((one for one in figures if one.knowledge == state), key=_reached)
        direction = 1 if (best.accuracy.value or 0.0) >= GUESSING else -1
        parts: dict[float, _Attack] = {}
        for turn in turns:
            whole = turn.lessons[state]
            for part, rows in draw_parts(whole.subjects, whole.labels.astype(np.int64), draws=1, seed=turn.seed):
                lesson = whole.part(rows)
                fit = _fit(attackers[best.attacker], lesson, turn.seed)
                attack = parts.setdefault(part, _Attack(np.full(size, np.nan)))
                attack.add(turn, fit.posterior(turn.attacked.astype(np.float64)), lesson)
        for part, attack in parts.items():
            if len(attack.people) == len(turns):
                right = (1 + direction * np.sign(attack.guesses) * bootstrap.labels) / 2
                accuracy = not_below_guessing(bootstrap.balanced_mean(right).interval())
                yield _learning(best, part, attack.mean_people, accuracy)
        yield _learning(best, 1.0, best.people, best.reversed_accuracy)


def _learning(best: TemplateAttack, part: float, people: float, accuracy: Interval) -> TemplateLearning:
    return TemplateLearning(
        attacker=best.attacker, knowledge=best.knowledge, part=part, people=round(people), accuracy=accuracy
    )


def _reached(attack: TemplateAttack) -> float:
    return attack.reversed_accuracy.value or 0.0


def _fit(attacker: TemplateAttacker, lesson: Lesson, seed: int) -> FittedPosterior:
    return learn(
        attacker.learner(lesson.compare),
        lesson.rows.astype(np.float64),
        lesson.labels.astype(np.int64),
        lesson.subjects,
        seed=seed,
    )


def _surprise(fit: FittedPosterior, lesson: Lesson) -> float:
    """Return the cross-entropy of a fit on its own people, each held out, in nats."""
    labels = lesson.labels.astype(np.int64)
    numbers = np.unique(lesson.subjects, return_inverse=True)[1].astype(np.int64)
    return float(cross_entropy(np.nan_to_num(fit.held_out), labels, balanced_weights(labels, numbers)))
