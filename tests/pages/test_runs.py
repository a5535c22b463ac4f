"""The Runs page: list, filters, one run with all its parts, comparison; and the run on the other pages."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile

import numpy as np
import pytest
import streamlit as st
from sqlalchemy import Text, cast

from facepriv.imaging.panel import PANEL
from facepriv.imaging.png import decode_png
from facepriv.presentation.help_texts import AIM_TEXTS, HELP, SEED_KEPT
from facepriv.presentation.run_sentences import limits
from facepriv.presentation.run_tables import gender_error_rows, jury_rows, matching_rows, survival_rows
from facepriv.schemas.runs import KEY_NOTE
from facepriv.services.jobs.notes import save_notes
from facepriv.services.runs.pictures import run_pair
from facepriv.store import JobNotes, open_store
from facepriv.store.rows import ImageRow, RunImageRow, RunRow
from tests.actors import LOCAL
from tests.juries import JURY
from tests.pages.conftest import audit_result, gallery_of, on_the_shelf, repeat_run, store_audit, viewer_of
from tests.store.tampering import set_columns, set_parameters
from tests.study_examples import add_study, progress_of


@pytest.fixture
def result(filled):
    with open_store(filled) as store:
        return store.runs.get(1).result


def part(app, name):
    app.segmented_control("run_part").set_value(name).run()
    assert not app.exception, app.exception
    return app


def tables(app):
    return [table.value.to_dict("records") for table in app.table]


def listed(app):
    return [] if not app.dataframe else app.dataframe[0].value["Run"].tolist()


def test_list_and_filters(filled, visit):
    with open_store(filled) as store:
        notes = JobNotes(name="=1+1", notes="ask Otto", tags=("goal", "paper"))
        save_notes(store, "run", 1, notes, actor=LOCAL)
    app = visit("runs")
    assert listed(app) == [2, 1]
    row = app.dataframe[0].value.set_index("Run").loc[1]
    assert (row["Name"], row["Tags"], row["Method"], row["Settings"]) == (
        "=1+1",
        "goal, paper",
        "algorithm1",
        "eps 0.3",
    )
    assert row["Duration"] > 0
    app.multiselect("state").set_value(["complete"]).run()
    assert listed(app) == [1]
    app.multiselect("state").set_value(["failed"]).run()
    assert listed(app) == []
    assert listed(visit("runs", q="OTTO eps")) == [1], "the same from the address"
    assert listed(visit("runs", tag="goal", state="complete")) == [1]
    assert listed(visit("runs", q="nothing of this kind")) == []


def test_selected_runs_are_compared_exported_and_deleted_with_an_undo(filled, visit, said, monkeypatch):
    taken = []
    real = st.download_button
    monkeypatch.setattr(st, "download_button", lambda label, data, **more: taken.append((label, data)))
    app = visit("runs", pick=["1", "2", "99"])
    monkeypatch.setattr(st, "download_button", real)
    ((label, archive),) = taken
    assert label == "Export 2 runs"
    with zipfile.ZipFile(io.BytesIO(archive())) as files:
        assert files.namelist() == ["runs.csv", "run-1.json"]
    app = visit("runs", pick=["1", "2"])
    app.button("open-picked").click().run()
    assert app.query_params["run"] == ["1", "2"], "in the order in which they were selected"
    assert app.header[0].value == "Comparison"
    app = visit("runs", pick=["1", "2"])
    app.button("delete-picked").click().run()
    assert not app.exception
    assert "Deleted run 1 and run 2." in said(app)
    assert listed(app) == []
    app.button("undo-deletion").click().run()
    assert listed(app) == [2, 1]
    with open_store(filled) as store:
        assert store.access.list(action="result-downloaded")[0].subject == "run 1"


def test_the_runs_of_a_study_are_listed_by_its_address(filled, visit, said):
    add_study(filled, progress_of())
    with open_store(filled) as store:
        run = store.runs.create(store.runs.get(1).spec, study_id=1)
    app = visit("runs", study="1")
    assert listed(app) == [run]
    assert "Runs of study 1." in said(app)
    assert listed(visit("runs")) == [2, 1]


def test_results_of_before_are_read_while_the_table_is_shown(filled, visit, said, monkeypatch):
    monkeypatch.setattr("facepriv.services.runs.list_figures.VERSION", 1)
    monkeypatch.setattr("facepriv.services.runs.list_figures._read", lambda *given: {})
    app = visit("runs")
    assert listed(app) == [2, 1]
    assert "Reading 1 result of before, once" in said(app)
    assert "Settings" not in app.dataframe[0].value, "which nobody has read"


def test_two_numbers_of_all_runs_are_drawn_as_the_address_says(filled, visit, said):
    app = visit("runs", view="Figure", x="PSNR of the face, median (dB)", y="Images flipped")
    (chart,) = app.get("plotly_chart")
    figure = json.loads(chart.proto.spec)
    assert figure["layout"]["xaxis"]["title"]["text"] == "PSNR of the face, median (dB)"
    assert figure["layout"]["yaxis"]["title"]["text"] == "Images flipped"
    assert [mark["customdata"][0][0] for mark in figure["data"]] == [1]
    assert "1 run without one of the two numbers left out." in said(app)
    assert not visit("runs", view="Figure", state="failed").get("plotly_chart")


def test_a_run_is_named_tagged_and_annotated(filled, visit, said):
    app = visit("runs", run="2")
    app.text_input("notes-run-2-name").set_value("a *second* try")
    app.text_area("notes-run-2-text").set_value("see run 1")
    app.multiselect("notes-run-2-tags").set_value(["later"])
    next(button for button in app.button if button.label == "Save").click().run()
    assert not app.exception
    assert app.header[0].value == "Run 2 · a &#42;second&#42; try"
    assert "see run 1" in said(app)
    with open_store(filled) as store:
        kept = JobNotes(name="a *second* try", notes="see run 1", tags=("later",))
        assert store.notes.get(store.runs.job_id(2)) == kept
        line = store.access.list(action="run-annotated")[0]
    assert (line.subject, line.detail) == ("run 2", ""), "the log names nobody that the notes may name"


def test_parts_of_a_run_have_addresses(filled, visit):
    app = visit("runs", run="1", run_part="Images", image="3")
    assert app.segmented_control("run_part").value == "Images"
    (box,) = [box for box in app.selectbox if box.key.startswith("pair-1")]
    assert box.value == 3
    box.set_value(4).run()
    assert app.query_params["image"] == "4", "by number, since a file may bear a person's name"


def test_address_opens_a_run(filled, visit, said, result):
    app = visit("runs", run="1")
    assert "Run 1" in [header.value for header in app.header]
    assert gender_error_rows(result) in tables(app)
    assert len(app.get("plotly_chart")) == 1 + 2 * len(result.gender_error)


def test_a_run_leads_with_its_aim_and_keeps_a_key(filled, visit, said):
    assert "No aim stated: the method algorithm1 was chosen by name." in said(visit("runs", run="1"))
    seed = 8765432109871
    with open_store(filled) as store:
        run = store.runs.get(1)
        parameters = {**run.spec.parameters, "side": "drawn"}
        spec = run.spec.model_copy(update={"method": "semantic", "seed": seed, "parameters": parameters})
        number = repeat_run(store, run, spec)
    app = visit("runs", run=str(number))
    assert f"**Aim: {AIM_TEXTS['unseen'].title}**  \n{AIM_TEXTS['unseen'].good_for}" in said(app)
    assert f"seed {SEED_KEPT}" in said(app)
    assert str(seed) not in said(app)
    assert KEY_NOTE in said(part(app, "Spec and files")), "where whoever repeats the run finds it"


def test_a_jury_has_a_table_of_its_own(filled, visit, result):
    assert "Jury" not in [header.value for header in visit("runs", run="1").subheader]
    with_jury = result.model_copy(update={"jury": JURY})
    set_columns(filled, RunRow, RunRow.id == 1, result=with_jury)
    app = visit("runs", run="1")
    assert jury_rows(with_jury) in tables(app)
    assert "Jury" in [header.value for header in app.subheader]


@pytest.mark.parametrize("address", ["99", "abc"])
def test_unknown_run_in_the_address(filled, visit, address):
    app = visit("runs", run=address)
    assert f"There is no run {address}" in app.warning[0].value
    assert not app.header


def test_matching(filled, visit, result):
    app = part(visit("runs", run="1"), "Matching")
    assert matching_rows(result) in tables(app)
    assert len(app.get("plotly_chart")) == 3 * len(result.matching)


def test_flips_that_last(filled, visit, said, result):
    app = part(visit("runs", run="1"), "Flips")
    assert survival_rows(result) in tables(app)
    assert [{"Reason": "flipped", "Images": str(result.stops["flipped"])}] in tables(app)
    assert len(app.get("plotly_chart")) == 1
    for sentence in (*limits(result), HELP["fixed"]):
        assert sentence in said(app)
    assert "**Unnoticeable, works against its guides.**" in said(app)


def test_an_image_says_in_which_versions_its_flip_holds(filled, visit, said):
    app = part(visit("runs", run="1"), "Images")
    with open_store(filled) as store:
        (first, *_) = store.runs.run_images(1)
    short = {"jpeg90": "JPEG 90", "resize75": "resize to 75 %", "grey": "greyscale", "mirror": "mirror"}
    usual = [short[name] for name, still in first.survived.items() if still and name in short]
    panel = sum(still for name, still in first.survived.items() if name in PANEL)
    holds = ", ".join([*usual, f"{panel} of {len(PANEL)} on the panel"])
    assert tables(app)[-1][0]["Flip survives"] == holds
    assert f"The flip survives: {holds}. Under the original's crop: {first.fixed_score:+.2f} nats." in said(app)


def test_an_image_without_a_candidate_or_a_stopping_score(filled, visit, said):
    """As methods that need none leave it; also what revision 0001 did not measure is left out."""
    unmeasured = {"candidate_image_id": None, "survived": None, "fixed_score": None}
    set_columns(filled, RunImageRow, **unmeasured, notes=("Learnt from *others*.",))
    set_parameters(filled, 1, margin=None, strength=2)
    app = part(visit("runs", run="1"), "Images")
    shown = viewer_of(app)
    assert [image["alt"].split(":")[0] for image in shown.images] == ["Before", "After", "Difference"]
    assert not [tag for tag, _ in shown.tags if tag == "path"], "no triangles where nothing was blended"
    assert tables(app)[-1][0]["Flip survives"] == "–"
    assert "Learnt from &#42;others&#42;." in said(app)
    assert len(app.get("plotly_chart")) == 1


def test_a_flip_is_called_so_whatever_ended_the_work_on_it(filled, visit, said):
    set_columns(filled, RunImageRow, stop="floor")
    app = part(visit("runs", run="1"), "Images")
    assert {row["Outcome"] for row in tables(app)[-1]} == {"flipped"}
    assert "Flipped (ended by: floor of a matcher or of quality)." in said(app)


def test_effort_and_failures(filled, visit, said):
    app = part(visit("runs", run="1"), "Effort and quality")
    assert "Updates" in said(app)
    assert "PSNR" in said(app)
    app = part(app, "Failures")
    assert app.success or app.table


def test_the_pair_is_shown_as_stored_and_logged(filled, visit, media):
    app = part(visit("runs", run="1"), "Images")
    shown = viewer_of(app)
    with open_store(filled) as store:
        views = run_pair(store, 1, store.runs.run_images(1)[0].image_id)
        stored = [store.artifacts.get(one.artifact_sha256) for one in (views.image, views.record)]
    assert [on_the_shelf(image["src"]) for image in shown.images[:2]] == stored, "the very files"
    for image, pixels in zip(shown.images[2:], (views.difference, views.candidate), strict=True):
        assert np.array_equal(decode_png(on_the_shelf(image["src"])), pixels)
    assert [image["alt"] for image in shown.images] == [
        "Before: s001_1.jpg, labelled female",
        "After: s001_1.jpg, labelled female",
        "Difference: s001_1.jpg, labelled female; grey means no change",
        f"The candidate face: {views.candidate_name}",
    ]
    assert shown.captions == [f"Blended-in candidate: {views.candidate_name}"]
    (lines,) = [attributes["d"] for tag, attributes in shown.tags if tag == "path"]
    assert lines.count("M") == len(views.mesh)
    assert media == [], "no face in the media store of Streamlit"
    assert len(app.get("plotly_chart")) == 1
    assert len(tables(app)[-1]) == 8
    with open_store(filled) as store:
        (line,) = store.access.list(action="faces-viewed")
    assert line.subject == "run 1"


def test_a_rerun_keeps_the_frame_and_another_image_changes_it(filled, visit):
    app = part(visit("runs", run="1"), "Images")
    (first,) = app.get("iframe")
    (again,) = app.run().get("iframe")
    assert again.proto.src == first.proto.src
    (box,) = [box for box in app.selectbox if box.key.startswith("pair-1")]
    (other,) = box.set_value(2).run().get("iframe")
    assert other.proto.src != first.proto.src


def test_an_image_of_which_nothing_was_stored_is_shown_alone(filled, visit):
    set_columns(filled, RunImageRow, artifact_sha256=None)
    shown = viewer_of(part(visit("runs", run="1"), "Images"))
    assert [image["alt"].split(":")[0] for image in shown.images] == ["Before", "The candidate face"]
    assert not [attributes for tag, attributes in shown.tags if attributes.get("type") == "range"]


def test_names_of_a_pair_are_text_and_nothing_else(filled, visit):
    app = part(visit("runs", run="1"), "Images")
    usual = [tag for tag, _ in viewer_of(app).tags]
    hostile = """"><script>alert(1)</script><img src=x onerror='alert(1)'>"""
    set_columns(filled, ImageRow, name=hostile + cast(ImageRow.id, Text))
    shown = viewer_of(app.run())
    assert [tag for tag, _ in shown.tags] == usual
    assert shown.images[0]["alt"] == f"Before: {hostile}1, labelled female"
    assert shown.captions[0].startswith(f"Blended-in candidate: {hostile}")


