"""The Perturb page: parameters, start, progress, cancel, completion."""

from __future__ import annotations

import sys

import filelock
import pytest

from facepriv.errors import BadInputError
from facepriv.perturb.registry import AIM_METHODS, perturbers
from facepriv.presentation.help_texts import AIM_TEXTS, KIND_SENTENCES, KIND_TITLES, SEED_HELP
from facepriv.schemas.requests import RunRequest
from facepriv.services.runs.preparing import prepare_run
from facepriv.store import open_store
from tests.finished_run import start_run
from tests.services import plugins
from tests.stasm import needs_stasm
from tests.waiting import wait_until


@pytest.fixture
def no_worker(filled):
    """Hold the local worker's lock, so that the page starts none and the test says when work is done."""
    lock = filelock.FileLock(filled.home / "worker.lock")
    with lock:
        yield filled, lock


@pytest.fixture
def visit_by_name(visit):
    """Open the page and choose to choose the method; at first the one against a guide."""

    def go(method: str = AIM_METHODS["guide"]):
        app = visit("perturb")
        app.radio("run_aim").set_value("method").run()
        app.selectbox("run_method").set_value(method).run()
        assert not app.exception, app.exception
        return app

    return go


def keys_of(app) -> set[str]:
    kinds = (app.selectbox, app.number_input, app.toggle, app.multiselect)
    return {widget.key for kind in kinds for widget in kind}


def test_the_first_question_is_the_aim(filled, visit, said):
    app = visit("perturb")
    aim = app.radio("run_aim")
    assert aim.value == "unseen"
    titles = [text.title.capitalize() for text in AIM_TEXTS.values()]
    assert aim.options == [*titles, "Choose a method yourself"]
    for caption, text in zip(aim.proto.captions, AIM_TEXTS.values(), strict=False):
        assert caption == f"{text.good_for} {text.not_for}"
    # Classifiers that nobody asked are turned by all there are, and all matchers guard.
    assert app.multiselect("run_guides-unseen").value == app.multiselect("run_classifiers").value
    assert {"dlib-gender", "levi-hassner"} <= set(app.multiselect("run_guides-unseen").value)
    assert app.multiselect("run_guards-semantic").value == app.multiselect("run_matchers").value
    assert "run_method" not in keys_of(app)
    aim.set_value("guide").run()
    assert app.multiselect("run_guides-guide").value == ["dlib-gender"]
    assert not keys_of(app) & {"run_method", "parameter-semantic-strength", "run_guards-colour-field"}


def test_strength_and_side_are_asked_for_beside_the_aim(filled, visit, said):
    app = visit("perturb")
    shown = [box.key for box in app.main.selectbox if box.key.startswith("parameter-")]
    assert shown[:2] == ["parameter-semantic-strength", "parameter-semantic-side"]
    hidden = {box.key for expander in app.expander for box in (*expander.selectbox, *expander.number_input)}
    assert "parameter-semantic-trials" in hidden
    assert not hidden & {*shown[:2]}
    assert SEED_HELP not in said(app)
    app.selectbox("parameter-semantic-side").set_value("drawn").run()
    assert SEED_HELP in said(app)


@pytest.mark.parametrize("seed", [0, 7])
def test_a_run_is_asked_for_by_its_aim(no_worker, visit, monkeypatch, seed):
    asked = []

    def submit(store, settings, request, actor, *, again):
        asked.append(request)
        raise BadInputError("Nothing is queued here.", code="test")

    app = visit("perturb")
    monkeypatch.setattr(sys.modules["parts.starting"], "submit", submit)
    app.selectbox("parameter-semantic-strength").set_value("strong").run()
    app.selectbox("parameter-semantic-side").set_value("drawn").run()
    app.number_input("run_seed").set_value(seed).run()
    app.button("start_run").click().run()
    (request,) = asked
    assert (request.aim, request.method) == ("unseen", None)
    assert (request.parameters["strength"], request.parameters["side"]) == ("strong", "drawn")
    assert ("seed" in request.model_fields_set) == (seed > 0), "the service draws a key unless one is given"


