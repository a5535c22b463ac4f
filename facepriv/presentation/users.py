"""Users as a table."""

from __future__ import annotations

from facepriv.presentation.help_texts import ROLE_TITLES
from facepriv.store import UserRecord


def user_row(user: UserRecord, sessions: int) -> dict[str, str]:
    """Return a user as a list shows them, with how many sessions of theirs are open."""
    ways = [
        *(["by password"] if user.password_hash else []),
        *([f"through the provider as {user.oidc}"] if user.oidc else []),
    ]
    state = "active" if user.disabled_at is None else f"locked since {user.disabled_at:%Y-%m-%d}"
    if user.must_change and user.disabled_at is None:
        state = "must change the password"
    return {
        "Name": user.name,
        "Role": ROLE_TITLES[user.role],
        "Signs in": " or ".join(ways),
        "Added": f"{user.created_at:%Y-%m-%d}",
        "Sessions": str(sessions),
        "State": state,
    }
