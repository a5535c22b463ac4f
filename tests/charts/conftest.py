import numpy as np
import pytest

from facepriv.metrics.matching import common_edges, matching
from facepriv.schemas.figures import MatchingPhases
from facepriv.schemas.runs import MATCH_PHASES


@pytest.fixture(scope="session")
def phases():
    """A matcher that gets a little worse: 60 mated and 7080 non-mated comparisons a phase."""
    rng = np.random.default_rng(3)
    scores = [(rng.normal(0.7, 0.1, 60), rng.normal(shift, 0.11, 7080)) for shift in (0.05, 0.23, 0.15)]
    edges = common_edges(*(s for pair in scores for s in pair))
    return MatchingPhases(**{p: matching(*pair, 1, edges=edges) for p, pair in zip(MATCH_PHASES, scores, strict=True)})


@pytest.fixture(scope="session")
def nothing():
    """A matcher that had nothing to compare."""
    return MatchingPhases(**{p: matching([], [], 2) for p in MATCH_PHASES})
