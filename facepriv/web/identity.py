"""The user of a request, as the access middleware has verified it."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.types import Scope

from facepriv.store import Role
from facepriv.types import Actor

KEY = "facepriv.identity"
"""Where the access middleware puts the user into the scope of a request; nothing that a client sends can be there."""


@dataclass(frozen=True)
class Identity:
    """A user in one session."""

    user: str
    role: Role
    session: int | None = None
    """Number of the session; None where there is no login and everybody is the same local auditor."""
    must_change: bool = field(default=False, compare=False)
    """Whether they must change their password before they see anything."""

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


def get_identity(scope: Scope) -> Identity | None:
    """Return the verified user of a request, or None."""
    identity: Identity | None = scope.get(KEY)
    return identity
