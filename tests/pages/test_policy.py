"""The Policy page: the sign attacker in closed form, a run's audit, the mix of several runs, and how to release."""

from __future__ import annotations

from dataclasses import replace

import pytest

from facepriv.presentation import audit_tables as rows
from facepriv.presentation.verdict import release_verdict
from facepriv.schemas.requests import RunRequest
from facepriv.services.releases.guide_mix import guide_mix
from facepriv.services.runs.preparing import prepare_run
from facepriv.services.sharing.result_hashes import result_sha256
from facepriv.store import open_store
from tests.pages.conftest import audit_result, repeat_run, store_audit
from tests.store.tampering import set_parameters


@pytest.fixture
def found():
    return audit_result("of-run")


@pytest.fixture
def result(filled):
    with open_store(filled) as store:
        return store.runs.get(1).result


@pytest.fixture
def audited(filled, found):
    """The prepared folder with audit 1, of run 1, with a floor of one point."""
    with open_store(filled) as store:
        store_audit(store, found, run_id=1, most_fnmr_loss=0.01)
    return filled


def tables(app):
    return [table.value.to_dict("records") for table in app.table]


def command(app):
    (code,) = app.code
    return code.value


def test_without_an_audit_only_the_sign_attacker_is_known(filled, visit, result):
    app = visit("policy")
    after = result.gender_error["dlib-gender"].after
    # With no error before and all after, half is best.
    assert after.male == 1.0
    assert after.female == 1.0
    assert app.slider[0].value == 50.0
    app.slider[0].set_value(100.0).run()
    sign = app.table[0].value
    assert sorted(sign["Classifier"]) == sorted(result.gender_error)
    assert sign["Classifier"].iloc[0] == "dlib-gender", "the one who learns most comes first"
    assert sign["Right"].iloc[0] == "100.0 %"
    assert sign["Bits learned, at least"].iloc[0] == "1.00"
    for attacker in ("how large the score is", "restore", "templates", "several images"):
        assert attacker in " ".join(app.warning[-1].value.split())
    assert command(app) == "facepriv release 1 FOLDER --p 1 --select-by image"


def test_too_few_people_is_one_sentence(filled, visit):
    app = visit("policy")
    assert [text.value for text in app.markdown if "at least 10 subjects" in text.value]
    assert "start_audit-1" not in {button.key for button in app.button}


def test_start_an_audit_of_a_run(crowd, prepared, visit, said):
    """Of a run on ten people that came to what the prepared one did."""
    with open_store(crowd) as store, open_store(type(crowd)(home=prepared)) as other:
        run = store.runs.create(prepare_run(store, RunRequest(dataset="crowd", method="algorithm1")))
        assert store.jobs.claim("test", only=store.runs.job_id(run)) is not None
        images = store.datasets.images(1)
        for image, done in zip(images, [other.runs.run_images(1)[0]] * len(images), strict=True):
            changes = {"image_id": image.id, "position": images.index(image), "candidate_image_id": None}
            store.runs.save_image(run, "test", replace(done, **changes))
        store.runs.finish(run, "test", other.runs.get(1).result)
    app = visit("policy")
    assert "No attacker has been measured on this run yet" in said(app)
    app.toggle("policy-1_given").set_value(True).run()
    app.number_input("policy-1_p").set_value(35.0).run()
    app.number_input("policy-1_floor").set_value(2.5).run()
    app.radio("policy-1_select_by").set_value("subject").run()
    app.number_input("policy-1_draws").set_value(2).run()
    app.button("start_audit-1").click().run()
    assert not app.exception
    assert not app.error
    with open_store(crowd) as store:
        spec = store.audits.get(1).spec
        assert spec.run_id == 1
        assert spec.p == 0.35
        assert spec.most_fnmr_loss == 0.025
        assert spec.select_by == "subject"
        assert spec.draws == 2
        assert store.access.list(action="audit-started")[0].subject == "audit 1"
    assert "**Audit 1** · crowd, after run 1" in said(visit("policy"))
    app.button("cancel-audit-1").click().run()
    app.run()
    assert "audit 1, was cancelled" in app.warning[0].value
    # Neither a proportion nor a floor, unless asked for.
    app.toggle("policy-1_given").set_value(False).run()
    app.toggle("policy-1_floored").set_value(False).run()
    app.button("start_audit-1").click().run()
    with open_store(crowd) as store:
        assert store.audits.get(2).spec.p is None
        assert store.audits.get(2).spec.most_fnmr_loss is None


