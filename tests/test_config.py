"""Settings: folders of any name, and one sentence for a variable that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

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


@pytest.mark.parametrize("given", [{}, {"workers": 3, "artifacts_url": "s3://bucket/prefix"}])
def test_settings_travel_by_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: dict[str, object]
) -> None:
    settings = Settings(home=tmp_path / "später", **given)
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert get_settings() == settings