def test_a_report_with_faces_is_for_its_holder_only(filled, visit):
    app = part(visit("runs", run="1"), "Spec and files")
    assert len(app.get("download_button")) == 2
    app.number_input("report-faces-1-newest").set_value(1).run()
    assert len(app.get("download_button")) == 1, "Streamlit's downloads are for whoever knows their address"
    app.button("make-report-1-newest").click().run()
    assert not app.exception, app.exception
    (link,) = [attributes for tag, attributes in gallery_of(app).tags if tag == "a"]
    assert link["href"].startswith("/downloads/")
    assert b"data:image/png" in on_the_shelf(link["href"])
    with open_store(filled) as store:
        (line,) = store.access.list(action="report-made")
    assert line.subject == "run 1"
    assert line.detail == "with 1 pair of faces"


def test_download_is_the_result_under_a_name_of_its_own(filled, visit):
    first, second = (part(visit("runs", run="1"), "Spec and files") for _ in range(2))
    button, report = first.get("download_button")
    other, _ = second.get("download_button")
    assert button.proto.url != other.proto.url
    assert report.proto.label == "Download the report"
    assert first.number_input("report-faces-1-newest").value == 0, "nobody is shown unasked"
    spec = json.loads(first.json[0].value)
    assert spec["seed"] == 0
    assert len(spec["image_ids"]) == 8