def test_a_runs_audit_is_shown(audited, visit, said, found):
    app = visit("policy")
    assert app.info[0].value == found.policy.sentence
    mix = next(one for one in found.headlines if one.condition == "mix")
    assert app.metric[0].value == f"{100 * found.policy.p:.1f} %"
    assert app.metric[1].value == f"{100 * mix.upper:.1f} %"
    assert mix.attacker in app.metric[1].delta
    matcher, loss = rows.worst_loss(found, found.policy.p)
    assert app.metric[3].value == f"{100 * loss:+.2f} points"
    assert matcher in app.metric[3].delta
    assert "limit 1 points" in app.metric[3].delta
    shown = tables(app)
    assert rows.point_rows(found, found.policy.p) in shown
    assert rows.utility_rows(found) in shown
    assert rows.change_rows(found) in shown
    assert len(app.get("plotly_chart")) == 3, "what is closed is not drawn"
    app.session_state["sign-1"] = True
    app.run()
    assert not app.exception
    assert len(app.get("plotly_chart")) == 4
    limits = next(w.value for w in app.warning if found.not_tried[0] in w.value)
    assert all(one in limits for one in found.not_tried)
    assert "key file" in said(app)
    assert command(app) == f"facepriv release 1 FOLDER --p {found.policy.p:.6g} --select-by image"


def test_a_release_is_prepared_once_its_verdict_was_read(audited, visit, said, found):
    app = visit("policy")
    p = found.policy.p
    key = f"release-1-{p:.6g}-image"
    (read,) = [html.body for html in app.get("html") if "this release" in html.body]
    assert release_verdict(found, p, most_loss=0.01).word in read
    assert app.button(f"{key}-prepare").disabled
    app.checkbox(f"{key}-acknowledged").check().run()
    app.button(f"{key}-prepare").click().run()
    prepared = app.session_state[key]
    assert f"{len(prepared.planned.kept)} images ready" in said(app)
    (link,) = [html.body for html in app.get("html") if prepared.path in html.body]
    assert "Images (zip)" in link
    (content,) = [button for button in app.get("download_button") if button.proto.id.endswith(f"{key}-key")]
    assert content.proto.label == "1. Key file"
    with open_store(audited) as store:
        assert store.releases.list() == (), "nothing was handed out yet"


def test_a_release_goes_into_a_folder_of_the_server_where_that_is_allowed(audited, visit, said, found, tmp_path):
    key = f"release-1-{found.policy.p:.6g}-image"
    app = visit("policy")
    app.checkbox(f"{key}-acknowledged").check().run()
    app.button(f"{key}-prepare").click().run()
    assert f"{key}-write" not in {button.key for button in app.button}, "nobody has allowed a folder"
    target = tmp_path / "out"
    target.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEPRIV_RELEASE_FOLDERS", str(target))
        app.run()
        app.text_input(f"{key}-folder").set_value("../elsewhere").run()
        app.button(f"{key}-write").click().run()
        assert "without slashes" in app.error[0].value
        app.text_input(f"{key}-folder").set_value("staff").run()
        app.button(f"{key}-write").click().run()
        assert not app.exception
        assert not app.error, [each.value for each in app.error]
    planned = app.session_state[key].planned
    assert len(list((target / "staff" / "images").iterdir())) == len(planned.kept)
    assert (target / "staff" / "manifest.csv").is_file()
    assert [path.name for path in target.iterdir()] == ["staff"], "the key is not written beside it"
    with open_store(audited) as store:
        (released,) = store.releases.list()
        assert released.items == len(planned.kept)
        assert [line.subject for line in store.access.list(action="policy-exported")] == ["run 1"]


def test_a_mix_that_nobody_judged_is_released_as_such(audited, visit):
    app = visit("policy")
    app.slider[0].set_value(71.5).run()
    (read,) = [html.body for html in app.get("html") if "this release" in html.body]
    assert "Not attacked yet" in read


def test_a_sign_off_may_be_demanded_first(audited, visit, found, monkeypatch):
    monkeypatch.setenv("FACEPRIV_RELEASE_NEEDS_SIGN_OFF", "true")
    key = f"release-1-{found.policy.p:.6g}-image"

    def prepared():
        app = visit("policy")
        app.checkbox(f"{key}-acknowledged").check().run()
        app.button(f"{key}-prepare").click().run()
        return app

    refused = prepared()
    assert "only once a privacy officer has accepted" in refused.error[0].value
    assert key not in refused.session_state
    with open_store(audited) as store:
        said = {"about": "run 1", "author": "otto", "text": ""}
        store.remarks.add(run_id=1, audit_id=None, decision="accepted", sha256=result_sha256(store, 1, None), **said)
    assert prepared().session_state[key].planned.kept
    with open_store(audited) as store:
        said["text"] = "Too much is lost."
        store.remarks.add(run_id=1, audit_id=None, decision="rejected", sha256=result_sha256(store, 1, None), **said)
    assert "otto has rejected" in prepared().error[0].value


