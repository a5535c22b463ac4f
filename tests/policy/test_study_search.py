"""The search of a study, with figures drawn at random instead of models."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from facepriv.policy.study_search import (
    KEPT,
    Search,
    frontier,
    is_better,
    rank,
    reaches,
    recommend,
    run_search,
    surely_reaches,
)
from facepriv.schemas.figures import Interval
from facepriv.schemas.studies import UNTOUCHED, StudySpec, StudyStep
from tests.study_examples import GOAL, figures_of, spec_of

UNTOUCHED_ACCURACY = 0.95


@dataclass
class World:
    """What every candidate truly comes to; each step takes its time."""

    spec: StudySpec
    truth: dict[str, tuple[float, float]]
    times: list[float] = field(default_factory=lambda: [1.0])
    failing: frozenset[str] = frozenset()
    spent: float = 0.0
    longest: float = 0.0
    done: list[StudyStep] = field(default_factory=list)

    def attempt(self, search: Search, setting: str, rung: int) -> StudyStep:
        seconds = self.times[len(self.done) % len(self.times)]
        self.spent += seconds
        self.longest = max(self.longest, seconds)
        if setting in self.failing:
            step = StudyStep(setting=setting, rung=rung, failed="No face was left.")
        else:
            width = 0.2 / 2**rung
            tried = search.to_try(setting, rung)
            assert tried or rung == 0, "a setting of which nothing is to be tried"
            figures = {each.name: figures_of(*self.truth[each.name], width) for each in tried}
            step = StudyStep(
                setting=setting, rung=rung, figures={**figures, UNTOUCHED: figures_of(UNTOUCHED_ACCURACY, 0.0, width)}
            )
        self.done.append(step)
        return step

    def search(self, steps: list[StudyStep] | None = None, reserve: float = 0.0) -> tuple[Search, str]:
        search = Search(self.spec, steps or [])
        ended = run_search(
            search,
            lambda setting, rung: self.attempt(search, setting, rung),
            spent=lambda: self.spent,
            reserve=lambda: reserve,
        )
        return search, ended


rates = st.floats(0, 1).map(lambda x: round(x, 3))
losses = st.floats(0, 0.3).map(lambda x: round(x, 3))


@st.composite
def worlds(draw: st.DrawFn, seconds: st.SearchStrategy[float] | None = None) -> World:
    number = draw(st.integers(1, 8))
    spec = spec_of(
        number,
        rungs=draw(st.integers(1, 3)),
        seconds=1e9 if seconds is None else draw(seconds),
        templates=draw(st.integers(0, number)),
    )
    truth = {each.name: (draw(rates), draw(losses)) for each in spec.candidates}
    failing = frozenset(draw(st.sets(st.sampled_from([each.name for each in spec.settings]), max_size=2)))
    return World(spec, truth, draw(st.lists(st.floats(0.1, 50), min_size=1, max_size=5)), failing)


@settings(max_examples=40, deadline=None)
@given(worlds(seconds=st.floats(1, 400)), st.floats(0, 50))
def test_the_time_is_never_exceeded_by_more_than_one_step(world: World, reserve: float):
    search, ended = world.search(reserve=reserve)
    assert world.spent <= world.spec.seconds + world.longest
    if ended == "complete":
        assert search.next_step() is None
    else:
        assert world.spent + reserve >= world.spec.seconds


@settings(max_examples=40, deadline=None)
@given(worlds())
def test_what_was_given_up_is_hopeless_beyond_chance(world: World):
    search, _ = world.search()
    released = {each.name: each.released for each in world.spec.settings}
    for name, drop in search.dropped.items():
        candidate = world.spec.candidate(name)
        at = {
            each: figures
            for step in world.done
            if step.rung == drop.rung and released[step.setting] == released[candidate.setting]
            for each, figures in step.figures.items()
        }
        if name not in at:
            siblings = [each.name for each in world.spec.candidates if each.setting == candidate.setting]
            assert all(each in search.dropped for each in siblings)
            continue
        own = at.pop(name)
        assert (
            any(is_better(other, own) for other in at.values())
            or own.accuracy.low > GOAL.attacker_at_most
            or own.lost.low > GOAL.matches_lost
        )


@settings(max_examples=40, deadline=None)
@given(worlds())
def test_with_time_enough_everything_is_tried_to_the_end_or_given_up(world: World):
    search, ended = world.search()
    assert ended == "complete"
    last = len(world.spec.rungs) - 1
    for candidate in world.spec.candidates:
        latest = search.latest(candidate.name)
        if candidate.setting in world.failing or candidate.name in search.dropped or candidate.from_rung > last:
            continue
        assert latest is not None
        assert latest[0] == last
    tried = [(step.setting, step.rung) for step in world.done]
    assert len(set(tried)) == len(tried), "nothing is tried twice"


@settings(max_examples=40, deadline=None)
@given(worlds())
@example(
    # All that is tried of the images on the first rung reveals more than images as they are.
    World(
        spec_of(5, templates=4), {f"s{i}, {p}%": (float(i == 4 and p == 100), 0.0) for i in range(5) for p in (50, 100)}
    )
)
def test_somebody_is_always_left_unless_nothing_beats_leaving_all_as_it_is(world: World):
    search, _ = world.search()
    for released in {each.released for each in world.spec.settings}:
        names = [each.name for each in world.spec.settings if each.released == released]
        if all(name in world.failing for name in names):
            continue
        mine = [each.name for each in world.spec.candidates if each.setting in names]
        by_untouched = any(
            "Leaving everything" in search.dropped[each].reason for each in mine if each in search.dropped
        )
        first = [each.name for each in world.spec.candidates if each.setting in names and each.from_rung == 0]
        none_helps = all(world.truth[name][0] >= UNTOUCHED_ACCURACY for name in first)
        assert search.finalists(released) or by_untouched or none_helps


@settings(max_examples=40, deadline=None)
@given(worlds(seconds=st.floats(1, 400)), st.integers(0, 30))
def test_going_on_after_any_step_gives_the_same_outcome(world: World, after: int):
    whole, ended = world.search()
    again = World(world.spec, world.truth, world.times, world.failing)
    # What was recorded before the interruption comes back as it was, the time with it.
    again.done = world.done[:after]
    again.spent = sum(world.times[i % len(world.times)] for i in range(len(again.done)))
    resumed, ended_again = again.search(list(again.done))
    assert [(step.setting, step.rung) for step in again.done] == [(step.setting, step.rung) for step in world.done]
    assert again.done == world.done
    assert (resumed.dropped, ended_again) == (whole.dropped, ended)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=3), st.tuples(rates, losses), min_size=1, max_size=12))
def test_nobody_beats_the_frontier_and_somebody_beats_everyone_else(points: dict[str, tuple[float, float]]):
    figures = {name: figures_of(*point) for name, point in points.items()}
    best = frontier(figures)
    assert [points[name][1] for name in best] == sorted(points[name][1] for name in best)

    def beats(one: str, other: str) -> bool:
        (a, b), (c, d) = points[one], points[other]
        return a <= c and b <= d and (a, b) != (c, d)

    for name in points:
        assert (name in best) == (not any(beats(other, name) for other in points))


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=3), st.tuples(rates, losses), min_size=1, max_size=12))
def test_what_is_recommended_reaches_the_goal_if_anything_does(points: dict[str, tuple[float, float]]):
    figures = {name: figures_of(*point) for name, point in points.items()}
    chosen = figures[recommend(GOAL, figures)]
    sure = [each for each in figures.values() if surely_reaches(GOAL, each)]
    good = [each for each in figures.values() if reaches(GOAL, each)]
    if sure:
        assert surely_reaches(GOAL, chosen)
        assert chosen.lost.value == min(each.lost.value for each in sure)
    elif good:
        assert reaches(GOAL, chosen)
        assert chosen.lost.value == min(each.lost.value for each in good)
    else:
        assert rank(GOAL, chosen) == min(rank(GOAL, each) for each in figures.values())


def test_the_better_half_goes_on_first():
    spec = spec_of(6)
    truth = {each.name: (0.6 + 0.02 * int(each.setting[1]), 0.01) for each in spec.candidates}
    world = World(spec, truth)
    world.search()
    order = [(step.setting, step.rung) for step in world.done]
    assert order[:6] == [(f"s{i}", 0) for i in range(6)]
    assert order[6:9] == [(f"s{i}", 1) for i in range(math.ceil(6 * KEPT))]
    assert order[9:11] == [("s0", 2), ("s1", 2)]
    assert set(order[11:]) >= {("s2", 2), ("s3", 1)}


def test_without_anything_measured_there_is_nothing_to_recommend():
    assert recommend(GOAL, {}) is None
    assert frontier({}) == []
    unknown = figures_of(0.5, 0.0).model_copy(update={"lost": Interval(value=None, low=None, high=None)})
    assert not reaches(GOAL, unknown)
    assert rank(GOAL, unknown)[0] == pytest.approx(0.97)
