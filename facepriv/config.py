"""Settings of this installation: read from ``FACEPRIV_*`` environment variables, all optional."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import platformdirs
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from facepriv.errors import BadInputError

if TYPE_CHECKING:
    from sqlalchemy import URL

_PREFIX = "FACEPRIV_"
_USERS_FOLDERS = {"HOME", "USERPROFILE", "LOCALAPPDATA", "XDG_DATA_HOME"}
_DATABASE_VARIABLE = "FACEPRIV_DATABASE_URL"
_POSTGRESQL = "postgresql+psycopg"


def _default_home() -> Path:
    return Path(platformdirs.user_data_dir("facepriv", appauthor=False))


@dataclass(frozen=True)
class Provider:
    """An identity provider (OpenID Connect) and the dashboard's registration with it."""

    issuer: str
    client_id: str
    client_secret: SecretStr
    name: str
    """Name on the sign-in page."""

    @property
    def metadata_url(self) -> str:
        """Return the address of its metadata (OpenID Connect Discovery 1.0, section 4)."""
        return f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"


class Settings(BaseSettings):
    """Settings of the data folder, imports, sign-in and workers."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, populate_by_name=True)

    home: Path = Field(default_factory=_default_home)
    """Data folder: database unless it is elsewhere, artifacts, temporary files."""
    database: SecretStr | None = Field(default=None, validation_alias=_DATABASE_VARIABLE)
    """URL of the database, which may hold a password; None or empty for a SQLite file in the data folder."""
    max_pixels: int = Field(default=70_000_000, gt=0)
    """Largest image, width x height, that is decoded; Pillow reads none above 89,478,485 pixels, whatever is set."""
    max_upload_bytes: int = Field(default=2_000_000_000, gt=0)
    """Most bytes an archive may unpack to."""
    max_template_bytes: int = Field(default=8_000_000_000, gt=0)
    """Most bytes that the templates of one file may take in memory, four for each number."""
    max_archive_entries: int = Field(default=100_000, gt=0)
    reserve_bytes: int = Field(default=8 << 20, ge=0)
    """Bytes kept beside a SQLite file that are given up when its disk is full; 0 for none."""
    import_folders: str = ""
    """Folders of this machine that pages may import from, with all below them, separated as in PATH; empty for none."""
    release_folders: str = ""
    """Folders of this machine that pages may release into, separated as in PATH; empty for none."""
    release_needs_sign_off: bool = False
    """Whether images are released only once an officer has accepted the very results of their run or its audit, and
    templates not at all."""
    login: bool = True
    """Whether the dashboard asks people to sign in; without, it answers only on this machine."""
    public_url: str = ""
    """Address at which others reach the dashboard, such as https://faces.example.org; empty if nobody else does."""
    passwords: bool = True
    """Whether people may sign in with a password; without, only through the identity provider."""
    oidc_issuer: str = ""
    """Issuer of the identity provider that people may sign in through, such as https://login.example.org."""
    oidc_client_id: str = ""
    """Name under which the dashboard is registered with the provider."""
    oidc_client_secret: SecretStr | None = None
    """Secret that the dashboard shows the provider."""
    oidc_name: str = ""
    """Name of the provider on the sign-in page; empty for the issuer's host."""
    workers: int = Field(default=0, ge=0)
    """Processes that perturb images in a run; 0 = one for each core."""
    executor: Literal["processes", "dask"] = "processes"
    """Whether workers compute in processes of this machine or on a Dask cluster."""
    scheduler: str = ""
    """Address of the cluster's scheduler, such as tcp://10.0.0.1:8786."""
    auto_worker: bool = True
    """Whether dashboards and commands start a worker on this machine where none serves the data folder."""
    artifacts_url: str | None = None
    """Where images and arrays are kept instead of in `artifacts`, such as ``s3://bucket/prefix``; no credentials."""

    @cached_property
    def database_url(self) -> URL:
        """SQLAlchemy URL of the database; an object, since the text of one cannot hold every folder's name.

        Raises BadInputError with code ``bad-setting`` if ``database`` is no URL, or not of SQLite or PostgreSQL.
        """
        from sqlalchemy import URL

        if self.database is None or not self.database.get_secret_value():
            return URL.create("sqlite", database=(self.home / "facepriv.sqlite").as_posix())
        return _read_url(self.database.get_secret_value())

    def identity_provider(self) -> Provider | None:
        """Return the provider that people may sign in through, or None.

        Raises BadInputError with code ``bad-setting`` if only a part of it is set, the issuer is no address that can be
        trusted, or there is neither a provider nor passwords.
        """
        secret = self.oidc_client_secret or SecretStr("")
        given = {"ISSUER": self.oidc_issuer, "CLIENT_ID": self.oidc_client_id, "CLIENT_SECRET": secret}
        variables = [f"{_PREFIX}OIDC_{name}" for name in given]
        missing = [variable for variable, value in zip(variables, given.values(), strict=True) if not value]
        if missing == variables and self.passwords:
            return None
        if missing:
            raise BadInputError(
                f"To sign in through an identity provider {', '.join(variables)} are all needed, but "
                f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set; set what is missing, or "
                f"unset the rest and {_PREFIX}PASSWORDS.",
                code="bad-setting",
            )
        host = _issuer_host(self.oidc_issuer)
        if host is None:
            raise BadInputError(
                f"{_PREFIX}OIDC_ISSUER must be an https address like https://login.example.org, without a query and "
                f"without /.well-known, but it is {self.oidc_issuer!r}; the provider's documentation names it.",
                code="bad-setting",
            )
        return Provider(self.oidc_issuer, self.oidc_client_id, secret, self.oidc_name or host)

    @property
    def artifacts(self) -> Path:
        """Return the folder of images and arrays, addressed by content hash; unused where `artifacts_url` is set."""
        return self.home / "artifacts"

    @property
    def temporary(self) -> Path:
        """Return the folder of temporary files; safe to empty when nothing runs."""
        return self.home / "tmp"

    def environment(self) -> dict[str, str]:
        """Return the environment variables that give another process these settings."""
        # Secrets come out of a dump as asterisks; who signs in is nothing to other processes.
        given = self.model_dump(mode="json", exclude={"database", "oidc_client_secret"}, exclude_none=True)
        values = {**given, "home": str(self.home.absolute())}
        database = "" if self.database is None else self.database.get_secret_value()
        return {**{_PREFIX + name.upper(): str(value) for name, value in values.items()}, _DATABASE_VARIABLE: database}


