"""What commands say fits 80 columns, cuts no name, and begins with the verdict where there is one."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from facepriv.cli.output import NARROWEST
from facepriv.config import Settings
from facepriv.store import open_store
from tests.cli.conftest import Job
from tests.cli.terminal import Terminal
from tests.pages.conftest import audit_result, store_audit
from tests.protection_examples import add_people

pytestmark = pytest.mark.xdist_group("cli")

COLUMNS = 80
HASH = re.compile(r"[0-9a-f]{4}…[0-9a-f]{4}")
"""The ends of a hash, which nobody reads in full."""
VERDICT = re.compile(r"[✓!?✗–] (Protected|Uncertain|Not protected|Not attacked yet)\b")


@pytest.fixture(scope="module")
def terminal(job: Job, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """A terminal of 80 columns on a data set, its run, an audit of it, and a template set."""
    home = tmp_path_factory.mktemp("width") / "home"
    shutil.copytree(job.run.home, home)
    settings = Settings(home=home, workers=1)
    with open_store(settings) as store:
        store_audit(store, audit_result("of-run"), run_id=1)
        add_people(store, "a-template-set-with-quite-a-long-name")
    terminal = Terminal(home)
    terminal.environment["COLUMNS"] = str(COLUMNS)
    assert terminal("user", "add", "somebody.with-a-long-name", "--role", "officer").code == 0
    released = terminal("release", 1, home.parent / "released", "--yes")
    assert released.code == 0, released.err
    assert VERDICT.match(released.out)
    assert too_long(released.out) == []
    assert terminal("share", 1, "--no-link", "--officer", "somebody.with-a-long-name").code == 0
    return terminal


def too_long(text: str, columns: int = COLUMNS) -> list[str]:
    """Return the lines that are longer, besides those that hold nothing but one word, such as a path."""
    return [line for line in text.splitlines() if len(line) > columns and len(line.split()) > 1]


LISTINGS = [
    ("datasets",),
    ("datasets", "--full"),
    ("datasets", "few"),
    ("datasheet", "few"),
    ("quality", "few", "--list"),
    ("models",),
    ("models", "--full"),
    ("methods",),
    ("methods", "--full"),
    ("protections",),
    ("protections", "--full"),
    ("runs",),
    ("runs", "--full"),
    ("audits",),
    ("audits", "--full"),
    ("audit", "--attackers"),
    ("audit", "--attackers", "--full"),
    ("show", 1),
    ("show", 1, "--full"),
    ("show", "--audit", 1),
    ("show", "--audit", 1, "--full"),
    ("log", 1),
    ("templates",),
    ("templates", "--full"),
    ("templates", "show", "a-template-set-with-quite-a-long-name"),
    ("templates", "quality", "a-template-set-with-quite-a-long-name", "--list"),
    ("access",),
    ("access", "--full"),
    ("shares",),
    ("releases",),
    ("studies",),
    ("user", "list"),
    ("model", "list"),
    ("doctor", "--quick"),
    ("collect", "--dry-run"),
    ("db", "check"),
    ("purge", "few", "--dry-run"),
]


@pytest.mark.parametrize("words", LISTINGS, ids=lambda words: " ".join(map(str, words)))
def test_every_listing_fits_80_columns(terminal: Terminal, words: tuple) -> None:
    said = terminal(*words)
    assert said.code == 0, said.err
    assert said.out
    assert too_long(said.out) == []
    assert "…" not in HASH.sub("", said.out), "something was cut"


def test_the_verdict_comes_first(terminal: Terminal) -> None:
    for words in (("show", 1), ("show", "--audit", 1), ("show", 1, "--full")):
        assert VERDICT.match(terminal(*words).out), words
    for words in (("runs",), ("audits",), ("datasets",)):
        assert VERDICT.search("\n".join(terminal(*words).out.splitlines()[:6])), words


def test_names_are_never_cut_on_a_narrow_terminal(terminal: Terminal) -> None:
    narrow = Terminal(terminal.home)
    narrow.environment["COLUMNS"] = str(NARROWEST)
    said = narrow("templates").out
    assert "a-template-set-with-quite-a-long-name" in said
    assert "somebody.with-a-long-name" in narrow("user", "list").out
    assert too_long(said, NARROWEST) == []


def test_what_matters_most_is_short_and_full_is_everything(terminal: Terminal) -> None:
    for words in (("models",), ("show", "--audit", 1)):
        short, full = terminal(*words).out.splitlines(), terminal(*words, "--full").out.splitlines()
        assert len(short) < 60 < len(full), words
        assert any("--full" in line for line in short), "it says how to see the rest"


def test_a_log_gets_each_sentence_on_a_line_of_its_own(terminal: Terminal) -> None:
    piped = Terminal(terminal.home)
    piped.environment.pop("COLUMNS", None)
    first = piped("show", 1).out.splitlines()[0]
    assert "genuine matches lost" in first or "Cost: " in first


def test_json_has_no_verdicts_that_it_had_not_before(terminal: Terminal) -> None:
    (run,) = terminal.json("runs", "--full")["runs"]
    assert "verdict" not in run
    assert {"verdict", "short"}.isdisjoint(terminal.json("datasets", "--full")["datasets"][0])


def test_an_error_is_broken_between_words(terminal: Terminal, tmp_path: Path) -> None:
    said = terminal("show", 99)
    assert said.code == 1
    assert too_long(said.err) == []
    assert "There is no run 99" in " ".join(said.err.split())
