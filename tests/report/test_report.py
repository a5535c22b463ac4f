"""A report is one file that loads nothing, whatever the words in it; its tables and figures can be had apart."""

from __future__ import annotations

import csv
import io
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import plotly.graph_objects as go
import pytest
from markupsafe import escape

from facepriv.errors import BadInputError, ModelUnavailableError
from facepriv.imaging.png import encode_png
from facepriv.report.document import Bullets, Figure, Gallery, Picture, Report, Section, Table, Text
from facepriv.report.files import to_csv, write_figures, write_page, write_pdf, write_tables
from facepriv.report.html import to_html

EVIL = '</script><script>alert("&")</script>'


class Page(HTMLParser):
    """What a page holds, and whatever it would load from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.outside: list[str] = []
        self.names: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        self.names += [value for key in ("alt", "aria-label") if (value := given.get(key))]
        self.outside += [
            value for key in ("src", "href") if (value := given.get(key)) and not value.startswith(("data:", "#"))
        ]


@pytest.fixture
def report(faces) -> Report:
    return Report(
        title=f"Title {EVIL}",
        subtitle="Subtitle",
        verdict=f"Verdict {EVIL}",
        figures={"Rate": "12.5 %"},
        sections=(
            Section("Words", (Text(f"Text {EVIL}"), Text("Careful", "warning"), Bullets([f"Item {EVIL}", "Second"]))),
            Section(
                "Numbers",
                (
                    Table("rates", f"Rates {EVIL}", [{"": "first", "Rate": "1 %"}, {"": EVIL, "Rate": "=1+1"}]),
                    Table("nothing", "Not shown", []),
                    Figure("bars", "Bars", f"Bars of {EVIL}", go.Figure(go.Bar(x=[EVIL], y=[1], name=EVIL))),
                ),
            ),
            Section("Empty", ()),
            Section("Faces", (Gallery([Picture(encode_png(faces[0].pixels[:8, :8]), f"One {EVIL}")]),)),
        ),
        footer="Footer",
    )


def test_the_page_loads_nothing_and_runs_nobodys_words(report: Report) -> None:
    text = to_html(report)
    page = Page(text)
    assert page.outside == []
    assert "<script>alert" not in text
    assert text.count(str(escape(EVIL))) >= 7, "they stand there as words"
    assert text.count("<script") == 3 + text.count("<script type"), "plotly, what draws the one figure, and the theme"
    assert page.tags.count("table") == 1
    assert page.tags.count("img") == 1
    assert page.tags.count("figure") == 2
    assert "<h2>Empty</h2>" not in text
    assert "default-src 'none'" in text
    named = ["Verdict", f"Rates {EVIL}", f"Bars of {EVIL}", f"One {EVIL}"]
    assert page.names == named, "tables, figures and faces in words"


def test_equal_reports_give_equal_pages(report: Report) -> None:
    assert to_html(report) == to_html(report)


def test_without_figures_no_library_is_inside() -> None:
    text = to_html(Report(title="T", subtitle="S", verdict="", sections=(Section("W", (Text("only words"),)),)))
    assert text.count("<script") == 1
    assert len(text) < 12_000


def test_contents_lead_to_every_section_that_is_shown(report: Report) -> None:
    text = to_html(report)
    assert re.findall(r'<li><a href="#(.+?)">(.+?)</a>', text) == re.findall(r'<h2 id="(part-.+?)">(.+?)</h2>', text)
    assert [title for _, title in re.findall(r'<h2 id="(part-.+?)">(.+?)</h2>', text)] == ["Words", "Numbers", "Faces"]


def test_tables_are_csv_and_no_formula_is_run(report: Report, tmp_path: Path) -> None:
    (file,) = write_tables(report, tmp_path / "tables")
    assert file.name == "rates.csv"
    rows = list(csv.DictReader(io.StringIO(file.read_bytes().decode())))
    assert rows == [{"": "first", "Rate": "1 %"}, {"": EVIL, "Rate": "'=1+1"}]
    assert to_csv(report.all_tables()[0]) == file.read_bytes().decode()


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium")
def test_figures_are_drawn_as_files(report: Report, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("BROWSER_PATH", str(shutil.which("chromium")))
    (drawn,) = write_figures(report, tmp_path / "figures", "svg")
    assert ElementTree.parse(drawn).getroot().tag.endswith("svg")
    (drawn,) = write_figures(report, tmp_path / "figures", "png")
    assert drawn.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium")
def test_a_pdf_has_pages_and_bookmarks(report: Report, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("BROWSER_PATH", str(shutil.which("chromium")))
    write_pdf(report, tmp_path / "report.pdf")
    written = (tmp_path / "report.pdf").read_bytes()
    assert (tmp_path / "report.pdf").stat().st_mode & 0o777 == 0o600
    assert len(re.findall(rb"/Type\s*/Page\b", written)) >= 2
    assert all(b"/Title (%s)" % title in written for title in (b"Contents", b"Words", b"Numbers", b"Faces"))


def test_without_a_browser_figures_and_pdf_get_one_sentence(report: Report, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "nothing-here"))
    with pytest.raises(ModelUnavailableError, match="BROWSER_PATH"):
        write_figures(report, tmp_path / "figures", "svg")
    with pytest.raises(ModelUnavailableError, match="BROWSER_PATH"):
        write_pdf(report, tmp_path / "report.pdf")
    assert not (tmp_path / "report.pdf").exists()


def test_a_page_may_be_its_owners_alone(report: Report, tmp_path: Path) -> None:
    write_page(report, tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("write", [write_page, write_tables])
def test_what_cannot_be_written_is_one_sentence(report: Report, tmp_path: Path, write) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInputError) as error:
        write(report, tmp_path / "file" / "inside")
    assert error.value.code == "cannot-write"
