"""Label tables: every row is understood, told of, or the table is refused in one sentence."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepriv.datasets.gender_words import parse_gender, parse_mapping
from facepriv.datasets.label_tables import LabelTable, parse_columns, read_header, read_labels
from facepriv.datasets.languages import says_nothing
from facepriv.datasets.problems import ProblemGroup, problem_count
from facepriv.errors import BadInputError
from facepriv.types import FEMALE, MALE


def table(text: str | bytes, **options: object) -> LabelTable:
    raw = text.encode() if isinstance(text, str) else text
    with TemporaryDirectory() as folder:
        path = Path(folder, "labels.csv")
        path.write_bytes(raw)
        return read_labels(path, **options)  # type: ignore[arg-type]


def refused(text: str | bytes, **options: object) -> BadInputError:
    with pytest.raises(BadInputError) as caught:
        table(text, **options)
    assert "labels.csv" in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


def plain(got: LabelTable) -> list[tuple[str, str, int | None]]:
    return [(row.file, row.subject, row.label) for row in got.rows]


WANTED = [("a.png", "s1", MALE), ("b.png", "s2", FEMALE)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("header", ["file subject gender", "FileName Subject-ID Sex", "path Person label"])
def test_columns_and_delimiters_are_recognised(delimiter: str, header: str) -> None:
    lines = [header.split(" "), ["a.png", "s1", "m"], ["b.png", "s2", "F"]]
    got = table("\r\n".join(delimiter.join(line) for line in lines))
    assert plain(got) == WANTED
    assert got.problems == ()
    assert [row.line for row in got.rows] == [2, 3]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_encodings(encoding: str) -> None:
    got = table("file,subject,gender\nrené.png,Zoë,f\n".encode(encoding))
    assert plain(got) == [("rené.png", "Zoë", FEMALE)]
    assert [p.code for p in got.problems] == ([] if encoding.startswith("utf-8") else ["encoding"])


def test_a_spreadsheets_hint_is_passed_over() -> None:
    got = table("sep=;\nfile;gender\na.png;f\n")
    assert plain(got) == [("a.png", "", FEMALE)]
    assert got.rows[0].line == 3


def test_quoted_cells_may_hold_delimiters_and_blank_lines_are_passed_over() -> None:
    got = table('file,gender\n\n"Smith, Jo_1.png",f\n , \n"a ""b"".png",m\n')
    assert plain(got) == [("Smith, Jo_1.png", "", FEMALE), ('a "b".png', "", MALE)]


@pytest.mark.parametrize("word", ["m", "M", "male", "MALE", "man", " Man "])
def test_words_for_male(word: str) -> None:
    assert parse_gender(word) == MALE


@pytest.mark.parametrize("word", ["f", "F", "female", "Female", "woman", "WOMAN "])
def test_words_for_female(word: str) -> None:
    assert parse_gender(word) == FEMALE


@pytest.mark.parametrize("word", ["", " ", "u", "U", "unknown", "NA", "nan", "?"])
def test_unknown_is_no_label(word: str) -> None:
    assert parse_gender(word) is None


@pytest.mark.parametrize("values", [("0", "1"), ("-1", "1"), ("+1", "-1"), ("1.0", "2.0")])
def test_bare_numbers_are_refused_unless_declared(values: tuple[str, str]) -> None:
    text = f"file,gender\na.png,{values[0]}\nb.png,{values[1]}\n"
    error = refused(text)
    assert error.code == "undeclared-numbers"
    assert values[0] in str(error)
    assert "0=male,1=female" in str(error)
    got = table(text, mapping=parse_mapping(f"{values[0]}=male,{values[1]}=female"))
    assert [row.label for row in got.rows] == [MALE, FEMALE]


def test_one_number_without_a_meaning_refuses_the_table() -> None:
    error = refused("file,gender\na.png,0\nb.png,1\nc.png,2\n", mapping={"0": "male", "1": "female"})
    assert error.code == "undeclared-numbers"
    assert "numbers 2," in str(error)


def test_a_mapping_may_add_words_and_goes_before_the_known_ones() -> None:
    got = table("file,gender\na.png,H\nb.png,M\n", mapping={"h": "male", "m": "female"})
    assert [row.label for row in got.rows] == [MALE, FEMALE]


def test_mappings_are_parsed() -> None:
    assert parse_mapping("0=male, 1 = Female") == {"0": "male", "1": "female"}
    assert parse_mapping("+1=m,-1=f") == {"1": "male", "-1": "female"}


def test_a_mapping_may_say_unknown() -> None:
    assert parse_mapping("-1=Unknown,0=m,1=Frau") == {"-1": "unknown", "0": "male", "1": "female"}
    got = table("file,gender\na.png,0\nb.png,1\nc.png,-1\n", mapping=parse_mapping("0=male,1=female,-1=unknown"))
    assert [row.label for row in got.rows] == [MALE, FEMALE, None]
    assert got.problems == ()


@pytest.mark.parametrize("text", ["", "0", "0=", "=male", "0=male,", "0=dog", "1=male,+1=female", "1=male,1=unknown"])
def test_bad_mappings(text: str) -> None:
    with pytest.raises(BadInputError) as caught:
        parse_mapping(text)
    assert caught.value.code == "bad-mapping"


def test_genders_without_a_binary_label_stay_unlabelled_and_are_told_of() -> None:
    got = table("file,gender\na.png,nonbinary\nb.png,f\nc.png,unknown\n")
    assert [row.label for row in got.rows] == [None, FEMALE, None]
    (problem,) = got.problems
    assert problem.code == "unknown-gender"
    assert "'nonbinary' at line 2" in problem.sentence


def test_a_flood_is_one_sentence_with_a_list() -> None:
    got = table("file,gender\n" + "".join(f"{i}.png,x{i}\n" for i in range(5000)))
    (problem,) = got.problems
    assert isinstance(problem, ProblemGroup)
    assert problem_count(problem) == 5000
    assert "5,000 genders" in problem.sentence
    assert len(problem.sentence) < 250


def test_missing_columns_say_what_came_and_what_was_expected() -> None:
    error = refused("photo,colour\nfirst,red\n")
    assert error.code == "missing-columns"
    for word in ("'photo'", "'colour'", "filename", "gender or sex or label", "--file-column"):
        assert word in str(error)
    got = table("photo,kind\na.png,f\n", columns={"file": "Photo", "gender": "kind"})
    assert plain(got) == [("a.png", "", FEMALE)]


def test_a_table_without_header_is_read_by_what_its_columns_hold_or_refused() -> None:
    got = table("a.png,female\nb.png,male\n")
    assert plain(got) == [("a.png", "", FEMALE), ("b.png", "", MALE)]
    (problem,) = got.problems
    assert problem.code == "no-header"
    assert "file from 'column 1', gender from 'column 2'" in problem.sentence
    error = refused("a.png,f\nb.png,m\n")
    assert error.code == "missing-columns"
    assert "no header in labels.csv" in str(error)
    assert "--gender-column 1" in str(error)
    assert [row.label for row in table("a.png,f\nb.png,m\n", columns={"gender": "2"}).rows] == [FEMALE, MALE]


def test_named_columns_must_exist() -> None:
    error = refused("file,gender\na.png,f\n", columns={"gender": "Sexo"})
    assert error.code == "missing-columns"
    assert "'Sexo'" in str(error)


def test_a_column_named_for_one_role_serves_no_other() -> None:
    got = table("id,label\na.png,f\n", columns={"file": "id"})
    assert dict(got.columns) == {"file": "id", "gender": "label"}


def test_roles_are_checked() -> None:
    assert parse_columns({"file": "Bild", "age": "Alter"}) == {"file": "Bild", "age": "Alter"}
    for pairs in ({"shoe_size": "Alter"}, {"file": " "}):
        with pytest.raises(BadInputError) as caught:
            parse_columns(pairs)
        assert caught.value.code == "bad-columns"


def test_a_column_of_image_names_is_the_file_column_whatever_it_is_called():
    got = table("photo,person,sex\na.png,Ann,f\nb.JPG,Bob,m\n")
    assert [(row.file, row.subject, row.label) for row in got.rows] == [("a.png", "Ann", -1), ("b.JPG", "Bob", 1)]
    # Two such columns are a guess.
    assert refused("photo,copy,sex\na.png,b.png,f\n").code == "missing-columns"


def test_a_name_column_of_image_names_lists_files() -> None:
    got = table("name,gender\na.png,m\nb.JPG,f\n")
    assert plain(got) == [("a.png", "", MALE), ("b.JPG", "", FEMALE)]
    assert refused("name,gender\nAnna,f\n").code == "missing-columns"


def test_a_repeated_column_is_refused() -> None:
    assert refused("file,gender,Gender\na.png,f,m\n").code == "duplicate-column"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "empty-labels"),
        (b" \n\n", "empty-labels"),
        (b"file,gender\n", "empty-labels"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not-text"),
        (b"file,gender\na\x81\x8d.png,f\n", "not-text"),
        (b'file,gender\n"' + b"a" * 200_000 + b'",f\n', "broken-table"),
    ],
)
def test_useless_files(raw: bytes, code: str) -> None:
    assert refused(raw).code == code


def test_rows_with_too_many_cells_are_left_out_and_told_of() -> None:
    got = table("file,gender\na.png,f\nSmith, Jo.png,f\nb.png,m,\nc.png\n")
    assert plain(got) == [("a.png", "", FEMALE), ("b.png", "", MALE), ("c.png", "", None)]
    ragged, short = got.problems
    assert (ragged.code, short.code) == ("ragged-row", "short-row")
    assert "line 3" in ragged.sentence
    assert "line 5" in short.sentence


def test_further_columns_are_left_alone() -> None:
    got = table("file,gender,e-mail,town\na.png,f,a@example.org,York\n")
    assert plain(got) == [("a.png", "", FEMALE)]
    assert got.rows[0].attributes == {}
    assert not any(told in repr(got) for told in ("example", "York"))


def test_age_and_race_are_taken_as_they_are_written() -> None:
    ages = ["31", "0.5", "20-29", "(25, 32)", "more than 70", "60+", "", "NA", "None"]
    text = "file;gender;Age;Ethnicity\n" + "".join(f"{i}.png;f;{age};East Asian\n" for i, age in enumerate(ages))
    got = table(text)
    assert got.problems == ()
    assert [{**row.attributes} for row in got.rows] == [
        {**age, "race": "East Asian"}
        for age in [
            {"age": 31.0},
            {"age": 0.5},
            {"age_group": "20-29"},
            {"age_group": "(25, 32)"},
            {"age_group": "more than 70"},
            {"age_group": "60+"},
            {},
            {},
            {},
        ]
    ]
    named = table("file,gender,Alter,Herkunft\na.png,f,40,x\n", columns={"age": "Alter", "race": "Herkunft"})
    assert named.rows[0].attributes == {"age": 40.0, "race": "x"}


def test_a_number_in_a_column_of_groups_is_no_age() -> None:
    got = table("file,gender,age_group\na.png,f,3\nb.png,f,20-29\n")
    assert [{**row.attributes} for row in got.rows] == [{"age_group": "3"}, {"age_group": "20-29"}]
    assert got.problems == ()


@pytest.mark.parametrize("age", ["old", "-1", "131", "inf", "19 May 1970", "1e9"])
def test_what_is_no_age_is_told_of(age: str) -> None:
    got = table(f"file,gender,age\na.png,f,{age}\n")
    assert got.rows[0].attributes == {}
    (problem,) = got.problems
    assert problem.code == "unknown-age"
    assert age in problem.sentence
    assert "line 2" in problem.sentence


def test_a_path_and_its_peek(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text("file;gender\n" + "long name.png;f\n" * 9000)
    header = read_header(path)
    assert header.delimiter == ";"
    assert header.fields == ("file", "gender")
    assert len(read_labels(path).rows) == 9000
    assert read_header(tmp_path / "none.csv").fields == ()
    with pytest.raises(BadInputError) as caught:
        read_labels(tmp_path / "none.csv")
    assert caught.value.code == "unreadable"


CELL = st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufeff"), max_size=12)
GENDER = st.sampled_from(["m", "Male", "MAN", "f", "FEMALE", "woman", "", "u", "other"])


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(CELL, CELL, GENDER), min_size=1, max_size=8),
    delimiter=st.sampled_from(",;\t"),
    ending=st.sampled_from(["\n", "\r\n"]),
    bom=st.booleans(),
)
def test_what_a_csv_writer_writes_is_read_back(
    rows: list[tuple[str, str, str]], delimiter: str, ending: str, bom: bool
) -> None:
    # A letter is read together with its fellows, so that both are there.
    rows = [*rows, ("last.png", "s", "f")]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=ending).writerows([("file", "subject", "gender"), *rows])
    raw = out.getvalue().encode("utf-8-sig" if bom else "utf-8")
    kept = [(f.strip(), s.strip(), parse_gender(g)) for f, s, g in rows if (f + s + g).strip()]
    got = table(raw)
    # What says nothing names nobody.
    assert plain(got) == [(f, "" if says_nothing(s) else s, g if isinstance(g, int) else None) for f, s, g in kept]
    told = sum(problem_count(p) for p in got.problems if p.code == "unknown-gender")
    assert told == sum(g == "word" for _, _, g in kept)


REFUSALS = {
    "",
    "empty-labels",
    "not-text",
    "broken-table",
    "missing-columns",
    "duplicate-column",
    "undeclared-numbers",
}


@settings(deadline=None, max_examples=200)
@given(raw=st.one_of(st.binary(max_size=200), st.text(alphabet='file,gender;subject\t\n\r"01m+-\u00e9', max_size=200)))
def test_any_bytes_give_a_table_or_one_sentence(raw: bytes | str) -> None:
    for start in (b"", b"file,gender\n"):
        data = start + (raw.encode() if isinstance(raw, str) else raw)
        try:
            labels: set[int | None] = {row.label for row in table(data).rows}
            code = ""
        except BadInputError as error:
            labels, code = set(), error.code
        assert labels <= {MALE, FEMALE, None}
        assert code in REFUSALS


@given(value=st.text(max_size=10))
def test_no_number_is_ever_taken_for_a_gender(value: str) -> None:
    try:
        float(value)
    except ValueError:
        return
    assert parse_gender(value) in ("number", None, "word")
