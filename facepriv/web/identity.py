"""The user of a request, as the access middleware has verified it."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.types import Scope

from facepriv.store import Role
from facepriv.types import Actor

_KEY = "facepriv.identity"


@dataclass(frozen=True)
class Identity:
    """A user in one session."""

    user: str
    role: Role
    session: int | None = None
    """Number of the session; None where there is no login and everybody is the same local auditor."""

    @property
    def actor(self) -> Actor:
        """Who does something on a page, for the access log and the queue."""
        return Actor(self.user, "dashboard")

    @property
    def holder(self) -> str:
        """Name under which blobs of this session are saved."""
        return "local" if self.session is None else f"session {self.session}"


LOCAL = Identity("local", "auditor")
"""The user of a dashboard without login."""


def set_identity(scope: Scope, identity: Identity) -> None:
    """Store the user in the scope of a request, where nothing that a client sends can be."""
    scope[_KEY] = identity


def get_identity(scope: Scope) -> Identity | None:
    """Return the verified user of a request, or None."""
    identity = scope.get(_KEY)
    return identity if isinstance(identity, Identity) else None