def test_fields_have_the_methods_defaults(filled, visit_by_name):
    app = visit_by_name()
    for method in perturbers.names():
        app.selectbox("run_method").set_value(method).run()
        assert not app.exception, app.exception
        for name, field in perturbers.load(method).Parameters.model_fields.items():
            key = f"parameter-{method}-{name}"
            (shown,) = [one for one in (*app.selectbox, *app.number_input, *app.toggle) if one.key == key]
            assert shown.value == field.default


def test_guides_are_not_offered_as_jurors(filled, visit_by_name):
    app = visit_by_name()
    assert app.multiselect("run_guides-method").value == ["dlib-gender"]
    jury = app.multiselect("run_jury")
    assert jury.value == []
    assert "dlib-gender" not in jury.options
    assert "levi-hassner" in jury.options


@pytest.mark.slow
def test_start_follow_and_open(no_worker, visit, visit_by_name, said, run_work):
    settings, lock = no_worker
    app = visit_by_name()
    app.number_input("run_limit-1").set_value(2).run()
    app.multiselect("run_matchers").set_value(["sface"]).run()
    app.selectbox("run_method").set_value("algorithm1").run()
    app.number_input("parameter-algorithm1-sweeps").set_value(3).run()
    assert "2 images at most, **" in said(app)
    app.button("start_run").click().run()
    assert not app.exception
    with open_store(settings) as store:
        run = store.runs.get(3)
        assert run.state == "waiting"
        assert len(run.spec.image_ids) == 2
        assert run.spec.parameters["sweeps"] == 3
        assert [m.name for m in run.spec.matchers] == ["sface"]
        assert store.access.list(action="run-started")[0].subject == "run 3"
    assert "Run 3" in [header.value for header in app.header], "its own page opens"
    assert "It will take" in app.get("progress")[0].proto.text
    # A new session, as after closing the browser, still shows it.
    assert "**Run 3**" in said(visit("perturb"))
    lock.release()
    run_work(settings.home)
    lock.acquire(timeout=10)
    assert "algorithm1 was chosen by name" in said(visit("runs", run="3"))


def test_looking_computes_nothing(filled, visit, monkeypatch):
    """Everything a click needs comes from rows: no image is read and no network run until the start."""

    def heavy(*_, **__):
        raise AssertionError("computed at a look")

    monkeypatch.setattr("facepriv.services.runs.job.prepare_run", heavy)
    monkeypatch.setattr("facepriv.services.runs.preparing.get_classifier", heavy)
    monkeypatch.setattr("facepriv.store.artifacts.ArtifactStore.get", heavy)
    app = visit("perturb")
    app.number_input("run_seed").set_value(3).run()
    assert not app.exception
    assert "8 images, **" in "".join(m.value for m in app.markdown)


def test_a_page_that_shows_a_waiting_run_starts_a_worker(filled, visit, monkeypatch):
    asked = []

    def ask(settings, **_):
        asked.append(settings.home)

    visit("overview")
    monkeypatch.setattr("facepriv.services.jobs.local_worker.ensure_worker", ask)
    monkeypatch.setattr(sys.modules["parts.progress"], "ensure_worker", ask)
    with open_store(filled) as store:
        start_run(store, prepare_run(store, RunRequest(dataset="few", aim="guide", seed=9)))
    for page in ("overview", "perturb", "runs"):
        asked.clear()
        visit(page)
        assert asked, page