def test_cancelled_run_has_no_result(filled, visit):
    app = visit("runs", run="2")
    assert "cancelled" in app.warning[0].value
    assert not app.metric


def test_a_deleted_run_is_named_by_its_address_and_can_be_restored_or_erased(filled, visit, said):
    app = visit("runs", run="2")
    app.button("delete-run-2").click().run()
    assert not app.exception
    assert not app.header
    assert "Deleted run 2. You can restore it for 24 hours." in said(app)
    with open_store(filled) as store:
        assert [run.id for run in store.runs.list()] == [1]
    app = visit("runs", run="2", view="Deleted")
    assert app.warning[0].value.startswith("Run 2 was deleted by local; it can be restored until ")
    app.button("restore-run-2").click().run()
    with open_store(filled) as store:
        assert store.runs.count() == 2
    app = visit("runs", run="2", view="Deleted")
    app.button("delete-run-2").click().run()
    app.button("erase-run-2").click().run()
    app.button("erase-run-2-confirmed").click().run()
    assert not app.exception
    with open_store(filled) as store:
        assert store.runs.count() == 1
        assert store.access.list(action="run-deleted")[0].detail == "for good"
    assert "There is no run 2" in visit("runs", run="2").warning[0].value


def test_comparison(filled, visit):
    app = visit("runs")
    app.multiselect("open_runs").set_value([1, 2]).run()
    assert not app.exception
    assert "Run 2 is cancelled" in app.info[0].value
    assert app.header[0].value == "Comparison"
    rows = {row["Figure"]: row["Run 1"] for table in tables(app) for row in table if "Figure" in row}
    assert rows["Images judged"] == "8 of 8"
    assert rows["Method"] == "algorithm1"
    assert rows["Parameters"] == "eps 0.3"
    assert rows["Gender error of dlib-gender"].endswith("(guide)")
    assert "Flipped: greyscale" in rows
    assert "Learned from" not in rows, "what no run did is no news"
    assert app.query_params["run"] == ["1", "2"]


