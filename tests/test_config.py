"""Settings: folders of any name, and one sentence for a variable that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import make_url

from facepriv.config import Settings, get_settings
from facepriv.errors import BadInputError
from facepriv.store import open_store
from tests.actors import ADA


@pytest.mark.parametrize("name", ["what?", "50% of all", "50%25", "a#b&c=d", "me@home:1", "später", "x y"])
def test_data_folder_of_any_name(tmp_path: Path, name: str) -> None:
    home = tmp_path / name / "home"
    for _ in range(2):
        with open_store(Settings(home=home)) as store:
            store.access.record(ADA, "opened")
    with open_store(Settings(home=home)) as store:
        assert len(store.access.list()) == 2
    assert (home / "facepriv.sqlite").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FACEPRIV_WORKERS", "abc"),
        ("FACEPRIV_WORKERS", "-1"),
        ("FACEPRIV_MAX_PIXELS", "0"),
        ("FACEPRIV_MAX_UPLOAD_BYTES", "1 GB"),
    ],
)
def test_bad_variables_are_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(BadInputError, match=f"{variable} cannot be '{value}'") as caught:
        get_settings()
    assert caught.value.code == "bad-setting"
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith("unset it for the default.")


def test_variables_are_read_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FACEPRIV_HOME", str(tmp_path))
    assert get_settings().artifacts == tmp_path / "artifacts"
    monkeypatch.setenv("FACEPRIV_WORKERS", "3")
    assert get_settings().workers == 3


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_postgresql_database(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv("FACEPRIV_DATABASE_URL", f"{scheme}://ada:hush@host/faces?sslmode=require")
    settings = get_settings()
    assert settings.database_url == make_url("postgresql+psycopg://ada:hush@host/faces?sslmode=require")
    assert "hush" not in repr(settings)


def test_a_sqlite_database_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FACEPRIV_DATABASE_URL", f"sqlite:///{tmp_path}/elsewhere.sqlite")
    open_store(Settings(home=tmp_path / "home")).close()
    assert (tmp_path / "elsewhere.sqlite").is_file()
    assert not list((tmp_path / "home").iterdir())


@pytest.mark.parametrize("url", ["secret", "postgresql://ada:secret@host:port/faces", "mysql://ada:secret@host/faces"])
def test_database_urls_that_cannot_serve(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("FACEPRIV_DATABASE_URL", url)
    with pytest.raises(
        BadInputError, match="FACEPRIV_DATABASE_URL must be the URL of a PostgreSQL or SQLite"
    ) as caught:
        open_store(get_settings())
    assert caught.value.code == "bad-setting"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("database", [None, "postgresql://ada:secret@host/faces"])
def test_another_process_gets_the_same_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings(
        home=Path("home"), workers=3, max_pixels=1000, database=database, artifacts_url="s3://bucket/prefix"
    )
    monkeypatch.setenv("FACEPRIV_DATABASE_URL", "postgresql://somewhere/else")
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    read = get_settings()
    assert read.home == tmp_path / "home"
    assert read.workers == 3
    assert read.max_pixels == 1000
    assert read.artifacts_url == "s3://bucket/prefix"
    assert read.auto_worker
    if database is None:
        assert read.database_url == Settings(home=tmp_path / "home", database=None).database_url
    else:
        assert read.database_url == settings.database_url


PROVIDER = {
    "FACEPRIV_OIDC_ISSUER": "https://login.example.org/realms/faces/",
    "FACEPRIV_OIDC_CLIENT_ID": "facepriv",
    "FACEPRIV_OIDC_CLIENT_SECRET": "s3cret",
}


def test_an_identity_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    assert get_settings().identity_provider() is None
    for variable, value in PROVIDER.items():
        monkeypatch.setenv(variable, value)
    settings = get_settings()
    known = settings.identity_provider()
    assert known is not None
    assert known.name == "login.example.org"
    assert known.metadata_url == "https://login.example.org/realms/faces/.well-known/openid-configuration"
    assert known.client_secret.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(known) + repr(settings)
    # Other processes need no secret, and must not get asterisks for one.
    assert "FACEPRIV_OIDC_CLIENT_SECRET" not in settings.environment()


@pytest.mark.parametrize("left_out", [*PROVIDER, None])
def test_half_a_provider_is_refused(monkeypatch: pytest.MonkeyPatch, left_out: str | None) -> None:
    for variable, value in PROVIDER.items():
        if variable != left_out and left_out is not None:
            monkeypatch.setenv(variable, value)
    monkeypatch.setenv("FACEPRIV_PASSWORDS", "false")
    with pytest.raises(BadInputError, match=f"{left_out or 'FACEPRIV_OIDC_ISSUER'}.* not set") as caught:
        get_settings().identity_provider()
    assert caught.value.code == "bad-setting"
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "issuer",
    [
        "http://login.example.org",
        "login.example.org",
        "https://",
        "https://[",
        "https://login.example.org?realm=1",
        "https://login.example.org#1",
        "https://login.example.org/.well-known/openid-configuration",
        "ftp://127.0.0.1",
    ],
)
def test_issuers_that_cannot_be_trusted_are_refused(monkeypatch: pytest.MonkeyPatch, issuer: str) -> None:
    for variable, value in {**PROVIDER, "FACEPRIV_OIDC_ISSUER": issuer}.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(BadInputError, match="FACEPRIV_OIDC_ISSUER must be an https address"):
        get_settings().identity_provider()


def test_photos_of_the_largest_usual_cameras_go_in_by_default() -> None:
    """Sony's 61 megapixels, and telephones' 64."""
    assert 9504 * 6336 < 9248 * 6944 <= Settings().max_pixels