@pytest.mark.slow
def test_a_worker_that_cannot_start_is_told(filled, visit, monkeypatch):
    with open_store(filled) as store:
        start_run(store, prepare_run(store, RunRequest(dataset="few", aim="guide", seed=9)))
    monkeypatch.setenv("FACEPRIV_EXECUTOR", "dask")  # which cluster is not said
    for page in ("overview", "perturb", "runs"):
        app = visit(page)
        assert wait_until(lambda app=app: app.run().warning), page
        (warning,) = app.warning
        assert "A worker was expected to start on this machine, but it ended with a fault" in warning.value
        assert "worker.log" in warning.value


@pytest.mark.slow
def test_another_attribute_is_turned_and_one_kept(no_worker, visit, visit_by_name, said, run_work):
    settings, lock = no_worker
    app = visit_by_name()
    app.number_input("run_limit-1").set_value(2).run()
    app.multiselect("run_matchers").set_value([]).run()
    app.multiselect("run_classifiers").set_value(["dlib-gender"]).run()
    app.selectbox("run_method").set_value("algorithm1").run()
    app.number_input("parameter-algorithm1-eps").set_value(0.3).run()
    assert app.selectbox("run_other_guide").value is None
    app.number_input("run_boundary").set_value(30).run()
    app.selectbox("run_other_guide").set_value("dlib-age").run()
    app.button("start_run").click().run()
    assert not app.exception
    app = visit_by_name("algorithm1")
    app.number_input("run_limit-1").set_value(2).run()
    app.multiselect("run_matchers").set_value([]).run()
    app.multiselect("run_classifiers").set_value(["dlib-gender"]).run()
    app.number_input("parameter-algorithm1-eps").set_value(0.3).run()
    app.number_input("run_boundary").set_value(30).run()
    app.multiselect("run_keep-algorithm1").set_value(["dlib-age"]).run()
    app.button("start_run").click().run()
    with open_store(settings) as store:
        turned, kept = store.runs.get(3).spec, store.runs.get(4).spec
    assert turned.attribute == "age"
    assert turned.guide.name == "dlib-age@30"
    assert turned.keep == ()
    assert kept.attribute == "gender"
    assert kept.guide.name == "dlib-gender"
    assert [ref.name for ref in kept.keep] == ["dlib-age@30"]
    lock.release()
    run_work(settings.home)
    lock.acquire(timeout=10)
    app = visit("runs", run="3")
    assert not app.exception
    assert "This run perturbed age" in said(app)
    assert app.metric[0].label == "Fooled: dlib-age@30"
    app.segmented_control("run_part").set_value("Images").run()
    assert not app.exception
    app = visit("runs", run="4")
    assert "Answers of classifiers that the run did not target" in [one.value for one in app.subheader]
    app = visit("policy", run="3")
    assert not app.exception
    assert "what attackers learn about age is not measured" in said(app)


def test_a_method_that_cannot_keep_says_so(filled, visit_by_name, said):
    app = visit_by_name()
    app.selectbox("run_method").set_value("descent").run()
    assert "This method cannot keep a classifier's answer." in said(app)
    assert not [one for one in app.multiselect if one.key == "run_keep-descent"]


def test_what_was_started_opens_and_can_be_cancelled(no_worker, visit, visit_by_name, said):
    settings, _ = no_worker
    app = visit_by_name()
    app.button("start_run").click().run()
    assert "Run 3" in [header.value for header in app.header]
    app = visit("runs", run="3")
    app.button("cancel-run-3").click().run()
    with open_store(settings) as store:
        assert store.runs.get(3).state == "cancelled"
    assert "This run was cancelled before it was complete" in said(app)


def test_the_same_run_is_started_again_only_by_a_second_press(no_worker, visit_by_name, said):
    settings, _ = no_worker
    visit_by_name().button("start_run").click().run()
    app = visit_by_name()
    app.button("start_run").click().run()
    (warning,) = app.warning
    assert "Run 3 has exactly these settings and waits for a worker." in warning.value
    assert "press the button once more" in warning.value
    with open_store(settings) as store:
        assert store.runs.count() == 3
    app.button("start_run").click().run()
    with open_store(settings) as store:
        assert store.runs.count() == 4


