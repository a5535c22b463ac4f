"""Inputs as people bring them: no label, identity or picture is read wrong in silence.

Each case stands for a kind of input; the images are tiny, since nothing here depends on what they show.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepriv.datasets.gender_words import parse_mapping, read_genders
from facepriv.datasets.languages import LANGUAGES, WORDS, fold_word
from facepriv.datasets.reading import ReadResult
from facepriv.datasets.registry import read_folder
from facepriv.errors import BadInputError
from facepriv.types import FEMALE, MALE

from .conftest import Tree, tiny_png

AB = ["a1.png", "a2.png", "b1.png", "b2.png"]


def plain(read: ReadResult) -> list[tuple[str, str, int | None]]:
    return [(image.name, image.subject, image.label) for image in read.images]


def labels(read: ReadResult) -> list[int | None]:
    return [image.label for image in read.images]


def subjects(read: ReadResult) -> list[str]:
    return [image.subject for image in read.images]


def told(read: ReadResult, code: str) -> str:
    return " ".join(problem.sentence for problem in read.problems if problem.code == code)


# Rows and files


def test_a_row_about_another_folder_labels_nothing(tree: Tree) -> None:
    folder = tree(["test/0001.png", "test/0002.png"], train_csv="file,gender\ntrain/0001.png,male\ntrain/0002.png,f\n")
    got = read_folder(folder)
    assert labels(got) == [None, None]
    assert "train/0001.png fits no image here" in told(got, "unknown-file")
    assert "test/0001.png has no row" in told(got, "no-row")


@pytest.mark.parametrize(
    ("there", "written"),
    [
        ("bert/portrait.png", "anna/portrait.png"),
        ("test/anna/1.png", "train/anna/1.png"),
        ("bert/1.png", "/home/x/anna/1.png"),
        ("male/1.png", "female/1.png"),
    ],
)
def test_folders_that_contradict_each_other_match_nothing(tree: Tree, there: str, written: str) -> None:
    got = read_folder(tree([there, "other/9.png"], labels_csv=f"file,gender\n{written},female\nother/9.png,male\n"))
    assert {image.name: image.label for image in got.images}[there] is None if not there.startswith("male") else True
    assert written in told(got, "unknown-file")


def test_folders_that_only_hold_images_may_differ_and_that_is_told(tree: Tree) -> None:
    got = read_folder(tree(["photos/ann.png"], labels_csv="file,gender\nC:\\faces\\ann.png,female\n"))
    assert labels(got) == [FEMALE]
    assert "though the folders differ" in told(got, "moved-file")


def test_rows_of_absent_people_cost_nothing(tree: Tree) -> None:
    rows = "anna/1.png,anna,female\nanna/2.png,anna,female\nbert/1.png,bert,male\nbert/2.png,bert,male\n"
    got = read_folder(tree(["anna/1.png", "anna/2.png"], labels_csv="file,subject,gender\n" + rows))
    assert plain(got) == [("anna/1.png", "anna", FEMALE), ("anna/2.png", "anna", FEMALE)]
    assert told(got, "ambiguous-file") == ""
    assert "bert/1.png fits no image" in told(got, "unknown-file")


def test_a_bare_name_in_several_folders_is_told_apart_by_the_subject(tree: Tree) -> None:
    rows = "anna,1.png,female\nanna,2.png,female\nbert,1.png,male\nbert,2.png,male\n"
    folder = tree(["anna/1.png", "anna/2.png", "bert/1.png", "bert/2.png"], l_csv="subject,file,gender\n" + rows)
    assert labels(read_folder(folder)) == [FEMALE, FEMALE, MALE, MALE]
    # Without that person's folder, the row is about nobody here.
    folder = tree([], l_csv="subject,file,gender\nanna,1.png,female\nbert,1.png,male\ncarl,2.png,male\n")
    got = {image.name: image.label for image in read_folder(folder).images}
    assert got["anna/1.png"] == FEMALE
    assert "anna/2.png" not in got


# Folders


@pytest.mark.parametrize(
    ("women", "men"),
    [
        ("Female Faces", "Male Faces"),
        ("F", "M"),
        ("mujeres", "hombres"),
        ("W", "M"),
        ("Frauen", "Männer"),
        ("women", "men"),
        ("女", "男"),
        ("asian_females", "asian_males"),
        ("nữ", "nam"),
        ("K", "E"),
        ("female_images", "male_images"),
        ("Donne", "Uomini"),
        ("девушки", "парни"),
    ],
)
def test_folders_for_genders_are_no_people(tree: Tree, women: str, men: str) -> None:
    got = read_folder(tree([f"set/{folder}/0 ({n}).png" for folder in (women, men) for n in (1, 2)]))
    assert {image.name.split("/")[1]: image.label for image in got.images} == {women: FEMALE, men: MALE}
    assert got.identities == "none"
    assert len(set(subjects(got))) == 4
    assert "sort by gender" in got.why


@pytest.mark.parametrize("folders", [("M", "F", "U"), ("male", "female", "unknown"), ("Homme", "Femme", "inconnu")])
def test_a_folder_for_unknown_beside_genders_is_nobody(tree: Tree, folders: tuple[str, ...]) -> None:
    got = read_folder(tree([f"{folder}/{n}.png" for folder in folders for n in (1, 2)]))
    assert {image.name.split("/")[0]: image.label for image in got.images} == dict(
        zip(folders, (MALE, FEMALE, None), strict=True)
    )
    assert got.identities == "none"


def test_a_folder_around_genders_is_nobody(tree: Tree) -> None:
    got = read_folder(tree([f"celeba_hq/train/{gender}/{n:06}.png" for gender in ("male", "female") for n in (4, 5)]))
    assert got.identities == "none"
    assert labels(got) == [FEMALE, FEMALE, MALE, MALE]


def test_letters_that_mean_women_in_one_language_and_men_in_another_are_read_by_their_pair(tree: Tree) -> None:
    got = read_folder(tree(["H/1.png", "M/1.png"]))
    assert {image.name[0]: image.label for image in got.images} == {"H": MALE, "M": FEMALE}


def test_a_name_that_is_a_word_for_a_gender_elsewhere_stays_a_name(tree: Tree) -> None:
    got = read_folder(tree(["Donna/1.png", "Donna/2.png", "Bert/1.png", "Nam/1.png"]))
    assert subjects(got) == ["Bert", "Donna", "Donna", "Nam"]
    assert set(labels(got)) == {None}


@pytest.mark.parametrize(
    ("folders", "attribute"),
    [(["Asian", "Black", "White"], "race"), (["20-29", "30-39"], "age_group"), (["child", "adult"], "age_group")],
)
def test_folders_for_race_and_age_are_no_people(tree: Tree, folders: list[str], attribute: str) -> None:
    got = read_folder(tree([f"{folder}/{n}.png" for folder in folders for n in (1, 2)]))
    assert got.identities == "none"
    assert {image.attributes[attribute] for image in got.images} == {
        f.lower() if " " in f else f for f in got_words(got)
    }


def got_words(read: ReadResult) -> set[str]:
    return {str(value) for image in read.images for value in image.attributes.values()}


def test_a_surname_beside_other_names_is_no_race(tree: Tree) -> None:
    got = read_folder(tree(["Black/1.png", "Smith/1.png", "Smith/2.png"]))
    assert got.identities == "people"
    assert set(subjects(got)) == {"Black", "Smith"}


def test_numbered_folders_for_genders_are_people_of_that_gender(tree: Tree) -> None:
    got = read_folder(tree(["female_01/1.png", "female_01/2.png", "male_01/1.png", "male_02/1.png"]))
    assert subjects(got) == ["female_01", "female_01", "male_01", "male_02"]
    assert labels(got) == [FEMALE, FEMALE, MALE, MALE]


@pytest.mark.parametrize("are", ["people", "groups", "none"])
def test_what_somebody_says_about_folders_counts(tree: Tree, are: str) -> None:
    got = read_folder(tree(["Asian/1.png", "Asian/2.png", "Black/1.png", "Black/2.png"]), subjects=are)
    if are == "people":
        assert (got.identities, set(subjects(got))) == ("people", {"Asian", "Black"})
    else:
        assert got.identities == "none"
    named = read_folder(tree(["ward3/a.png", "ward3/b.png", "ward4/c.png"]), subjects=are)
    assert named.identities == are


def test_a_mapping_may_say_what_folders_mean(tree: Tree) -> None:
    folder = tree(["0/a.png", "0/b.png", "1/c.png"])
    assert read_folder(folder).by_folder
    got = read_folder(folder, mapping=parse_mapping("0=female,1=male"))
    assert labels(got) == [FEMALE, FEMALE, MALE]
    assert subjects(got) == ["a", "b", "c"]
    # Of a table it says nothing of folders.
    table = tree([], l_csv="file,gender\n0/a.png,1\n0/b.png,1\n1/c.png,0\n")
    got = read_folder(table, mapping=parse_mapping("0=female,1=male"))
    assert (labels(got), subjects(got)) == ([MALE, MALE, FEMALE], ["0", "0", "1"])


@pytest.mark.parametrize(
    "names",
    [
        ("male_001.png", "female_002.png", "male_003.png"),
        ("m (1).png", "f (2).png", "m (3).png"),
        ("Hombre1.png", "Mujer2.png", "Hombre3.png"),
    ],
)
def test_words_for_genders_before_a_number_are_no_people(tree: Tree, names: tuple[str, ...]) -> None:
    got = read_folder(tree(names))
    assert {image.name: image.label for image in got.images} == dict(zip(names, (MALE, FEMALE, MALE), strict=True))
    assert got.identities == "none"
    assert len(set(subjects(got))) == 3


def test_folders_for_gender_race_and_age_at_once(tree: Tree) -> None:
    got = read_folder(tree(["Asian_Male_20-29/1.png", "Black_Female_30-39/1.png"]))
    assert [(image.label, dict(image.attributes)) for image in got.images] == [
        (MALE, {"race": "Asian", "age_group": "20-29"}),
        (FEMALE, {"race": "Black", "age_group": "30-39"}),
    ]
    assert got.identities == "none"


def test_numbers_of_classes_before_genders_are_no_people(tree: Tree) -> None:
    got = read_folder(tree([f"{folder}/{n}.png" for folder in ("0_female", "1_male") for n in (1, 2)]))
    assert labels(got) == [FEMALE, FEMALE, MALE, MALE]
    assert got.identities == "none"


# Columns


def test_a_column_called_id_that_counts_rows_names_nobody(tree: Tree) -> None:
    rows = "id,filename,gender\n1,ann_1.png,female\n2,ann_2.png,female\n3,bob_1.png,male\n4,bob_2.png,male\n"
    got = read_folder(tree(["ann_1.png", "ann_2.png", "bob_1.png", "bob_2.png"], l_csv=rows))
    assert subjects(got) == ["ann", "ann", "bob", "bob"]
    assert "'id' of l.csv counts the rows" in told(got, "counts-rows")
    shuffled = rows.replace("\n1,", "\n77,").replace("\n2,", "\n5,")
    got = read_folder(tree([], l_csv=shuffled))
    assert subjects(got) == ["ann", "ann", "bob", "bob"]
    assert "has another value in every row" in told(got, "counts-rows")
    said = read_folder(tree([], l_csv=rows), columns={"subject": "id"})
    assert subjects(said) == ["1", "2", "3", "4"]


def test_a_column_called_label_that_names_people_tells_no_gender(tree: Tree) -> None:
    rows = "id,label\na1.png,Aaron Eckhart\na2.png,Aaron Eckhart\nb1.png,Zoe Saldana\nb2.png,Zoe Saldana\n"
    got = read_folder(tree(AB, l_csv=rows))
    assert set(labels(got)) == {None}
    assert "'label' of l.csv was not taken for genders" in told(got, "table-not-used")
    assert "--subject-column" in told(got, "table-not-used")
    named = read_folder(tree([], l_csv=rows), columns={"subject": "label"})
    assert subjects(named) == ["Aaron Eckhart"] * 2 + ["Zoe Saldana"] * 2


def test_a_column_called_label_with_numbers_of_people_tells_no_gender(tree: Tree) -> None:
    got = read_folder(tree(AB[:3], l_csv="file,label\na1.png,17\na2.png,17\nb1.png,99\n"))
    assert set(labels(got)) == {None}
    assert "'label' of l.csv was not taken for genders" in told(got, "table-not-used")


def test_which_column_was_taken_for_what_is_said(tree: Tree) -> None:
    got = read_folder(tree(AB[:2], l_csv="Datei;Proband;Geschlecht\na1.png;x;w\na2.png;y;m\n"))
    assert plain(got) == [("a1.png", "x", FEMALE), ("a2.png", "y", MALE)]
    assert "file from 'Datei', subject from 'Proband', gender from 'Geschlecht' (w = female, m = male" in got.why
    assert got.columns == {"file": "Datei", "subject": "Proband", "gender": "Geschlecht"}
    assert got.fields == ("Datei", "Proband", "Geschlecht")


@pytest.mark.parametrize(
    "gap", ["", "nan", "NaN", "none", "unknown", "-", "N/A", "?", "unbekannt", "不明", "нет данных"]
)
def test_gaps_are_no_people(tree: Tree, gap: str) -> None:
    names = [f"DSC_000{n}.png" for n in (1, 2, 3, 4)]
    rows = [
        f"{name},{subject},{gender}"
        for name, subject, gender in zip(names, ["ann", gap, "bob", gap], "ffmm", strict=True)
    ]
    got = read_folder(tree(names, l_csv="file,subject,gender\n" + "\n".join(rows)))
    assert subjects(got) == ["ann", "bob"]
    assert "DSC_0002.png" in told(got, "no-subject")
    assert len(got.images) + 2 == len(names)


def test_a_gender_that_contradicts_its_folder_is_told(tree: Tree) -> None:
    rows = "file,gender\nmen/ann_1.png,female\nmen/bob_1.png,male\n"
    got = read_folder(tree(["men/ann_1.png", "men/bob_1.png"], l_csv=rows))
    assert labels(got) == [FEMALE, MALE]
    assert "men/ann_1.png lies in a folder for the other gender" in told(got, "gender-against-folder")


# Words and letters


def test_no_word_means_both_genders() -> None:
    for language in LANGUAGES:
        male, female = ({fold_word(w) for w in words.split(",")} for words in (language.male, language.female))
        assert not male & female
        assert {WORDS[word] for word in male if word in WORDS} == {MALE}
        assert {WORDS[word] for word in female if word in WORDS} == {FEMALE}
    assert len(LANGUAGES) >= 15


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("H M", [MALE, FEMALE]),
        ("M F", [MALE, FEMALE]),
        ("F N", [MALE, FEMALE]),
        ("m w", [MALE, FEMALE]),
        ("m w d", [MALE, FEMALE, None]),
        ("m v", [MALE, FEMALE]),
        ("e k", [MALE, FEMALE]),
        ("м ж", [MALE, FEMALE]),
        ("U D", [MALE, FEMALE]),
        ("m f u", [MALE, FEMALE, None]),
        ("H F", [MALE, FEMALE]),
        ("f", [FEMALE]),
        ("M Female", [MALE, FEMALE]),
        ("H Mujer", [MALE, FEMALE]),
    ],
)
def test_letters_are_read_together(values: str, expected: list[int | None]) -> None:
    read = read_genders(values.split())
    assert [read.label(value) for value in values.split()] == expected
    assert not read.undecided


@pytest.mark.parametrize("values", ["M", "H M F", "M W V", "F H N"])
def test_letters_of_no_one_pair_are_asked_for(tree: Tree, values: str) -> None:
    names = [f"p{n}.png" for n in range(len(values.split()))]
    rows = "\n".join(f"{name};{value}" for name, value in zip(names, values.split(), strict=True))
    got = read_folder(tree(names, l_csv=f"file;sex\n{rows}\n"))
    assert set(labels(got)) == {None}
    assert "different genders in different languages" in told(got, "ambiguous-letters")
    assert f"--mapping {values.split()[0]}=male" in told(got, "ambiguous-letters")
    (question,) = got.questions
    assert set(question.values) == set(values.split())
    said = read_folder(tree([], l_csv=f"file;sex\n{rows}\n"), mapping=dict.fromkeys(values.split(), "female"))
    assert set(labels(said)) == {FEMALE}


@pytest.mark.parametrize(
    ("male", "female"),
    [
        *[("Homme", "Femme"), ("boy", "girl"), ("Men", "WOMEN"), ("男", "女"), ("Männlich", "weiblich")],
        *[("MUŽ", "žena"), ("mężczyzna", "kobieta"), ("Erkek", "KADIN"), ("nam", "nữ"), ("مرد", "زن")],
        *[("masculino", "feminino"), ("maschio", "femmina"), ("man", "vrouw"), ("мужской", "женский")],
        *[("laki-laki", "perempuan"), ("남성", "여성")],
    ],
)
def test_words_of_many_languages(tree: Tree, male: str, female: str) -> None:
    got = read_folder(tree(AB[:2], l_csv=f"file,gender\na1.png,{male}\na2.png,{female}\n"))
    assert labels(got) == [MALE, FEMALE]
    assert f"{male} = male" in got.why


def test_other_words_show_the_mapping_to_give(tree: Tree) -> None:
    rows = "file,gender\na1.png,male (cis)\na2.png,non-binary\nb1.png,Feminine\n"
    got = read_folder(tree(AB[:3], l_csv=rows))
    assert labels(got) == [None, None, FEMALE]
    assert "--mapping 'male (cis)=male,non-binary=unknown'" in told(got, "unknown-gender")
    said = read_folder(tree([], l_csv=rows), mapping=parse_mapping("male (cis)=male,non-binary=unknown"))
    assert labels(said) == [MALE, None, FEMALE]
    assert told(said, "unknown-gender") == ""


def test_a_mapping_may_say_unknown(tree: Tree) -> None:
    rows = "Filename,Identity,Male\na1.png,2,1\na2.png,2,1\nb1.png,3,-1\nb2.png,4,0\n"
    with pytest.raises(BadInputError) as caught:
        read_folder(tree(AB, l_csv=rows))
    assert caught.value.code == "undeclared-numbers"
    asked = read_folder(tree([], l_csv=rows), ask=True)
    assert asked.questions[0].required
    assert set(asked.questions[0].values) == {"-1", "0", "1"}
    got = read_folder(tree([], l_csv=rows), mapping=parse_mapping("1=male,-1=female,0=unknown"))
    assert labels(got) == [MALE, MALE, FEMALE, None]


# Spellings


def test_spellings_of_a_subject_are_one(tree: Tree) -> None:
    names = [f"{n}.png" for n in range(1, 7)]
    written = ["Anna Müller", unicodedata.normalize("NFD", "anna müller"), "Bert  Kurz", "Bert Kurz", "1", "001"]
    rows = "".join(f"{name},{subject},f\n" for name, subject in zip(names, written, strict=True))
    got = read_folder(tree(names, l_csv="file,subject,gender\n" + rows))
    assert len(set(subjects(got))) == 3
    assert "Bert Kurz" in subjects(got)
    assert "were taken for one subject" in told(got, "several-spellings")


def test_numbers_without_their_zeros_are_found(tree: Tree) -> None:
    got = read_folder(tree(["001_01.png", "001_02.png", "002_01.png"], l_csv="id,sex\n1,m\n2,f\n"))
    assert plain(got) == [("001_01.png", "001", MALE), ("001_02.png", "001", MALE), ("002_01.png", "002", FEMALE)]
    assert "1 for 001" in told(got, "other-spelling")


INVISIBLE = [
    "山田\u3000太郎_1.png",
    "Shot at 3.04\u202fPM_1.png",
    "می\u200cخواهم_1.png",
    "\u200eShalom_1.png",
    "Šn\u00a0_1.png",
]


def test_invisible_characters_in_names_do_no_harm(tree: Tree) -> None:
    # The table has them, or plain spaces, or none.
    written = [INVISIBLE[0], "Shot at 3.04 PM_1.png", INVISIBLE[2], "Shalom_1.png", "Šn _1.png"]
    got = read_folder(tree(INVISIBLE, l_csv="file,gender\n" + "".join(f"{name},female\n" for name in written)))
    assert labels(got) == [FEMALE] * 5
    assert {image.name for image in got.images} == set(INVISIBLE)
    assert told(got, "bad-name") == ""


def test_a_name_that_turns_the_writing_round_is_left_out(tree: Tree) -> None:
    got = read_folder(tree([*AB, "a\u202egnp.png"]))
    assert [image.name for image in got.images] == AB
    assert "unprintable" in told(got, "bad-name")


@pytest.mark.parametrize("written", ["1", "1.png", "img/1.png", "https://example.org/img/0001.png?raw=1"])
def test_numbers_and_addresses_of_files(tree: Tree, written: str) -> None:
    rows = f"file,gender\n{written},female\n{written.replace('1.png', '2.png') if '1.png' in written else '2'},male\n"
    got = read_folder(tree(["img/0001.png", "img/0002.png"], l_csv=rows))
    assert labels(got) == [FEMALE, MALE]
    assert ("only leading zeros differ" in told(got, "by-number")) == ("0001" not in written)


def test_a_number_that_several_files_have_is_not_guessed(tree: Tree) -> None:
    got = read_folder(tree(["01.png", "001.png"], l_csv="file,gender\n1.png,female\n"))
    assert set(labels(got)) == {None}
    assert "1.png" in told(got, "ambiguous-file")


# Delimited text


def test_a_quote_that_never_closes_costs_its_own_row_only(tree: Tree) -> None:
    rows = 'file,subject,gender\na1.png,"Al" Sharpton,male\na2.png,"Al,male\nb1.png,b,female\nb2.png,b,female\n'
    got = {image.name: (image.subject, image.label) for image in read_folder(tree(AB, l_csv=rows)).images}
    assert got == {"a1.png": ("Al Sharpton", MALE), "b1.png": ("b", FEMALE), "b2.png": ("b", FEMALE)}
    assert "line 3" in told(read_folder(tree([], l_csv=rows)), "open-quote")
    closing = rows.replace("b2.png,b,", 'b2.png,b",')
    assert {i.name for i in read_folder(tree([], l_csv=closing)).images} >= {"a1.png", "b1.png"}


def test_a_line_break_in_a_cell_is_told(tree: Tree) -> None:
    got = read_folder(tree(AB[:2], l_csv='file,note,gender\na1.png,"two\nlines",female\na2.png,one,male\n'))
    assert labels(got) == [FEMALE, MALE]
    assert "line 2" in told(got, "line-break-in-cell")


def test_a_title_above_the_header(tree: Tree) -> None:
    rows = "Labels of the staff photos;;\n;;\nfile;subject;gender\na1.png;a;male\nb1.png;b;female\n"
    got = read_folder(tree(["a1.png", "b1.png"], l_csv=rows))
    assert plain(got) == [("a1.png", "a", MALE), ("b1.png", "b", FEMALE)]
    assert "line 3" in told(got, "title-above")


def test_no_header(tree: Tree) -> None:
    got = read_folder(tree(AB[:2], l_csv="a1.png,male\na2.png,female\n"))
    assert labels(got) == [MALE, FEMALE]
    assert "no header in l.csv" in told(got, "no-header")
    letters = read_folder(tree([], l_csv="a1.png,m\na2.png,f\n"))
    assert set(labels(letters)) == {None}
    assert "no header" in told(letters, "table-not-used")
    assert "--gender-column 2" in told(letters, "table-not-used")
    said = read_folder(tree([], l_csv="a1.png,m\na2.png,f\n"), columns={"file": "1", "gender": "2"})
    assert labels(said) == [MALE, FEMALE]


def test_rows_that_lack_a_cell_in_the_middle_are_not_used(tree: Tree) -> None:
    got = read_folder(tree(AB[:2], l_csv="file,subject,gender\na1.png,female\na2.png,b,male\n"))
    assert [(i.name, i.subject) for i in got.images] == [("a2.png", "b")]
    assert "line 2" in told(got, "short-row")


@pytest.mark.parametrize("age", ["34,5", "34.5"])
def test_a_decimal_comma_is_no_band(tree: Tree, age: str) -> None:
    got = read_folder(tree(AB[:2], l_csv=f"file;gender;age\na1.png;male;{age}\na2.png;female;(25, 32)\n"))
    assert [image.attributes for image in got.images] == [{"age": 34.5}, {"age_group": "(25, 32)"}]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "mac_roman", "utf-32"]
)
def test_encodings(tree: Tree, encoding: str) -> None:
    folder = tree(["René.png", "Zoë.png"])
    (folder / "l.csv").write_bytes("file,gender\nRené.png,männlich\nZoë.png,weiblich\n".encode(encoding))
    got = read_folder(folder)
    assert labels(got) == [MALE, FEMALE]
    assert (told(got, "encoding") != "") == (not encoding.startswith("utf-8"))


@pytest.mark.parametrize(
    ("encoding", "words"), [("cp1251", "мужской женский"), ("cp932", "男性 女性"), ("gb18030", "男 女")]
)
def test_code_pages_are_found_by_the_words_for_genders(tree: Tree, encoding: str, words: str) -> None:
    folder = tree(AB[:2])
    male, female = words.split()
    (folder / "l.csv").write_bytes(f"file,gender\na1.png,{male}\na2.png,{female}\n".encode(encoding))
    got = read_folder(folder)
    assert labels(got) == [MALE, FEMALE]
    assert "was read as" in told(got, "encoding")


def test_a_wrong_mark_of_utf8_is_told(tree: Tree) -> None:
    folder = tree(["René.png"])
    (folder / "l.csv").write_bytes(b"\xef\xbb\xbf" + "file,gender\nRené.png,f\n".encode("cp1252"))
    got = read_folder(folder)
    assert labels(got) == [FEMALE]
    assert "though its mark says so" in told(got, "encoding")


def test_several_tables_about_different_images(tree: Tree, tmp_path: Path) -> None:
    folder = tree(
        ["train/a_1.png", "val/b_1.png"],
        train_csv="file,gender\ntrain/a_1.png,female\n",
        val_csv="file,gender\nval/b_1.png,male\n",
    )
    got = read_folder(folder)
    assert plain(got) == [("train/a_1.png", "a", FEMALE), ("val/b_1.png", "b", MALE)]
    assert got.table == "train.csv and val.csv"
    given = read_folder(folder, labels=[folder / "val.csv", folder / "train.csv"])
    assert plain(given) == plain(got)


def test_letters_of_several_tables_are_read_together(tree: Tree) -> None:
    folder = tree(["anna/1.png", "bert/1.png"])
    (folder / "anna" / "labels.csv").write_text("file,sex\n1.png,M\n")
    (folder / "bert" / "labels.csv").write_text("file,sex\n1.png,H\n")
    assert labels(read_folder(folder)) == [FEMALE, MALE]


def test_a_table_may_be_called_after_the_folder_that_it_is_about(tree: Tree) -> None:
    folder = tree(
        ["train/1.png", "val/1.png"], train_csv="file,gender\n1.png,female\n", val_csv="file,gender\n1.png,male\n"
    )
    assert labels(read_folder(folder)) == [FEMALE, MALE]


def test_minus_one_among_numbers_is_nobody(tree: Tree) -> None:
    got = read_folder(tree(AB[:3], l_csv="file,subject,gender\na1.png,5,f\na2.png,-1,f\nb1.png,7,m\n"))
    assert subjects(got) == ["5", "7"]


def test_a_list_parted_by_blanks(tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("a1.png   male\na2.png female\n")
    got = read_folder(tree(AB[:2]), labels=tmp_path / "list.txt")
    assert labels(got) == [MALE, FEMALE]


def test_a_table_that_contradicts_folders_is_told(tree: Tree) -> None:
    names = [f"{folder}/{n}.png" for folder in ("ann", "bob") for n in (1, 2, 3)]
    rows = "".join(f"{name},{'xxyzzz'[n]},f\n" for n, name in enumerate(names))
    got = read_folder(tree(names, l_csv="file,subject,gender\n" + rows))
    assert subjects(got) == list("xxyzzz")
    assert "--subject-column -" in told(got, "subjects-against-folders")
    by_folder = read_folder(tree([], l_csv="file,subject,gender\n" + rows), columns={"subject": "-"})
    assert subjects(by_folder) == ["ann"] * 3 + ["bob"] * 3


# Advice


def test_what_a_sentence_advises_can_be_done(tree: Tree) -> None:
    rows = "file,subject,gender\na1.png,ann,x\na2.png,,y\nb1.png,bob,\n"
    got = read_folder(tree(AB[:3], l_csv=rows))
    assert "--subjects none" in told(got, "no-subject")
    everyone = read_folder(tree([], l_csv=rows), subjects="none")
    assert [image.name for image in everyone.images] == AB[:3]
    assert told(everyone, "no-subject") == ""
    advised = told(got, "unknown-gender").partition("--mapping '")[2].partition("'")[0]
    said = read_folder(tree([], l_csv=rows), subjects="none", mapping=parse_mapping(advised))
    assert told(said, "unknown-gender") == ""


def test_numbers_are_told_with_a_mapping_that_is_taken(tree: Tree) -> None:
    rows = "file,gender\na1.png,1\na2.png,2\nb1.png,9\n"
    with pytest.raises(BadInputError) as caught:
        read_folder(tree(AB[:3], l_csv=rows))
    advised = str(caught.value).rpartition(" or ")[2].rstrip(".")
    assert labels(read_folder(tree([], l_csv=rows), mapping=parse_mapping(advised))) == [MALE, FEMALE, None]


# Whatever the table looks like


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_no_image_gets_the_label_of_another(data: st.DataObject) -> None:
    """A table shuffled, encoded and spelled anew never labels an image with another image's label."""
    folders = data.draw(
        st.lists(st.sampled_from(["anna", "bert", "Zoë", "train", "test", "x/y"]), min_size=1, max_size=3)
    )
    stems = data.draw(st.lists(st.sampled_from(["1", "2", "é", "IMG_1", "portrait"]), min_size=1, max_size=3))
    every = sorted({f"{folder}/{stem}.png" for folder in folders for stem in stems})
    genders = {name: data.draw(st.sampled_from(["male", "female"]), label=name) for name in every}
    there = data.draw(st.lists(st.sampled_from(every), min_size=1, unique=True), label="there")
    rows = data.draw(st.permutations(every), label="order")
    spell = data.draw(
        st.sampled_from(
            [
                lambda name: name,
                str.upper,
                lambda name: name.replace("/", "\\"),
                lambda name: unicodedata.normalize("NFD", name),
                lambda name: f"./{name}",
                lambda name: f"C:\\data\\{name}",
                lambda name: name.removesuffix(".png"),
                lambda name: name.rpartition("/")[2],
            ]
        ),
        label="spelling",
    )
    encoding = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le"]), label="encoding")
    delimiter = data.draw(st.sampled_from(",;\t|"), label="delimiter")
    text = "\n".join(delimiter.join(row) for row in [("file", "gender"), *((spell(n), genders[n]) for n in rows)])
    with TemporaryDirectory() as place:
        for seed, name in enumerate(there):
            path = Path(place, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(tiny_png(seed))
        Path(place, "l.csv").write_bytes(f"{text}\n".encode(encoding))
        got = read_folder(Path(place))
    for image in got.images:
        right = MALE if genders[image.name] == "male" else FEMALE
        assert image.label in (right, None)
    assert got.files is not None
    assert got.files.found == len(there) + 1 == got.files.images + got.files.lists + got.files.left_out
