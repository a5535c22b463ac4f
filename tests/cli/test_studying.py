"""`facepriv studies` of studies that stand in the store, and requests that are refused."""

from __future__ import annotations

import pytest

from facepriv.config import Settings
from facepriv.schemas.studies import StudySpec
from facepriv.services.studies.results import make_result
from facepriv.store import open_store
from tests.cli.terminal import Terminal, assert_one_sentence
from tests.store_examples import add_dataset
from tests.study_examples import progress_of, spec_of

pytestmark = pytest.mark.xdist_group("cli")


def add_study(terminal: Terminal, *, complete: bool) -> StudySpec:
    with open_store(Settings(home=terminal.home)) as store:
        datasets = store.datasets.list()
        dataset = datasets[0] if datasets else add_dataset(store, "faces")
        spec = spec_of(3, rungs=2, seconds=600.0).model_copy(update={"dataset": dataset.ref})
        number = store.studies.create(spec)
        assert store.jobs.claim("w1", only=store.studies.job_id(number)) is not None
        store.studies.save_progress(number, "w1", progress_of())
        if complete:
            store.studies.finish(number, "w1", make_result(spec, progress_of(), 60.0))
        else:
            store.jobs.release(store.studies.job_id(number), "w1")
    return spec


def test_the_verdict_comes_first(empty: Terminal) -> None:
    add_study(empty, complete=True)
    said = empty("studies", "show", 1)
    assert said.code == 0, said.err
    assert said.out.startswith("✓ Goal reached")
    assert "Not tried: an attacker who sees a classifier's score" in said.out, "only the attacker sign was named"
    assert "* s0, 100%" in said.out
    assert "s2, 100%" not in said.out
    full = empty("studies", "show", 1, "--full")
    assert "s2, 100%" in full.out
    assert "given up" in full.out
    document = empty.json("studies", "show", 1)
    assert document["schema"] == "facepriv.study/1"
    assert document["study_id"] == 1
    assert document["recommended"] == {"images": "s0, 100%"}
    assert document["spec"]["seed"] == 0


def test_studies_are_listed_stopped_shown_so_far_and_deleted(empty: Terminal) -> None:
    assert "There is no study yet" in empty("studies").out
    add_study(empty, complete=False)
    add_study(empty, complete=True)
    assert [each["state"] for each in empty.json("studies")["studies"]] == ["complete", "waiting"]
    assert empty("studies", "stop", 1).out == "Study 1 is cancelled.\n"
    assert empty.json("studies", "show", 1)["state"] == "cancelled"
    assert "Cancelled." in empty("studies", "log", 1).out
    assert_one_sentence(empty("studies", "resume", 2), "complete")
    assert empty("studies", "resume", 1, "--no-wait").code == 0
    assert empty.json("studies", "show", 1)["state"] == "waiting"
    for number in (1, 2):
        assert empty("studies", "delete", number, "--yes").out == f"Deleted study {number}.\n"
    assert empty.json("studies")["studies"] == []
    assert_one_sentence(empty("studies", "show", 1), "There is no study 1")


@pytest.mark.parametrize(
    ("words", "about"),
    [
        (("nobody",), "nobody"),
        (("faces", "--time", "soon"), "30m"),
        (("faces", "--attacker-at-most", "0.4"), "attacker at most"),
        (("faces", "--release", "nothing"), "release"),
        (("faces",), "too few|enough"),
    ],
    ids=["no such data set", "time", "goal", "release", "people"],
)
def test_what_cannot_be_studied_is_told_in_one_sentence(empty: Terminal, words: tuple[str, ...], about: str) -> None:
    with open_store(Settings(home=empty.home)) as store:
        add_dataset(store, "faces")
    said = empty("study", *words)
    assert said.code == 1
    assert said.err.count("Error:") == 1
    assert any(part in said.err for part in about.split("|"))
    with open_store(Settings(home=empty.home)) as store:
        assert store.studies.list() == ()


def test_a_candidate_is_applied_to_everything(empty: Terminal) -> None:
    add_study(empty, complete=True)
    assert_one_sentence(empty("studies", "apply", 1, "--candidate", "s9, 100%"), "has no candidate 's9, 100%'")
    said = empty("studies", "apply", 1, "--candidate", "s1, 50%", "--no-wait")
    assert said.code == 0, said.err
    assert "Applying s1, 50% to the whole of faces" in said.out
    assert "Run 1 waits for a worker" in said.out
    with open_store(Settings(home=empty.home)) as store:
        assert store.runs.get(1).spec.method == "mixing"
