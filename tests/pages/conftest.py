"""Data folders for the pages: an empty one, one with a small data set of demo faces and a complete run on it, and one
with as many people as an audit needs. Stored audits are of 32 demo faces, as the command line made them."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import filelock
import PIL.Image
import pytest
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Table

import facepriv
from facepriv.audit.attackers.registry import attackers
from facepriv.config import Settings
from facepriv.datasets.demo import read_demo
from facepriv.schemas.audits import AuditResult, AuditSpec, LearningGain, LearningPoint
from facepriv.schemas.figures import Interval
from facepriv.schemas.requests import RunRequest
from facepriv.schemas.runs import RunSpec
from facepriv.services.datasets.importing import import_dataset
from facepriv.services.runs.preparing import prepare_run
from facepriv.store import RunRecord, Store, open_store
from facepriv.types import GENDER_NAMES
from facepriv.web.blobs import BLOBS
from facepriv.web.identity import LOCAL
from tests.finished_run import start_run

ROUTER = Path(__file__).parents[2] / "pages" / "router.py"
AUDITS = Path(__file__).parent / "audits"
SUBJECTS_EACH = 2


@pytest.fixture(autouse=True)
def own_main() -> Iterator[None]:
    """Put the main module back, which a page's script takes the place of: new processes import it anew."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(autouse=True)
def no_login(monkeypatch) -> None:
    """Pages are tried as on a dashboard without login; those that test roles turn it on again."""
    monkeypatch.setenv("FACEPRIV_LOGIN", "false")


@pytest.fixture(autouse=True)
def headings(monkeypatch) -> Callable[[Table], list[str]]:
    """Let tests read the heads of columns as people do, without what they lead to; return them as they were sent."""
    sent = Table.value.fget

    def read(table: Table) -> Any:
        return sent(table).rename(columns=lambda name: re.sub(r"\[(.*)\]\(/help#.*\)", r"\1", name))

    monkeypatch.setattr(Table, "value", property(read))
    return lambda table: list(sent(table).columns)


def write_faces(folder: Path, *, subjects_each: int = SUBJECTS_EACH, images_each: int = 2) -> Path:
    """Write some images of as many women as men of the demo set, and ``labels.csv``."""
    images = read_demo(images_per_subject=images_each).images
    rows = []
    folder.mkdir(parents=True, exist_ok=True)
    for label in (-1, 1):
        for subject in sorted({image.subject for image in images if image.label == label})[:subjects_each]:
            for image in images:
                if image.subject == subject:
                    shutil.copyfile(image.path, folder / image.path.name)
                    rows.append({"file": image.path.name, "subject": subject, "gender": GENDER_NAMES[label]})
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, ["file", "subject", "gender"])
        table.writeheader()
        table.writerows(rows)
    return folder


def work(home: Path) -> None:
    """Execute the waiting runs, in a process of its own as always: Streamlit's test runner takes over this one."""
    subprocess.run(
        [sys.executable, "-m", "facepriv", "worker", "--until-idle"],
        env={**os.environ, "FACEPRIV_HOME": str(home), "FACEPRIV_WORKERS": "1"},
        check=True,
        timeout=300,
    )


def repeat_run(store: Store, run: RunRecord, spec: RunSpec) -> int:
    """Store a run with another spec, on the same images, as if it had come to the very same."""
    number = store.runs.create(spec)
    assert store.jobs.claim("test", only=store.runs.job_id(number)) is not None
    for image in store.runs.run_images(run.id):
        store.runs.save_image(number, "test", image)
    store.runs.finish(number, "test", run.result)
    return number


def audit_result(name: str) -> AuditResult:
    """Read the result of a real audit: ``as-it-is`` or ``of-run``."""
    return AuditResult.model_validate_json((AUDITS / f"{name}.json").read_text(encoding="utf-8"))


def with_learning(found: AuditResult) -> AuditResult:
    """Add what a result of an earlier version lacks: how attackers did with fewer people, and who they were."""
    whole = {(one.name, attack.attacker): attack.accuracy for one in found.conditions for attack in one.attacks}
    points = [
        LearningPoint(condition=name, attacker=attacker, part=part, subjects=round(part * 12), accuracy=accuracy)
        for (name, attacker), accuracy in whole.items()
        for part in (0.5, 1.0)
    ]
    gained = Interval(value=0.04, low=0.01, high=0.07)
    gains = [
        LearningGain(condition=name, attacker=attacker, from_subjects=6, to_subjects=12, accuracy=gained, likely=True)
        for name, attacker in whole
    ]
    said = {
        "learned_from": ["The attackers learned from others."],
        "more_people": "With more people to learn from, the attacker sign would probably do better.",
    }
    return found.model_copy(update={"learning": points, "learning_gains": gains, **said})


def store_audit(store: Store, result: AuditResult, *, run_id: int | None = None, **changes) -> int:
    """Store a complete audit of the data set ``few``, or of a run on it, that found ``result``."""
    run = store.runs.get(1)
    spec = AuditSpec(
        dataset=run.spec.dataset,
        run_id=run_id,
        image_ids=run.spec.image_ids,
        attackers=tuple(attackers.names()),
        classifiers=run.spec.classifiers,
        matchers=run.spec.matchers,
        detector=run.spec.detector,
        facepriv_version=facepriv.__version__,
        **changes,
    )
    number = store.audits.create(spec)
    assert store.jobs.claim("test", only=store.audits.job_id(number)) is not None
    store.audits.finish(number, "test", result)
    return number