def test_a_value_out_of_range_is_one_sentence(no_worker, visit_by_name):
    app = visit_by_name()
    app.selectbox("run_method").set_value("algorithm1").run()
    app.number_input("parameter-algorithm1-eps").set_value(0.0).run()
    (error,) = app.error
    assert "eps" in error.value
    assert not [b for b in app.button if b.key == "start_run"]


def test_methods_say_of_which_kind_they_are(filled, visit_by_name, said):
    app = visit_by_name()
    for name in perturbers.names():
        app.selectbox("run_method").set_value(name).run()
        kind = perturbers.load(name).kind
        assert f"**{KIND_TITLES[kind].capitalize()}.** {KIND_SENTENCES[kind]}" in said(app)


@needs_stasm
def test_landmarks_are_chosen_where_the_method_takes_any(no_worker, visit_by_name, said):
    settings, _ = no_worker
    app = visit_by_name()
    for name in perturbers.names():
        app.selectbox("run_method").set_value(name).run()
        offered = [box.options for box in app.selectbox if box.key == f"run_landmarker-{name}"]
        assert offered == ([["dlib-68", "stasm-77"]] if perturbers.load(name).landmarkers is None else [])
    app.selectbox("run_method").set_value("algorithm1").run()
    app.selectbox("run_landmarker-algorithm1").set_value("stasm-77").run()
    app.button("start_run").click().run()
    assert not app.exception
    with open_store(settings) as store:
        assert store.runs.get(3).spec.landmarker.name == "stasm-77"


@pytest.fixture
def with_plugin(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(plugins.install(tmp_path / "plugins"))


def test_several_guides_guards_and_whom_to_learn_from(no_worker, with_plugin, visit_by_name, said):
    """With a method of every kind of parameter, which learns unless it is told not to."""
    settings, _ = no_worker
    app = visit_by_name()
    assert not [box for box in app.selectbox if box.key.startswith("run_learn_from")]
    app.selectbox("run_method").set_value(plugins.NAME).run()
    prefix = f"parameter-{plugins.NAME}"
    assert app.toggle(f"{prefix}-learning").value is True
    assert app.multiselect(f"{prefix}-channels").value == ["red", "blue"]
    assert app.number_input(f"{prefix}-share").value is None
    # Visible, so matchers are heeded unless one says otherwise.
    assert app.multiselect(f"run_guards-{plugins.NAME}").value == app.multiselect("run_matchers").value
    app.multiselect(f"run_guards-{plugins.NAME}").set_value(["sface"]).run()
    app.selectbox("run_learn_from-1").set_value("folds").run()
    app.button("start_run").click().run()
    assert "6 labelled women and 6 labelled men are needed" in app.error[-1].value
    app.toggle(f"{prefix}-learning").set_value(False).run()
    assert not [box for box in app.selectbox if box.key.startswith("run_learn_from")]
    app.multiselect(f"{prefix}-channels").set_value(["green"]).run()
    app.multiselect("run_guides-method").set_value(["levi-hassner", "dlib-gender"]).run()
    app.button("start_run").click().run()
    assert not app.exception
    with open_store(settings) as store:
        spec = store.runs.get(3).spec
    assert [ref.name for ref in spec.guides] == ["levi-hassner", "dlib-gender"]
    assert [ref.name for ref in spec.guards] == ["sface"]
    assert spec.learn_from is None
    assert spec.parameters == {**spec.parameters, "learning": False, "channels": ["green"], "share": None}
    assert "guided by levi-hassner and dlib-gender" in said(app), "while it waits"


def test_without_a_guide_nothing_can_be_started(no_worker, visit_by_name):
    app = visit_by_name()
    app.multiselect("run_guides-method").set_value([]).run()
    assert "at least one guide" in app.info[-1].value
    assert not [button for button in app.button if button.key == "start_run"]
