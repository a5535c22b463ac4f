"""Whether database and artifacts belong together: both bear one id, and nothing is deleted where the ids differ."""

from __future__ import annotations

from itertools import islice

from sqlalchemy import select, update

from facepriv.errors import StoreError
from facepriv.store.artifacts import MANY, ArtifactStore
from facepriv.store.engine import Database
from facepriv.store.references import referred_to
from facepriv.store.rows import InstallationRow

_BATCH = 200


class Ownership:
    """The id of a database, and of the artifacts that it finds.

    Contract. An emptied or wrong database makes all files look unused, so whoever deletes any, or puts files that
    another database would take for unused, asks `require` first. Artifacts without an id, as those of an earlier
    version, take the database's once it is certain that they are its own.
    """

    def __init__(self, database: Database, artifacts: ArtifactStore) -> None:
        self._database, self._artifacts = database, artifacts

    def holds(self) -> bool:
        """Return whether the artifacts are the database's own; raises StoreError where one of them cannot be read."""
        own = self._own()
        theirs = self._artifacts.identity()
        if theirs is None and self._may_claim():
            self._artifacts.claim(own)
            theirs = self._artifacts.identity()
        return theirs == own

    def require(self) -> None:
        """Raise StoreError unless the artifacts are the database's own."""
        if not self.holds():
            raise StoreError(self.sentence)

    @property
    def sentence(self) -> str:
        """What is wrong if they are not, what was kept, and what to do."""
        return (
            f"The artifacts in {self._artifacts.location} belong to another database than {self._database.where}, so "
            "nothing was deleted or imported; correct FACEPRIV_HOME, FACEPRIV_DATABASE_URL or FACEPRIV_ARTIFACTS_URL, "
            "or, if their database is lost, restore its backup or move the artifacts away."
        )

    def take_over(self) -> None:
        """Give the database the id of the artifacts, if they have one and files that its rows refer to.

        For a restored backup of a version that knew no id.
        """
        theirs = self._artifacts.identity()
        if theirs is not None and self._has_own_files():
            with self._database.writing() as session:
                session.execute(update(InstallationRow).values(identity=theirs))

    def _own(self) -> str:
        with self._database.reading() as session:
            return session.scalars(select(InstallationRow.identity)).one()

    def _may_claim(self) -> bool:
        few = len([*islice(self._artifacts.list(), MANY + 1)]) <= MANY
        return few or self._has_own_files()

    def _has_own_files(self) -> bool:
        files = self._artifacts.list()
        while hashes := [sha256 for sha256, _ in islice(files, _BATCH)]:
            with self._database.reading() as session:
                if referred_to(session, hashes):
                    return True
        return False