@pytest.fixture(scope="session")
def face_folder(tmp_path_factory) -> Path:
    return write_faces(tmp_path_factory.mktemp("faces") / "few")


@pytest.fixture(scope="session")
def prepared(tmp_path_factory, face_folder) -> Path:
    """A data folder with the data set ``few`` (id 1), a complete run (1) and a cancelled one (2); never written to."""
    home = tmp_path_factory.mktemp("prepared")
    settings = Settings(home=home, workers=1)
    with open_store(settings) as store:
        import_dataset(store, settings, face_folder, name="few")
        start_run(store, prepare_run(store, RunRequest(dataset="few", method="algorithm1", parameters={"eps": 0.3})))
        work(home)
        cancelled = start_run(store, prepare_run(store, RunRequest(dataset="few", method="algorithm1", seed=7)))
        store.jobs.cancel(store.runs.job_id(cancelled.id))
        assert store.runs.get(1).state == "complete", store.runs.get(1).error
    return home


def _use(home: Path, monkeypatch) -> Settings:
    monkeypatch.setenv("FACEPRIV_HOME", str(home))
    monkeypatch.setenv("FACEPRIV_WORKERS", "1")
    return Settings()


@pytest.fixture
def empty(tmp_path, monkeypatch) -> Settings:
    """Settings of a data folder with nothing in it."""
    return _use(tmp_path / "home", monkeypatch)


@pytest.fixture
def filled(tmp_path, monkeypatch, prepared) -> Settings:
    """Settings of a copy of the prepared data folder."""
    shutil.copytree(prepared, tmp_path / "home")
    return _use(tmp_path / "home", monkeypatch)


@pytest.fixture(scope="session")
def prepared_crowd(tmp_path_factory) -> Path:
    """A data folder with the data set ``crowd``: as few people as an audit needs, one image each."""
    home = tmp_path_factory.mktemp("crowd")
    settings = Settings(home=home, workers=1)
    faces = write_faces(tmp_path_factory.mktemp("faces") / "crowd", subjects_each=5, images_each=1)
    with open_store(settings) as store:
        import_dataset(store, settings, faces, name="crowd")
    return home


@pytest.fixture
def crowd(tmp_path, monkeypatch, prepared_crowd):
    """Settings of a copy of that folder, with the local worker's lock held, so that no page starts one."""
    shutil.copytree(prepared_crowd, tmp_path / "home")
    with filelock.FileLock(tmp_path / "home" / "worker.lock"):
        yield _use(tmp_path / "home", monkeypatch)


@pytest.fixture
def media(monkeypatch):
    """Sizes of the images that Streamlit's own store was given, which anybody with the address gets."""
    sizes = []
    add = MediaFileManager.add

    def noted(self, data, mimetype, *arguments, **options):
        if mimetype.startswith("image/"):
            with PIL.Image.open(io.BytesIO(data)) as picture:
                sizes.append(picture.size)
        return add(self, data, mimetype, *arguments, **options)

    monkeypatch.setattr(MediaFileManager, "add", noted)
    return sizes


@pytest.fixture
def visit():
    """Open a page in a new session; query parameters by keyword."""

    def go(page: str, **query: str) -> AppTest:
        app = AppTest.from_file(ROUTER, default_timeout=60)
        for name, value in query.items():
            app.query_params[name] = value
        app.run()
        if page != "overview":
            app.switch_page(f"{page}.py").run()
        assert not app.exception, app.exception
        return app

    return go


def texts(app: AppTest) -> str:
    """Everything a page says, in one text."""
    parts = [
        *(e.value for kind in (app.title, app.header, app.subheader, app.markdown, app.caption) for e in kind),
        *(e.value for kind in (app.info, app.warning, app.error, app.success) for e in kind),
        *(f"{m.label} {m.value} {m.delta}" for m in app.metric),
        *(table.value.to_csv(index=False) for table in app.table),
        *(code.value for code in app.code),
    ]
    return "\n".join(str(part) for part in parts)


class Pictures(HTMLParser):
    """Reads the pictures of a page: path, alternative text and, in a gallery, caption."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.captions: list[str] = []
        self._open = False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "figcaption":
            self.captions.append("")
            self._open = True

    def handle_endtag(self, tag):
        self._open = self._open and tag != "figcaption"

    def handle_data(self, data):
        if self._open:
            self.captions[-1] += data

    @property
    def images(self) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == "img"]


def on_the_shelf(path: str) -> bytes:
    """Give what a page has put there, as the holder's browser would get it."""
    _, kind, token = path.split("/")
    thing = BLOBS.get(kind, token, LOCAL.holder)
    assert thing is not None, f"{path} is not there"
    return thing.content


def gallery_of(app: AppTest) -> Pictures:
    """Read the pictures that stand on a page itself."""
    return Pictures("".join(html.proto.body for html in app.get("html") if VERDICT not in html.proto.body))


VERDICT = 'class="facepriv-verdict'


def verdicts_of(app: AppTest) -> list[str]:
    """Read the verdicts of a page as HTML, from top to bottom."""
    return [html.proto.body for html in app.get("html") if VERDICT in html.proto.body]


def viewer_of(app: AppTest) -> Pictures:
    """Read the page in the frame."""
    (frame,) = app.get("iframe")
    return Pictures(on_the_shelf(frame.proto.src).decode())


@pytest.fixture
def run_work():
    return work


@pytest.fixture
def said():
    return texts
