"""Who a request comes from, as the access middleware has proven it."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.types import Scope

from facepriv.store import Role

_KEY = "facepriv.identity"


@dataclass(frozen=True)
class Identity:
    """A user in one session of theirs."""

    user: str
    role: Role
    session: int | None = None
    """Number of the session; None where there is no login and everybody is the same local auditor."""

    @property
    def holder(self) -> str:
        """What is made for this session only is kept under this name."""
        return "local" if self.session is None else f"session {self.session}"


LOCAL = Identity("local", "auditor")
"""Whoever uses a dashboard without login."""


def set_identity(scope: Scope, identity: Identity) -> None:
    """Note in a request's scope who it comes from; nothing that a client sends can get there."""
    scope[_KEY] = identity


def get_identity(scope: Scope) -> Identity | None:
    """Return who a request was proven to come from, or None."""
    found = scope.get(_KEY)
    return found if isinstance(found, Identity) else None
