"""`facepriv db` as a user meets it, and databases of another release or kind."""

from __future__ import annotations

import re

import pytest

from facepriv.config import Settings
from facepriv.store import migrate
from tests.cli.terminal import Said, Terminal, assert_one_sentence, assert_usage
from tests.store.old_databases import write_stored_database
from tests.store.tampering import add_foreign_table

pytestmark = pytest.mark.xdist_group("cli")


def test_a_foreign_database(empty):
    add_foreign_table(Settings(home=empty.home))
    assert_one_sentence(empty("datasets"), "holds tables that are not facepriv's")
    assert_one_sentence(empty("db", "upgrade"), "holds tables that are not facepriv's")


def test_upgrading_the_database(empty):
    assert empty("db", "upgrade") == Said(0, f"The database is at revision {migrate.head()}.\n", "")
    assert empty("datasets").code == 0


@pytest.mark.parametrize("command", [["datasets"], ["runs"], ["worker", "--until-idle"], ["db", "check"]])
def test_an_older_database_names_the_command_that_upgrades_it(empty, command, next_revision):
    write_stored_database(empty.home / "facepriv.sqlite")
    said = empty(*command)
    assert said.code == 1
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert re.fullmatch(r"Error: The database .* has revision 0001, but .*; run: facepriv db upgrade", line)
    assert empty("db", "upgrade").code == 0
    assert empty(*command).code == 0


def test_checking_backing_up_and_restoring_the_database(empty, tmp_path):
    new = empty("db", "check")
    assert new.code == 1
    assert new.err.endswith("run: facepriv db upgrade\n")
    assert empty("db", "upgrade").code == 0
    said = empty("db", "check")
    assert said.code == 0
    assert said.out.endswith("and holds 0 data sets with 0 images, 0 runs, 0 audits and 0 template sets.\n")
    file = tmp_path / "faces.backup"
    said = empty("db", "backup", file)
    assert said.code == 0
    assert said.out.startswith(f"The database is backed up to {file}. It refers to 0 artifact files")
    assert_one_sentence(empty("db", "backup", file), "never replaces a file")
    assert_usage(empty("db", "backup", tmp_path / "nowhere" / "file"), "Expected a file in an existing folder")
    other = Terminal(tmp_path / "other")
    said = other("db", "restore", file)
    assert said.code == 0
    assert f"now holds what {file} does. Of 0 artifact files" in said.out
    assert_one_sentence(other("db", "restore", file), "into a new database only")
    assert_one_sentence(other("db", "restore", tmp_path / "nothing"), "no such file")