def test_what_was_released_is_listed(audited, visit, said):
    with open_store(audited) as store:
        store.releases.add(
            dataset_id=store.runs.get(1).dataset_id,
            about="run 1",
            policy="50.0 % of run 1, drawn by image",
            items=4,
            manifest_sha256="5776" + "0" * 56 + "9656",
            verdict="Not protected.",
            released_by="ada",
        )
    for page in ("policy", "datasets"):
        app = visit(page)
        if page == "datasets":
            app.session_state["dataset_part"] = "Releases"
            app.run()
        (row,) = [row for rows in tables(app) for row in rows if "Manifest (SHA-256)" in row]
        assert row["Manifest (SHA-256)"] == "5776…9656"
        assert row["By"] == "ada"


def test_the_slider_reads_off_the_nearest_measured_point(audited, visit, said, found):
    app = visit("policy")
    app.slider[0].set_value(71.5).run()
    assert rows.nearest(found, 0.715) == 0.7
    assert rows.point_rows(found, 0.7) in tables(app)
    assert "the measured proportion nearest to 71.5 %." in said(app)
    assert "--p 0.715 " in command(app)


def test_the_newest_of_several_audits_comes_first(audited, visit, found):
    worse = found.model_copy(update={"policy": found.policy.model_copy(update={"sentence": "Another choice."})})
    with open_store(audited) as store:
        store_audit(store, worse, run_id=1)
    app = visit("policy")
    assert app.info[0].value == "Another choice."
    app.selectbox("policy_audit-2").set_value(1).run()
    assert app.info[0].value == found.policy.sentence


def test_the_address_opens_a_run(filled, visit):
    with open_store(filled) as store:
        run = store.runs.get(1)
        repeat_run(store, run, run.spec.model_copy(update={"seed": 5}))
    assert visit("policy").selectbox("policy_run").value == 3
    app = visit("policy", run="1")
    assert app.selectbox("policy_run").value == 1
    app.selectbox("policy_run").set_value(3).run()
    assert app.query_params["run"] == "3"
    assert "There is no run 77" in visit("policy", run="77").warning[0].value
    assert "Run 2 is cancelled" in visit("policy", run="2").warning[0].value


@pytest.mark.parametrize(("stopping", "told"), [("matched", "about half"), ("neutral", "every image"), ("fixed", None)])
def test_drawn_stopping_scores_are_made_for_a_proportion(filled, visit, said, stopping, told):
    set_parameters(filled, 1, stopping=stopping)
    words = said(visit("policy"))
    assert f"(stopping: {stopping})" in words if told else "suits a policy" not in words
    assert told is None or f"suits a policy that perturbs {told}" in words


@pytest.mark.parametrize("sees", ["score", "sign"])
def test_a_mix_of_several_runs(filled, visit, said, sees):
    with open_store(filled) as store:
        run = store.runs.get(1)
        repeat_run(store, run, run.spec.model_copy(update={"guide": run.spec.classifiers[1]}))
        mix = guide_mix(store, [3, 1], sees=sees)
    app = visit("policy", run="3")
    app.multiselect("mix_runs-3").set_value([1]).run()
    app.radio("mix_sees-3").set_value(sees).run()
    assert not app.exception
    assert mix.sentence in [info.value for info in app.info]
    assert rows.share_rows(mix) in tables(app)
    assert rows.holder_rows(mix) in tables(app)
    assert f"facepriv policy 3 --with 1 --sees {sees} --out FOLDER" in said(app)


def test_no_other_run_to_mix_with_is_said(filled, visit, said):
    assert "There is no other complete run on the same images." in said(visit("policy"))


def test_at_zero_there_is_nothing_to_release(audited, visit, said):
    app = visit("policy")
    app.slider[0].set_value(0.0).run()
    assert "no image is perturbed" in said(app)
    assert not app.code


def test_the_matcher_that_suffers_most_is_told(found):
    """Of those with a figure at that proportion and at 0."""

    def rated(matcher, p, rate):
        point = found.utility[0].fmr1000.model_copy(update={"fnmr": rate})
        return found.utility[0].model_copy(update={"matcher": matcher, "p": p, "fmr1000": point})

    measured = [
        ("a", 0.0, 0.01),
        ("a", 0.5, 0.02),
        ("b", 0.0, 0.1),
        ("b", 0.5, 0.13),
        ("c", 0.0, 0.0),
        ("c", 0.5, None),
    ]
    result = found.model_copy(update={"utility": [rated(*one) for one in measured]})
    matcher, loss = rows.worst_loss(result, 0.5)
    assert matcher == "b"
    assert loss == pytest.approx(0.03)
    assert rows.worst_loss(result, 0.7) is None
    assert rows.nearest(found.model_copy(update={"curve": []}), 0.5) is None


def test_an_audit_without_a_matcher(filled, visit, said, found):
    with open_store(filled) as store:
        store_audit(store, found.model_copy(update={"utility": [], "utility_change": []}), run_id=1)
    app = visit("policy")
    assert any("no matcher" in info.value for info in app.info)
    assert app.metric[3].value == "–"
    assert "--floor" not in command(app)
