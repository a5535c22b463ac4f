"""`facepriv access` and `user`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from facepriv.cli.output import Full, JsonFile, only, say, show_table, write_json
from facepriv.cli.store import get_actor, opened_store
from facepriv.errors import BadInputError, FaceprivError
from facepriv.wording import count, listed

if TYPE_CHECKING:
    from facepriv.store import Role


def access(
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest lines to show.")] = 20,
    actor: Annotated[str | None, typer.Option(help="Only lines of this user.")] = None,
    action: Annotated[str | None, typer.Option(help="Only lines of this action, such as run-exported.")] = None,
    expect: Annotated[
        str | None, typer.Option(help="Check that a line noted earlier is still there; at least 16 digits of its hash.")
    ] = None,
    full: Full = False,
    json_file: JsonFile = None,
) -> None:
    """Show who viewed, exported or deleted what and when, and check that no line was changed."""
    if expect is not None and (not 16 <= len(expect) <= 64 or set(expect.lower()) - set("0123456789abcdef")):
        raise typer.BadParameter(f"--expect needs 16 to 64 hexadecimal digits of a line's hash, got {expect}.")
    with opened_store() as (store, _):
        lines = store.access.list(actor=actor, action=action, limit=limit)
        chain = store.access.verify(expect)
    shown = [
        {
            "Line": f"{line.id:,}",
            "When (UTC)": f"{line.at:%Y-%m-%d %H:%M}" if not full else f"{line.at:%Y-%m-%d %H:%M:%S}",
            "Who": line.actor,
            "From": line.origin,
            "Did": line.action,
            "To": " ".join(filter(None, (line.subject, line.detail))),
            "Hash": line.chain_sha256[:16],
        }
        for line in lines
    ]
    state = "no line was changed" if chain.broken_at is None else f"line {chain.broken_at:,} or one before was changed"
    say(f"{count(chain.lines, 'line')}; {state}. Hash of the last line: {chain.last[:16]}.")
    if chain.expected_at is not None:
        say(f"{expect} is the hash of line {chain.expected_at:,}.")
    show_table("Access log, newest first", shown if full else only(shown, "Line", "When (UTC)", "Who", "Did", "To"))
    rows = [{**asdict(line), "at": line.at.isoformat()} for line in lines]
    write_json(json_file, {"schema": "facepriv.access/1", "chain": asdict(chain), "lines": rows})
    if chain.broken_at is not None:
        raise FaceprivError(
            f"Line {chain.broken_at:,} of the access log does not match the line before: a line was changed, removed "
            "or written by something other than facepriv. Compare the log with a backup."
        )
    if expect and chain.expected_at is None:
        raise FaceprivError(
            f"No line of the access log has the hash {expect}: the log was cut short or rewritten since that hash was "
            "noted. Compare the log with a backup."
        )


user = typer.Typer(help="Manage who may sign in to the dashboard, as auditor or privacy officer.", no_args_is_help=True)
UserName = Annotated[str, typer.Argument(help="Name of the user.")]
RoleOption = Annotated[
    str | None,
    typer.Option(
        help="auditor (sees and does everything but users), officer (sees what is shared with them) or admin (an "
        "auditor who also manages users in the dashboard). Default for the first user: admin."
    ),
]
PasswordIn = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input instead of generating one.")
]


@user.command("add")
def user_add(
    name: UserName,
    role: RoleOption = None,
    password_stdin: PasswordIn = False,
    oidc: Annotated[
        str | None,
        typer.Option(
            help="Sign in through the identity provider instead of by password: e-mail address or ISSUER#SUBJECT."
        ),
    ] = None,
) -> None:
    """Add a user; the generated password is shown only once."""
    from facepriv.services.accounts.users import add_user

    with opened_store() as (store, _):
        if role is None and store.users.list():
            raise typer.BadParameter("Say whether it is an auditor, an officer or an admin.", param_hint="--role")
        password = _read_password() if password_stdin else None
        added = add_user(store, name, _role(role or "admin"), password=password, oidc=oidc, actor=get_actor())
    say(f"{added.user.name} can sign in as {added.user.role}.")
    _show_password(added.password)


@user.command("list")
def user_list(json_file: JsonFile = None) -> None:
    """List the users and their open sessions."""
    from facepriv.presentation.users import user_row
    from facepriv.store.users import name_key

    with opened_store() as (store, _):
        users = [(user, len(store.sessions.of_user(name_key(user.name)))) for user in store.users.list()]
    show_table(
        "Users",
        [user_row(user, sessions) for user, sessions in users],
        none="There is no user yet. Add one with: facepriv user add NAME",
    )
    if users and not any(user.role == "admin" and user.disabled_at is None for user, _ in users):
        say("Nobody can manage users in the dashboard. Make somebody admin with: facepriv user role NAME admin")
    rows = [
        {
            "name": user.name,
            "role": user.role,
            "oidc": user.oidc,
            "disabled": user.disabled_at is not None,
            "sessions": sessions,
        }
        for user, sessions in users
    ]
    write_json(json_file, {"schema": "facepriv.users/1", "users": rows})


@user.command("role")
def user_role(name: UserName, role: Annotated[str, typer.Argument(help="auditor, officer or admin.")]) -> None:
    """Change a user's role; it takes effect with their next click."""
    from facepriv.services.accounts.users import set_role

    with opened_store() as (store, _):
        changed = set_role(store, name, _role(role), actor=get_actor())
    titles = {"auditor": "an auditor", "officer": "a privacy officer", "admin": "an admin"}
    say(f"{changed.name} is now {titles[changed.role]}.")


