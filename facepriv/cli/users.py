"""`facepriv user`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from facepriv.cli.json_files import JsonFile, write_json
from facepriv.cli.printing import say, show_table
from facepriv.cli.store import ACTOR, opened_store
from facepriv.errors import BadInputError
from facepriv.wording import count

if TYPE_CHECKING:
    from facepriv.store import Role


user = typer.Typer(help="Who may sign in to the dashboard, as auditor or privacy officer.", no_args_is_help=True)
UserName = Annotated[str, typer.Argument(help="Name of the user.")]
RoleOption = Annotated[
    str, typer.Option(help="auditor, who sees and does everything, or officer, who sees what was shared.")
]
PasswordIn = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input instead of making one.")
]


@user.command("add")
def user_add(
    name: UserName,
    role: RoleOption,
    password_stdin: PasswordIn = False,
    oidc: Annotated[
        str | None,
        typer.Option(
            help="By what the identity provider knows them, instead of a password: e-mail address or ISSUER#SUBJECT."
        ),
    ] = None,
) -> None:
    """Add somebody; the password made for them is shown this once."""
    from facepriv.services.accounts.users import add_user

    with opened_store() as (store, _):
        given = _read_password() if password_stdin else None
        added = add_user(store, name, _role(role), password=given, oidc=oidc, actor=ACTOR)
    say(f"{added.user.name} may sign in as {added.user.role}.")
    _show_password(added.password)


@user.command("list")
def user_list(json_file: JsonFile = None) -> None:
    """List the users, with the sessions they have open."""
    from facepriv.store.users import name_key

    with opened_store() as (store, _):
        found = [(one, len(store.sessions.of_user(name_key(one.name)))) for one in store.users.list()]
    if not found:
        say("There is no user yet; make one: facepriv user add NAME --role auditor")
    rows = [
        {
            "Name": one.name,
            "Role": one.role,
            "Signs in": " or ".join(
                [
                    *(["by password"] if one.password_hash else []),
                    *([f"through the provider as {one.oidc}"] if one.oidc else []),
                ]
            ),
            "Since": f"{one.created_at:%Y-%m-%d}",
            "Sessions": str(sessions),
            "State": "active" if one.disabled_at is None else f"disabled since {one.disabled_at:%Y-%m-%d}",
        }
        for one, sessions in found
    ]
    if rows:
        show_table("Users", rows)
    users = [
        {"name": one.name, "role": one.role, "oidc": one.oidc, "disabled": one.disabled_at is not None, "sessions": n}
        for one, n in found
    ]
    write_json(json_file, {"schema": "facepriv.users/1", "users": users})


@user.command("role")
def user_role(name: UserName, role: Annotated[str, typer.Argument(help="auditor or officer.")]) -> None:
    """Make somebody an auditor or a privacy officer, from their next click on."""
    from facepriv.services.accounts.users import set_role

    with opened_store() as (store, _):
        changed = set_role(store, name, _role(role), actor=ACTOR)
    say(f"{changed.name} is {'an auditor' if changed.role == 'auditor' else 'a privacy officer'} now.")


@user.command("disable")
def user_disable(name: UserName) -> None:
    """Shut somebody out at once: all their sessions end."""
    _set_disabled(name, True)


@user.command("enable")
def user_enable(name: UserName) -> None:
    """Let somebody in again who was disabled."""
    _set_disabled(name, False)


def _set_disabled(name: str, disabled: bool) -> None:
    from facepriv.services.accounts.users import set_disabled

    with opened_store() as (store, _):
        changed = set_disabled(store, name, disabled, actor=ACTOR)
    say(f"{changed.name} may {'not sign in any more, and is signed out' if disabled else 'sign in again'}.")


@user.command("password")
def user_password(name: UserName, password_stdin: PasswordIn = False) -> None:
    """Return somebody a new password, shown this once; whoever is signed in under the old one is signed out."""
    from facepriv.services.accounts.users import change_password

    with opened_store() as (store, _):
        made = change_password(store, name, _read_password() if password_stdin else None, actor=ACTOR)
    say("The password is changed.")
    _show_password(made)


@user.command("oidc")
def user_oidc(
    name: UserName,
    claim: Annotated[
        str | None, typer.Argument(help="E-mail address or ISSUER#SUBJECT; none to end coming through the provider.")
    ] = None,
) -> None:
    """Say by what the identity provider knows somebody; whoever is signed in is signed out."""
    from facepriv.services.accounts.users import set_claim

    with opened_store() as (store, _):
        one = set_claim(store, name, claim, actor=ACTOR)
    known = "comes through the provider no more" if one.oidc is None else f"comes through the provider as {one.oidc}"
    say(f"{one.name} {known}.")


@user.command("sign-out")
def user_sign_out(name: UserName) -> None:
    """End all sessions of somebody."""
    from facepriv.services.accounts.users import sign_out_everywhere

    with opened_store() as (store, _):
        ended = sign_out_everywhere(store, name, actor=ACTOR)
    say(f"{count(ended, 'session')} ended.")


def _role(text: str) -> Role:
    from facepriv.store import ROLES

    for role in ROLES:
        if role == text:
            return role
    raise BadInputError(f"A role was expected, {' or '.join(ROLES)}, but {text!r} came.", code="bad-role")


def _read_password() -> str:
    return sys.stdin.readline().rstrip("\n")


def _show_password(password: str | None) -> None:
    if password is not None:
        say(f"Password: {password}")
        say("It is shown this once and kept as a hash only.")