def test_runs_are_compared_in_one_click(filled, visit):
    """From a run and from the overview, with the newest other run of the same data set."""
    with open_store(filled) as store:
        other = repeat_run(store, store.runs.get(1), store.runs.get(1).spec)
    (link,) = [one for one in visit("runs", run="1").get("page_link") if one.proto.label.startswith("Compare")]
    assert link.proto.label == f"Compare with run {other} · algorithm1"
    assert link.proto.query_string == f"run=1&run={other}"
    (link,) = [one for one in visit("overview").get("page_link") if one.proto.label.startswith("Compare")]
    assert link.proto.query_string == f"run=1&run={other}"
    app = visit("runs", run=["1", str(other)])
    assert app.header[0].value == "Comparison"
    assert not app.warning


def test_a_single_run_has_nothing_to_compare_with(filled, visit):
    for page, query in (("overview", {}), ("runs", {"run": "1"})):
        assert not [one for one in visit(page, **query).get("page_link") if one.proto.label.startswith("Compare")]


def test_a_figure_hands_out_its_numbers_and_says_so(filled, visit, monkeypatch):
    taken = []
    real = st.download_button
    monkeypatch.setattr(st, "download_button", lambda label, data, **more: taken.append((label, data, more)))
    visit("runs", run="1")
    monkeypatch.setattr(st, "download_button", real)
    label, numbers, more = taken[0]
    assert label == "Data (CSV)"
    assert re.fullmatch(r"facepriv-error-1-[0-9a-f]{16}\.csv", more["file_name"])
    with open_store(filled) as store:
        assert store.access.list(action="figure-downloaded") == ()
        first, *_ = csv.DictReader(io.StringIO(numbers()))
        error = next(iter(store.runs.get(1).result.gender_error.values())).before.all
        (line,) = store.access.list(action="figure-downloaded")
    assert float(first["gender error (proportion of images)"]) == pytest.approx(error)
    assert line.actor == "local"
    assert line.subject == "run 1"
    assert line.detail == "error-1"


