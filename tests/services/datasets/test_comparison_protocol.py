"""A protocol from the list of pairs to accuracies: the LFW stand-in, imported, and a run on a part of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from facepriv.config import Settings
from facepriv.errors import BadInputError, UnknownNameError
from facepriv.measures.loaded_models import get_matcher
from facepriv.measures.stored_faces import untouched_faces
from facepriv.presentation.protocol_tables import protocol_rows, protocol_sentences
from facepriv.schemas.requests import RunRequest
from facepriv.services.datasets.comparison_protocol import (
    protocol_document,
    protocol_scores,
)
from facepriv.services.datasets.importing import import_dataset
from facepriv.services.jobs.worker import run_worker
from facepriv.services.runs.preparing import prepare_run
from facepriv.store import Store, open_store
from tests.cli.terminal import Terminal, assert_one_sentence
from tests.finished_run import FAST, METHOD, labelled_demo, start_run
from tests.stand_ins import make_stand_in

MATCHER = "sface"
pytestmark = pytest.mark.xdist_group("protocols")


@pytest.fixture(scope="module")
def lfw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Settings]]:
    home = tmp_path_factory.mktemp("protocols")
    settings = Settings(home=home / "home", workers=1)
    with open_store(settings) as store:
        import_dataset(store, settings, make_stand_in("lfw", home / "faces"), name="lfw")
        import_dataset(store, settings, labelled_demo(home / "few", ["s001_1", "s003_1"]), name="few")
        yield store, settings


def test_scores_are_the_matchers_own_and_templates_are_kept(lfw: tuple[Store, Settings]) -> None:
    store, _ = lfw
    told: list[tuple[int, int]] = []
    scored = protocol_scores(store, "lfw", MATCHER, on_progress=lambda *pair: told.append(pair))
    pairs = store.datasets.protocol(scored.dataset.id)
    images = store.datasets.images(scored.dataset.id)
    used = {i for pair in pairs for i in (pair.first, pair.second)}
    assert told == [(n, len(used)) for n in range(len(used) + 1)]
    assert scored.folds.tolist() == [1, 1, 1, 1, 2, 2, 2]
    assert scored.mated.tolist() == [True, True, False, False, True, True, False]
    model = get_matcher(MATCHER)
    files = untouched_faces(store, scored.dataset.id, images)
    faces = {image_id: file.face(store.artifacts) for image_id, file in files.items()}
    templates = [model.embed([faces[pair.first], faces[pair.second]]) for pair in pairs]
    wanted = [float(model.compare(two[:1], two[1:])[0, 0]) for two in templates]
    assert scored.scores["before"] == pytest.approx(wanted, abs=1e-5)

    again: list[tuple[int, int]] = []
    kept = protocol_scores(store, "lfw", MATCHER, on_progress=lambda *pair: again.append(pair))
    assert again == [(0, 0)]
    assert np.array_equal(kept.scores["before"], scored.scores["before"])


def test_templates_of_several_images_are_fused_to_their_mean(lfw: tuple[Store, Settings], tmp_path: Path) -> None:
    store, settings = lfw
    folder = labelled_demo(tmp_path / "faces", ["s001_1", "s001_2", "s001_3", "s003_1", "s003_2"])
    members = {"1": ("s001_1", "s001_2"), "2": ("s001_3",), "3": ("s003_1", "s003_2")}
    (folder / "face_tid_mid.txt").write_text(
        "".join(f"{name}.jpg {template} 1\n" for template, names in members.items() for name in names)
    )
    (folder / "template_pair_label.txt").write_text("1 2 1\n2 3 0\n1 2 1\n1 3 0\n")
    import_dataset(store, settings, folder, name="janus")
    scored = protocol_scores(store, "janus", MATCHER)
    model = get_matcher(MATCHER)
    files = untouched_faces(store, scored.dataset.id, store.datasets.images(scored.dataset.id))
    names = {image.id: Path(image.name).stem for image in store.datasets.images(scored.dataset.id)}
    vectors = {names[image]: model.embed([file.face(store.artifacts)])[0] for image, file in files.items()}
    means = {template: np.mean([vectors[name] for name in of], axis=0) for template, of in members.items()}
    unit = {template: (mean / np.linalg.norm(mean))[None].astype(np.float32) for template, mean in means.items()}
    wanted = [float(model.compare(unit[a], unit[b])[0, 0]) for a, b in (("1", "2"), ("2", "3"), ("1", "2"), ("1", "3"))]
    assert scored.scores["before"] == pytest.approx(wanted, abs=1e-5)
    assert scored.mated.tolist() == [True, False, True, False]
    assert scored.folds.tolist() == [1, 1, 2, 2]


SIX = {"Ann_Lee_0001", "Ann_Lee_0002", "Ann_Lee_0003", "Carl_Poe_0003", "Dan_O'Fox_0002", "Dan_O'Fox_0003"}


@pytest.mark.slow
def test_a_run_is_compared_on_the_pairs_it_took(lfw: tuple[Store, Settings]) -> None:
    store, settings = lfw
    spec = prepare_run(
        store, RunRequest(dataset="lfw", method=METHOD, parameters=FAST, classifiers=[], matchers=[MATCHER])
    )
    images = [image for image in store.datasets.images(spec.dataset.id) if Path(image.name).stem in SIX]
    update = {"image_ids": tuple(i.id for i in images), "image_sha256": tuple(i.source_sha256 for i in images)}
    run = start_run(store, spec.model_copy(update=update))
    with pytest.raises(BadInputError, match="A complete run was expected"):
        protocol_scores(store, "lfw", MATCHER, run=run.id)
    run_worker(settings, job_id=run.job_id)
    assert store.runs.get(run.id).state == "complete"
    told: list[int] = []
    scored = protocol_scores(store, "lfw", MATCHER, run=run.id, on_progress=lambda done, _: told.append(done))
    assert told == [0]  # the run has embedded all that it left
    assert scored.not_in_run == 3
    assert scored.folds.tolist() == [1, 1, 2, 2]
    assert scored.mated.tolist() == [True, False, True, False]
    assert set(scored.scores) == {"before", "after", "across"}
    assert not np.array_equal(scored.scores["before"], scored.scores["after"])
    results = scored.results
    assert len(protocol_sentences(results, run.id, scored.not_in_run)) == 2
    assert set(protocol_document(scored)["phases"]) == {"before", "after", "across"}
    assert [row["Compared"] for row in protocol_rows(results)][::3] == ["before", "after", "before with after"]


def test_figures_are_told_with_what_they_leave_out(lfw: tuple[Store, Settings]) -> None:
    store, _ = lfw
    scored = protocol_scores(store, "lfw", MATCHER)
    results = scored.results
    rows = protocol_rows(results)
    assert [row["Fold"] for row in rows] == ["1", "2", "all"]
    assert rows[-1]["Pairs"] == "7"
    assert "\u00b1" in rows[-1]["Accuracy"]
    assert len(protocol_sentences(results, None, 0)) == 1
    document = protocol_document(scored)
    assert document["schema"] == "facepriv.protocol/1"
    assert document["phases"]["before"]["accuracy"] == results["before"].accuracy
    assert len(document["phases"]["before"]["folds"]) == 2
    assert "Ann_Lee" not in str(document)


def test_what_cannot_be_compared(lfw: tuple[Store, Settings]) -> None:
    store, _ = lfw
    with pytest.raises(BadInputError, match="few brings no comparison protocol") as caught:
        protocol_scores(store, "few", MATCHER)
    assert caught.value.code == "no-protocol"
    elsewhere = start_run(
        store, prepare_run(store, RunRequest(dataset="few", method=METHOD, classifiers=[], matchers=[]))
    )
    with pytest.raises(BadInputError, match="is not on lfw") as caught:
        protocol_scores(store, "lfw", MATCHER, run=elsewhere.id)
    assert caught.value.code == "other-dataset"


def test_the_command_prints_the_table_and_writes_it(lfw: tuple[Store, Settings]) -> None:
    _, settings = lfw
    terminal = Terminal(settings.home)
    said = terminal("protocol", "lfw", "--matcher", MATCHER)
    assert said.code == 0, said.err
    assert all(word in said.out for word in ("Failures", "acquire")), "a column's title may take two lines"
    assert "before" in said.out
    found = terminal.json("protocol", "lfw", "--matcher", MATCHER)
    assert found["schema"] == "facepriv.protocol/1"
    assert found["dataset"] == "lfw"
    assert found["run_id"] is None
    assert found["phases"]["before"]["pairs"] == 7
    assert_one_sentence(terminal("protocol", "few", "--matcher", MATCHER), "few brings no comparison protocol")


def test_unknown_names(lfw: tuple[Store, Settings]) -> None:
    for names in (("none", MATCHER), ("lfw", "nobody")):
        with pytest.raises(UnknownNameError):
            protocol_scores(lfw[0], *names)
    with pytest.raises(UnknownNameError):
        protocol_scores(lfw[0], "lfw", MATCHER, run=99)
