"""Settings: folders of any name, and one sentence for a variable that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import make_url

from facepriv.config import Settings, get_settings
from facepriv.errors import BadInputError
from facepriv.store import open_store


@pytest.mark.parametrize("name", ["what?", "50% of all", "50%25", "a#b&c=d", "me@home:1", "später", "x y"])
def test_data_folder_of_any_name(tmp_path: Path, name: str) -> None:
    home = tmp_path / name / "home"
    for _ in range(2):
        with open_store(Settings(home=home)) as store:
            store.access.record("ada", "opened")
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
    monkeypatch.setenv("FACEPRIV_DATABASE_URL", f"{scheme}://ada:secret@host/faces?sslmode=require")
    settings = get_settings()
    assert settings.database_url == make_url("postgresql+psycopg://ada:secret@host/faces?sslmode=require")
    assert "secret" not in repr(settings)


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
    assert (read.home, read.workers, read.max_pixels) == (tmp_path / "home", 3, 1000)
    assert (read.artifacts_url, read.auto_worker) == ("s3://bucket/prefix", True)
    if database is None:
        assert read.database_url == Settings(home=tmp_path / "home", database=None).database_url
    else:
        assert read.database_url == settings.database_url