def test_runs_on_different_images_are_told(filled, visit):
    """As if another complete run of the same data set had taken fewer images."""
    assert not any("different images" in warning.value for warning in visit("runs", run="1").warning)
    with open_store(filled) as store:
        run = store.runs.get(1)
        shorter = {"image_ids": run.spec.image_ids[:4], "image_sha256": run.spec.image_sha256[:4]}
        number = store.runs.create(run.spec.model_copy(update=shorter))
        assert store.jobs.claim("test", only=store.runs.job_id(number)) is not None
        for image in store.runs.run_images(1)[:4]:
            store.runs.save_image(number, "test", image)
        store.runs.finish(number, "test", run.result)
    app = visit("runs")
    app.multiselect("open_runs").set_value([1, number]).run()
    assert not app.exception
    assert "use different images of the data set" in app.warning[0].value


def test_overview_shows_the_latest_result(filled, visit, result):
    app = visit("overview")
    assert app.metric[0].value == f"{100 * result.gender_error['dlib-gender'].after.all:.1f} %"


def test_a_failed_run_tells_what_happened_and_goes_on(filled, visit, said, monkeypatch):
    monkeypatch.setenv("FACEPRIV_AUTO_WORKER", "false")
    with open_store(filled) as store:
        number = store.runs.create(store.runs.get(1).spec)
        assert store.jobs.claim("somewhere:1:ab", only=store.runs.job_id(number)) is not None
        store.runs.save_image(number, "somewhere:1:ab", store.runs.run_images(1)[0])
        store.jobs.fail(store.runs.job_id(number), "somewhere:1:ab", "The disk_is_full; *free some*.")
    app = visit("runs", run=str(number))
    assert "The disk" in app.error[0].value
    assert f"1 image of {filled_images(filled)} finished" in said(app)
    log = tables(app)[-1]
    assert [row["Worker"].replace("\u2060", "") for row in log] == ["somewhere:1:ab", "somewhere:1:ab"]
    assert log[0]["What"].startswith("Taken up")
    app.button(f"resume-run-{number}").click().run()
    assert not app.exception, app.exception
    with open_store(filled) as store:
        assert store.runs.get(number).state == "waiting"
        assert len(store.runs.images_done(number)) == 1
        assert store.access.list(action="run-resumed")[0].subject == f"run {number}"
    assert app.get("progress")[0].proto.text.startswith("Waiting for a worker")


