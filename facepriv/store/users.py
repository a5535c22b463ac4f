"""Who may sign in to the dashboard."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute

from facepriv.errors import BadInputError, UnknownNameError
from facepriv.store.engine import Database
from facepriv.store.fields import record_of
from facepriv.store.records import Role, UserRecord
from facepriv.store.rows import SessionRow, UserRow


def name_key(name: str) -> str:
    """Return the form in which names are told apart: compatible letters in one case."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


class UserStore:
    """Users by name, in any case. Nobody is ever deleted: the access log names them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        name: str,
        role: Role,
        *,
        password_hash: str | None = None,
        oidc: str | None = None,
        must_change: bool = False,
    ) -> UserRecord:
        """Add somebody.

        Raises BadInputError if the name (code ``name-taken``) or the provider's claim (``oidc-taken``) is somebody's.
        """
        row = UserRow(
            name=name.strip(),
            key=name_key(name),
            role=role,
            password_hash=password_hash,
            oidc=oidc,
            created_at=datetime.now(UTC),
            must_change=must_change,
        )
        if self.find(name) is not None:
            raise _taken(name)
        try:
            with self._database.writing() as session:
                session.add(row)
                session.flush()
                return record_of(UserRecord, row)
        except IntegrityError as error:
            if self.find(name) is not None:
                raise _taken(name) from error
            raise _oidc_taken(oidc) from error

    def find(self, name: str) -> UserRecord | None:
        """Return the user of this name, also one who was removed, or None."""
        return self._one(UserRow.key, name_key(name))

    def find_oidc(self, claim: str) -> UserRecord | None:
        """Return the user for whom an identity provider vouches by this claim, or None."""
        return self._one(UserRow.oidc, claim)

    def get(self, name: str) -> UserRecord:
        """Return the user of this name; raises UnknownNameError if there is none."""
        user = self.find(name)
        if user is None or user.removed_at is not None:
            known = ", ".join(each.name for each in self.list()) or "none"
            raise UnknownNameError(f"There is no user {name}. Known: {known}.")
        return user

    def list(self) -> tuple[UserRecord, ...]:
        """Return all users in the order of their names, the disabled ones too, but not those who were removed."""
        query = select(UserRow).where(UserRow.removed_at.is_(None)).order_by(UserRow.key)
        with self._database.reading() as session:
            return tuple(record_of(UserRecord, row) for row in session.scalars(query))

    def set_password(self, user_id: int, password_hash: str, *, must_change: bool = False) -> None:
        """Change the password; sessions go on unless they are revoked, too."""
        self._change(user_id, password_hash=password_hash, must_change=must_change)

    def remove(self, user_id: int) -> None:
        """Shut somebody out for good: nothing is left that they could sign in by, and no list has them any more."""
        self.set_disabled(user_id, True)
        self._change(user_id, password_hash=None, oidc=None, must_change=False, removed_at=datetime.now(UTC))

    def set_oidc(self, user_id: int, claim: str | None) -> None:
        """Change by what an identity provider vouches for them, None for nothing; raises as `add`."""
        try:
            self._change(user_id, oidc=claim)
        except IntegrityError as error:
            raise _oidc_taken(claim) from error

    def set_role(self, user_id: int, role: Role) -> None:
        """Change the role, from the next request on."""
        self._change(user_id, role=role)

    def set_disabled(self, user_id: int, disabled: bool) -> None:
        """Shut somebody out, and end all sessions, or let them in again."""
        now = datetime.now(UTC)
        with self._database.writing() as session:
            session.execute(update(UserRow).where(UserRow.id == user_id).values(disabled_at=now if disabled else None))
            if disabled:
                mine = SessionRow.user_id == user_id, SessionRow.revoked_at.is_(None)
                session.execute(update(SessionRow).where(*mine).values(revoked_at=now))

    def _one(self, column: InstrumentedAttribute[Any], value: str) -> UserRecord | None:
        # Whatever somebody types is looked up, also what PostgreSQL or UTF-8 cannot hold, which is nobody's.
        if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            return None
        with self._database.reading() as session:
            row = session.scalars(select(UserRow).where(column == value)).one_or_none()
            return None if row is None else record_of(UserRecord, row)

    def _change(self, user_id: int, **values: Any) -> None:
        with self._database.writing() as session:
            session.execute(update(UserRow).where(UserRow.id == user_id).values(**values))


def _taken(name: str) -> BadInputError:
    return BadInputError(f"There is a user {name} already; choose another name.", code="name-taken")


def _oidc_taken(claim: str | None) -> BadInputError:
    return BadInputError(f"There is a user who signs in as {claim} already.", code="oidc-taken")
