"""`facepriv reproduce` as a user meets it, up to where the computing would begin."""

from __future__ import annotations

import pytest

from tests.cli.terminal import Terminal, assert_one_sentence, assert_usage, write_faces

pytestmark = pytest.mark.xdist_group("cli")


@pytest.fixture(scope="module")
def terminal(tmp_path_factory) -> Terminal:
    """A terminal with two subjects, one of either label."""
    base = tmp_path_factory.mktemp("reproduce")
    made = Terminal(base / "home")
    assert made("import", write_faces(base / "faces"), "--name", "few").code == 0
    return made


def test_too_few_subjects_is_one_sentence_and_no_run(terminal):
    assert_one_sentence(terminal("reproduce", "few"), "1 labelled female and 1 labelled male")
    assert terminal.json("runs")["runs"] == []


def test_one_classifier_twice_is_one_sentence(terminal):
    assert_one_sentence(terminal("reproduce", "few", "--guide-a", "levi-hassner"), "Two different classifiers")


def test_unknown_data_set_is_one_sentence(terminal):
    assert_one_sentence(terminal("reproduce", "many"), "many")


def test_files_that_cannot_be_made_are_refused_first(terminal, tmp_path):
    for option in ("--html", "--json"):
        said = terminal("reproduce", "few", option, tmp_path / "nowhere" / "file")
        assert_usage(said, "existing folder")
