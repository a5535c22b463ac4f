"""Which way is taken for how many images, and that it shows nowhere but where it must."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from facepriv.audit.matching.comparisons import compare_all, compared_subjects
from facepriv.audit.matching.matching_phases import RESAMPLES, SEED, matching_phases
from facepriv.match.templates import cosine_similarity, unit_rows
from facepriv.metrics.match_bootstrap import MatchBootstrap
from facepriv.schemas.figures import Matching, MatchingPhases
from facepriv.schemas.runs import MATCH_PHASES


@pytest.fixture(scope="module")
def database():
    random = np.random.default_rng(2)
    subject = random.integers(0, 120, 400)
    # On a coarse grid every product is exact, in whatever order it is added up.
    centre = random.normal(size=(120, 16))[subject]
    before, after = ((np.round(8 * (centre + random.normal(size=centre.shape))) / 8).astype(np.float32) for _ in "ba")
    before[[3, 7]] = after[[7, 9, 11]] = np.nan
    return before, after, [f"s{i}" for i in subject]


def test_both_ways_find_the_same(database):
    before, after, names = database
    exact = matching_phases(before, after, names, cosine_similarity)
    streamed = matching_phases(before, after, names, cosine_similarity, exact_up_to=0)
    for phase in MATCH_PHASES:
        one, other = getattr(exact, phase), getattr(streamed, phase)
        without = [point.model_copy(update={"fnmr_interval": None}) for point in one.operating_points]
        assert other.operating_points == without
        for name in ("mated", "non_mated", "non_mated_taken", "non_mated_existing", "failed", "fmr100", "fmr1000"):
            assert getattr(other, name) == getattr(one, name)
        assert one.auc_error == 0
        assert one.eer_error == 0
        assert abs(other.auc - one.auc) <= other.auc_error
        assert abs(other.eer - one.eer) <= other.eer_error
    assert [getattr(exact, phase).failed for phase in MATCH_PHASES] == [2, 3, 4]
    assert streamed.before.histogram.edges == streamed.after.histogram.edges == streamed.cross.histogram.edges


def test_supported_points_have_the_interval_of_their_subjects(database):
    before, after, names = database
    cross = matching_phases(before, after, names, cosine_similarity).cross
    scores = compare_all(before, after, names, cosine_similarity)
    bootstrap = MatchBootstrap(*compared_subjects(before, after, names), resamples=RESAMPLES, seed=SEED)
    for point in cross.operating_points:
        assert point.supported
        assert point.fnmr_interval == bootstrap.fnmr_at_fmr(*scores, point.target_fmr).interval()
        assert point.fnmr_interval.low < point.fnmr < point.fnmr_interval.high
        assert cross.fnmr_interval(point.target_fmr) == point.fnmr_interval
    few = matching_phases(before[:30], after[:30], names[:30], cosine_similarity).before
    assert few.operating_points[0].supported
    assert few.operating_points[0].fnmr_interval.value == few.fmr100
    assert not few.operating_points[1].supported
    assert few.fnmr_interval(0.001) is None
    # Stored before there were intervals.
    old = few.model_dump(exclude={"operating_points": {"__all__": {"fnmr_interval"}}})
    assert Matching.model_validate(old).fnmr_interval(0.01) is None


def test_a_sample_says_so(database):
    before, after, names = database
    everything = matching_phases(before, after, names, cosine_similarity, exact_up_to=0)
    found = matching_phases(before, after, names, cosine_similarity, exact_up_to=0, all_up_to=100_000, sample=500_000)
    assert found.before == everything.before  # fewer than 100,000 pairs
    assert found.cross.non_mated_taken == "sampled"
    assert everything.cross.non_mated_taken == "all"
    assert found.cross.non_mated_existing == everything.cross.non_mated
    assert found.cross.mated == everything.cross.mated
    for point, exact in zip(found.cross.operating_points, everything.cross.operating_points, strict=True):
        assert exact.fmr_standard_error is None
        assert 0 < point.fmr_standard_error < 0.3 * point.target_fmr
        assert point.threshold == pytest.approx(exact.threshold, rel=0.1)
    assert MatchingPhases.model_validate_json(found.model_dump_json()) == found


def test_number_of_blas_threads_changes_no_bit():
    random = np.random.default_rng(3)
    before, after = unit_rows(random.normal(size=(1100, 128))), unit_rows(random.normal(size=(1100, 128)))
    names = [f"s{i // 2}" for i in range(1100)]
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            found.append(matching_phases(before, after, names, cosine_similarity, exact_up_to=0))
    assert found[0] == found[1]


def test_without_any_template():
    full, nothing = np.ones((3, 128), np.float32), np.full((3, 1), np.nan, np.float32)
    found = matching_phases(full, nothing, ["a", "a", "b"], cosine_similarity, exact_up_to=0)
    assert found.before.mated == 1
    assert found.before.non_mated == 2
    assert found.before.failed == 0
    assert found.cross.mated == 0
    assert found.cross.non_mated == 0
    assert found.cross.failed == 3
    assert found.cross.auc is found.after.eer is None


@pytest.mark.parametrize("limit", [0, 10**9])
def test_what_check_raises_ends_the_work(database, limit):
    def cancelled():
        raise InterruptedError

    with pytest.raises(InterruptedError):
        matching_phases(*database, cosine_similarity, check=cancelled, exact_up_to=limit)


@pytest.mark.slow
def test_memory_as_large_as_lfw():
    """All three phases in a process of their own; a list of all scores would take gigabytes."""
    program = """
import numpy as np
from pathlib import Path
from facepriv.audit.matching.matching_phases import matching_phases
from facepriv.match.templates import cosine_similarity, unit_rows
random = np.random.default_rng(0)
before, after = unit_rows(random.normal(size=(13233, 128))), unit_rows(random.normal(size=(13233, 128)))
found = matching_phases(before, after, [str(i % 5749) for i in range(13233)], cosine_similarity)
print(found.cross.mated + found.cross.non_mated)
status = Path("/proc/self/status").read_text()
print(status.split("VmHWM:")[1].split()[0])
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert int(said[0]) == 13233 * 13232
    assert int(said[1]) < 500 * 1024