def filled_images(settings) -> int:
    with open_store(settings) as store:
        return store.runs.get(1).images


def test_pace_and_time_left_are_told_to_a_session_that_just_came(filled, visit, said, monkeypatch):
    monkeypatch.setenv("FACEPRIV_AUTO_WORKER", "false")
    with open_store(filled) as store:
        number = store.runs.create(store.runs.get(1).spec)
        assert store.jobs.claim("w", only=store.runs.job_id(number)) is not None
        store.jobs.heartbeat(store.runs.job_id(number), "w", "perturbing", 0, 8)
        store.jobs.heartbeat(store.runs.job_id(number), "w", "perturbing", 4, 8)
    (bar,) = visit("runs", run=str(number)).get("progress")
    assert bar.proto.value == 50
    assert bar.proto.text.startswith("perturbing: 4 of 8 · ")
    assert "left in this stage" in bar.proto.text


def test_the_list_says_the_verdict_on_each_run(filled, visit):
    def verdicts():
        return visit("runs").dataframe[0].value["Verdict"].tolist()

    assert verdicts() == ["–", "– Not attacked yet"], "a run that is not complete has none"
    with open_store(filled) as store:
        store_audit(store, audit_result("of-run"), run_id=1)
    _, said = verdicts()
    assert said.endswith("Not protected")
