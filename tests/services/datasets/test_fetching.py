"""Published data sets come only when asked for, whole and with the right bytes; served here by a real server."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import replace

import pytest

from facepriv.config import get_settings
from facepriv.datasets.demo import read_demo
from facepriv.datasets.published import PUBLISHED_DATASETS, PublishedFile
from facepriv.errors import BadInputError
from facepriv.services.datasets.fetching import fetch_dataset, folder_of
from facepriv.services.datasets.importing import import_dataset
from facepriv.store import open_store
from tests.services.origin import NOWHERE, served

LFW, LONDON = PUBLISHED_DATASETS["lfw"], PUBLISHED_DATASETS["london"]


def tgz(files):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def zipped(files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


@pytest.fixture(scope="module")
def contents():
    """Small files of the published names: demo faces of three people, laid out as the published archives are."""
    images = read_demo(images_per_subject=2).images[:6]
    data = [image.path.read_bytes() for image in images]
    lfw = {f"lfw/Person_{n // 2}/Person_{n // 2}_000{n % 2 + 1}.png": one for n, one in enumerate(data)}
    kinds = {"03": "neutral_front", "08": "smiling_front"}
    london = {
        view: {f"{kind}/00{n}_{view}.png": one for n, one in enumerate(data[which::2])}
        for which, (view, kind) in enumerate(kinds.items())
    }
    return {
        "lfw.tgz": tgz(lfw),
        "pairs.txt": b"1\t1\nPerson_0\t1\t2\nPerson_0\t1\tPerson_1\t1\n",
        "neutral_front.zip": zipped(london["03"] | {"neutral_front/000_03.tem": b"points"}),
        "smiling_front.zip": zipped(london["08"]),
        "london_faces_info.csv": b"face_id,face_age,face_gender\n000,30,female\n001,31,male\n002,32,female\n",
    }


@pytest.fixture
def origin(tmp_path, contents):
    folder = tmp_path / "origin"
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    with served(folder) as url:
        yield url


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FACEPRIV_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def published(one, contents, url):
    digest = hashlib.sha256(contents[one.name]).hexdigest()
    size = len(contents[one.name])
    return replace(one, url=url + one.name, sha256=one.sha256 and digest, bytes=one.bytes and size)


@pytest.fixture
def archives(origin, contents):
    """The table of archives with addresses, hashes and sizes of what is served here."""
    return {
        name: replace(one, files=tuple(published(file, contents, origin) for file in one.files))
        for name, one in PUBLISHED_DATASETS.items()
    }


def changed(archive, which=0, **change):
    files = list(archive.files)
    files[which] = replace(files[which], **change)
    return replace(archive, files=tuple(files))


def files_of(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_lfw_comes_unpacked_and_can_be_imported(archives, home):
    fetched = fetch_dataset(archives["lfw"])
    assert fetched.origin == "downloaded"
    assert fetched.newly_recorded == ()
    assert fetched.skipped == ()
    assert fetched.command == f'facepriv import "{home}/archives/lfw" --name lfw'
    names = files_of(fetched.folder)
    assert len(names) == 7
    assert names[0] == "lfw/Person_0/Person_0_0001.png"
    assert names[-1] == "pairs.txt"
    assert not any(get_settings().temporary.iterdir()), "no archive and nothing unfinished is kept"
    assert home.stat().st_mode & 0o777 == 0o700
    assert fetched.folder.parent.stat().st_mode & 0o777 == 0o700
    with open_store(get_settings()) as store:
        report = import_dataset(store, get_settings(), fetched.folder, name="lfw")
    assert report.counts.images == 6
    assert report.counts.subjects == 3
    again = fetch_dataset(archives["lfw"])
    assert again.origin == "already here"
    assert again.sha256 == fetched.sha256


def test_london_comes_with_its_table_and_is_recognised(archives):
    fetched = fetch_dataset(archives["london"])
    assert fetched.newly_recorded == ("neutral_front.zip", "smiling_front.zip", "london_faces_info.csv")
    assert "neutral_front/000_03.png" in files_of(fetched.folder)
    with open_store(get_settings()) as store:
        report = import_dataset(store, get_settings(), fetched.folder, name="london")
    assert report.dataset.reader == "london"
    assert report.counts.images == 6
    assert report.counts.subjects == 3
    assert report.counts.labels == {-1: 4, 1: 2}


def test_bytes_that_are_not_the_recorded_ones_are_refused_later(archives, origin, tmp_path):
    fetched = fetch_dataset(archives["london"])
    fetched.folder.rename(tmp_path / "deleted")
    table = tmp_path / "origin" / "london_faces_info.csv"
    table.write_bytes(table.read_bytes() + b"003,33,male\n")
    with pytest.raises(BadInputError, match=r"london\.sha256") as caught:
        fetch_dataset(archives["london"])
    assert caught.value.code == "wrong-bytes"
    assert not folder_of(LONDON).exists()


@pytest.mark.parametrize(
    ("change", "code"),
    [({"sha256": "0" * 64}, "wrong-bytes"), ({"url": NOWHERE}, "not-fetched"), ({"url": "broken"}, "not-fetched")],
)
def test_what_does_not_come_whole_leaves_nothing_behind(archives, origin, home, change, code):
    change = {"url": f"{origin}lfw.tgz.broken"} if change.get("url") == "broken" else change
    with pytest.raises(BadInputError) as caught:
        fetch_dataset(changed(archives["lfw"], **change))
    assert caught.value.code == code
    assert files_of(home) == []
    assert not folder_of(LFW).exists()


def test_a_missing_network_is_told_with_all_that_is_needed(home):
    away = replace(LFW, files=tuple(replace(one, url=f"{NOWHERE}{one.name}") for one in LFW.files))
    with pytest.raises(BadInputError) as caught:
        fetch_dataset(away)
    for told in (
        *(f"{one.name} from {one.url} (" for one in away.files),
        "180,566,744 bytes; SHA-256 055f7d9c632d7370e6fb4afc7468d40f970c34a80d4c6f50ffec63f5a8d536c0",
        "facepriv fetch lfw --file FOLDER",
        f'facepriv import "{home}/archives/lfw" --name lfw',
    ):
        assert told in str(caught.value)


def test_an_optional_file_that_cannot_be_had_is_told_and_left_out(archives, origin):
    fetched = fetch_dataset(changed(archives["lfw"], which=1, url=origin + "nothing"))
    assert len(fetched.skipped) == 1
    assert "pairs.txt could not be downloaded" in fetched.skipped[0]
    assert "pairs.txt" not in files_of(fetched.folder)


def test_an_optional_file_that_was_missing_comes_later(archives, origin, tmp_path):
    lfw = archives["lfw"]
    fetch_dataset(changed(lfw, which=1, url=origin + "nothing"))
    still = fetch_dataset(changed(lfw, which=1, url=origin + "nothing"))
    assert still.origin == "already here"
    assert list(still.sha256) == ["lfw.tgz"]
    assert len(still.skipped) == 1
    only = tmp_path / "only"
    only.mkdir()
    (only / "pairs.txt").write_bytes((tmp_path / "origin" / "pairs.txt").read_bytes())
    fetched = fetch_dataset(changed(lfw, which=0, url=NOWHERE), file=only)
    assert fetched.origin == "copied"
    assert list(fetched.sha256) == ["lfw.tgz", "pairs.txt"]
    assert fetched.skipped == ()
    assert len(files_of(fetched.folder)) == 7
    again = fetch_dataset(lfw)
    assert again.origin == "already here"
    assert again.sha256 == fetched.sha256


def test_copies_got_elsewhere_need_no_network(archives, tmp_path):
    origin = tmp_path / "origin"
    for name, file in (("london", origin), ("lfw", origin / "lfw.tgz")):
        away = replace(archives[name], files=tuple(replace(one, url=NOWHERE) for one in archives[name].files))
        fetched = fetch_dataset(away, file=file)
        assert fetched.origin == "copied"
        assert fetched.skipped == ()
    renamed = tmp_path / "saved as"
    renamed.write_bytes((origin / "lfw.tgz").read_bytes())
    fetched.folder.rename(tmp_path / "gone")
    fetched = fetch_dataset(away, file=renamed)
    assert "pairs.txt" in fetched.skipped[0]


@pytest.mark.parametrize("folder", ["none", "."])
def test_copies_that_are_not_there(archives, tmp_path, folder):
    with pytest.raises(BadInputError) as caught:
        fetch_dataset(archives["london"], file=tmp_path / folder)
    assert caught.value.code == "no-file"


def test_an_archive_that_points_outside_is_refused(archives, tmp_path, home):
    content = tgz({"../evil.jpg": b"x", "good.jpg": b"x"})
    (tmp_path / "evil.tgz").write_bytes(content)
    archive = replace(archives["lfw"], files=(PublishedFile(name="evil.tgz", url=NOWHERE),))
    with pytest.raises(BadInputError) as caught:
        fetch_dataset(archive, file=tmp_path / "evil.tgz")
    assert caught.value.code == "unsafe-path"
    assert files_of(home) == []


def test_published_facts_are_those_that_scikit_learn_checks_by():
    from sklearn.datasets import _lfw

    known = {one.filename: one for one in (_lfw.ARCHIVE, *_lfw.TARGETS)}
    for one in LFW.files:
        assert one.url == known[one.name].url
        assert one.sha256 == known[one.name].checksum


def test_the_command_tells_how_to_go_on(tmp_path, origin, home, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)  # at which sentences would be broken
    report = tmp_path / "fetch.json"
    code = "from facepriv.cli import main; main()"
    command = [sys.executable, "-c", code, "fetch", "london", "--file", str(tmp_path / "origin"), "--json", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    line = f'facepriv import "{home}/archives/london" --name london'
    assert f"Import it with: {line}" in done.stdout
    assert "CC-BY 4.0" in done.stdout
    written = json.loads(report.read_text())
    assert written["schema"] == "facepriv.fetch-archive/1"
    assert written["came"] == "copied"
    assert written["import"] == line
    assert set(written["sha256"]) == {one.name for one in LONDON.files}