@user.command("disable")
def user_disable(name: UserName) -> None:
    """Disable a user at once; all their sessions end."""
    _set_disabled(name, True)


@user.command("enable")
def user_enable(name: UserName) -> None:
    """Enable a disabled user again."""
    _set_disabled(name, False)


def _set_disabled(name: str, disabled: bool) -> None:
    from facepriv.services.accounts.users import set_disabled

    with opened_store() as (store, _):
        changed = set_disabled(store, name, disabled, actor=get_actor())
    say(f"{changed.name} {'is signed out and can no longer sign in' if disabled else 'can sign in again'}.")


@user.command("remove")
def user_remove(name: UserName) -> None:
    """Remove a user for good; their sessions end, and the name is not given again."""
    from facepriv.services.accounts.users import remove_user

    with opened_store() as (store, _):
        remove_user(store, name, actor=get_actor())
    say(f"{name} was removed. What they did stays in the access log.")


@user.command("password")
def user_password(name: UserName, password_stdin: PasswordIn = False) -> None:
    """Give a user a new password, shown only once; all their sessions end."""
    from facepriv.services.accounts.users import change_password

    with opened_store() as (store, _):
        password = change_password(store, name, _read_password() if password_stdin else None, actor=get_actor())
    say("Password changed.")
    _show_password(password)


@user.command("oidc")
def user_oidc(
    name: UserName,
    claim: Annotated[
        str | None,
        typer.Argument(help="E-mail address or ISSUER#SUBJECT; none ends sign-in through the provider."),
    ] = None,
) -> None:
    """Set how the identity provider identifies a user; all their sessions end."""
    from facepriv.services.accounts.users import set_claim

    with opened_store() as (store, _):
        changed = set_claim(store, name, claim, actor=get_actor())
    how = "can no longer sign in through the provider"
    say(f"{changed.name} {how if changed.oidc is None else f'signs in through the provider as {changed.oidc}'}.")


@user.command("sign-out")
def user_sign_out(name: UserName) -> None:
    """End all sessions of a user."""
    from facepriv.services.accounts.users import sign_out_everywhere

    with opened_store() as (store, _):
        ended = sign_out_everywhere(store, name, actor=get_actor())
    say(f"{count(ended, 'session')} ended.")


def _role(text: str) -> Role:
    from facepriv.store import ROLES

    for role in ROLES:
        if role == text:
            return role
    raise BadInputError(f"The role must be {listed(ROLES, 'or')}, got {text!r}.", code="bad-role")


def _read_password() -> str:
    return sys.stdin.readline().rstrip("\n")


def _show_password(password: str | None) -> None:
    if password is not None:
        say(f"Password: {password}", "It is shown only once; facepriv stores only its hash.")
