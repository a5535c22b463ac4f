"""The paper's experiments as stored runs: what is refused, what is computed once, and what comes out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markupsafe import escape

from facepriv.config import Settings
from facepriv.errors import BadInputError
from facepriv.presentation.reproduction_tables import headline, sentences, tables
from facepriv.report.files import write_page
from facepriv.report.html import to_html
from facepriv.schemas.reproductions import Reproduction
from facepriv.schemas.requests import RunRequest
from facepriv.services.datasets.importing import import_dataset
from facepriv.services.jobs.worker import run_worker
from facepriv.services.jobs.worker_pool import LocalPool
from facepriv.services.runs import reproduce as service
from facepriv.services.sharing.reproduction_page import reproduction_report
from facepriv.store import open_store
from tests.actors import ADA
from tests.finished_run import copy_demo, labelled_demo, write_labels
from tests.reproduction_case import COUNT, MATCHER, made, six_runs

FOUR = ("s001_1", "s002_1", "s003_1", "s006_1")


@pytest.fixture
def imported(store, settings, tmp_path):
    """Import demo images under the name ``few``."""

    def do(names=FOUR):
        import_dataset(store, settings, labelled_demo(tmp_path / "faces", names), name="few")

    return do


def refused(code: str, *parts: str):
    class Refused:
        def __enter__(self):
            self.caught = pytest.raises(BadInputError)
            self.info = self.caught.__enter__()

        def __exit__(self, *error):
            done = self.caught.__exit__(*error)
            assert self.info.value.code == code
            assert all(part in str(self.info.value) for part in parts), str(self.info.value)
            return done

    return Refused()


# Plans


def test_plans_three_experiments_with_either_candidate(store, imported):
    imported()
    planned = service.plan(store, RunRequest(dataset="few", matchers=[]))
    assert [(one.experiment, one.candidates) for one in planned] == [
        (experiment, candidates) for experiment in ("by-a", "by-b", "mixing") for candidates in ("opposite", "same")
    ]
    assert [one.spec.guide.name for one in planned] == ["dlib-gender"] * 2 + ["levi-hassner"] * 2 + ["dlib-gender"] * 2
    for one in planned:
        assert one.spec.parameters["candidates"] == one.candidates
        assert {ref.name for ref in one.spec.classifiers} == {"dlib-gender", "levi-hassner"}
        assert len(one.spec.image_ids) == len(FOUR)
        assert not one.done
    first = planned[0].spec.parameters
    assert first["eps"] == 0.05, "the paper's"
    assert first["margin"] == 0.1, "the paper's"
    assert first["sweeps"] == 40, "the paper's"
    assert planned[4].spec.parameters["coefficient"] == 0.5


def test_estimates_before_anything_is_computed(store, settings, imported):
    imported()
    planned = service.plan(store, RunRequest(dataset="few", matchers=[]))
    everything = service.estimate(store, settings, planned)
    assert everything.basis == "6 runs to compute, 0 runs known already"
    guided_by_b = service.estimate(store, settings, planned[2:4])
    assert everything.high > everything.low > guided_by_b.low > everything.low / 2, "the second guide is the slow one"


def test_one_classifier_twice_is_refused(store, imported):
    imported()
    with refused("same-guides", "dlib-gender"):
        service.plan(store, RunRequest(dataset="few"), guide_b="dlib-gender")


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("s001_1", "s002_1"), "2 labelled female and 0 labelled male"),
        (("s001_1", "s002_1", "s003_1", "s003_2"), "2 labelled female and 1 labelled male"),
    ],
)
def test_both_labels_are_needed(store, imported, names, told):
    imported(names)
    with refused("too-few-subjects", told, "few"):
        service.plan(store, RunRequest(dataset="few"))


def test_a_limit_that_leaves_one_of_a_label_is_refused(store, imported):
    imported()
    with refused("too-few-subjects", "1 labelled female and 1 labelled male"):
        service.plan(store, RunRequest(dataset="few", limit=2))


def test_missing_labels_are_refused(store, settings, tmp_path):
    folder = copy_demo(tmp_path / "faces", FOUR)
    write_labels(
        folder / "labels.csv", [(f"{n}.jpg", n[:4], g) for n, g in zip(FOUR, ("f", "f", "m", ""), strict=True)]
    )
    import_dataset(store, settings, folder, name="few")
    with refused("unlabelled", "1 usable image of few has none"):
        service.plan(store, RunRequest(dataset="few"))


# Tables and page, of figures made without models


@pytest.fixture(scope="module")
def found() -> Reproduction:
    return made(six_runs())


def test_tables_have_ours_and_theirs(found):
    by_title = {title.split(":")[0]: rows for title, rows in tables(found)}
    assert list(by_title) == [
        "Runs",
        "Table 3",
        "Table 4",
        "Section 3.1",
        "Section 3.2",
        "Figures 6 and 7",
    ]
    table3 = by_title["Table 3"]
    assert [row["MUCT"] for row in table3[:2]] == ["14.9 %", "5.1 %"]
    assert [row["LFW"] for row in table3[:2]] == ["10.5 %", "2.7 %"]
    assert table3[2]["Ours"] == f"{100 * (COUNT - 1) / COUNT:.1f} % ({COUNT - 1} of {COUNT})"
    assert by_title["Table 4"][2]["Female, paper"] == "1,503 (84.5 %)"
    assert by_title["Section 3.2"][0]["Paper"] == "1,084.5 ± 20.0"
    assert len(by_title["Table 4"]) == 3 * 2, "originals once, then either candidate"
    assert len(by_title["Figures 6 and 7"]) == 1 + 6 * 2, "likewise"


def test_headline_says_that_the_sample_is_small(found):
    assert f"{COUNT} images of 12 subjects" in headline(found)
    assert "The sample is small" in headline(found)
    assert "small" not in headline(found.model_copy(update={"small": False}))


class Outside(HTMLParser):
    """Notes every address that a page would load, and what it shows."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.figures = self.tables = 0

    def handle_starttag(self, tag, attributes):
        names = dict(attributes)
        self.addresses += [names[name] for name in ("src", "href") if names.get(name)]
        self.figures += "plotly-graph-div" in (names.get("class") or "")
        self.tables += tag == "table"