def _issuer_host(issuer: str) -> str | None:
    """Return the host of an issuer; None if it is no issuer's address, or lacks TLS and is not on this machine."""
    try:
        url = urlsplit(issuer)
    except ValueError:
        return None
    safe = url.scheme == "https" or (url.scheme == "http" and url.hostname in ("127.0.0.1", "::1", "localhost"))
    return url.hostname if safe and not url.query and not url.fragment and "/.well-known" not in url.path else None


def _read_url(text: str) -> URL:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        url = None
    if url is not None and url.drivername in ("postgres", "postgresql", _POSTGRESQL):
        return url.set(drivername=_POSTGRESQL)
    if url is not None and url.drivername == "sqlite":
        return url
    # What was given is not shown: it may hold a password.
    raise BadInputError(
        f"The environment variable {_DATABASE_VARIABLE} must be the URL of a PostgreSQL or SQLite database; write it "
        "like postgresql://user@host/database, or unset it for a SQLite file in the data folder.",
        code="bad-setting",
    ) from None


def get_settings() -> Settings:
    """Return the settings of the environment as it is now.

    Raises BadInputError with code ``bad-setting`` if a variable's value cannot be used.
    """
    return _read(tuple((name, os.environ.get(name)) for name in sorted(_settings_variables())))


def make_private_folder(folder: Path) -> None:
    """Make a folder, and those above it that do not exist yet, for their owner alone."""
    for each in (*reversed(folder.parents), folder):
        each.mkdir(mode=0o700, exist_ok=True)


def _settings_variables() -> set[str]:
    """Return the variables that settings depend on: facepriv's own, and those of the user's data folder."""
    return {name for name in os.environ if name.upper().startswith(_PREFIX)} | _USERS_FOLDERS


@lru_cache(maxsize=8)
def _read(_: tuple[tuple[str, str | None], ...]) -> Settings:
    # A page asks some forty times, and reading takes two milliseconds.
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        variable = _PREFIX + "_".join(str(part) for part in first["loc"]).upper()
        raise BadInputError(
            f"The environment variable {variable} cannot be {first['input']!r} ({first['msg']}); "
            "correct it, or unset it for the default.",
            code="bad-setting",
        ) from error