def test_page_needs_no_network(found, tmp_path):
    write_page(reproduction_report(found), tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    seen = Outside()
    seen.feed(text)
    outside = [address for address in seen.addresses if not address.startswith("#")]
    assert outside == [], "but the contents, which lead inside the page"
    assert seen.figures == 3
    assert seen.tables == len(tables(found))
    assert "Plotly.newPlot" in text
    assert "default-src 'none'" in text, "nor may it"
    for sentence in sentences(found):
        assert str(escape(sentence)) in text


def test_page_is_the_same_every_time(found):
    assert to_html(reproduction_report(found)) == to_html(reproduction_report(found))


def test_names_are_text_on_the_page(found):
    dataset = found.dataset.model_copy(update={"name": "<script>alert(1)</script>"})
    assert "<script>alert" not in to_html(reproduction_report(found.model_copy(update={"dataset": dataset})))


def test_page_that_cannot_be_written_is_one_sentence(found, tmp_path):
    with refused("cannot-write"):
        write_page(reproduction_report(found), tmp_path / "nowhere" / "page.html")


def test_without_matchers_the_page_has_figure_5_alone():
    text = to_html(reproduction_report(made(six_runs(matchers=False))))
    assert "Figure 5" in text
    assert "Figure 6" not in text
    assert MATCHER not in text


# The real thing


@dataclass(frozen=True)
class Done:
    """A comparison of real runs, and what was executed for it."""

    home: Path
    found: Reproduction
    executed: list[int]
    again: Reproduction
    executed_again: list[int]


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Done:
    """Four demo faces, with steps so large that an image takes some dozen updates; twice."""
    home = tmp_path_factory.mktemp("reproduce")
    settings = Settings(home=home / "home", workers=1)
    both = []
    with open_store(settings) as store, LocalPool(settings) as pool:
        import_dataset(store, settings, labelled_demo(home / "faces", FOUR), name="few")
        for _ in range(2):
            executed: list[int] = []
            planned = service.plan(
                store, RunRequest(dataset="few", matchers=["sface"], parameters={"eps": 0.5, "sweeps": 1})
            )

            def execute(run_id: int, executed: list[int] = executed) -> None:
                executed.append(run_id)
                run_worker(settings, job_id=store.runs.job_id(run_id), pool=pool)

            both.append((service.reproduce(store, settings, planned, actor=ADA, execute=execute), executed))
    return Done(home, *both[0], *both[1])


@pytest.mark.slow
def test_second_call_computes_nothing_anew(done):
    assert len(done.executed) == 6
    assert done.executed_again == []
    assert done.again == done.found


@pytest.mark.slow
def test_real_runs_are_compared(done):
    found = done.found
    assert [run.run_id for run in found.runs] == done.executed
    assert all(run.judged == len(FOUR) for run in found.runs)
    original, guided = found.gender_error[0], found.gender_error[2]
    assert original.classifier == "dlib-gender"
    assert original.scored == len(FOUR)
    assert guided.ours.all > original.ours.all
    for by_experiment in found.gender_scores.values():
        assert all(sum(h.counts["male"]) == sum(h.counts["female"]) == 2 for h in by_experiment.values())
    assert {row.matcher for row in found.matching} == {"sface"}
    json.loads(found.model_dump_json(by_alias=True))
    assert all(rows for _, rows in tables(found))


@pytest.mark.slow
def test_mixing_lists_every_image_that_is_not_flipped(done):
    for run in done.found.runs:
        if run.method == "mixing":
            row = next(
                row
                for row in done.found.gender_error
                if (row.experiment, row.candidates, row.slot) == ("mixing", run.candidates, "a")
            )
            assert run.failures.get("not-flipped", 0) == row.scored - row.wrong
